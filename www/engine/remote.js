// The worker that samples, seen from the page.

import { Requests } from './requests.js';

/**
 * @typedef {import('./errors.js').Kind} Kind
 *
 * @typedef {object} Loaded  what a loaded model is and runs on
 * @property {import('../../pkg/ddim_web.js').Info} info
 * @property {string} adapter
 * @property {string} [why]  why it runs there, where that is not what one might expect
 * @property {'f32'|'f16'} [storage]  how the device keeps the network's numbers
 * @property {string} [tuning]  which kernels were the fastest on the graphics card
 * @property {{trainSteps: number, tau: string, unknownKeys: string[], notes: string[], json: string}} scheduler  T, the tau that the model asks for, the keys that were ignored, how else it was read, and the file itself
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
 * @typedef {{device: 'auto'|'webgpu'|'cpu', engine: 'plan'|'burn', storage: 'f32'|'f16'}} Wanted
 * @typedef {{adapter: string, device: 'webgpu'|'cpu'}} Opened  the graphics adapter's name, empty where none can be used; where the model will run
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

export class Remote extends Requests {
  /** @param {(event: Remark) => void} listener  hears what belongs to no request */
  constructor(listener) {
    super({ name: 'worker.js', start: () => new Worker(new URL('./worker.js', import.meta.url), { type: 'module' }) }, listener);
  }

  /**
   * Chooses the device; `openWith` in package.js does this and fetches the package for it.
   * @param {Wanted} wanted @param {{cpu: string, webgpu: string}} scripts  of the packages
   * @returns {Promise<Opened>}
   */
  open(wanted, scripts) {
    return this.request({ type: 'open', wanted, scripts }).answer;
  }

  /**
   * Loads the model on the device that was chosen.
   * @param {Files} files
   * @returns {Promise<Loaded>}
   */
  load(files) {
    return this.request({ type: 'load', files }).answer;
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

  /** @param {object} message @param {(event: any) => void} onEvent @returns {Run} */
  #run(message, onEvent) {
    const { request, answer } = this.request(message, onEvent);
    return {
      ended: answer,
      stop: (atOnce = false) => this.post({ type: 'stop', request, atOnce }),
      taken: (steps) => this.post({ type: 'taken', request, steps }),
    };
  }
}
