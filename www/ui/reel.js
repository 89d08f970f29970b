// How a picture came about, kept for a film: at most so many of its states, evenly spread, and always the newest.

/** A film has no more frames than these. */
const MOST = 120;

export class Reel {
  /** @type {{step: number, levels: Uint8ClampedArray}[]} */
  #frames = [];
  #step = 0;

  /** @param {number} total  states that are to come */
  constructor(total) {
    this.stride = Math.max(1, Math.ceil(total / MOST));
  }

  /** How many states there have been. */
  get length() {
    return this.#step;
  }

  /** Those that are kept, the first one first. */
  get frames() {
    return this.#frames.map(({ levels }) => levels);
  }

  /** @param {Uint8ClampedArray} levels  the next state */
  add(levels) {
    this.#step += 1;
    const last = this.#frames.at(-1);
    if (last && last.step % this.stride !== 0) this.#frames.pop();
    this.#frames.push({ step: this.#step, levels });
  }

  /** What is to be seen after so many states: of those that are kept, the newest by then, or else the first. @param {number} step */
  at(step) {
    return this.#frames.findLast((frame) => frame.step <= step) ?? this.#frames[0];
  }
}
