// A model out of files that lie anywhere: first what it is, from its texts and the first bytes of its weights, so that
// what is no model of this page's is refused before it is downloaded; then all of it.

import { Failure } from '../engine/errors.js';
import { Requests } from '../engine/requests.js';
import { MOST_BYTES } from './download.js';

/**
 * @typedef {object} Source  where files lie
 * @property {(signal: AbortSignal) => Promise<string[]>} names
 * @property {(name: string) => number} sizeOf  0 while unknown
 * @property {(name: string, signal: AbortSignal) => Promise<Uint8Array>} text
 * @property {(name: string, count: number, signal: AbortSignal) => Promise<Uint8Array>} start
 * @property {(name: string, onBytes: import('./download.js').OnBytes, signal: AbortSignal) => Promise<Blob>} whole
 * @property {() => void} forget  nothing that has come is wanted any more
 *
 * @typedef {import('../../pkg/figures/ddim_web.js').ModelOutline} Outline
 * @typedef {import('../../pkg/figures/ddim_web.js').NetworkNeeds} Needs
 *
 * @typedef {object} Found  what there is to know of a model before its weights are there
 * @property {string} config
 * @property {string|null} scheduler  null where somebody has to say it
 * @property {string[]} labels
 * @property {number|null} nullLabel
 * @property {string[]} notes
 * @property {string[]} weights  names of files
 * @property {number} bytes  of them; 0 while unknown
 * @property {Needs} needs
 * @property {Blob|null} ready  the weights, where they had to be read to tell
 */

/** Headers of networks take a hundredth of this; a file may claim anything. */
const MOST_HEADER = 16 * 2 ** 20;

/** So much is asked for at first: most headers are in it. */
const FIRST = 2 ** 16;

const ZIP = /\.zip$/i;

/** @param {Uint8Array} start @returns {number} bytes of a .safetensors file up to the end of its header */
function endOfHeader(start) {
  if (start.length < 8) return 0;
  return 8 + Number(new DataView(start.buffer, start.byteOffset).getBigUint64(0, true));
}

/** @param {(count: number) => Promise<Uint8Array>} read  so many first bytes @returns {Promise<Uint8Array>} those with the header */
async function startOf(read) {
  const first = await read(FIRST);
  const end = endOfHeader(first);
  return end <= first.length || end > MOST_HEADER ? first : read(end);
}

export class Reader {
  /** @type {Requests|null} */
  #worker = null;

  /** @param {Source} source @param {AbortSignal} signal  ends all of it */
  constructor(source, signal) {
    this.source = source;
    this.signal = signal;
    signal.addEventListener('abort', () => this.#rest(), { once: true });
  }

  /** @param {object} message @returns {Promise<any>} */
  #ask(message) {
    this.signal.throwIfAborted();
    this.#worker ??= new Requests({ name: '../import/worker.js', start: () => new Worker(new URL('./worker.js', import.meta.url), { type: 'module' }) });
    return this.#worker.request(message).answer;
  }

  /** Gives back the memory of what was read. */
  #rest() {
    this.#worker?.terminate();
    this.#worker = null;
  }

  /**
   * What the model is.
   * @param {import('./download.js').OnBytes} onBytes  of an archive, which is read as a whole
   * @returns {Promise<Found>}
   * @throws {Error} a sentence
   */
  async look(onBytes) {
    try {
      return await this.#look(onBytes);
    } catch (error) {
      // Next time it may be another file.
      if (!this.signal.aborted) this.source.forget();
      throw error;
    }
  }

  /** @param {import('./download.js').OnBytes} onBytes @returns {Promise<Found>} */
  async #look(onBytes) {
    const names = await this.source.names(this.signal);
    if (names.length === 0) throw new Failure('input', 'There are no files of a model here: no config.json, and no weights.');
    const found = names.length === 1 && ZIP.test(names[0]) ? await this.#unpack(names[0], onBytes) : await this.#outline(names);
    const [channels] = found.needs.picture ?? [];
    if (!channels) throw new Failure('config', 'config.json does not say how large the pictures are (sample_size), so that no view could show them.');
    if (![1, 3].includes(channels)) throw new Failure('config', `This model makes pictures with ${channels} channels; this page can show 1 (grey) or 3 (colour).`);
    return found;
  }

  /** What no device of a page can hold. @param {Needs} needs */
  #refuseMemory({ memory_cpu_f16: cpu, memory_gpu_f16: gpu }) {
    const bytes = Math.min(cpu, gpu);
    if (bytes > MOST_BYTES) throw new Failure('memory', `This network needs about ${(bytes / 1e9).toFixed(1)} GB, even with numbers of 16 bits; a page has ${Math.floor(MOST_BYTES / 1e9)} GB at most.`);
  }

  /** @param {string} name @param {import('./download.js').OnBytes} onBytes @returns {Promise<Found>} */
  async #unpack(name, onBytes) {
    this.#refuseSize(name);
    const archive = await this.source.whole(name, onBytes, this.signal);
    const read = await this.#ask({ type: 'read', files: { [name]: archive } });
    const { config, scheduler, labels, null_label: nullLabel, notes, weights } = read;
    const needs = await this.#ask({ type: 'needs', config });
    this.#refuseMemory(needs);
    const more = await this.#check(config, weights);
    // What it took to read it is not needed any more.
    this.#rest();
    return { config, scheduler, labels, nullLabel, notes: [...notes, ...more], weights: [name], bytes: archive.size, needs, ready: weights };
  }

  /** Whether weights that are there are those of a network. @param {string} config @param {Blob} weights @returns {Promise<string[]>} what is to be said of them */
  async #check(config, weights) {
    const start = await startOf(async (count) => new Uint8Array(await weights.slice(0, count).arrayBuffer()));
    return this.#ask({ type: 'check', config, files: [{ start, size: weights.size }] });
  }

  /** @param {string} name */
  #header(name) {
    return startOf((count) => this.source.start(name, count, this.signal));
  }

  /** @param {string} name */
  #refuseSize(name) {
    const bytes = this.source.sizeOf(name);
    if (bytes > MOST_BYTES) throw new Failure('memory', `${name} has ${(bytes / 1e9).toFixed(1)} GB; a page can hold ${Math.floor(MOST_BYTES / 1e9)} GB of a file at most.`);
  }

  /** @param {string[]} names @returns {Promise<Found>} */
  async #outline(names) {
    /** @type {Record<string, Uint8Array>} */
    const files = {};
    /** @type {Outline|undefined} */
    let outline;
    while (!outline) {
      /** @type {Outline|{wanted: string}} */
      const answer = await this.#ask({ type: 'outline', names, files });
      if (!('wanted' in answer)) outline = answer;
      else if (answer.wanted.endsWith('.json')) files[answer.wanted] = await this.source.text(answer.wanted, this.signal);
      // Without a config.json the header tells what the weights are; of other files nothing does.
      else files[answer.wanted] = answer.wanted.endsWith('.safetensors') ? await this.#header(answer.wanted) : new Uint8Array();
    }
    const { config, scheduler, labels, null_label: nullLabel, notes, weights } = outline;
    weights.forEach((name) => this.#refuseSize(name));
    const needs = await this.#ask({ type: 'needs', config });
    this.#refuseMemory(needs);
    const known = weights.every((name) => name.toLowerCase().endsWith('.safetensors'));
    /** @type {string[]} */
    let more = [];
    if (known) {
      const starts = await Promise.all(weights.map(async (name) => ({ start: await this.#header(name), size: this.source.sizeOf(name) || undefined })));
      more = await this.#ask({ type: 'check', config, files: starts });
    }
    const sizes = weights.map((name) => this.source.sizeOf(name));
    const bytes = sizes.includes(0) ? 0 : sizes.reduce((sum, size) => sum + size, 0);
    this.#texts = files;
    return { config, scheduler, labels, nullLabel, notes: [...notes, ...more], weights, bytes, needs, ready: null };
  }

  /** Texts that were read, by name. @type {Record<string, Uint8Array>} */
  #texts = {};

  /**
   * The weights, as one .safetensors file.
   * @param {Found} found @param {import('./download.js').OnBytes} onBytes
   * @returns {Promise<{weights: Blob, notes: string[]}>} and what else is to be said of how they were read
   * @throws {Error} a sentence
   */
  async weights(found, onBytes) {
    if (found.ready) return { weights: found.ready, notes: [] };
    /** @type {Map<string, {have: number, size: number}>} */
    const parts = new Map(found.weights.map((name) => [name, { have: 0, size: this.source.sizeOf(name) }]));
    /** @type {Record<string, Blob>} */
    const blobs = {};
    for (const name of found.weights) {
      blobs[name] = await this.source.whole(name, (have, size) => {
        parts.set(name, { have, size });
        const all = [...parts.values()];
        onBytes(all.reduce((sum, part) => sum + part.have, 0), all.some((part) => part.size === 0) ? 0 : all.reduce((sum, part) => sum + part.size, 0));
      }, this.signal);
    }
    const [only] = found.weights;
    if (found.weights.length === 1 && only.toLowerCase().endsWith('.safetensors')) {
      await this.#checked(() => this.#check(found.config, blobs[only]));
      this.#rest();
      return { weights: blobs[only], notes: [] };
    }
    const texts = Object.fromEntries(Object.entries(this.#texts).map(([name, bytes]) => [name, new Blob([new Uint8Array(bytes)])]));
    return this.#checked(async () => {
      const { weights, notes } = await this.#ask({ type: 'read', files: { ...texts, ...blobs } });
      const more = await this.#check(found.config, weights);
      this.#rest();
      return { weights, notes: [...notes, ...more].filter((note) => !found.notes.includes(note)) };
    });
  }

  /** What is refused now that it is there is not kept for another try. @template T @param {() => Promise<T>} work @returns {Promise<T>} */
  async #checked(work) {
    try {
      return await work();
    } catch (error) {
      this.source.forget();
      throw error;
    }
  }

  /** The schedule that is proposed where there is none. @returns {Promise<string>} */
  proposal() {
    return this.#ask({ type: 'schedule', text: null });
  }

  /** @param {string} text  of a scheduler_config.json @returns {Promise<string[]>} what is to be said of it @throws {Failure} when it cannot be used */
  async schedule(text) {
    return (await this.#ask({ type: 'schedule', text })).notes;
  }

  /** The files were read, and are kept elsewhere. */
  done() {
    this.source.forget();
    this.#rest();
  }
}
