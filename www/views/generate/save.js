// The menu of what one can take away from a run. Its code comes when there is something to take.

import { Menu } from '../../ui/menu.js';
import { takeItems } from '../../ui/take.js';

/**
 * @param {HTMLElement} root  of the view; the menu takes the place of the one that the document has, so that nothing moves
 * @param {() => import('../../ui/take.js').Taken} ask  what is on show now
 * @param {import('../../session.js').Session} session  hears of what goes wrong
 * @returns {Menu}
 */
export function saveMenu(root, ask, session) {
  const menu = new Menu('Save pictures', () => takeItems(ask, session), 'save');
  root.querySelector('.take .menu')?.replaceWith(menu.root);
  return menu;
}
