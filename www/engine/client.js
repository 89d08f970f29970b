// The engine as the rest of the page sees it: downloads what a model needs, loads it in a worker, and
// spreads a batch over several of them on the CPU. Another model, device or engine means another Engine:
// that gives back all memory, and it is the one way out after a crash.

import { requireWebAssembly } from './device.js';
import { EngineCrash, EngineReplaced, Instance, WeightsRefused } from './remote.js';
import { fetchModule, packageFor } from './package.js';
import { Joiner, split, workersFor } from './pool.js';
import { keepTuning, keptTuning } from './tuning.js';
import { fetchJsonText, fetchWeights } from './weights.js';

/**
 * @typedef {object} Loaded
 * @property {{device: string, engine: string, parameters: number, in_channels: number, out_channels: number, sample_size: [number, number], unknown_keys: string[]}} info
 * @property {string} adapter
 * @property {string} [tuning]  which kernels were the fastest on the graphics card
 * @property {{trainSteps: number, spacing: string, unknownKeys: string[]}} scheduler  T, the spacing of tau, and the keys that were ignored
 */

/** Adds up the bytes of several downloads, which all start before the first one ends. */
function byteCounter(listener) {
  const parts = new Map();
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

export class Engine {
  /** All workers there are, for the end. @type {Set<Instance>} */
  #all = new Set();
  /** The first one, and those that have loaded the model after it. @type {Instance[]} */
  #instances;
  #downloads = new AbortController();
  #ended = false;
  #stopping = false;
  #device = '';
  /** What every instance is made from: the package's script, and the files of the model. */
  #package = null;
  #files = null;

  /** @param {(event: {type: string}) => void} listener  gets `bytes`, `phase`, `compiling`, `notice`, `started`, `step` and `crashed` */
  constructor(listener) {
    this.listener = listener;
    this.#instances = [this.#newInstance()];
  }

  /**
   * @param {{path: string, name: string}} model
   * @param {{device: 'auto'|'webgpu'|'cpu', engine: 'plan'|'burn', storage: 'f32'|'f16'}} choice
   * @returns {Promise<Loaded>}
   */
  async load(model, choice) {
    try {
      return await this.#load(model, choice);
    } catch (error) {
      // What was under way when the engine was ended has failed for that reason alone.
      if (this.#ended && !(error instanceof EngineCrash)) throw new EngineReplaced('the engine was replaced');
      throw error;
    }
  }

  async #load({ path, name }, { device, engine, storage }) {
    requireWebAssembly();
    const { script, wasm } = packageFor(engine);
    const folder = new URL(path, new URL('../models/', import.meta.url));
    const { signal } = this.#downloads;
    const bytes = byteCounter(this.listener);
    const [first] = this.#instances;
    this.#package = { engine, storage, script: script.href };
    const [{ adapter }, module, config, scheduler, weights] = await Promise.all([
      first.open({ ...this.#package, device }),
      fetchModule(wasm, bytes('engine'), signal),
      fetchJsonText(new URL('config.json', folder), signal),
      fetchJsonText(new URL('scheduler_config.json', folder), signal),
      fetchWeights(new URL('diffusion_pytorch_model.safetensors', folder), bytes('weights'), signal),
    ]);

    this.listener({ type: 'phase', text: `Preparing ${name}…` });
    this.#files = { module, config, scheduler, weights: weights.blob };
    let loaded;
    try {
      loaded = await first.load({ ...this.#files, tuning: keptTuning(adapter) });
    } catch (error) {
      if (error instanceof WeightsRefused) await weights.forget();
      throw error;
    }
    keepTuning(adapter, loaded.tuning);
    await weights.keep();
    this.#device = loaded.info.device;
    return loaded;
  }

  /**
   * Makes pictures; the listener hears of one run, in however many parts it is made.
   * @param {object} options  of `Denoiser.sampler`, without the scheduler
   * @returns {Promise<{stopped: boolean}>}
   */
  async sample(options) {
    this.#stopping = false;
    const instances = await this.#instancesFor(options.batch);
    const joiner = new Joiner(instances.length, (event) => {
      this.listener({ ...event, workers: instances.length });
      if (event.type === 'step') for (const instance of instances) instance.taken(joiner.joined);
    });
    let failure = null;
    const runs = split(options, instances.length).map(async (part, i) => {
      try {
        return await instances[i].sample(part, (event) => joiner.receive(i, event));
      } catch (error) {
        failure ??= error;
        this.stop();
        return { stopped: true };
      }
    });
    if (this.#stopping) this.stop();
    const ends = await Promise.all(runs);
    if (failure) throw failure;
    return { stopped: ends.some(({ stopped }) => stopped) };
  }

  /** Ends the run after the step that is being computed. */
  stop() {
    this.#stopping = true;
    for (const instance of this.#instances) instance.stop();
  }

  /** Ends everything at once and gives back its memory. */
  terminate() {
    this.#ended = true;
    this.#downloads.abort();
    for (const instance of this.#all) instance.terminate();
  }

  #newInstance() {
    const instance = new Instance((event) => {
      if (event.type !== 'crashed') this.listener(event);
      else if (this.#instances.includes(instance)) {
        // Without one of its instances a run cannot end well.
        this.terminate();
        this.listener(event);
      }
    });
    this.#all.add(instance);
    return instance;
  }

  /** @param {number} batch @returns {Promise<Instance[]>} those that a run of so many pictures is spread over */
  async #instancesFor(batch) {
    if (this.#device !== 'cpu') return this.#instances;
    const count = workersFor(batch, navigator.hardwareConcurrency);
    const missing = count - this.#instances.length;
    if (missing > 0) {
      this.listener({ type: 'phase', text: 'Preparing more processor cores…' });
      const added = await Promise.allSettled(Array.from({ length: missing }, () => this.#another()));
      if (this.#ended) throw new EngineReplaced('the engine was replaced');
      const failed = added.find(({ status }) => status === 'rejected');
      if (failed) {
        const text = `Only ${this.#instances.length} of ${count} processor cores are used. ${failed.reason.message}`;
        this.listener({ type: 'notice', topic: 'cores', text });
      }
    }
    return this.#instances.slice(0, count);
  }

  /** One more instance of the model that is loaded. */
  async #another() {
    const instance = this.#newInstance();
    try {
      await instance.open({ ...this.#package, device: this.#device });
      await instance.load(this.#files);
      this.#instances.push(instance);
    } catch (error) {
      instance.terminate();
      this.#all.delete(instance);
      throw error;
    }
  }
}
