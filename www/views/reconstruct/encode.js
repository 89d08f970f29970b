// A picture to its noise and back (DDIM, section 4.3): what the noise looks like, what is lost, and how that depends on
// the number of steps (table 2).

import { element } from '../../ui/dom.js';
import { Reel } from '../../ui/reel.js';
import { isOther, OWN_TAU, settingOf } from '../../state.js';
import { termButton } from '../../ui/terms.js';
import { plural } from '../../ui/words.js';
import { STOPPED, endOf, letter } from './bench.js';
import { Cell } from './cell.js';
import { ErrorCurve, CURVE_STEPS } from './curve.js';
import { NoiseTable } from './statistics.js';

/** @typedef {import('./bench.js').Bench} Bench @typedef {import('./bench.js').Mode} Mode @typedef {import('./bench.js').Picture} Picture @typedef {import('../../run.js').Task} Task */

/** How much the difference is exaggerated, so that one sees it. */
const EXAGGERATION = 4;

/** @param {Float32Array} a @param {Float32Array} b @returns {Uint8ClampedArray} levels of |a - b|, exaggerated */
function differenceOf(a, b) {
  return Uint8ClampedArray.from(a, (value, i) => Math.abs(value - b[i]) * 127.5 * EXAGGERATION);
}

/** @param {number} error @returns {string} for a sentence */
function shortError(error) {
  return error < 1e-4 ? error.toExponential(1) : error.toPrecision(2);
}

/** @implements {Mode} */
export class Encode {
  lead = 'Step by step a picture becomes the noise that it would have come from, and a picture again. More steps lose less.';
  run = 'Reconstruct';
  /** @type {Mode['settings']} */
  settings = ['steps'];
  #noise = new Cell('noise', 'The picture’s noise, x_T');
  #back = new Cell('back', 'Reconstruction');
  #difference = new Cell('difference', 'Difference between the picture and its reconstruction');
  #error = element('output', { className: 'number', 'data-testid': 'reconstruct-error' }, '–');
  #table = new NoiseTable();
  #curve;
  /** The picture that the results on show are of. @type {Picture|null} */
  #of = null;

  /** @param {Bench} bench */
  constructor(bench) {
    this.bench = bench;
    this.#noise.say('→ noise ', letter('x', 'T', 'xt'));
    this.#back.say('→ made again');
    this.#difference.say(`difference, ${EXAGGERATION} times as strong`);
    this.#curve = new ErrorCurve(() => this.#measure());
    this.scene = { nodes: [bench.cell.root, this.#noise.root, this.#back.root], columns: 3, narrow: 3 };
    this.source = 'DDIM, section 4.3 and table 2';
    this.below = [
      element('div', { className: 'card loss' },
        element('h3', {}, 'What is lost ', termButton('inversion')),
        element('div', { className: 'loss-row' }, this.#difference.root,
          element('p', {}, this.#error, element('span', { className: 'quiet' }, 'mean squared error of a pixel on the scale from 0 to 1, as in table 2 of the DDIM paper')))),
      this.#table.root,
      this.#curve.root,
    ];
  }

  /** @param {import('../../ui/pixels.js').Shape} shape */
  forget(shape) {
    this.#of = null;
    for (const cell of [this.#noise, this.#back, this.#difference]) cell.layout(shape);
    this.#error.textContent = '–';
    this.#table.clear();
    this.#curve.clear();
  }

  /** What a curve of errors belongs to. */
  #key() {
    const { tau } = this.bench.settings.all();
    return JSON.stringify([tau, this.bench.settings.get('label')]);
  }

  /** @param {Task} task @param {Picture} picture */
  async work(task, picture) {
    const { bench } = this;
    const figures = await bench.figures();
    const { shape, pace } = bench;
    const { steps, seed } = bench.settings.all();
    const key = this.#key();
    this.#of = picture;
    const fresh = () => this.#of === picture;
    const up = bench.encode(task, picture.values, {}, {
      pace,
      onStart: (run) => (bench.reel = new Reel(2 * run.total)),
      onStep: (step, run) => {
        if (!fresh()) return;
        this.#noise.draw(step.xt);
        bench.reel.add(step.xt);
        bench.report('Encoding: the picture becomes noise…', run, step, 0, 2 * run.total);
      },
    });
    const noise = await endOf(up);
    if (!noise || task.stopping) return STOPPED;
    if (fresh()) this.#table.show(figures.statistics(noise, shape.channels, shape.height, shape.width), figures.statistics(figures.noise(seed, 0, 1, bench.image), shape.channels, shape.height, shape.width));
    const down = bench.decode(task, noise, {}, {
      pace,
      onStep: (step, run) => {
        if (!fresh()) return;
        this.#back.draw(step.xt);
        bench.reel.add(step.xt);
        bench.report('Decoding: the noise becomes a picture…', run, step, up.total, up.total + run.total);
      },
    });
    const decoded = await endOf(down);
    if (!decoded || !fresh()) return STOPPED;
    const error = figures.reconstruction_error(picture.values, decoded);
    this.#difference.draw(differenceOf(picture.values, decoded));
    this.#error.textContent = error.toFixed(6);
    this.#curve.add(key, isOther(settingOf('tau'), bench.settings.get('tau')) ? up.total : steps, error);
    return `Reconstructed in ${plural(up.total, 'step')} each way; error ${shortError(error)}.`;
  }

  /** The curve, point by point. */
  async #measure() {
    const { bench } = this;
    const { session, source } = bench;
    const { picture } = source;
    if (session.busy || !session.loaded || !picture) return;
    const key = this.#key();
    const missing = this.#curve.missing(key, session.loaded.scheduler.trainSteps);
    const total = 2 * missing.reduce((sum, steps) => sum + steps, 0);
    const task = session.perform({
      text: 'Measuring the error…',
      work: async (task) => {
        const figures = await bench.figures();
        this.#of = picture;
        let done = 0;
        const report = () => {
          done += 1;
          session.report({ step: done, progress: { value: done, max: total }, figures: `Step ${done} of ${total}` });
        };
        // A tau that says itself how many steps there are has no curve.
        const tau = isOther(settingOf('tau'), bench.settings.get('tau')) ? { tau: OWN_TAU } : {};
        for (const steps of missing) {
          const way = { onStep: report };
          const noise = await endOf(bench.encode(task, picture.values, { steps, ...tau }, way));
          if (!noise || task.stopping) return STOPPED;
          const decoded = await endOf(bench.decode(task, noise, { steps, ...tau }, way));
          if (!decoded || this.#of !== picture) return STOPPED;
          this.#curve.add(key, steps, figures.reconstruction_error(picture.values, decoded));
        }
        return `Measured the error at ${CURVE_STEPS.join(', ')} steps.`;
      },
    });
    bench.begun(task);
    await task.ended.catch(() => {});
  }

  /** @param {boolean} busy */
  follow(busy) {
    this.#curve.enable(!busy);
  }
}
