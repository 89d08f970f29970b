// The model as a progressive code (DDPM, section 4.3): how many bits have arrived, and how far off the picture is then.

import { element } from '../../ui/dom.js';
import { Plot } from '../../ui/plot.js';
import { termButton } from '../../ui/terms.js';
import { STOPPED } from './bench.js';

/** @typedef {import('./bench.js').Bench} Bench @typedef {import('./bench.js').Mode} Mode @typedef {import('../../run.js').Point} Point */

/** Of the T time steps; enough for a curve, and done in seconds. */
const TERMS = 40;

/** @implements {Mode} */
export class Rate {
  lead = 'A picture is sent bit by bit, coarse to fine. The first bits bring its shape; most go into what one hardly sees.';
  run = 'Measure';
  /** @type {Mode['settings']} */
  settings = ['seed'];
  /** @type {Point[]} */
  #points = [];
  #total = element('output', { className: 'number', 'data-testid': 'reconstruct-bits' }, '–');
  #plot;

  /** @param {Bench} bench */
  constructor(bench) {
    this.bench = bench;
    const card = element('div', { className: 'rate' }, element('h3', {}, 'Distortion against rate ', termButton('rate')));
    this.#plot = new Plot(card, this.#data(), 'reconstruct-rate-plot');
    card.append(element('p', {}, this.#total, element('span', { className: 'quiet' }, 'bits for each value of the picture, all told: the variational bound ', termButton('bound'), ' (8 without any code)')));
    this.scene = { nodes: [bench.cell.root, card], columns: 3, narrow: 1 };
    this.source = 'DDPM, section 4.3 and figure 5, here for one picture';
  }

  forget() {
    this.#points = [];
    this.#total.textContent = '–';
    this.#plot.update(this.#data());
  }

  /** @param {import('../../run.js').Task} task @param {import('./bench.js').Picture} picture */
  async work(task, picture) {
    const { bench } = this;
    const { session, settings } = bench;
    const { loaded } = session;
    if (!loaded) return STOPPED;
    this.forget();
    const points = this.#points;
    const terms = Math.min(TERMS, loaded.scheduler.trainSteps);
    const label = loaded.info.classes ? { label: settings.get('label') } : {};
    const { stopped } = await task.rate({ image: picture.values, terms, seed: settings.get('seed'), ...label }, (more, total) => {
      points.push(...more);
      if (points !== this.#points) return;
      this.#plot.update(this.#data());
      session.report({ step: points.length, progress: { value: points.length, max: total }, figures: `Time step ${points.length} of ${total} · t = ${points.at(-1)?.t}` });
    });
    const last = points.at(-1);
    if (stopped || !last || points !== this.#points) return STOPPED;
    // The last point is at t = 0 and stands for itself alone, so this is the whole bound.
    const bits = last.rate + last.cost;
    this.#total.textContent = bits.toFixed(2);
    const kilobytes = (bits * bench.image) / 8 / 1000;
    return `${bits.toFixed(2)} bits for each value, ${kilobytes.toFixed(2)} kB in all, from ${points.length} time steps.`;
  }

  /** @returns {import('../../ui/plot.js').PlotData} */
  #data() {
    return {
      title: 'Distortion of the picture against the bits that have arrived',
      x: { label: 'rate, bits per value', values: this.#points.map(({ rate }) => rate) },
      series: [{ label: 'this picture', values: this.#points.map(({ distortion }) => distortion), dash: [], points: true }],
      unit: 'distortion (RMSE, 0 to 255)',
      log: 'x',
    };
  }
}
