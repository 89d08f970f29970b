// A link that makes the same pictures again.

import { linkTo } from '../hash.js';
import { copyText } from './copy.js';

/**
 * Puts the link on the clipboard, and says so on the button that was pressed.
 * @param {HTMLButtonElement} button  @param {import('../state.js').Values} settings @param {import('../session.js').Session} session
 * @returns {Promise<boolean>} whether it is there
 */
export async function copyLink(button, settings, session) {
  const copied = await copyText(button, linkTo(settings), 'Link copied');
  if (!copied) session.tell('copy', 'The browser did not allow copying; the address bar holds the link too.');
  return copied;
}
