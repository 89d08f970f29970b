// Animated GIF: what everything shows, with 256 colours in the whole film. Grey pictures keep theirs; for others
// gifenc chooses them.

import { GIFEncoder, applyPalette, quantize, snapColorsToPalette } from '../../vendor/gifenc/gifenc.js';
import { textOf } from './credit.js';
import { magnify, toRgba } from './sheet.js';

/** @typedef {import('./sheet.js').Sheets} Sheets @typedef {[number, number, number][]} Palette */

const COLOURS = 256;

/** The colours are chosen by so many frames: most of a film is noise, and the last frame is looked at longest. */
const JUDGED_FRAMES = 16;
const WEIGHT_OF_LAST = 8;

/** Browsers slow down what is to be shown for less, in ms. */
const SHORTEST = 20;

/** Bytes before the first frame beside the palette: signature and screen, and the extension that repeats the film. */
const SCREEN = 13;
const REPETITION = 19;

/** @type {Palette} */
const GREYS = Array.from({ length: COLOURS }, (_, level) => [level, level, level]);

/** @param {Sheets} sheets @returns {Palette} */
function paletteOf({ frames, channels }) {
  if (channels === 1) return GREYS;
  const last = frames.length - 1;
  const judged = Array.from({ length: JUDGED_FRAMES }, (_, i) => frames[Math.round((last * i) / JUDGED_FRAMES)]);
  const all = [...judged, ...Array.from({ length: WEIGHT_OF_LAST }, () => frames[last])];
  const pixels = new Uint8Array(all.length * frames[0].length);
  all.forEach((frame, i) => pixels.set(frame, i * frame.length));
  const palette = quantize(toRgba(pixels, channels), COLOURS);
  // The white between the pictures.
  snapColorsToPalette(palette, [[255, 255, 255]], 8);
  return palette;
}

/** @param {string} text @returns {Uint8Array<ArrayBuffer>} a comment extension, in blocks of 255 bytes at most */
function comment(text) {
  const bytes = new TextEncoder().encode(text);
  const parts = [0x21, 0xfe];
  for (let at = 0; at < bytes.length; at += 255) {
    const block = bytes.subarray(at, at + 255);
    parts.push(block.length, ...block);
  }
  return new Uint8Array([...parts, 0]);
}

/** @param {Sheets} sheets @returns {Promise<Blob>} */
export async function encodeGif(sheets) {
  const { frames, channels, layout, delays, credit, onFrame } = sheets;
  const palette = paletteOf(sheets);
  const encoder = GIFEncoder();
  for (const [i, frame] of frames.entries()) {
    const indices = channels === 1 ? frame : applyPalette(toRgba(frame, channels), palette);
    encoder.writeFrame(magnify(indices, 1, layout), layout.across * layout.scale, layout.down * layout.scale, {
      palette: i === 0 ? palette : null,
      delay: Math.max(SHORTEST, delays[i]),
    });
    onFrame();
  }
  encoder.finish();
  const bytes = encoder.bytes();
  // gifenc has no comments. Its palette is filled up to a power of two.
  const start = SCREEN + 3 * 2 ** Math.max(1, Math.ceil(Math.log2(palette.length))) + REPETITION;
  return new Blob([bytes.subarray(0, start), comment(textOf(credit)), bytes.subarray(start)], { type: 'image/gif' });
}
