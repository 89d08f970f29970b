// Which pictures of the training set the samples are close to, and whether that is because they are copies of them.

import { loadFigures } from '../../engine/figures.js';
import { toValues } from '../../ui/picture/fit.js';

/**
 * @typedef {object} Near  what is closest to a sample
 * @property {number} index  of the picture; its mirror image counts as one of its own
 * @property {boolean} copy  it is less than a third as far away as the next one
 *
 * @typedef {{index: number, distance: number}} Neighbour
 */

/** A sample is a copy below this (Yoon et al. 2023; Bonnaire et al. 2025, section 2). */
const COPY = 1 / 3;

/** So many numbers are compared at once, so that the page stays alive. */
const AT_ONCE = 2 ** 18;

/** A picture, its mirror image and another one. */
const NEIGHBOURS = 3;

/**
 * @param {Float32Array} samples  -1…1, one after the other @param {Uint8Array} pixels  the pictures, and their mirror images if they have them
 * @param {number} width  numbers of one picture @param {number} count  of pictures without mirror images
 * @returns {Promise<Near[]>}
 */
export async function nearestTo(samples, pixels, width, count) {
  const figures = await loadFigures();
  const total = pixels.length / width;
  const some = Math.max(1, Math.floor(AT_ONCE / width));
  /** @type {Neighbour[][]} */
  const found = Array.from({ length: samples.length / width }, () => []);
  for (let start = 0; start < total; start += some) {
    const part = pixels.subarray(start * width, (start + some) * width);
    const near = figures.nearest(samples, toValues(part), width, Math.min(NEIGHBOURS, part.length / width));
    near.forEach((neighbours, i) => found[i].push(...neighbours.map(({ index, distance }) => ({ index: index + start, distance }))));
    if (start + some < total) await new Promise((resolve) => setTimeout(resolve));
  }
  return found.map((neighbours) => {
    const [first, ...others] = neighbours.sort((a, b) => a.distance - b.distance);
    const other = others.find(({ index }) => index % count !== first.index % count);
    return { index: first.index, copy: other !== undefined && first.distance < COPY * other.distance };
  });
}

/** Below this a network of this size soon knows each of them. */
const FEW = 1000;

/** What is to be said of them, one or two sentences. @param {number} count  of pictures @param {Near[]} near */
export function wordsOn(count, near) {
  const copies = near.filter(({ copy }) => copy).length;
  const of = count.toLocaleString('en');
  if (copies > 0) {
    const which = copies === near.length ? `All ${copies} samples are copies` : copies === 1 ? `One of ${near.length} samples is a copy` : `${copies} of ${near.length} samples are copies`;
    return `${which}: the picture beside it is less than a third as far away as any other. The ${of} pictures are being learned by heart.`;
  }
  if (count < FEW) return `${of} pictures are few: first it learns what they have in common, then each by heart. That is why few pictures get few steps.`;
  return '';
}
