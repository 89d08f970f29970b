// Requests that come faster than they can be served, as from a hand that drags: one is under way, one waits at most, and
// the newest takes the place of the one that waits.

/** @template R  a request */
export class Latest {
  /** @type {R|undefined} */
  #waiting;
  #serving = false;

  /**
   * @param {(take: () => R|undefined) => Promise<unknown>} serve  serves what it takes, one request after another, until
   *   there is none; it is not called again before that has ended
   */
  constructor(serve) {
    this.serve = serve;
  }

  /** @param {R} request */
  ask(request) {
    this.#waiting = request;
    if (!this.#serving) this.#begin();
  }

  /** What waits is not wanted any more. */
  drop() {
    this.#waiting = undefined;
  }

  async #begin() {
    this.#serving = true;
    try {
      await this.serve(() => {
        const request = this.#waiting;
        this.#waiting = undefined;
        return request;
      });
    } catch {
      // Who serves says what went wrong; the next one would go wrong as well.
      this.#waiting = undefined;
    }
    this.#serving = false;
    // It may have come after the last look.
    if (this.#waiting !== undefined) this.#begin();
  }
}
