// Painting once for each frame of the screen: a fast engine makes more steps than a screen can show, so of everything
// only the newest is painted.

export class Painter {
  /** @type {Map<unknown, () => void>} */
  #waiting = new Map();
  #frame = 0;

  /** @param {unknown} what  takes the place of what was to be painted there before @param {() => void} paint */
  later(what, paint) {
    this.#waiting.set(what, paint);
    this.#frame ||= requestAnimationFrame(() => this.flush());
  }

  /** Paints what waits, now: a page that is hidden has no frames. */
  flush() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const paints = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const paint of paints) paint();
  }

  /** Forgets what waits. */
  drop() {
    this.#waiting.clear();
  }
}
