// A run, from the moment that a view asks for it until it has ended.

/**
 * @typedef {import('./engine/client.js').Step} Step
 *
 * @typedef {object} Job  what a view wants to have made
 * @property {import('./engine/pool.js').Options & {batch: number}} options
 * @property {string} text  what the status line says while it is prepared
 * @property {(run: Run, workers: number) => void} onStart  the sampler has accepted the options
 * @property {(step: Step, run: Run) => void} onStep
 * @property {(run: Run, stopped: boolean) => string} summary  what the status line says when it has ended well
 */

export class Run {
  /** Steps of the whole run, once the sampler has accepted it; some values of tau round S. */
  total = 0;
  /** Milliseconds of each step so far. @type {number[]} */
  times = [];
  stopping = false;
  /** Ends it in the engine, once it is there. */
  halt = () => {};
  /** @type {Promise<{stopped: boolean}>} */
  ended;
  /** @type {(end: {stopped: boolean}) => void} */
  resolve = () => {};
  /** @type {(error: unknown) => void} */
  reject = () => {};

  /** @param {number} id @param {Job} job @param {import('./session.js').AnyClient|null} client  the one that it was asked of */
  constructor(id, job, client) {
    this.id = id;
    this.job = job;
    this.client = client;
    this.ended = new Promise((resolve, reject) => Object.assign(this, { resolve, reject }));
  }

  /** The first step makes buffers and, with burn, compiles shaders, so it says little about the others. */
  get msPerStep() {
    const times = this.times.length > 1 ? this.times.slice(1) : this.times;
    return times.reduce((sum, ms) => sum + ms, 0) / times.length;
  }

  /** Ends it after the step that is being computed; a run that still waits ends without one. */
  stop() {
    this.stopping = true;
    this.halt();
  }
}
