// From a picture of any size to one of the model's: every pixel is the mean of the area that it covers, in the largest
// square around the middle. Pure, and fed in bands, so that a large picture is never in memory as a whole.

/** @typedef {import('../pixels.js').Shape} Shape */

/** The largest square, or what has the model's proportions, around the middle. @param {{width: number, height: number}} size @param {Shape} shape */
export function crop({ width, height }, shape) {
  const scale = Math.min(width / shape.width, height / shape.height);
  const [across, down] = [Math.max(1, Math.round(shape.width * scale)), Math.max(1, Math.round(shape.height * scale))];
  return { left: Math.floor((width - across) / 2), top: Math.floor((height - down) / 2), width: across, height: down };
}

/**
 * Of which of the `wide` pixels each of the `narrow` covers how much: an area or, where there are fewer than asked for,
 * a part of one.
 * @param {number} index  of one of the `narrow` @param {number} narrow @param {number} wide
 * @returns {{first: number, parts: number[]}} the parts add up to 1
 */
function cover(index, narrow, wide) {
  const start = (index * wide) / narrow;
  const end = ((index + 1) * wide) / narrow;
  const first = Math.floor(start);
  const parts = [];
  for (let i = first; i < Math.min(wide, Math.ceil(end)); i++) parts.push((Math.min(end, i + 1) - Math.max(start, i)) / (end - start));
  return { first, parts };
}

/** Adds up a picture row by row. */
export class Fit {
  /** @type {Float64Array} [height, width, 3] */
  #sums;
  #columns;
  /** Which rows each row goes into, and how much of it. @type {[number, number][][]} */
  #rows;

  /** @param {{width: number, height: number}} from @param {Shape} shape  of the picture that is made */
  constructor(from, shape) {
    this.from = from;
    this.shape = shape;
    this.#sums = new Float64Array(shape.height * shape.width * 3);
    this.#columns = Array.from({ length: shape.width }, (_, x) => cover(x, shape.width, from.width));
    this.#rows = Array.from({ length: from.height }, () => []);
    for (let y = 0; y < shape.height; y++) {
      const { first, parts } = cover(y, shape.height, from.height);
      parts.forEach((part, i) => this.#rows[first + i].push([y, part]));
    }
  }

  /** @param {Uint8ClampedArray} rgba  some rows @param {number} top  the number of the first of them */
  add(rgba, top) {
    const { from, shape } = this;
    const count = rgba.length / (4 * from.width);
    const row = new Float64Array(3 * shape.width);
    for (let i = 0; i < count; i++) {
      const start = 4 * i * from.width;
      this.#columns.forEach(({ first, parts }, x) => {
        let [red, green, blue] = [0, 0, 0];
        for (let k = 0; k < parts.length; k++) {
          const at = start + 4 * (first + k);
          red += parts[k] * rgba[at];
          green += parts[k] * rgba[at + 1];
          blue += parts[k] * rgba[at + 2];
        }
        row.set([red, green, blue], 3 * x);
      });
      for (const [y, part] of this.#rows[top + i]) {
        for (let k = 0; k < row.length; k++) this.#sums[y * row.length + k] += part * row[k];
      }
    }
  }

  /** The picture, as levels [C, H, W]; grey by the terminal's weights of the three colours (ITU-R BT.709). */
  finish() {
    const { channels, height, width } = this.shape;
    const plane = height * width;
    const levels = new Uint8ClampedArray(channels * plane);
    for (let i = 0; i < plane; i++) {
      const [red, green, blue] = this.#sums.subarray(3 * i, 3 * i + 3).map(Math.round);
      if (channels === 3) [red, green, blue].forEach((level, c) => (levels[c * plane + i] = level));
      else levels[i] = Math.floor((2126 * red + 7152 * green + 722 * blue + 5000) / 10_000);
    }
    return levels;
  }
}

/** Levels as the network takes them, -1…1 (DDPM, section 3.3). @param {Uint8ClampedArray|Uint8Array} levels */
export function toValues(levels) {
  return Float32Array.from(levels, (level) => level / 127.5 - 1);
}
