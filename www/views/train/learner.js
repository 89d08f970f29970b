// A run of training: its trainer, where there is one, and all that outlives it. It knows nothing of the page.

import { Failure } from '../../engine/errors.js';
import { Trainer } from '../../engine/trainer.js';
import { kindsOf } from './plan.js';

/**
 * @typedef {import('./plan.js').Plan} Plan
 * @typedef {import('../../engine/trainer.js').Remark} Remark
 *
 * @typedef {object} Way  how it goes on
 * @property {'auto'|'webgpu'|'cpu'} device
 * @property {number} lr
 *
 * @typedef {object} Copy  of a run, to be kept
 * @property {Blob} checkpoint
 * @property {number} step  steps that it has
 * @property {number[]} losses  of these
 * @property {import('../../engine/trainer.js').Model} model  as it was then, or a step later
 *
 * @typedef {object} Sampled
 * @property {Float32Array} values  -1…1, [B, C, H, W]
 * @property {number} step  after which the network drew it
 */

/** After these a trainer is of no further use, or has been led astray. @type {import('../../engine/errors.js').Kind[]} */
const BROKEN = ['lost', 'crash', 'device', 'start', 'ended', 'diverged'];

/** Steps of the sampler for a glance. */
const GLANCE_STEPS = 12;

export class Learner {
  /** Steps done. */
  step = 0;
  /** Of every step. @type {number[]} */
  losses = [];
  /** What it runs on, once it does. @type {Trainer['info']|null} */
  info = null;
  /** The last one, from which it goes on where the trainer breaks. @type {Blob|null} */
  checkpoint = null;
  /** Whether nobody wants it any more. */
  ended = false;
  /** @type {Trainer|null} */
  #trainer = null;
  /** @type {import('../../engine/remote.js').Remote|null} */
  #sampler = null;
  /** What was asked for when it was woken last. @type {Way|null} */
  #way = null;
  /** The step of the last checkpoint. */
  #kept = -1;
  /** How often it was stopped. */
  #stops = 0;
  /** Hears of the trainer. @type {(event: Remark) => void} */
  #listener = () => {};

  /**
   * @param {Plan} plan @param {Uint8Array<ArrayBuffer>} pixels  of the pictures, and their mirror images if they are learned
   * @param {number[]|null} labels  the class of each of them
   */
  constructor(plan, pixels, labels) {
    this.plan = plan;
    this.pixels = pixels;
    this.labels = labels;
  }

  /** Whether it can make a step at once. */
  get awake() {
    return this.#trainer !== null;
  }

  /**
   * Begins, or goes on from the last checkpoint.
   * @param {() => Promise<Omit<import('../../engine/trainer.js').Options, 'images'|'labels'|'device'|'lr'>>} options  of a new one, beside the way
   * @param {Way} way
   * @param {(event: Remark) => void} listener
   */
  async wake(options, way, listener) {
    this.#listener = listener;
    if (this.#trainer) {
      const same = way.device === this.#way?.device && way.lr === this.#way.lr;
      // Only what is kept can go on in another way.
      if (same || this.#kept !== this.step) return;
      this.rest();
    }
    this.#way = way;
    const { channels, height, width } = this.plan.shape;
    const pictures = { images: this.pixels, channels, height, width, ...(this.labels && { labels: this.labels }), ...way };
    const hear = (/** @type {Remark} */ event) => {
      if (event.type === 'step') {
        this.step = event.step;
        this.losses.push(event.loss);
      }
      this.#listener(event);
    };
    this.#trainer = this.checkpoint
      ? await Trainer.resume(new Uint8Array(await this.checkpoint.arrayBuffer()), pictures, hear)
      : await Trainer.create({ ...(await options()), ...pictures }, hear);
    this.info = this.#trainer.info;
    this.step = this.info.step;
    this.losses = [...this.info.losses];
  }

  /**
   * @param {number} count  of steps @returns {Promise<import('../../engine/trainer.js').Step>}
   * @throws {Failure} after which it can be woken again
   */
  async train(count) {
    try {
      return await this.#awake.step(count);
    } catch (error) {
      if (BROKEN.includes(Failure.from(error).kind)) this.rest();
      throw error;
    }
  }

  /** Ends `train` after the step that is being computed, and the samples at once. */
  stop() {
    this.#stops += 1;
    this.#trainer?.stop();
    this.#sampler?.terminate();
  }

  /** Gives back the memory; only what was kept is left. */
  rest() {
    this.stop();
    this.#trainer?.free();
    this.#trainer = null;
  }

  /** It is over for good. */
  end() {
    this.rest();
    this.ended = true;
  }

  /** Everything that it needs to go on, and the model as it is. @returns {Promise<Copy>} */
  async keep() {
    const trainer = this.#awake;
    const checkpoint = await trainer.checkpoint();
    // The answer and the steps before it come in this order.
    const [step, losses] = [this.step, this.losses.slice()];
    this.#kept = step;
    this.checkpoint = new Blob([checkpoint]);
    const model = await trainer.model();
    return { checkpoint: this.checkpoint, step, losses, model };
  }

  /** Pictures that the network draws from the same noise each time, of one class after the other. @param {number} count @returns {Promise<Sampled>} */
  async sample(count) {
    const { step } = this;
    const stops = this.#stops;
    const sampler = await this.#awake.sampler();
    this.#sampler = sampler;
    try {
      if (stops !== this.#stops) throw new Failure('ended', 'the samples were ended');
      const { classes, seed } = this.plan;
      const kinds = classes && kindsOf(classes);
      const labels = kinds && Array.from({ length: count }, (_, i) => kinds[i % kinds.length].label);
      const { values } = await sampler.sample({ steps: GLANCE_STEPS, batch: count, seed, eta: 0, ...(labels && { labels }) }, () => {}).ended;
      if (!values) throw new Failure('ended', 'the samples were ended');
      return { values, step };
    } finally {
      sampler.terminate();
      this.#sampler = null;
    }
  }

  get #awake() {
    if (!this.#trainer) throw new Failure('ended', 'the run was ended');
    return this.#trainer;
  }
}
