// Hands a link, with pictures or a film where that is possible, to the system's sheet for sharing, or else puts the link
// on the clipboard. Browsers allow both only just after a click: make the file first, then let people press the button.

/**
 * @typedef {object} Shared
 * @property {string} title
 * @property {string} text
 * @property {string} url
 * @property {File[]} [files]
 */

/** Whether the browser has a sheet that takes these. @param {File[]} [files] @returns {boolean} */
export function canShare(files = []) {
  if (typeof navigator.share !== 'function') return false;
  return files.length === 0 || (typeof navigator.canShare === 'function' && navigator.canShare({ files }));
}

/**
 * @param {Shared} shared
 * @returns {Promise<'shared'|'dismissed'|'copied'>} `dismissed` when the sheet was closed again
 * @throws {Error} where the browser allows neither
 */
export async function share({ title, text, url, files = [] }) {
  if (canShare()) {
    try {
      await navigator.share(canShare(files) && files.length > 0 ? { title, text, url, files } : { title, text, url });
      return 'shared';
    } catch (error) {
      if (error instanceof DOMException && error.name === 'AbortError') return 'dismissed';
    }
  }
  try {
    await navigator.clipboard.writeText(url);
  } catch {
    throw new Error('The browser allowed neither sharing nor copying; the address bar holds the link too.');
  }
  return 'copied';
}
