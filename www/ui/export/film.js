// A film of a run as a file. The page hands over the frames; a worker puts them together and encodes them, so that
// nothing on the page waits for it.

import { columnsFor } from '../pixels.js';

export { canEncodeWebp } from './webp.js';

/**
 * @typedef {import('./worker.js').Format} Format
 *
 * @typedef {object} Film
 * @property {Format} format  `png` and grey `gif` are exact; `webp` only where `canEncodeWebp()`
 * @property {Uint8ClampedArray[]} frames  grey levels [B, C, H, W] of each, at least one
 * @property {import('../pixels.js').Shape} shape  of one picture
 * @property {import('./credit.js').Credit} credit
 * @property {number} [columns]  of pictures; nearly square when left out
 * @property {number} [longest]  the longer side in pixels, at most
 * @property {number} [delay]  milliseconds that a frame is on show
 * @property {number} [hold]  milliseconds of the last one
 * @property {(part: number) => void} [onProgress]  from 0 to 1
 * @property {AbortSignal} [signal]  ends it: the promise is rejected with the signal's reason
 */

/** The film could not be made; the message says why, in one sentence. */
export class FilmError extends Error {
  name = 'FilmError';
}

/** More frames than these make a large file and no better film. */
export const MOST_FRAMES = 120;

const LONGEST_SIDE = 512;
const DELAY = 80;
const HOLD = 2000;

/** So long may a task of the page take before it lets others in, in ms. */
const TURN = 12;

/**
 * Which frames to take of a run that has more than a film needs: evenly spread, with the first and the last one.
 * @param {number} length @param {number} [most]
 * @returns {number[]} indices
 */
export function framesOf(length, most = MOST_FRAMES) {
  if (length <= most) return Array.from({ length }, (_, i) => i);
  return Array.from({ length: most }, (_, i) => Math.round((i * (length - 1)) / (most - 1)));
}

/**
 * The levels of a picture that is at hand as pixels only.
 * @param {ImageData} image @param {number} channels  1 where it is grey, or 3
 * @returns {Uint8ClampedArray} [C, H, W]
 */
export function levelsOf({ data, width, height }, channels) {
  const plane = width * height;
  const levels = new Uint8ClampedArray(channels * plane);
  for (let c = 0; c < channels; c++) for (let i = 0; i < plane; i++) levels[c * plane + i] = data[4 * i + c];
  return levels;
}

/** Sends the frames, a few at a time. @param {Worker} worker @param {Uint8ClampedArray[]} frames @param {AbortSignal|undefined} signal */
async function send(worker, frames, signal) {
  let began = performance.now();
  for (const frame of frames) {
    if (signal?.aborted) return;
    worker.postMessage(frame);
    if (performance.now() - began < TURN) continue;
    await new Promise((resolve) => setTimeout(resolve));
    began = performance.now();
  }
}

/**
 * @param {Film} film
 * @returns {Promise<Blob>}
 * @throws {FilmError} when it cannot be made
 */
export async function makeFilm({ format, frames, shape, credit, columns, longest = LONGEST_SIDE, delay = DELAY, hold = HOLD, onProgress, signal }) {
  signal?.throwIfAborted();
  const worker = new Worker(new URL('worker.js', import.meta.url), { type: 'module' });
  try {
    return await new Promise((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new FilmError('The film could not be made; reload the page and try again.'));
      };
      /** @param {MessageEvent<import('./worker.js').Answer>} event */
      worker.onmessage = ({ data }) => {
        if ('blob' in data) resolve(data.blob);
        else if ('problem' in data) reject(new FilmError(data.problem));
        else onProgress?.(data.done / frames.length);
      };
      const count = frames[0].length / (shape.channels * shape.height * shape.width);
      /** @type {import('./worker.js').Order} */
      const order = { format, shape, columns: columns ?? columnsFor(count), longest, delays: frames.map((_, i) => (i < frames.length - 1 ? delay : hold)), credit };
      worker.postMessage(order);
      send(worker, frames, signal);
    });
  } finally {
    worker.terminate();
  }
}
