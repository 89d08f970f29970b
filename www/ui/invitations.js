// Links from the lines for learners into the views: what the document says of their settings, with the model, the
// device and the seed of the visitor.

import { formatHash, parseHash } from '../hash.js';

/** What a link takes along. @type {(keyof import('../state.js').Values)[]} */
const TAKEN_ALONG = ['model', 'device', 'engine', 'storage', 'seed'];

/** Follows the settings from now on. @param {ParentNode} page @param {import('../hash.js').Settings} settings */
export function followInvitations(page, settings) {
  const links = [.../** @type {NodeListOf<HTMLAnchorElement>} */ (page.querySelectorAll('.invitations a'))].map((link) => ({ link, values: parseHash(link.hash).values }));
  const address = () => {
    const now = settings.all();
    const along = Object.fromEntries(TAKEN_ALONG.map((key) => [key, now[key]]));
    for (const { link, values } of links) link.href = `#${formatHash({ ...values, ...along })}`;
  };
  settings.on('change', address);
  address();
}
