// Animated WebP: the browser encodes each frame, this puts them into one file. Some browsers cannot encode WebP and
// hand out a PNG instead. Layout: https://developers.google.com/speed/webp/docs/riff_container

import { xmpOf } from './credit.js';
import { magnify, toRgba } from './sheet.js';

/** Without loss in Chromium; as good as it gets elsewhere. */
const QUALITY = 1;

/** What a frame of an animation takes from a picture's file; the rest is for pictures that stand alone. */
const PICTURE_CHUNKS = ['ALPH', 'VP8 ', 'VP8L'];

/** Flags of VP8X: there is XMP, there is animation. */
const XMP_AND_ANIMATION = 0x04 | 0x02;

/** Flags of a frame: it takes the place of the one before, which stays until then. */
const DO_NOT_BLEND = 0x02;

/** The longest delay that fits into the file, in ms. */
const LONGEST = 0xffffff;

/** @param {number} value @param {number} bytes @returns {number[]} the lowest first */
const little = (value, bytes) => Array.from({ length: bytes }, (_, i) => (value >>> (8 * i)) & 255);

/** @param {string} name  four letters @param {...(Uint8Array|number[])} parts  of its data */
function chunk(name, ...parts) {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  // Filled up to an even length.
  const bytes = new Uint8Array(8 + length + (length & 1));
  bytes.set([...new TextEncoder().encode(name), ...little(length, 4)]);
  let at = 8;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** The picture in a file: its chunks one after another. @param {Uint8Array} file @returns {Uint8Array[]} */
function picturesOf(file) {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const found = [];
  for (let at = 12; at + 8 <= file.length; ) {
    const length = view.getUint32(at + 4, true);
    const end = at + 8 + length + (length & 1);
    if (PICTURE_CHUNKS.includes(String.fromCharCode(...file.subarray(at, at + 4)))) found.push(file.subarray(at, end));
    at = end;
  }
  return found;
}

/** @param {Uint8ClampedArray<ArrayBuffer>} rgba @param {number} width @param {number} height @returns {Promise<Blob|null>} null where the browser cannot */
async function encodePicture(rgba, width, height) {
  if (typeof OffscreenCanvas === 'undefined') return null;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d');
  if (!context) return null;
  context.putImageData(new ImageData(rgba, width, height), 0, 0);
  const blob = await canvas.convertToBlob({ type: 'image/webp', quality: QUALITY });
  return blob.type === 'image/webp' ? blob : null;
}

/** Whether this browser can encode WebP. */
export async function canEncodeWebp() {
  return (await encodePicture(new Uint8ClampedArray(4), 1, 1).catch(() => null)) !== null;
}

/** @param {import('./sheet.js').Sheets} sheets @returns {Promise<Blob>} */
export async function encodeWebp({ frames, channels, layout, delays, credit, onFrame }) {
  const [width, height] = [layout.across * layout.scale, layout.down * layout.scale];
  const size = [...little(width - 1, 3), ...little(height - 1, 3)];
  const chunks = [
    chunk('VP8X', [XMP_AND_ANIMATION, 0, 0, 0], size),
    // White behind it, for ever.
    chunk('ANIM', [255, 255, 255, 255], [0, 0]),
  ];
  for (const [i, frame] of frames.entries()) {
    const file = await encodePicture(toRgba(magnify(frame, channels, layout), channels), width, height);
    if (!file) throw new Error('This browser cannot write WebP; choose GIF or animated PNG instead.');
    const pictures = picturesOf(new Uint8Array(await file.arrayBuffer()));
    const delay = Math.min(LONGEST, Math.round(delays[i]));
    chunks.push(chunk('ANMF', little(0, 6), size, little(delay, 3), [DO_NOT_BLEND], ...pictures));
    onFrame();
  }
  chunks.push(chunk('XMP ', new TextEncoder().encode(xmpOf(credit))));
  const length = chunks.reduce((sum, { length }) => sum + length, 4);
  const riff = new TextEncoder().encode('RIFF');
  return new Blob([riff, new Uint8Array(little(length, 4)), new TextEncoder().encode('WEBP'), ...chunks], { type: 'image/webp' });
}
