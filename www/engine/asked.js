// A run as whoever asked for it has it, before the workers that make its parts are there.

/** @typedef {import('./remote.js').End} End */

/** A run from the moment that it is asked for: its parts come later. */
export class Asked {
  /** @type {Promise<End>} */
  ended = Promise.resolve({ stopped: true });
  #stopping = false;
  #atOnce = false;
  #taken = 0;
  /** @type {import('./remote.js').Run[]} */
  #parts = [];

  /** @param {import('./remote.js').Run[]} parts */
  begin(parts) {
    this.#parts = parts;
    if (this.#stopping) this.stop(this.#atOnce);
    if (this.#taken > 0) this.taken(this.#taken);
  }

  /** Whether it is not even to be begun. */
  get off() {
    return this.#stopping && this.#atOnce;
  }

  /** Ends it after the step that is being computed, or after its first. @param {boolean} [atOnce]  even before its first */
  stop(atOnce = false) {
    this.#stopping = true;
    this.#atOnce = atOnce;
    for (const part of this.#parts) part.stop(atOnce);
  }

  /** @param {number} steps  of the whole batch that are dealt with */
  taken(steps) {
    this.#taken = steps;
    for (const part of this.#parts) part.taken(steps);
  }
}
