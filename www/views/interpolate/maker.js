// What is made for this view, out of a task: pictures of the corners, which are kept, the path between them, and runs.

import { loadFigures } from '../../engine/figures.js';
import { toGreyLevels } from '../../engine/levels.js';
import { modeOf, seedsOf } from './modes.js';
import { MixPath, NoisePath } from './paths.js';

/**
 * @typedef {import('../../run.js').Task} Task
 * @typedef {import('../../run.js').Run} Run
 * @typedef {import('../../state.js').Values} Values
 * @typedef {import('./paths.js').Options} Options
 *
 * @typedef {object} Made  a corner's picture
 * @property {string} key  the options that made it
 * @property {Uint8ClampedArray} levels
 * @property {Float32Array} x0
 *
 * @typedef {object} Care  how runs of one purpose are looked after
 * @property {boolean} long  whether a hand that begins to drag ends them
 * @property {(run: Run) => void} onStep
 * @property {(index: number, levels: Uint8ClampedArray) => void} onCorner  hears how the picture of a corner comes along
 */

export class Maker {
  /** By seed. @type {Map<number, Made>} */
  #made = new Map();
  /** @type {Set<Run>} */
  #long = new Set();

  /** @param {import('../../session.js').Session} session */
  constructor(session) {
    this.session = session;
  }

  /** What the old model made is of no use. */
  forget() {
    this.#made.clear();
  }

  /** The picture of a seed, as it was made last. @param {number} seed */
  pictureOf(seed) {
    return this.#made.get(seed)?.levels;
  }

  /** How many pictures of corners are still to be made. @param {Values} values */
  missing(values) {
    return seedsOf(values).filter((seed) => this.#made.get(seed)?.key !== JSON.stringify(this.#optionsOf(seed, values))).length;
  }

  /** A hand has begun to drag: what has made no step yet makes none. */
  stopLong() {
    for (const run of this.#long) run.stop(true);
  }

  /**
   * @param {Task} task @param {Values} values @param {Options} options  those that the settings do not have
   * @param {Care} care @param {(levels: Uint8ClampedArray, run: Run) => void} onLevels  hears of each step
   */
  async #run(task, values, options, { long, onStep }, onLevels) {
    const { batch, method, eta, seed = values.seed } = options;
    const run = task.sample({ ...this.session.options({ ...values, batch, method, eta, seed }), ...options }, {
      onStep: ({ x0 }, run) => {
        onLevels(x0, run);
        onStep(run);
      },
    });
    if (long) this.#long.add(run);
    try {
      return await run.ended;
    } finally {
      this.#long.delete(run);
    }
  }

  /**
   * What comes of a start.
   * @param {Task} task @param {Values} values @param {import('./paths.js').Start} start @param {Care} care
   * @param {(levels: Uint8ClampedArray, run?: Run) => void} onLevels  hears of each step
   * @returns {Promise<boolean>} whether it was made to the end
   */
  async make(task, values, start, care, onLevels) {
    if (task.stopping) return false;
    if ('pictures' in start) {
      onLevels(toGreyLevels(start.pictures) ?? new Uint8ClampedArray(start.pictures.length));
      return true;
    }
    const { stopped } = await this.#run(task, values, start.options, care, onLevels);
    return !stopped;
  }

  /** As Generate makes it when it makes one. @param {number} seed @param {Values} values @returns {Options} */
  #optionsOf(seed, values) {
    return { ...this.session.options({ ...values, batch: 1, method: 'ddim', eta: 0, seed }), batch: 1 };
  }

  /**
   * Makes those pictures of the corners that are not there yet.
   * @param {Task} task @param {Values} values @param {Care} care
   * @returns {Promise<Float32Array[]|null>} x_0 of each; null when it was stopped
   */
  async corners(task, values, care) {
    const pictures = await Promise.all(
      seedsOf(values).map(async (seed, index) => {
        const options = this.#optionsOf(seed, values);
        const key = JSON.stringify(options);
        const made = this.#made.get(seed);
        if (made?.key === key) return made.x0;
        if (task.stopping) return null;
        /** @type {Uint8ClampedArray} */
        let levels = new Uint8ClampedArray();
        const { stopped, values: x0 } = await this.#run(task, values, options, care, (newest) => {
          levels = newest;
          care.onCorner(index, newest);
        });
        if (stopped || !x0) return null;
        this.#made.set(seed, { key, levels, x0 });
        return x0;
      }),
    );
    const whole = pictures.filter((x0) => x0 !== null);
    return whole.length === pictures.length ? whole : null;
  }

  /** The noises of the corners and what is between them. @param {import('./paths.js').Figures} figures @param {Values} values */
  noises(figures, values) {
    const { channels, height, width } = this.session.shape ?? { channels: 1, height: 32, width: 32 };
    return new NoisePath(figures, seedsOf(values).map((seed) => figures.noise(seed, 0, 1, channels * height * width)), values.frames, values.path === 'straight');
  }

  /**
   * The path that the settings ask for. One between pictures needs the pictures first.
   * @param {Task} task @param {Values} values @param {Care} care
   * @returns {Promise<import('./paths.js').Path|null>} null when it was stopped
   */
  async path(task, values, care) {
    const figures = await loadFigures();
    if (modeOf(values) !== 'mix') return task.stopping ? null : this.noises(figures, values);
    const pictures = await this.corners(task, values, care);
    const scheduler = this.session.loaded?.scheduler;
    if (!pictures || !scheduler || task.stopping) return null;
    return new MixPath(figures, scheduler, pictures, values.frames, { seed: values.seed, eta: values.mix_eta });
  }
}
