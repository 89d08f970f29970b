// The library's front door: downloads what a model needs, loads it in a worker, and spreads a batch over several of
// them on the CPU. Another model, device or engine means another client: that gives back all memory. A worker that has
// crashed is never asked again: another one takes its place for what comes next. It knows no page: what it has to say, it
// says to a listener.

import { Asked } from './asked.js';
import { Failure, isOfDevice, oneLine } from './errors.js';
import { byteCounter, filesOf } from './files.js';
import { host } from './host.js';
import { openWith } from './package.js';
import { Joiner, concatenate, split, workersFor } from './pool.js';
import { Remote } from './remote.js';
import { keepTuning, keptTuning } from './tuning.js';

/**
 * @typedef {import('./remote.js').Loaded} Loaded
 * @typedef {import('./pool.js').Options} Options
 *
 * @typedef {import('./files.js').Bytes
 *   | {type: 'phase', phase: 'model'|'cores'}
 *   | {type: 'compiling', done: number, total: number}
 *   | {type: 'notice', topic: string, text: string}
 *   | {type: 'cores', used: number, wanted: number, failure: Failure}
 *   | {type: 'crashed', failure: Failure}} Remark  after `crashed` nothing more is said
 *
 * @typedef {import('./files.js').OwnFiles} OwnFiles
 *
 * @typedef {object} Choice  how a model is loaded
 * @property {'auto'|'webgpu'|'cpu'} [device]  default auto: the graphics card where there is one
 * @property {'plan'|'burn'} [engine]  default plan
 * @property {'f32'|'f16'} [storage]  of the network's numbers on the graphics card; default f32
 * @property {Record<string, string>} [sha256]  by the name of a file, what it is known by: SHA-256, 64 hexadecimal digits
 *
 * @typedef {{type: 'started', total: number, workers: number}} Started
 * @typedef {import('./remote.js').Step} Step
 * @typedef {import('./remote.js').Points} Points
 * @typedef {import('./remote.js').End} End
 *
 * @typedef {object} Way  how a run is made, beside the sampler's options
 * @property {boolean} [dissect]  whether the steps come with their terms
 * @property {boolean} [paced]  whether whoever asked says with `taken` how far it is; the engine is some steps ahead at most
 *
 * @typedef {object} Run
 * @property {Promise<End>} ended
 * @property {(atOnce?: boolean) => void} stop  ends it after the step that is being computed, or after its first, unless `atOnce`
 * @property {(steps: number) => void} taken  of a run that is paced: so many steps are dealt with
 *
 * @typedef {Omit<import('../../pkg/ddim_web.js').RateOptions, 'scheduler'>} RateOptions
 */

export class Client {
  /** All workers there are, for the end. @type {Set<Remote>} */
  #all = new Set();
  /** The first one, and those that have loaded the model after it. @type {Remote[]} */
  #workers;
  /** The last change of that list; the next one waits for it. */
  #growing = Promise.resolve();
  /** Runs that have not ended. */
  #underWay = 0;
  #downloads = new AbortController();
  /** Why it has ended, once it has. @type {Failure|null} */
  #end = null;
  /** @type {'cpu'|'webgpu'} */
  #device = 'cpu';
  /** What every worker begins with. @type {Omit<import('./remote.js').Wanted, 'device'>|null} */
  #wanted = null;
  /** What it loads then. @type {import('./remote.js').Files|null} */
  #files = null;
  /** Whether another worker can take the place of one that crashes: once the model is loaded, or where it can be elsewhere. */
  #replaceable = false;
  #loaded = false;

  /** @param {(event: Remark) => void} listener */
  constructor(listener) {
    this.listener = listener;
    this.#workers = [this.#newWorker()];
  }

  /**
   * Loads a model, once.
   * @param {URL|OwnFiles} source  a folder with config.json, scheduler_config.json and diffusion_pytorch_model.safetensors, or these files
   * @param {Choice} [choice]
   * @returns {Promise<Loaded>}
   * @throws {Failure}
   */
  async load(source, choice = {}) {
    try {
      return await this.#load(source, choice);
    } catch (error) {
      // What was under way when the client was ended has failed for that reason alone.
      throw this.#end ?? Failure.from(error);
    }
  }

  /** @param {URL|OwnFiles} source @param {Choice} choice */
  async #load(source, { device = 'auto', engine = 'plan', storage = 'f32', sha256 }) {
    const { signal } = this.#downloads;
    const bytes = byteCounter(this.listener);
    const [first] = this.#workers;
    this.#wanted = { engine, storage };
    const [{ adapter, device: place, module }, { config, scheduler, weights }] = await Promise.all([
      openWith(first, { ...this.#wanted, device }, bytes('engine'), signal),
      filesOf(source, bytes('weights'), signal, sha256),
    ]);

    this.#insist();
    this.listener({ type: 'phase', phase: 'model' });
    this.#files = { module, config, scheduler, weights: weights.blob };
    let loaded;
    this.#replaceable = device === 'auto' && place === 'webgpu';
    try {
      loaded = await first.load({ ...this.#files, tuning: keptTuning(adapter) });
    } catch (error) {
      const failure = Failure.from(error);
      // With another copy of them all may be well.
      if (failure.kind === 'weights') await weights.forget();
      if (!this.#replaceable || !isOfDevice(failure)) throw failure;
      loaded = await this.#loadOnCpu(failure, bytes('instead'));
    }
    keepTuning(adapter, loaded.tuning);
    await weights.keep();
    this.#insist();
    this.#device = loaded.info.device;
    this.#replaceable = true;
    this.#loaded = true;
    return loaded;
  }

  /**
   * In a worker of its own, with the package for it: a graphics card that cannot take the model is no reason to give up.
   * @param {Failure} failure  its @param {import('./weights.js').OnBytes} onBytes
   * @returns {Promise<Loaded>}
   */
  async #loadOnCpu(failure, onBytes) {
    this.#insist();
    this.#replaceable = false;
    for (const worker of this.#all) worker.terminate();
    this.#all.clear();
    const worker = this.#newWorker();
    this.#workers = [worker];
    const loaded = await this.#fill(worker, 'cpu', onBytes);
    const why = `The graphics card could not take the model (${oneLine(failure)}), so the CPU is used.`;
    this.listener({ type: 'notice', topic: 'device', text: why });
    return { ...loaded, why };
  }

  /**
   * Makes pictures; the listener hears of one run, in however many parts it is made. Runs that are asked for meanwhile
   * are made beside it, in other workers where there are any and otherwise in turn.
   * @param {Options & {batch: number}} options
   * @param {(event: Started|Step) => void} onEvent
   * @param {Way} [way]
   * @returns {Run}
   */
  sample(options, onEvent, way = {}) {
    const run = new Asked();
    run.ended = this.#counted(() => this.#sample(options, onEvent, way, run));
    return run;
  }

  /**
   * The rate-distortion curve of a picture, point by point.
   * @param {RateOptions} options
   * @param {(event: {type: 'started', total: number} | Points) => void} onEvent
   * @returns {Run}
   */
  rate(options, onEvent) {
    const run = new Asked();
    run.ended = this.#counted(async () => {
      const [worker] = await this.#workersFor(1);
      if (run.off) return { stopped: true };
      const part = worker.rate(options, onEvent);
      run.begin([part]);
      return part.ended.catch((failure) => {
        throw this.#end ?? failure;
      });
    });
    return run;
  }

  /**
   * @param {Options & {batch: number}} options @param {(event: Started|Step) => void} onEvent @param {Way} way
   * @param {Asked} run
   * @returns {Promise<End>}
   */
  async #sample(options, onEvent, { dissect = false, paced = false }, run) {
    const workers = await this.#workersFor(options.batch);
    if (run.off) return { stopped: true };
    const joiner = new Joiner(workers.length, (event) => {
      onEvent(event.type === 'started' ? { ...event, workers: workers.length } : event);
      if (event.type === 'step' && !paced) run.taken(joiner.joined);
    });
    const parts = split(options, workers.length).map((part, i) => workers[i].sample(part, (event) => joiner.receive(i, event), dissect && i === 0));
    run.begin(parts);
    /** @type {Failure|null} */
    let failure = null;
    const ends = await Promise.all(
      parts.map((part) =>
        part.ended.catch((error) => {
          failure ??= error;
          run.stop(true);
          return /** @type {End} */ ({ stopped: true });
        }),
      ),
    );
    if (failure) throw this.#end ?? failure;
    const values = ends.flatMap((end) => end.values ?? []);
    // Some parts may have been stopped before their first step.
    const whole = values.length === parts.length;
    return { stopped: ends.some(({ stopped }) => stopped), ...(whole && { values: concatenate(values) }) };
  }

  /** @template T @param {() => Promise<T>} work @returns {Promise<T>} */
  async #counted(work) {
    this.#underWay += 1;
    try {
      return await work();
    } finally {
      this.#underWay -= 1;
    }
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
      else if (this.#workers.includes(worker)) this.#lose(worker, new Failure(event.kind, event.message));
    });
    this.#all.add(worker);
    return worker;
  }

  /** What was under way in the worker fails, and without it its runs cannot end well. @param {Remote} worker @param {Failure} failure */
  #lose(worker, failure) {
    if (failure.kind !== 'crash' || !this.#replaceable) {
      this.terminate(failure);
      this.listener({ type: 'crashed', failure });
      return;
    }
    this.#all.delete(worker);
    this.#workers = this.#workers.filter((other) => other !== worker);
    if (this.#underWay > 0 || !this.#loaded) return; // it is told with what fails
    this.listener({ type: 'notice', topic: 'lost', text: `The engine crashed (${failure.message}); a new one takes its place.` });
  }

  /**
   * @param {number} batch
   * @returns {Promise<Remote[]>} those that a run of so many pictures is spread over, which have the least to do
   */
  async #workersFor(batch) {
    const cores = this.#device === 'cpu' ? host.cores() : 1;
    // Room for the other runs, too.
    const wanted = workersFor(batch + this.#underWay - 1, cores);
    const grown = this.#growing.then(() => this.#grow(wanted));
    this.#growing = grown.catch(() => {});
    await grown;
    return [...this.#workers].sort((a, b) => a.requests - b.requests).slice(0, workersFor(batch, cores));
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
    if (failed && this.#workers.length === 0) throw failed.reason;
    if (failed) this.listener({ type: 'cores', used: this.#workers.length, wanted, failure: Failure.from(failed.reason) });
  }

  /**
   * Loads the model in a worker once more.
   * @param {Remote} worker @param {'cpu'|'webgpu'} device @param {import('./weights.js').OnBytes} [onBytes]
   * @returns {Promise<Loaded>}
   */
  async #fill(worker, device, onBytes) {
    if (!this.#wanted || !this.#files) throw new Failure('options', 'load a model first');
    const { module } = await openWith(worker, { ...this.#wanted, device }, onBytes, this.#downloads.signal);
    this.#files = { ...this.#files, module };
    return worker.load(this.#files);
  }

  /** One more worker with the model that is loaded. */
  async #another() {
    const worker = this.#newWorker();
    try {
      await this.#fill(worker, this.#device);
      this.#workers.push(worker);
    } catch (error) {
      worker.terminate();
      this.#all.delete(worker);
      throw error;
    }
  }
}
