// The pictures that come with a model: side by side in one PNG beside its weights.

import { FOLDER } from '../../models.js';
import { oneLine } from '../../engine/errors.js';
import { contextOf } from '../pixels.js';

/** @typedef {import('../pixels.js').Shape} Shape */

/** @param {ImageData} image @param {number} index @param {Shape} shape @returns {Uint8ClampedArray} [C, H, W] */
function cut(image, index, { channels, height, width }) {
  const levels = new Uint8ClampedArray(channels * height * width);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = 4 * (y * image.width + index * width + x);
      for (let c = 0; c < channels; c++) levels[(c * height + y) * width + x] = image.data[from + c];
    }
  }
  return levels;
}

/**
 * @param {import('../../models.js').Model} model @param {Shape} shape  of its pictures
 * @returns {Promise<Uint8ClampedArray[]>} none where it has none
 * @throws {Error} when they cannot be had or do not fit: the beginning of a sentence, whose end says what to do instead
 */
export async function readSamples({ name, samples }, shape) {
  if (!samples) return [];
  const { path, count } = samples;
  let bitmap;
  try {
    const response = await fetch(new URL(path, FOLDER));
    if (!response.ok) throw new Error(`the server answers ${response.status}`);
    bitmap = await createImageBitmap(await response.blob(), { colorSpaceConversion: 'none' });
  } catch (error) {
    throw new Error(`The samples of ${name} could not be loaded (${oneLine(error)})`);
  }
  const [width, height] = [count * shape.width, shape.height];
  if (bitmap.width !== width || bitmap.height !== height) {
    throw new Error(`The samples of ${name} do not fit its size: expected ${width} × ${height} pixels, found ${bitmap.width} × ${bitmap.height}`);
  }
  const canvas = document.createElement('canvas');
  Object.assign(canvas, { width, height });
  const context = contextOf(canvas, { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  const image = context.getImageData(0, 0, width, height);
  return Array.from({ length: count }, (_, i) => cut(image, i, shape));
}
