// Links from the lines for learners into the views: what the document says of their settings, with the model, the
// device and the seed of the visitor.

import { formatHash, parseHash } from '../hash.js';
import { hasView } from '../state.js';

/** What a link takes along. @type {(keyof import('../state.js').Values)[]} */
const TAKEN_ALONG = ['model', 'device', 'engine', 'storage', 'seed'];

/** Follows the settings from now on. @param {ParentNode} page @param {import('../hash.js').Settings} settings */
export function followInvitations(page, settings) {
  const all = [.../** @type {NodeListOf<HTMLAnchorElement>} */ (page.querySelectorAll('.invitations a'))];
  // A site may lack the view that one leads to.
  const [led, lost] = [true, false].map((there) => all.filter((link) => hasView(new URLSearchParams(link.hash.slice(1)).get('view') ?? '') === there));
  for (const link of lost) link.closest('li')?.remove();
  if (led.length === 0) for (const part of page.querySelectorAll('.invitations, .invitations-title')) part.remove();
  const links = led.map((link) => ({ link, values: parseHash(link.hash).values }));
  const address = () => {
    const now = settings.all();
    const along = Object.fromEntries(TAKEN_ALONG.map((key) => [key, now[key]]));
    for (const { link, values } of links) link.href = `#${formatHash({ ...values, ...along })}`;
  };
  settings.on('change', address);
  address();
}
