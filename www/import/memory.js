// Where the memory of this computer will not do for a network, it is said before that is tried.

import { megabytes } from '../ui/words.js';

/**
 * @typedef {Pick<import('./reader.js').Needs, 'memory_cpu_f32'|'memory_cpu_f16'|'memory_gpu_f32'|'memory_gpu_f16'>} Memory
 * @typedef {Pick<import('../state.js').Values, 'device'|'storage'>} Choice  what it is to run on, and how its numbers are kept
 *
 * @typedef {object} Offer  what the browser tells of the computer
 * @property {number} [deviceMemory]  in GiB, rounded; it tells no more than 8 or 32, and some browsers tell nothing
 * @property {unknown} [gpu]
 */

/** @param {number} bytes @returns {string} as people read it */
export const size = (bytes) => (bytes < 1e9 ? `${megabytes(bytes)} MB` : `${(bytes / 1e9).toFixed(2)} GB`);

/**
 * @param {string} name  of the model @param {Memory} needs @param {Choice} choice @param {Offer} [offer]
 * @returns {string} a sentence, empty where there is nothing to be said
 */
export function shortage(name, needs, { device, storage }, offer = navigator) {
  const there = (offer.deviceMemory ?? Infinity) * 2 ** 30;
  const where = device === 'webgpu' || (device === 'auto' && offer.gpu) ? 'gpu' : 'cpu';
  const whole = needs[`memory_${where}_f32`];
  const half = needs[`memory_${where}_f16`];
  const needed = storage === 'f16' ? half : whole;
  if (needed <= there) return '';
  const advice = storage === 'f32' && half <= there ? ` With numbers of 16 bits (More settings, Numbers) it takes ${size(half)}.` : '';
  return `${name} needs about ${size(needed)} of memory, and this browser says that the computer has ${size(there)}: the page may end while it is loaded.${advice}`;
}
