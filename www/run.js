// What a view has made: a task, from the moment that it is asked for until it has ended, and the runs of the engine that
// it takes, one or many.

import { Failure } from './engine/errors.js';
import { Pacer } from './pace.js';

/**
 * @typedef {import('./engine/client.js').Step} Step
 * @typedef {import('./engine/client.js').End} End
 * @typedef {import('./engine/client.js').Points['points'][number]} Point
 * @typedef {import('./engine/pool.js').Options & {batch: number}} Options
 *
 * @typedef {object} Job  what a view wants to have done
 * @property {string} text  what the status line says while it is prepared
 * @property {(task: Task) => Promise<string>} work  does it; what the status line says when it has ended well
 *
 * @typedef {object} Way  how a run is made and shown
 * @property {(run: Run, workers: number) => void} [onStart]  the sampler has accepted the options
 * @property {(step: Step, run: Run) => void} [onStep]
 * @property {number} [pace]  ms that the whole run takes at least
 * @property {boolean} [held]  whether it waits for `step` from the beginning
 * @property {boolean} [dissect]  whether the steps come with their terms
 */

/** One run of the sampler. */
export class Run {
  /** Steps of the whole run, once the sampler has accepted it; some values of tau round S. */
  total = 0;
  /** Milliseconds that the engine took for each step so far. @type {number[]} */
  times = [];
  /** Settled in any case. @type {Promise<End>} */
  ended;
  #stopping = false;
  #over = false;
  /** @type {import('./engine/client.js').Run} */
  #made;
  /** @type {Pacer<Step>} */
  #pacer;
  /** @type {() => void} */
  #sign;

  /**
   * @param {import('./session.js').AnyClient} client @param {Options} options @param {Way} way
   * @param {() => void} sign  is called at each sign of life
   */
  constructor(client, options, { onStart, onStep, pace = 0, held = false, dissect = false }, sign) {
    this.#sign = sign;
    this.#pacer = new Pacer(0, (step) => {
      // Of a run that is stopped early the first step is still to be seen.
      if (this.#stopping && this.times.length > 0) return;
      this.times.push(step.ms);
      this.#made.taken(this.times.length);
      onStep?.(step, this);
    });
    if (held) this.#pacer.hold();
    this.#made = client.sample(
      options,
      (event) => {
        this.#sign();
        if (event.type === 'started') {
          this.total = event.total;
          this.#pacer.interval = pace / Math.max(1, event.total - 1);
          onStart?.(this, event.workers);
        } else this.#pacer.add(event);
      },
      { dissect, paced: true },
    );
    this.ended = this.#end();
  }

  async #end() {
    try {
      const end = await this.#made.ended;
      if (!this.#stopping) await this.#pacer.empty();
      return { ...end, stopped: end.stopped || (this.#stopping && this.times.length < this.total) };
    } catch (failure) {
      this.#pacer.drop();
      throw failure;
    } finally {
      this.#over = true;
    }
  }

  /** What the engine took for all steps so far. */
  get ms() {
    return this.times.reduce((sum, ms) => sum + ms, 0);
  }

  /** The first step makes buffers and, with burn, compiles shaders, so it says little about the others. */
  get msPerStep() {
    const times = this.times.length > 1 ? this.times.slice(1) : this.times;
    return times.reduce((sum, ms) => sum + ms, 0) / times.length;
  }

  /** Whether it makes a step only when it is told to. */
  get held() {
    return !this.#over && this.#pacer.held;
  }

  /** One step, and then it waits. */
  step() {
    this.#pacer.step();
  }

  /** It waits from now on. */
  hold() {
    this.#pacer.hold();
    this.#sign();
  }

  /** It goes on by itself. */
  go() {
    this.#pacer.go();
    this.#sign();
  }

  /** Ends it after the step that is being computed, or after its first. @param {boolean} [atOnce]  even before its first */
  stop(atOnce = false) {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#made.stop(atOnce);
    // What has come and was not shown is not shown any more; but a run has at least one step.
    if (this.times.length > 0) this.#pacer.drop();
    this.#pacer.go();
  }
}

/** What a view has asked for: it waits in the session's queue, and may take many runs. */
export class Task {
  stopping = false;
  /** Runs that are under way. @type {Set<{stop: (atOnce?: boolean) => void}>} */
  #runs = new Set();
  /** Runs so far. */
  #begun = 0;
  #over = false;
  /** @type {import('./session.js').AnyClient|null} */
  #client;
  #sign = () => {};
  /** @type {(run: Run) => void} */
  #tell = () => {};
  /** @type {Promise<{stopped: boolean}>} */
  ended;
  /** @type {(end: {stopped: boolean}) => void} */
  resolve = () => {};
  /** @type {(error: unknown) => void} */
  reject = () => {};

  /**
   * @param {number} id @param {Job} job @param {import('./session.js').AnyClient|null} client  the one that it was asked of
   * @param {string} view  the one that has asked
   */
  constructor(id, job, client, view) {
    this.id = id;
    this.job = job;
    this.view = view;
    this.#client = client;
    this.ended = new Promise((resolve, reject) => Object.assign(this, { resolve, reject }));
  }

  get client() {
    return this.#client;
  }

  /** @param {() => void} sign  is called at each sign of life @param {(run: Run) => void} tell  hears of each run */
  begin(sign, tell) {
    this.#sign = sign;
    this.#tell = tell;
  }

  /**
   * Makes pictures. Runs of one task may be under way at once. After `stop` there are no new ones.
   * @param {Options} options @param {Way} [way]
   * @returns {Run}
   * @throws {Failure} `ended` once the task is stopped
   */
  sample(options, way = {}) {
    /** @type {Way['onStep']} */
    const onStep = (step, run) => !this.#over && way.onStep?.(step, run);
    const run = new Run(this.#ready(), options, { ...way, onStep }, () => this.sign());
    this.#tell(run);
    this.#follow(run);
    return run;
  }

  /**
   * Work that is no run of the engine in use: it ends with the task.
   * @param {{stop: () => void, ended: Promise<unknown>}} work
   */
  alongside({ stop, ended }) {
    this.#follow({ stop, ended: ended.then(() => ({ stopped: this.stopping })) });
  }

  /** To be called at each sign of life of what is no run of the engine in use. */
  sign() {
    if (!this.#over) this.#sign();
  }

  /**
   * The rate-distortion curve of a picture, point by point.
   * @param {import('./engine/client.js').RateOptions} options
   * @param {(points: Point[], total: number) => void} onPoints
   * @returns {Promise<{stopped: boolean}>}
   */
  rate(options, onPoints) {
    let total = 0;
    const run = this.#ready().rate(options, (event) => {
      this.sign();
      if (event.type === 'started') ({ total } = event);
      else if (!this.stopping && !this.#over) onPoints(event.points, total);
    });
    this.#follow(run);
    return run.ended;
  }

  /**
   * Ends what is under way after the step that is being computed; a task that still waits ends without one. The only run
   * of a task makes one step in any case, to have something to show; of several those that have none yet make none.
   */
  stop() {
    this.stopping = true;
    for (const run of this.#runs) run.stop(this.#begun > 1);
  }

  /** It has ended. Where one of its runs has failed, nobody wants to hear of the step that the others are at. */
  end() {
    this.#over = true;
  }

  #ready() {
    if (!this.#client || this.stopping) throw new Failure('ended', 'the run was stopped');
    return this.#client;
  }

  /** @param {{stop: (atOnce?: boolean) => void, ended: Promise<End>}} run */
  #follow(run) {
    this.#begun += 1;
    this.#runs.add(run);
    const forget = () => this.#runs.delete(run);
    run.ended.then(forget, forget);
  }
}
