// What is made for this view, out of a task: pictures of the corners, which are kept, the path between them, and runs.

import { loadFigures } from '../../engine/figures.js';
import { toGreyLevels } from '../../engine/levels.js';
import { modeOf } from './modes.js';
import { MixPath, NoisePath } from './paths.js';

/**
 * @typedef {import('../../run.js').Task} Task
 * @typedef {import('../../run.js').Run} Run
 * @typedef {import('../../state.js').Values} Values
 * @typedef {import('./paths.js').Options} Options
 * @typedef {import('./ends.js').End} End
 *
 * @typedef {object} Made  the picture of a seed
 * @property {string} key  the options that made it
 * @property {Uint8ClampedArray} levels
 * @property {Float32Array} x0
 *
 * @typedef {{key: string, latents: Float32Array}} Encoded  a picture as noise, and the options that made it
 *
 * @typedef {object} Care  how runs of one purpose are looked after
 * @property {boolean} long  whether a hand that begins to drag ends them
 * @property {(run: Run) => void} onStep
 * @property {(index: number, levels: Uint8ClampedArray) => void} onCorner  hears how the picture of a corner comes along
 */

export class Maker {
  /** By corner. @type {Map<string, Made>} */
  #made = new Map();
  /** By corner. @type {Map<string, Encoded>} */
  #encoded = new Map();
  /** @type {Set<Run>} */
  #long = new Set();

  /** @param {import('../../session.js').Session} session @param {import('./ends.js').Ends} ends  what stands at the corners */
  constructor(session, ends) {
    this.session = session;
    this.ends = ends;
  }

  /** What the old model made is of no use. */
  forget() {
    this.#made.clear();
    this.#encoded.clear();
  }

  /** The picture of a corner: the one that was given, or the one that was made last. @param {End} end */
  pictureOf({ key, picture }) {
    return picture?.levels ?? this.#made.get(key)?.levels;
  }

  /** How many runs the corners still need. @param {Values} values */
  missing(values) {
    const mix = modeOf(values) === 'mix';
    return this.ends.of(values).filter(({ key, seed, picture }) => {
      if (picture) return !mix && this.#encoded.get(key)?.key !== JSON.stringify(this.#encoding(values));
      return this.#made.get(key)?.key !== JSON.stringify(this.#optionsOf(seed, values));
    }).length;
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
    const { batch, method, eta, seed = values.seed, clip } = options;
    const changes = { batch, method, eta, seed, ...(clip === false && { guidance: 0 }) };
    const run = task.sample({ ...this.session.options({ ...values, ...changes }), ...options }, {
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

  /** From a picture to its noise (DDIM, section 4.3); nothing is drawn. @param {Values} values @returns {Options} */
  #encoding(values) {
    return { ...this.session.options({ ...values, batch: 1, method: 'inversion', guidance: 0, seed: 0 }), batch: 1, clip: false };
  }

  /**
   * Makes those pictures of the corners that are not there yet.
   * @param {Task} task @param {Values} values @param {Care} care
   * @returns {Promise<Float32Array[]|null>} x_0 of each; null when it was stopped
   */
  async corners(task, values, care) {
    const pictures = await Promise.all(
      this.ends.of(values).map(async ({ key: corner, seed, picture }, index) => {
        if (picture) return picture.values;
        const options = this.#optionsOf(seed, values);
        const key = JSON.stringify(options);
        const made = this.#made.get(corner);
        if (made?.key === key) return made.x0;
        if (task.stopping) return null;
        /** @type {Uint8ClampedArray} */
        let levels = new Uint8ClampedArray();
        const { stopped, values: x0 } = await this.#run(task, values, options, care, (newest) => {
          levels = newest;
          care.onCorner(index, newest);
        });
        if (stopped || !x0) return null;
        this.#made.set(corner, { key, levels, x0 });
        return x0;
      }),
    );
    const whole = pictures.filter((x0) => x0 !== null);
    return whole.length === pictures.length ? whole : null;
  }

  /** The first noise of a seed. @param {import('./paths.js').Figures} figures @param {number} seed */
  #noise(figures, seed) {
    const { channels, height, width } = this.session.shape ?? { channels: 1, height: 32, width: 32 };
    return figures.noise(seed, 0, 1, channels * height * width);
  }

  /** What is between the noises of the corners. Any noise stands for that of a picture which is not encoded yet. @param {import('./paths.js').Figures} figures @param {Values} values */
  noises(figures, values) {
    const latents = this.ends.of(values).map(({ key, seed }) => this.#encoded.get(key)?.latents ?? this.#noise(figures, seed));
    return this.#between(figures, values, latents);
  }

  /** @param {import('./paths.js').Figures} figures @param {Values} values @param {Float32Array[]} latents  x_T of the corners */
  #between(figures, values, latents) {
    const exact = this.ends.of(values).some(({ picture }) => picture);
    return new NoisePath(figures, latents, values.frames, values.path === 'straight', exact);
  }

  /**
   * x_T of the corners: those of pictures are made where they are not there yet.
   * @param {Task} task @param {Values} values @param {Care} care @param {import('./paths.js').Figures} figures
   * @returns {Promise<Float32Array[]|null>} null when it was stopped
   */
  async #latents(task, values, care, figures) {
    const options = this.#encoding(values);
    const key = JSON.stringify(options);
    const all = await Promise.all(
      this.ends.of(values).map(async ({ key: corner, seed, picture }) => {
        if (!picture) return this.#noise(figures, seed);
        const encoded = this.#encoded.get(corner);
        if (encoded?.key === key) return encoded.latents;
        if (task.stopping) return null;
        const { stopped, values: latents } = await this.#run(task, values, { ...options, latents: picture.values }, care, () => {});
        if (stopped || !latents) return null;
        this.#encoded.set(corner, { key, latents });
        return latents;
      }),
    );
    const whole = all.filter((latents) => latents !== null);
    return whole.length === all.length ? whole : null;
  }

  /**
   * The path that the settings ask for. One between pictures needs the pictures first.
   * @param {Task} task @param {Values} values @param {Care} care
   * @returns {Promise<import('./paths.js').Path|null>} null when it was stopped
   */
  async path(task, values, care) {
    const figures = await loadFigures();
    if (modeOf(values) !== 'mix') {
      const latents = await this.#latents(task, values, care, figures);
      return latents && !task.stopping ? this.#between(figures, values, latents) : null;
    }
    const pictures = await this.corners(task, values, care);
    const scheduler = this.session.loaded?.scheduler;
    if (!pictures || !scheduler || task.stopping) return null;
    return new MixPath(figures, scheduler, pictures, values.frames, { seed: values.seed, eta: values.mix_eta });
  }
}
