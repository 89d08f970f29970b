// Animated PNG: exact, and every current browser shows it. Layout: https://www.w3.org/TR/png-3/#apng-frame-based-animation

import { SIGNATURE, chunk, textChunks, uint32 } from './png.js';
import { magnify } from './sheet.js';

/** PNG's names for what a pixel holds. @type {Record<number, number>} */
const COLOUR_TYPES = { 1: 0, 3: 2 };

/** The filter that keeps the difference to the row above: magnified rows become zeros. */
const UP = 2;

const FOREVER = 0;

/** The longest delay that fits into the file, in ms. */
const LONGEST = 0xffff;

/** @param {Uint8Array} pixels @param {number} row  bytes of one */
function filtered(pixels, row) {
  const rows = pixels.length / row;
  const out = new Uint8Array(rows * (row + 1));
  for (let y = 0; y < rows; y++) {
    const to = y * (row + 1);
    out[to] = UP;
    for (let x = 0; x < row; x++) out[to + 1 + x] = pixels[y * row + x] - (y > 0 ? pixels[(y - 1) * row + x] : 0);
  }
  return out;
}

/** @param {Uint8Array<ArrayBuffer>} bytes */
async function deflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream('deflate'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** @param {import('./sheet.js').Sheets} sheets @returns {Promise<Blob>} */
export async function encodeApng({ frames, channels, layout, delays, credit, onFrame }) {
  const [width, height] = [layout.across * layout.scale, layout.down * layout.scale];
  const size = [...uint32(width), ...uint32(height)];
  const chunks = [
    chunk('IHDR', size, [8, COLOUR_TYPES[channels], 0, 0, 0]),
    ...textChunks(credit),
    chunk('acTL', uint32(frames.length), uint32(FOREVER)),
  ];
  let sequence = 0;
  for (const [i, frame] of frames.entries()) {
    const data = await deflated(filtered(magnify(frame, channels, layout), width * channels));
    const delay = Math.min(LONGEST, Math.round(delays[i]));
    // At the upper left corner, in thousandths of a second, in place of the frame before.
    chunks.push(chunk('fcTL', uint32(sequence++), size, uint32(0), uint32(0), [delay >> 8, delay & 255, 1000 >> 8, 1000 & 255, 0, 0]));
    chunks.push(i === 0 ? chunk('IDAT', data) : chunk('fdAT', uint32(sequence++), data));
    onFrame();
  }
  return new Blob([SIGNATURE, ...chunks, chunk('IEND')], { type: 'image/png' });
}
