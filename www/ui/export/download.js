// Hands a file to the browser's downloads.

/** Some browsers start reading the blob only after the click has returned, in ms. */
const KEPT = 60_000;

/** @param {Blob} blob @param {string} name */
export function download(blob, name) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  // A model may be called by its address.
  link.download = name.replace(/^https?:\/\/|[/\\:?]+/g, (part) => (part.includes('://') ? '' : '_'));
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), KEPT);
}
