// A link that makes the same pictures again.

import { oneLine } from '../engine/errors.js';
import { linkTo } from '../hash.js';
import { NAME } from '../site.js';
import { copyText } from './copy.js';
import { element } from './dom.js';

/** Says what no link can carry: a model that this browser alone has. @param {import('../session.js').Session} session */
function tellModel(session) {
  const { own, id } = session.model;
  if (own && !id.includes('/')) session.tell('link', 'The link has the settings, but not your own model: elsewhere it opens with another one.');
}

/**
 * Puts the link on the clipboard, and says so on the button that was pressed.
 * @param {HTMLButtonElement} button  @param {import('../state.js').Values} settings @param {import('../session.js').Session} session
 * @returns {Promise<boolean>} whether it is there
 */
export async function copyLink(button, settings, session) {
  const copied = await copyText(button, linkTo(settings), 'Link copied');
  if (copied) tellModel(session);
  else session.tell('copy', 'The browser did not allow copying; the address bar holds the link too.');
  return copied;
}

/** Says what came of sharing, where that is not to be seen. @param {() => Promise<string>} work  as `share` of export/share.js @param {import('../session.js').Session} session */
export async function tellShared(work, session) {
  try {
    const end = await work();
    if (end !== 'dismissed') tellModel(session);
    if (end === 'copied') session.tell('copy', 'This browser has nothing to share with here; the link is on the clipboard.');
  } catch (error) {
    session.tell('copy', oneLine(error));
  }
}

/**
 * A button that hands the link to the system's sheet, with the picture that can be saved where there is one; hidden where
 * there is no sheet.
 * @param {string} testId @param {() => import('../state.js').Values} settings @param {import('../session.js').Session} session
 * @param {{menu: import('./menu.js').Menu, file: () => Promise<File>}} [picture]  the menu that saves it, and the picture
 */
export function shareButton(testId, settings, session, picture) {
  const button = element('button', { type: 'button', 'data-testid': testId, hidden: typeof navigator.share !== 'function' }, 'Share');
  button.addEventListener('click', () =>
    tellShared(async () => {
      const { share } = await import('./export/share.js');
      const files = picture && !picture.menu.button.disabled ? [await picture.file()] : [];
      return share({ title: NAME, text: document.title, url: linkTo(settings()), files });
    }, session));
  return button;
}
