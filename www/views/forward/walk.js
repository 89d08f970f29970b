// The chain of single steps, walked a little at a time so that the page stays alive, and remembered, so that the way
// back costs nothing.

/** How long it may walk in one go. */
const BUDGET_MS = 6;

/** What it may remember. */
const MOST_BYTES = 64 * 2 ** 20;

export class Walk {
  /** @type {import('../../../pkg/figures/ddim_web.js').Chain|null} */
  #chain = null;
  /** Where the chain stands. */
  #position = -1;
  /** @type {Map<number, Float32Array>} */
  #states = new Map();

  /** @param {import('./scene.js').Figures} figures @param {string} scheduler @param {Float32Array} picture @param {number} seed */
  constructor(figures, scheduler, picture, seed) {
    this.begin = () => new figures.Chain(scheduler, picture, seed, 0);
    this.most = Math.floor(MOST_BYTES / picture.byteLength);
  }

  /** Goes towards `t`, as far as there is time. @param {number} t @returns {{t: number, state: Float32Array}} where it has come to */
  towards(t) {
    const known = this.#states.get(t);
    if (known) return { t, state: known };
    if (!this.#chain || t < this.#position) {
      this.#chain?.free();
      this.#chain = this.begin();
      this.#position = -1;
    }
    const end = performance.now() + BUDGET_MS;
    let state;
    do {
      this.#position += 1;
      state = this.#chain.advance(this.#position);
      if (this.#states.size < this.most) this.#states.set(this.#position, state);
    } while (this.#position < t && performance.now() < end);
    return { t: this.#position, state };
  }

  free() {
    this.#chain?.free();
    this.#chain = null;
    this.#states.clear();
  }
}
