// Makes a film away from the page, which stays free meanwhile: it is told what to make, then sent every frame, and
// answers with how far it is and in the end with the file.

import { oneLine } from '../../engine/errors.js';
import { encodeApng } from './apng.js';
import { encodeGif } from './gif.js';
import { compose, layoutOf } from './sheet.js';
import { encodeWebp } from './webp.js';

/**
 * @typedef {'png'|'gif'|'webp'} Format
 *
 * @typedef {object} Order
 * @property {Format} format
 * @property {import('./sheet.js').Shape} shape
 * @property {number} columns
 * @property {number} longest
 * @property {number[]} delays  one for each frame that will come
 * @property {import('./credit.js').Credit} credit
 *
 * @typedef {{done: number} | {blob: Blob} | {problem: string}} Answer  `done` counts frames
 */

const ENCODERS = { png: encodeApng, gif: encodeGif, webp: encodeWebp };

/** @type {Order|undefined} */
let order;
/** @type {Uint8Array<ArrayBuffer>[]} */
const frames = [];

/** @param {Answer} message */
const answer = (message) => postMessage(message);

/** @param {MessageEvent<Order|Uint8ClampedArray>} event */
onmessage = async ({ data }) => {
  if (!(data instanceof Uint8ClampedArray)) {
    order = data;
    return;
  }
  if (!order) return;
  const { format, shape, columns, longest, delays, credit } = order;
  const { channels, height, width } = shape;
  const layout = layoutOf(data.length / (channels * height * width), shape, columns, longest);
  frames.push(compose(data, shape, layout));
  if (frames.length < delays.length) return;
  let done = 0;
  try {
    const blob = await ENCODERS[format]({ frames, channels, layout, delays, credit, onFrame: () => answer({ done: ++done }) });
    answer({ blob });
  } catch (error) {
    answer({ problem: oneLine(error) });
  }
};
