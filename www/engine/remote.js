// One worker, seen from the page: every request is a promise that is settled once, whatever becomes of the worker and
// however many requests are under way. Messages go by the number of their request.

import { Failure } from './errors.js';

/**
 * @typedef {import('./errors.js').Kind} Kind
 *
 * @typedef {object} Loaded  what a loaded model is and runs on
 * @property {import('../../pkg/ddim_web.js').Info} info
 * @property {string} adapter
 * @property {string} [tuning]  which kernels were the fastest on the graphics card
 * @property {{trainSteps: number, tau: string, unknownKeys: string[]}} scheduler  T, the tau that the model asks for, and the keys that were ignored
 *
 * @typedef {{type: 'started', total: number}} Started
 * @typedef {{type: 'step', index: number, t: number, x0: Uint8ClampedArray<ArrayBuffer>, xt: Uint8ClampedArray<ArrayBuffer>}} Step  grey levels, [B, C, H, W]
 *
 * @typedef {{device: 'auto'|'webgpu'|'cpu', engine: 'plan'|'burn', storage: 'f32'|'f16', script: string}} Wanted  script: the package's
 * @typedef {{module: WebAssembly.Module, config: string, scheduler: string, weights: Blob, tuning?: string}} Files
 *
 * @typedef {{type: 'compiling', done: number, total: number}
 *   | {type: 'notice', topic: string, text: string}
 *   | {type: 'crashed', kind: Kind, message: string}} Remark  what a worker says on its own account
 * @typedef {Remark
 *   | {type: 'answer', request: number, value: unknown}
 *   | {type: 'failed', request: number, kind: Kind, message: string}
 *   | (Started | Step) & {request: number}} Message  all that it says
 *
 * @typedef {object} Run  one run of the sampler in one worker
 * @property {Promise<{stopped: boolean}>} ended
 * @property {() => void} stop  ends it after the step that is being computed, or after its first
 * @property {(steps: number) => void} taken  the page has so many steps of the whole batch
 */

export class Remote {
  #worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  /** @type {Map<number, {resolve: (value: any) => void, reject: (failure: Failure) => void, onEvent?: (event: Started|Step) => void}>} by request */
  #pending = new Map();
  #requests = 0;
  /** Why it has ended, once it has. @type {Failure|null} */
  #end = null;

  /** @param {(event: Remark) => void} listener  hears what belongs to no request */
  constructor(listener) {
    this.listener = listener;
    this.#worker.addEventListener('message', ({ data }) => this.#receive(data));
    this.#worker.addEventListener('error', (event) => {
      event.preventDefault();
      this.#receive({ type: 'crashed', kind: 'start', message: event.message || 'its script failed' });
    });
  }

  /**
   * Imports the package's script and looks for a graphics adapter.
   * @param {Wanted} wanted
   * @returns {Promise<{adapter: string}>} the graphics adapter's name, empty where none can be used
   */
  open(wanted) {
    return this.#request({ type: 'open', wanted }).answer;
  }

  /**
   * Chooses the device and loads the model there.
   * @param {Files} files
   * @returns {Promise<Loaded>}
   */
  load(files) {
    return this.#request({ type: 'load', files }).answer;
  }

  /**
   * Starts a run, after those that were asked for before.
   * @param {object} options  of `Denoiser.sampler`, without the scheduler
   * @param {(event: Started|Step) => void} onEvent
   * @returns {Run}
   */
  sample(options, onEvent) {
    const { request, answer } = this.#request({ type: 'sample', options }, onEvent);
    return {
      ended: answer,
      stop: () => this.#worker.postMessage({ type: 'stop', request }),
      taken: (steps) => this.#worker.postMessage({ type: 'taken', request, steps }),
    };
  }

  /** Ends the worker at once and gives back its memory. @param {Failure} [why]  what its requests fail with, from now on too */
  terminate(why = new Failure('ended', 'the engine was ended')) {
    this.#end ??= why;
    this.#worker.terminate();
    for (const { reject } of this.#pending.values()) reject(this.#end);
    this.#pending.clear();
  }

  /** @param {object} message @param {(event: Started|Step) => void} [onEvent] */
  #request(message, onEvent) {
    this.#requests += 1;
    const request = this.#requests;
    if (this.#end) return { request, answer: Promise.reject(this.#end) };
    const answer = new Promise((resolve, reject) => this.#pending.set(request, { resolve, reject, onEvent }));
    this.#worker.postMessage({ ...message, request });
    return { request, answer };
  }

  /** @param {Message} data */
  #receive(data) {
    if (data.type === 'crashed') this.terminate(new Failure(data.kind, data.message));
    if (!('request' in data)) {
      this.listener(data);
      return;
    }
    const { request } = data;
    const pending = this.#pending.get(request);
    if (data.type === 'answer' || data.type === 'failed') this.#pending.delete(request);
    if (data.type === 'answer') pending?.resolve(data.value);
    else if (data.type === 'failed') pending?.reject(new Failure(data.kind, data.message));
    else pending?.onEvent?.(data);
  }
}
