// What leaves the page: a PNG of the grid, and a link that makes the same pictures again.

import { gridAsPng } from './pixels.js';
import { linkTo } from '../hash.js';

/** A tau from a link holds colons, commas, and any number of numbers. @param {string} text */
function forFileName(text) {
  return text.replace(/[:,]/g, '_').slice(0, 40);
}

/**
 * Offers the grid as a download, under a name that says how it was made.
 * @param {HTMLCanvasElement[]} canvases
 * @param {import('../state.js').Values} settings  those of the run
 * @param {number} step  the step on show
 */
export async function savePng(canvases, { model, seed, steps, eta, tau, method, show }, step) {
  const blob = await gridAsPng(canvases);
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = `${model}-seed${seed}-steps${steps}-eta${eta}-${forFileName(tau)}-${method}-${show}-step${step}.png`;
  link.click();
  // Some browsers start reading the blob only after the click has returned.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** @param {import('../state.js').Values} settings @throws where the browser does not allow it */
export function copyLink(settings) {
  return navigator.clipboard.writeText(linkTo(settings));
}
