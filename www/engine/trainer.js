// Training, as a page uses it: the run is made in a worker, on the graphics card or on several processors. Knows no page.

import { Crew } from './crew.js';
import { Failure, isOfDevice, oneLine } from './errors.js';
import { fetchModule, openWith } from './package.js';
import { Remote } from './remote.js';
import { trainingPackages } from './training-package.js';

/**
 * @typedef {import('../../pkg/training/ddim_web.js').TrainingInfo} Info
 * @typedef {import('../../pkg/training/ddim_web.js').TrainedModel} Model
 * @typedef {import('../../pkg/training/ddim_web.js').GradientOptions} GradientOptions
 * @typedef {import('../../pkg/training/ddim_web.js').TrainingGradients} Gradients
 *
 * @typedef {object} Place  where a run is made
 * @property {'auto'|'webgpu'|'cpu'} [device]  `auto` is the graphics card where there is one. Default auto
 * @property {number} [workers]  on the CPU, which make a step together: the same number gives the same bits. Default: one for each processor
 *
 * @typedef {Omit<import('../../pkg/training/ddim_web.js').TrainingOptions, 'device'> & Place} Options
 * @typedef {Omit<import('../../pkg/training/ddim_web.js').ResumeOptions, 'device'> & Place} ResumeOptions
 *
 * @typedef {import('../../pkg/training/ddim_web.js').TrainingStep & {stopped: boolean}} Step  the last of those that were asked for, with their mean loss
 *
 * @typedef {{type: 'step'} & import('../../pkg/training/ddim_web.js').TrainingStep
 *   | {type: 'notice', topic: string, text: string}
 *   | {type: 'bytes', loaded: number, total: number}
 *   | {type: 'crashed', kind: import('./errors.js').Kind, message: string}} Remark  `total` bytes are 0 while unknown; after `crashed` nothing more is said, and only the last checkpoint is left
 */

export class Trainer {
  /** @type {Crew} */
  #worker;
  /** What the run is and runs on; `step` and `losses` are of its beginning here. @type {Info & {workers: number}} */
  info;

  /** Of `Trainer.create` and `Trainer.resume` alone. @param {Crew} worker @param {Info & {workers: number}} info */
  constructor(worker, info) {
    this.#worker = worker;
    this.info = info;
  }

  /**
   * A new run, from new weights or from those of a model.
   * @param {Options} options @param {(event: Remark) => void} [listener]
   * @returns {Promise<Trainer>} @throws {Failure}
   */
  static create({ device, workers, ...options }, listener) {
    return begin({ type: 'create', workers, options }, device, listener);
  }

  /**
   * Goes on from a checkpoint, with the pictures that the run began with.
   * @param {Uint8Array} checkpoint @param {ResumeOptions} options @param {(event: Remark) => void} [listener]
   * @returns {Promise<Trainer>} @throws {Failure}
   */
  static resume(checkpoint, { device, workers, ...options }, listener) {
    return begin({ type: 'resume', workers, options, checkpoint }, device, listener);
  }

  /**
   * Makes so many steps, or as many as are left; the listener hears of each. What is asked for meanwhile is answered
   * between two of them.
   * @param {number} [count] @returns {Promise<Step>} @throws {Failure} `diverged`, `over`; the run is as it was after the last good step
   */
  step(count = 1) {
    return this.#worker.request({ type: 'step', count }, this.#worker.listener).answer;
  }

  /** Ends every `step` that is under way after the step that is being computed, or after its first. */
  stop() {
    this.#worker.post({ type: 'stop' });
  }

  /** The model as it is now, with the averaged weights. @param {'f16'|'f32'} [precision] @returns {Promise<Model>} */
  model(precision = 'f16') {
    return this.#worker.request({ type: 'model', precision }).answer;
  }

  /** Everything that the run needs to go on. @returns {Promise<Uint8Array<ArrayBuffer>>} */
  checkpoint() {
    return this.#worker.request({ type: 'checkpoint' }).answer;
  }

  /** The loss and the gradients for pictures, noise and time steps of one's own; nothing changes. @param {GradientOptions} options @returns {Promise<Gradients>} */
  gradients(options) {
    return this.#worker.request({ type: 'gradients', options }).answer;
  }

  /**
   * The model as it is now, loaded to sample from in a worker of its own, while the run goes on; `terminate()` gives that
   * worker's memory back.
   * @param {{device?: 'auto'|'webgpu'|'cpu'}} [options] @param {(event: import('./remote.js').Remark) => void} [listener]
   * @returns {Promise<Remote>}
   */
  async sampler({ device = 'cpu' } = {}, listener = () => {}) {
    const worker = new Remote(listener);
    try {
      const opened = openWith(worker, { device, engine: 'plan', storage: 'f32' });
      const [{ config, scheduler, weights }, { module }] = await Promise.all([this.model('f32'), opened]);
      await worker.load({ module, config, scheduler, weights: new Blob([weights]) });
      return worker;
    } catch (error) {
      worker.terminate();
      throw Failure.from(error);
    }
  }

  /** Ends the run at once and gives back its memory. */
  free() {
    this.#worker.terminate(new Failure('ended', 'the run was ended'));
  }
}

/**
 * @param {object} message @param {'auto'|'webgpu'|'cpu'} [wanted] @param {(event: Remark) => void} [listener]
 * @returns {Promise<Trainer>}
 */
async function begin(message, wanted = 'auto', listener = () => {}) {
  /** @type {'webgpu'|'cpu'} */
  let device = 'cpu';
  try {
    return await beginIn(async (worker) => {
      ({ device } = await worker.request({ type: 'open', device: wanted }).answer);
      return load(worker, device, message);
    }, listener);
  } catch (error) {
    const failure = Failure.from(error);
    // On `auto`, a graphics card that cannot take the network is no reason to give up.
    if (wanted !== 'auto' || device === 'cpu' || !isOfDevice(failure)) throw failure;
    const trainer = await beginIn((worker) => load(worker, 'cpu', message), listener);
    listener({ type: 'notice', topic: 'device', text: `The graphics card could not take the network (${oneLine(failure)}), so the CPU is used.` });
    return trainer;
  }
}

/** Has a worker make the run, with the package of its device. @param {Crew} worker @param {'webgpu'|'cpu'} device @param {object} message */
async function load(worker, device, message) {
  const { script, wasm } = trainingPackages()[device];
  const module = await fetchModule(wasm, (loaded, total) => worker.listener({ type: 'bytes', loaded, total }));
  return worker.request({ ...message, device, script: script.href, module }).answer;
}

/**
 * In workers of its own, whose crash is told once it has begun.
 * @param {(worker: Crew) => Promise<Info & {workers: number}>} work @param {(event: Remark) => void} listener
 */
async function beginIn(work, listener) {
  let begun = false;
  const worker = new Crew((event) => {
    if (begun || event.type !== 'crashed') listener(event);
  });
  try {
    const info = await work(worker);
    begun = true;
    return new Trainer(worker, info);
  } catch (error) {
    worker.terminate();
    throw Failure.from(error);
  }
}
