// What a site has of its own, in index.html: its name, and which views it has. `ddim-web publish` writes both.

/** @param {string} selector @returns {string} what a tag of the head says, empty where there is none */
function said(selector) {
  return globalThis.document?.querySelector(`meta[${selector}]`)?.getAttribute('content') ?? '';
}

/** What the site is called. */
export const NAME = said('property="og:site_name"') || 'ddim-web';

/** The views that the site has, out of those that there are; all where it does not say. @param {string[]} all */
export function viewsOf(all) {
  const some = said('name="views"').split(' ').filter((name) => all.includes(name));
  return some.length > 0 ? some : all;
}
