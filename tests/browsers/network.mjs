// What diffusers answered (tests/fixtures/unet), asked of the package in a browser. network.html does the work there.

import { address, tabOf } from './browsers.mjs';

/** The fixtures of at most a few million parameters: a browser draws their weights in about a second. */
export const SMALL = ['three-levels', 'scale-shift-heads', 'grey-28', 'fourier', 'classes', 'no-middle'];

/**
 * The largest difference between the package's outputs and diffusers', over batches of 1 and 3.
 * @param {import('./browsers.mjs').Name} name @param {string} fixture @param {'cpu'|'webgpu'} device
 */
export async function largestDifference(name, fixture, device) {
  const tab = await tabOf(name);
  await tab.goto(new URL('tests/browsers/network.html', await address()).href);
  // WebKit may call the page loaded before its scripts have run.
  while (!(await tab.evaluate(() => 'largestDifference' in globalThis))) await new Promise((resolve) => setTimeout(resolve, 20));
  return tab.evaluate((...which) => /** @type {any} */ (globalThis).largestDifference(...which), fixture, device);
}
