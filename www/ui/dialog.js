// Dialogs whose keys are their own, and one that a click beside it closes.

import { element } from './dom.js';

/**
 * Esc and Ctrl+Enter mean something else for the page behind an open dialog.
 * @param {HTMLDialogElement} dialog
 */
export function keepKeys(dialog) {
  dialog.addEventListener('keydown', (event) => event.stopPropagation());
}

/**
 * @param {Record<string, unknown>} properties
 * @param {HTMLElement} inside  covers all of it but its edge
 * @returns {HTMLDialogElement}
 */
export function dialogWith(properties, inside) {
  const dialog = element('dialog', properties, inside);
  // What is behind it counts as the dialog itself.
  dialog.addEventListener('click', ({ target }) => target === dialog && dialog.close());
  keepKeys(dialog);
  return dialog;
}
