// One worker, seen from the page: every request is a promise that is settled once, whatever becomes of the worker and
// however many requests are under way. Messages go by the number of their request.

import { Failure, oneLine } from './errors.js';

/**
 * @typedef {import('./errors.js').Kind} Kind
 *
 * @typedef {object} Loaded  what a loaded model is and runs on
 * @property {import('../../pkg/ddim_web.js').Info} info
 * @property {string} adapter
 * @property {string} [why]  why it runs there, where that is not what one might expect
 * @property {'f32'|'f16'} [storage]  how the device keeps the network's numbers
 * @property {string} [tuning]  which kernels were the fastest on the graphics card
 * @property {{trainSteps: number, tau: string, unknownKeys: string[], json: string}} scheduler  T, the tau that the model asks for, the keys that were ignored, and the file itself
 *
 * @typedef {Uint8ClampedArray<ArrayBuffer>} Levels  grey levels, [B, C, H, W]
 * @typedef {{type: 'started', total: number}} Started
 *
 * @typedef {object} Step
 * @property {'step'} type
 * @property {number} index  from 0
 * @property {number} t  the time step that the network was told
 * @property {number} ms  that the engine took
 * @property {Levels} x0  x̂₀
 * @property {Levels} xt  after the step
 * @property {Terms} [terms]  where they were asked for
 *
 * @typedef {object} Terms  what a step adds up (DDIM, eq. 12), for the first picture of the batch
 * @property {number} a  factor of x̂₀
 * @property {number} b  factor of eps
 * @property {number} sigma  factor of fresh noise
 * @property {number|null} tNext  the time step of the result; null is the image
 * @property {Levels} predicted  a x̂₀
 * @property {Levels} direction  b eps
 * @property {Levels} noise  sigma z
 *
 * @typedef {{type: 'points', points: import('../../pkg/ddim_web.js').RatePoint[]}} Points
 * @typedef {Started | Step | Points} Event  of a run
 *
 * @typedef {object} End  of a run
 * @property {boolean} stopped  before its last step
 * @property {Float32Array} [values]  of a `sample` that made one: the state after its last step, [B, C, H, W]
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
 *   | Event & {request: number}} Message  all that it says
 *
 * @typedef {object} Run  one run in one worker
 * @property {Promise<End>} ended
 * @property {(atOnce?: boolean) => void} stop  ends it after the step that is being computed, or after its first, unless `atOnce`
 * @property {(steps: number) => void} taken  the page has so many steps of the whole batch
 */

/** @throws {Failure} where the browser has none, or allows none here */
function startWorker() {
  try {
    return new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  } catch (error) {
    throw new Failure('browser', `This browser starts no workers here, and the network runs in one (${oneLine(error)}); please allow them or use a current Chrome, Edge, Firefox or Safari.`);
  }
}

export class Remote {
  #worker = startWorker();
  /** @type {Map<number, {resolve: (value: any) => void, reject: (failure: Failure) => void, onEvent?: (event: any) => void}>} by request */
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

  /** How many requests are under way. */
  get requests() {
    return this.#pending.size;
  }

  /**
   * Starts a run; of several that are under way each makes a step in turn.
   * @param {object} options  of `Denoiser.sampler`, without the scheduler
   * @param {(event: Started|Step) => void} onEvent
   * @param {boolean} [dissect]  whether the steps come with their terms
   * @returns {Run}
   */
  sample(options, onEvent, dissect = false) {
    return this.#run({ type: 'sample', options, dissect }, onEvent);
  }

  /**
   * Starts a rate-distortion curve.
   * @param {object} options  of `Denoiser.rate_distortion`, without the scheduler
   * @param {(event: Started|Points) => void} onEvent
   * @returns {Run}
   */
  rate(options, onEvent) {
    return this.#run({ type: 'rate', options }, onEvent);
  }

  /** Ends the worker at once and gives back its memory. @param {Failure} [why]  what its requests fail with, from now on too */
  terminate(why = new Failure('ended', 'the engine was ended')) {
    this.#end ??= why;
    this.#worker.terminate();
    for (const { reject } of this.#pending.values()) reject(this.#end);
    this.#pending.clear();
  }

  /** @param {object} message @param {(event: any) => void} onEvent @returns {Run} */
  #run(message, onEvent) {
    const { request, answer } = this.#request(message, onEvent);
    return {
      ended: answer,
      stop: (atOnce = false) => this.#worker.postMessage({ type: 'stop', request, atOnce }),
      taken: (steps) => this.#worker.postMessage({ type: 'taken', request, steps }),
    };
  }

  /** @param {object} message @param {(event: any) => void} [onEvent] */
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
