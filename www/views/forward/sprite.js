// The pictures that come with a model, side by side in one file, as numbers.

import { fetchOk } from '../../engine/weights.js';
import { contextOf } from '../../ui/pixels.js';

/** @typedef {import('../../ui/pixels.js').Shape} Shape @typedef {Uint8ClampedArray<ArrayBuffer>} Grey */

/** @param {Uint8ClampedArray} levels @returns {Float32Array} from -1 to 1 */
export function fromGreyLevels(levels) {
  return Float32Array.from(levels, (level) => level / 127.5 - 1);
}

/** @param {ImageData} data @param {number} left @param {Shape} shape @returns {Grey} [C, H, W] */
function cut({ data, width: pitch }, left, { channels, height, width }) {
  const levels = new Uint8ClampedArray(channels * height * width);
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) levels[(c * height + y) * width + x] = data[4 * (y * pitch + left + x) + c];
    }
  }
  return levels;
}

/**
 * @param {URL} url @param {number} count @param {Shape} shape
 * @returns {Promise<Grey[]>}
 * @throws where the file cannot be had, or has other pictures than these
 */
export async function readSprite(url, count, shape) {
  const blob = await (await fetchOk(url)).blob();
  const bitmap = await createImageBitmap(blob, { colorSpaceConversion: 'none' });
  if (bitmap.width !== count * shape.width || bitmap.height !== shape.height) {
    throw new Error(`it is ${bitmap.width} × ${bitmap.height} pixels large, not ${count * shape.width} × ${shape.height}`);
  }
  const canvas = document.createElement('canvas');
  Object.assign(canvas, { width: bitmap.width, height: bitmap.height });
  const context = contextOf(canvas);
  context.drawImage(bitmap, 0, 0);
  const whole = context.getImageData(0, 0, canvas.width, canvas.height);
  return Array.from({ length: count }, (_, i) => cut(whole, i * shape.width, shape));
}
