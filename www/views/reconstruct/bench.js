// What the tasks of this view share: the session, the picture, and the two directions of the ODE (DDIM, section 4.3).

import { loadFigures } from '../../engine/figures.js';
import { element } from '../../ui/dom.js';
import { Reel } from '../../ui/reel.js';
import { milliseconds } from '../../ui/words.js';

/**
 * @typedef {import('../../session.js').Session} Session
 * @typedef {import('../../run.js').Task} Task
 * @typedef {import('../../run.js').Run} Run
 * @typedef {import('../../run.js').Way} Way
 * @typedef {import('../../state.js').Values} Values
 * @typedef {import('../../ui/pixels.js').Shape} Shape
 * @typedef {import('./source.js').Picture} Picture
 * @typedef {import('../../engine/figures.js').Figures} Figures
 *
 * @typedef {object} Mode  one task of the view
 * @property {string} lead  what one can see
 * @property {string} source  where it comes from
 * @property {string} run  what the button says
 * @property {(keyof Values)[]} settings  that count
 * @property {import('./scene.js').Arrangement} scene
 * @property {Node[]} [tools]  under the status line
 * @property {Node[]} [below]  under the columns
 * @property {(shape: Shape) => void} forget  what was made with another picture or model
 * @property {() => void} [enter]  it is chosen
 * @property {() => void} [leave]  another one is
 * @property {(task: Task, picture: Picture) => Promise<string>} work  what the status line says at the end
 */

/** A run that is to be watched lasts so long at least. */
const WATCH_MS = 1200;

/** What a stopped task says. */
export const STOPPED = 'Stopped. What there is so far is kept.';

/** A letter of the papers with its index. @param {string} letter @param {string} index @param {'x0'|'xt'} kind */
export function letter(letter, index, kind) {
  return element('var', { className: kind }, letter, element('sub', {}, index));
}

export class Bench {
  /** Does the chosen task; the view says how. */
  run = () => {};
  /** Hears of a task that this view has begun. @type {(task: Task) => void} */
  begun = () => {};
  /** How what is on show came about, [B, C, H, W] each. */
  reel = new Reel(0);

  /** @param {Session} session @param {import('./source.js').Source} source @param {import('./cell.js').Cell} cell  of the picture */
  constructor(session, source, cell) {
    this.session = session;
    this.settings = session.settings;
    this.source = source;
    this.cell = cell;
  }

  /** @returns {Promise<Figures>} */
  figures() {
    return loadFigures();
  }

  /** How long the films last; somebody who asks for less motion does without. */
  get pace() {
    return matchMedia('(prefers-reduced-motion: reduce)').matches ? 0 : WATCH_MS;
  }

  /** @returns {Shape} of the loaded model's pictures */
  get shape() {
    const { shape } = this.session;
    if (!shape) throw new Error('No model is loaded.');
    return shape;
  }

  /** Values of one picture. */
  get image() {
    const { channels, height, width } = this.shape;
    return channels * height * width;
  }

  /** @returns {string} the text of scheduler_config.json */
  get scheduler() {
    return this.session.loaded?.scheduler.json ?? '';
  }

  /** x_T of pictures, both [count, C, H, W]. @param {Task} task @param {Float32Array} pictures @param {Partial<Values>} changes @param {Way} way */
  encode(task, pictures, changes = {}, way = {}) {
    const options = this.session.options({ ...changes, batch: pictures.length / this.image, method: 'inversion', guidance: 0 });
    return task.sample({ ...options, latents: pictures, clip: false }, way);
  }

  /** The pictures of x_T. @param {Task} task @param {Float32Array} latents @param {Partial<Values>} changes @param {Way} way */
  decode(task, latents, changes = {}, way = {}) {
    const options = this.session.options({ ...changes, batch: latents.length / this.image, method: 'ddim', eta: 0, guidance: 0 });
    return task.sample({ ...options, latents, clip: false }, way);
  }

  /**
   * Tells how far a task of several runs is.
   * @param {string} text @param {Run} run @param {{t: number}} step @param {number} done  steps of earlier runs @param {number} total  of all
   */
  report(text, run, { t }, done, total) {
    const step = done + run.times.length;
    this.session.report({ text, step, progress: { value: step, max: total }, figures: `Step ${step} of ${total} · t = ${t} · ${milliseconds(run.msPerStep)} per step` });
  }
}

/** @param {Run} run @returns {Promise<Float32Array|null>} the state at its end, or null where it was stopped */
export async function endOf(run) {
  const { stopped, values } = await run.ended;
  return stopped ? null : (values ?? null);
}
