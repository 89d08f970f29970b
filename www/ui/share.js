// A link that makes the same pictures again.

import { linkTo } from '../hash.js';

/**
 * Puts the link on the clipboard, and says so on the button that was pressed.
 * @param {HTMLButtonElement} button @param {import('../state.js').Values} settings @param {import('../session.js').Session} session
 */
export async function copyLink(button, settings, session) {
  try {
    await navigator.clipboard.writeText(linkTo(settings));
    const text = button.textContent;
    if (text === COPIED) return;
    button.textContent = COPIED;
    setTimeout(() => (button.textContent = text), COPIED_MS);
  } catch {
    session.tell('copy', 'The browser did not allow copying; the address bar holds the link too.');
  }
}

const COPIED = 'Link copied';
const COPIED_MS = 2000;
