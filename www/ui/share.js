// A link that makes the same pictures again.

import { linkTo } from '../hash.js';

const COPIED_MS = 2000;

/**
 * Puts the link on the clipboard, and says so on the button that was pressed.
 * @param {HTMLButtonElement} button  says “Copy link” @param {import('../state.js').Values} settings @param {import('../session.js').Session} session
 * @returns {Promise<boolean>} whether it is there
 */
export async function copyLink(button, settings, session) {
  try {
    await navigator.clipboard.writeText(linkTo(settings));
    button.textContent = 'Link copied';
    setTimeout(() => (button.textContent = 'Copy link'), COPIED_MS);
    return true;
  } catch {
    session.tell('copy', 'The browser did not allow copying; the address bar holds the link too.');
    return false;
  }
}
