// The frames of a film as the encoders take them: the pictures of a step side by side on white, still one byte for one
// value, and how many times each pixel is magnified. No document, so that a worker and a test can use it.

/**
 * @typedef {{channels: number, height: number, width: number}} Shape  of one picture
 *
 * @typedef {object} Layout  of a sheet, in its own pixels before `scale`
 * @property {number} columns
 * @property {number} across
 * @property {number} down
 * @property {number} scale  a whole number: each pixel becomes a square of so many
 *
 * @typedef {object} Sheets  what an encoder makes a film of
 * @property {Uint8Array<ArrayBuffer>[]} frames  [down, across, C] each, not magnified
 * @property {number} channels  1 (grey) or 3
 * @property {Layout} layout
 * @property {number[]} delays  milliseconds that each frame is on show
 * @property {import('./credit.js').Credit} credit
 * @property {() => void} onFrame  hears of every frame that is done
 */

const GAP = 1;
const WHITE = 255;

/**
 * @param {number} count  pictures on a sheet
 * @param {Shape} shape @param {number} columns
 * @param {number} longest  the longer side is at most this, unless the pictures' own pixels exceed it
 * @returns {Layout}
 */
export function layoutOf(count, { height, width }, columns, longest) {
  const across = columns * (width + GAP) + GAP;
  const down = Math.ceil(count / columns) * (height + GAP) + GAP;
  return { columns, across, down, scale: Math.max(1, Math.floor(longest / Math.max(across, down))) };
}

/**
 * @param {Uint8ClampedArray} levels  [B, C, H, W]
 * @param {Shape} shape @param {Layout} layout
 * @returns {Uint8Array<ArrayBuffer>} [down, across, C]
 */
export function compose(levels, { channels, height, width }, { columns, across, down }) {
  const sheet = new Uint8Array(across * down * channels).fill(WHITE);
  const plane = height * width;
  const count = levels.length / (channels * plane);
  for (let b = 0; b < count; b++) {
    const left = GAP + (b % columns) * (width + GAP);
    const top = GAP + Math.floor(b / columns) * (height + GAP);
    for (let c = 0; c < channels; c++) {
      for (let y = 0; y < height; y++) {
        const from = (b * channels + c) * plane + y * width;
        const to = (top + y) * across + left;
        for (let x = 0; x < width; x++) sheet[(to + x) * channels + c] = levels[from + x];
      }
    }
  }
  return sheet;
}

/**
 * @param {Uint8Array} pixels  [down, across, C]
 * @param {number} channels @param {Layout} layout
 * @returns {Uint8Array<ArrayBuffer>} [down · scale, across · scale, C]
 */
export function magnify(pixels, channels, { across, down, scale }) {
  const row = across * scale * channels;
  const large = new Uint8Array(down * scale * row);
  for (let y = 0; y < down; y++) {
    const start = y * scale * row;
    for (let x = 0, to = start; x < across; x++) {
      const from = (y * across + x) * channels;
      for (let i = 0; i < scale; i++) for (let c = 0; c < channels; c++) large[to++] = pixels[from + c];
    }
    for (let i = 1; i < scale; i++) large.copyWithin(start + i * row, start, start + row);
  }
  return large;
}

/** What canvases and GIF's quantisation take. @param {Uint8Array} pixels  [H, W, 3] or [H, W, 1] @param {number} channels */
export function toRgba(pixels, channels) {
  const count = pixels.length / channels;
  const rgba = new Uint8ClampedArray(4 * count).fill(255);
  for (let i = 0; i < count; i++) for (let c = 0; c < 3; c++) rgba[4 * i + c] = pixels[channels * i + (channels === 3 ? c : 0)];
  return rgba;
}
