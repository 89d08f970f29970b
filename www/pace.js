// The pace of a film: an engine may make its steps faster than an eye can follow, so they wait here until each has had
// its time. Held, it lets them through one by one, on request.

/** @template T  what is let through */
export class Pacer {
  /** @type {T[]} */
  #waiting = [];
  /** When the next one may come. @type {number|null} */
  #due = null;
  #permits = 0;
  #held = false;
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #timer;
  /** @type {(() => void)|null} */
  #onEmpty = null;

  /**
   * @param {number} interval  ms that each is on show at least
   * @param {(item: T) => void} deliver
   * @param {() => boolean} [hidden]  whether nobody looks; then nothing waits
   */
  constructor(interval, deliver, hidden = () => globalThis.document?.hidden ?? false) {
    this.interval = interval;
    this.deliver = deliver;
    this.hidden = hidden;
  }

  /** Whether it lets through what is asked for, and nothing else. */
  get held() {
    return this.#held;
  }

  /** @param {T} item */
  add(item) {
    this.#waiting.push(item);
    this.#release();
  }

  /** Lets the next one through, now or when it comes, and holds what follows. */
  step() {
    this.#held = true;
    this.#permits += 1;
    this.#release();
  }

  hold() {
    this.#held = true;
  }

  /** Goes on by itself. */
  go() {
    this.#held = false;
    this.#permits = 0;
    this.#release();
  }

  /** Forgets what waits. */
  drop() {
    this.#waiting = [];
    this.#settle();
  }

  /** Resolves once nothing waits any more. @returns {Promise<void>} */
  empty() {
    return new Promise((resolve) => {
      this.#onEmpty = resolve;
      this.#settle();
    });
  }

  #release() {
    clearTimeout(this.#timer);
    while (this.#waiting.length > 0) {
      const now = performance.now();
      if (this.#held) {
        if (this.#permits === 0) return;
        this.#permits -= 1;
      } else if (this.#due !== null && this.#due > now && !this.hidden()) {
        this.#timer = setTimeout(() => this.#release(), this.#due - now);
        return;
      }
      // Who comes late does not make the next one wait longer.
      this.#due = Math.max(this.#due ?? now, now - this.interval) + this.interval;
      this.deliver(/** @type {T} */ (this.#waiting.shift()));
    }
    this.#settle();
  }

  #settle() {
    if (this.#waiting.length === 0) this.#onEmpty?.();
  }
}
