// A dialog that a click beside it closes, and whose keys are its own.

import { element } from './dom.js';

/**
 * @param {Record<string, unknown>} properties
 * @param {HTMLElement} inside  covers all of it but its edge
 * @returns {HTMLDialogElement}
 */
export function dialogWith(properties, inside) {
  const dialog = element('dialog', properties, inside);
  // What is behind it counts as the dialog itself.
  dialog.addEventListener('click', ({ target }) => target === dialog && dialog.close());
  // Esc and Ctrl+Enter mean something else for the page behind it.
  dialog.addEventListener('keydown', (event) => event.stopPropagation());
  return dialog;
}
