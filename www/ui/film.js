// The film of one run: both views of every step, kept as bytes for the slider.

/** Enough for 1000 steps of 16 pictures of 64×64 in grey, little enough for a phone. */
const MAX_BYTES = 192 * 2 ** 20;

/**
 * @typedef {object} Frame
 * @property {number} step  1 for the first step of the run
 * @property {number} t     the noise level that the step started from
 * @property {Uint8ClampedArray} x0  [B, C, H, W]
 * @property {Uint8ClampedArray} xt  [B, C, H, W], after the step
 * @property {import('../engine/remote.js').Terms} [terms]  of the first picture
 */

export class Film {
  /** @type {Frame[]} */
  #frames = [];

  /**
   * @param {import('./pixels.js').Shape} shape
   * @param {import('../state.js').Values} settings  those of the run, for the file name and the link
   * @param {number} total  steps of the run; some spacings round S
   */
  constructor(shape, settings, total) {
    this.shape = shape;
    this.settings = settings;
    this.total = total;
    // Both views of every picture, and three terms of the first one.
    const bytes = (2 * settings.batch + 3) * total * shape.channels * shape.height * shape.width;
    /** Every `stride`-th step is kept, and always the newest. */
    this.stride = Math.max(1, Math.ceil(bytes / MAX_BYTES));
  }

  get length() {
    return this.#frames.length;
  }

  /** How many frames there will be at the end of the run. */
  get expectedLength() {
    return Math.ceil(this.total / this.stride);
  }

  /** @param {number} index @returns {Frame|undefined} */
  at(index) {
    return this.#frames[index];
  }

  /** @param {Frame} frame */
  add(frame) {
    const last = this.#frames.at(-1);
    if (last && last.step % this.stride !== 0) this.#frames.pop();
    this.#frames.push(frame);
  }
}
