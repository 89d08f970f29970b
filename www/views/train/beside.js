// What goes on beside the training, until it ends.

export class Beside {
  over = false;
  /** @type {() => void} */
  #resolve = () => {};
  /** @type {Promise<void>} */
  #ended = new Promise((resolve) => (this.#resolve = resolve));

  /** The training has ended. */
  end() {
    this.over = true;
    this.#resolve();
  }

  /**
   * Does something again and again.
   * @param {number} wait  before the first time, in ms
   * @param {() => Promise<number>} work  gives how long it is to wait after it
   */
  async repeat(wait, work) {
    for (let next = wait; ; next = await work()) {
      await Promise.race([this.#ended, new Promise((resolve) => setTimeout(resolve, next))]);
      if (this.over) return;
    }
  }
}
