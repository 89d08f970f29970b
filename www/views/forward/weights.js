// The part about losses: how much each lets an error of the predicted noise count.

import { Plot } from '../../ui/plot.js';
import { card } from './card.js';
import { pick, times } from './scene.js';

/** @type {[keyof import('../../../pkg/figures/ddim_web.js').Weights, string][]} */
const LOSSES = [
  ['bound', 'variational bound'],
  ['simple', 'simple loss (DDPM, eq. 14)'],
  ['min_snr', 'min-SNR, 5'],
  ['v', 'simple loss of v'],
  ['x0', 'simple loss of x₀'],
];

/** @typedef {import('./scene.js').Part} Part */

/** @implements {Part} */
export class WeightsPart {
  constructor() {
    this.root = card('forward-weights', {
      title: 'How much an error counts',
      text: 'The bound cares most about small noise. The simple loss counts every t alike and so looks harder at large shapes, which makes better pictures. A network that predicts something other than ε weighs the errors by that choice. Min-SNR, which the view Train uses, weighs them alike for all networks.',
      terms: ['gamma'],
    });
    this.plot = new Plot(this.root, { title: 'Weight of a squared error of ε in each loss', x: { label: 't', values: [] }, series: [], log: 'y', unit: 'γ' }, 'forward-plot-weights');
  }

  /** @param {import('./scene.js').Scene} scene */
  needs({ scheduler }) {
    return scheduler;
  }

  /** @param {import('./scene.js').Scene} scene */
  update({ figures, scheduler, T }) {
    const weights = figures.weights(scheduler);
    const t = times(T);
    this.plot.update({
      x: { label: 't', values: t },
      series: LOSSES.map(([key, label]) => ({ label, values: pick(weights[key], t), ...(key === 'simple' && { colour: '--text', dash: [], width: 3 }) })),
    });
  }

  /** @param {number} t */
  at(t) {
    this.plot.at(t);
  }
}
