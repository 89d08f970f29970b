// A button that opens the system's dialog for files.

import { element } from '../dom.js';

/**
 * @param {string} text @param {Record<string, unknown>} attributes  of the field
 * @param {(files: File[]) => void} onFiles  one or more
 */
export function fileButton(text, attributes, onFiles) {
  const input = element('input', { type: 'file', className: 'unseen', ...attributes });
  input.addEventListener('change', () => {
    if (input.files && input.files.length > 0) onFiles([...input.files]);
    // So that the same files can be chosen again.
    input.value = '';
  });
  return element('label', { className: 'button' }, input, text);
}
