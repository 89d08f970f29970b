// The library's front door: downloads what a model needs, loads it in a worker, and spreads a batch over several of
// them on the CPU. Another model, device or engine means another client: that gives back all memory, and it is the one
// way out after a crash. It knows no page: what it has to say, it says to a listener.

import { Failure } from './errors.js';
import { fetchModule, packageFor } from './package.js';
import { Joiner, split, workersFor } from './pool.js';
import { Remote } from './remote.js';
import { keepTuning, keptTuning } from './tuning.js';
import { fetchJsonText, fetchWeights } from './weights.js';

/**
 * @typedef {import('./remote.js').Loaded} Loaded
 * @typedef {import('./pool.js').Options} Options
 *
 * @typedef {{type: 'bytes', loaded: number, total: number}
 *   | {type: 'phase', phase: 'model'|'cores'}
 *   | {type: 'compiling', done: number, total: number}
 *   | {type: 'notice', topic: string, text: string}
 *   | {type: 'cores', used: number, wanted: number, failure: Failure}
 *   | {type: 'crashed', failure: Failure}} Remark  `total` bytes are 0 while unknown; after `crashed` nothing more is said
 *
 * @typedef {{type: 'started', total: number, workers: number}} Started
 * @typedef {import('./remote.js').Step & {ms: number}} Step
 *
 * @typedef {object} Run
 * @property {Promise<{stopped: boolean}>} ended
 * @property {() => void} stop  ends it after the step that is being computed, or after its first
 */

/** Adds up the bytes of several downloads, which all start before the first one ends. @param {(event: Remark) => void} listener */
function byteCounter(listener) {
  /** @type {Map<string, {loaded: number, total: number}>} */
  const parts = new Map();
  /** @param {string} name @returns {import('./weights.js').OnBytes} */
  return (name) => (loaded, total) => {
    parts.set(name, { loaded, total });
    const sum = { loaded: 0, total: 0 };
    for (const part of parts.values()) {
      sum.loaded += part.loaded;
      sum.total += part.total;
    }
    const known = [...parts.values()].every((part) => part.total > 0);
    listener({ type: 'bytes', loaded: sum.loaded, total: known ? sum.total : 0 });
  };
}

export class Client {
  /** All workers there are, for the end. @type {Set<Remote>} */
  #all = new Set();
  /** The first one, and those that have loaded the model after it. @type {Remote[]} */
  #workers;
  /** The last change of that list; the next one waits for it. */
  #growing = Promise.resolve();
  #downloads = new AbortController();
  /** Why it has ended, once it has. @type {Failure|null} */
  #end = null;
  /** @type {'cpu'|'webgpu'} */
  #device = 'cpu';
  /** What every worker begins with. @type {{engine: 'plan'|'burn', storage: 'f32'|'f16', script: string}|null} */
  #package = null;
  /** What it loads then. @type {import('./remote.js').Files|null} */
  #files = null;

  /** @param {(event: Remark) => void} listener */
  constructor(listener) {
    this.listener = listener;
    this.#workers = [this.#newWorker()];
  }

  /**
   * Loads a model, once.
   * @param {URL} folder  with config.json, scheduler_config.json and diffusion_pytorch_model.safetensors
   * @param {{device: 'auto'|'webgpu'|'cpu', engine: 'plan'|'burn', storage: 'f32'|'f16'}} choice
   * @returns {Promise<Loaded>}
   * @throws {Failure}
   */
  async load(folder, choice) {
    try {
      return await this.#load(folder, choice);
    } catch (error) {
      // What was under way when the client was ended has failed for that reason alone.
      throw this.#end ?? Failure.from(error);
    }
  }

  /** @param {URL} folder @param {{device: 'auto'|'webgpu'|'cpu', engine: 'plan'|'burn', storage: 'f32'|'f16'}} choice */
  async #load(folder, { device, engine, storage }) {
    const { script, wasm } = packageFor(engine);
    const { signal } = this.#downloads;
    const bytes = byteCounter(this.listener);
    const [first] = this.#workers;
    this.#package = { engine, storage, script: script.href };
    const [{ adapter }, module, config, scheduler, weights] = await Promise.all([
      first.open({ ...this.#package, device }),
      fetchModule(wasm, bytes('engine'), signal),
      fetchJsonText(new URL('config.json', folder), signal),
      fetchJsonText(new URL('scheduler_config.json', folder), signal),
      fetchWeights(new URL('diffusion_pytorch_model.safetensors', folder), bytes('weights'), signal),
    ]);

    this.#insist();
    this.listener({ type: 'phase', phase: 'model' });
    this.#files = { module, config, scheduler, weights: weights.blob };
    let loaded;
    try {
      loaded = await first.load({ ...this.#files, tuning: keptTuning(adapter) });
    } catch (error) {
      // With another copy of them all may be well.
      if (Failure.from(error).kind === 'weights') await weights.forget();
      throw error;
    }
    keepTuning(adapter, loaded.tuning);
    await weights.keep();
    this.#insist();
    this.#device = loaded.info.device;
    return loaded;
  }

  /**
   * Makes pictures; the listener hears of one run, in however many parts it is made. Runs that are asked for
   * meanwhile wait for each other.
   * @param {Options & {batch: number}} options
   * @param {(event: Started|Step) => void} onEvent
   * @returns {Run}
   */
  sample(options, onEvent) {
    const run = { stopping: false, stop: () => {} };
    const stop = () => {
      run.stopping = true;
      run.stop();
    };
    return { ended: this.#sample(options, onEvent, run), stop };
  }

  /**
   * @param {Options & {batch: number}} options @param {(event: Started|Step) => void} onEvent
   * @param {{stopping: boolean, stop: () => void}} run  its `stop` ends all parts, once there are any
   */
  async #sample(options, onEvent, run) {
    const workers = await this.#workersFor(options.batch);
    const joiner = new Joiner(workers.length, (event) => {
      onEvent(event.type === 'started' ? { ...event, workers: workers.length } : event);
      if (event.type === 'step') for (const part of parts) part.taken(joiner.joined);
    });
    const parts = split(options, workers.length).map((part, i) => workers[i].sample(part, (event) => joiner.receive(i, event)));
    run.stop = () => parts.forEach((part) => part.stop());
    if (run.stopping) run.stop();
    /** @type {Failure|null} */
    let failure = null;
    const ends = await Promise.all(
      parts.map((part) =>
        part.ended.catch((error) => {
          failure ??= error;
          run.stop();
          return { stopped: true };
        }),
      ),
    );
    if (failure) throw this.#end ?? failure;
    return { stopped: ends.some(({ stopped }) => stopped) };
  }

  /** Ends everything at once and gives back its memory. @param {Failure} [why]  what is under way fails with */
  terminate(why = new Failure('ended', 'the engine was ended')) {
    this.#end ??= why;
    this.#downloads.abort();
    for (const worker of this.#all) worker.terminate(why);
  }

  /** To be asked after every `await`. @throws {Failure} why it has ended, once it has */
  #insist() {
    if (this.#end) throw this.#end;
  }

  #newWorker() {
    const worker = new Remote((event) => {
      if (event.type !== 'crashed') this.listener(event);
      else if (this.#workers.includes(worker)) {
        // Without one of its workers a run cannot end well.
        const failure = new Failure(event.kind, event.message);
        this.terminate(failure);
        this.listener({ type: 'crashed', failure });
      }
    });
    this.#all.add(worker);
    return worker;
  }

  /** @param {number} batch @returns {Promise<Remote[]>} those that a run of so many pictures is spread over */
  async #workersFor(batch) {
    if (this.#device !== 'cpu') return this.#workers;
    const wanted = workersFor(batch, navigator.hardwareConcurrency);
    this.#growing = this.#growing.then(() => this.#grow(wanted));
    await this.#growing;
    return this.#workers.slice(0, wanted);
  }

  /** @param {number} wanted  workers */
  async #grow(wanted) {
    this.#insist();
    const missing = wanted - this.#workers.length;
    if (missing <= 0) return;
    this.listener({ type: 'phase', phase: 'cores' });
    const added = await Promise.allSettled(Array.from({ length: missing }, () => this.#another()));
    this.#insist();
    const failed = added.find((end) => end.status === 'rejected');
    if (failed) this.listener({ type: 'cores', used: this.#workers.length, wanted, failure: Failure.from(failed.reason) });
  }

  /** One more worker with the model that is loaded. */
  async #another() {
    if (!this.#package || !this.#files) throw new Failure('options', 'load a model first');
    const worker = this.#newWorker();
    try {
      await worker.open({ ...this.#package, device: this.#device });
      await worker.load(this.#files);
      this.#workers.push(worker);
    } catch (error) {
      worker.terminate();
      this.#all.delete(worker);
      throw error;
    }
  }
}
