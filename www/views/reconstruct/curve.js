// Table 2 of the DDIM paper for one picture: the error of its reconstruction against the number of steps.

import { element } from '../../ui/dom.js';
import { Plot } from '../../ui/plot.js';

export const CURVE_STEPS = [10, 20, 50, 100];

/** CIFAR10 (DDIM, table 2). @type {Record<number, number>} */
const PAPER = { 10: 0.014, 20: 0.0065, 50: 0.0023, 100: 0.0009 };

export class ErrorCurve {
  root = element('div', { className: 'card' }, element('h3', {}, 'Error against the number of steps'));
  /** Errors by number of steps. @type {Map<number, number>} */
  #errors = new Map();
  /** What all of them were measured with. */
  #key = '';
  #button = element('button', { type: 'button', 'data-testid': 'reconstruct-curve', disabled: true }, `Measure at S = ${CURVE_STEPS.join(', ')}`);
  #plot;

  /** @param {() => void} measure */
  constructor(measure) {
    this.#button.addEventListener('click', measure);
    this.#plot = new Plot(this.root, this.#data(), 'reconstruct-error-plot');
    this.root.append(element('p', { className: 'curve-row' }, this.#button, element('span', { className: 'source quiet' }, 'DDIM, table 2 (there with a model of CIFAR10)')));
  }

  /** @param {boolean} idle */
  enable(idle) {
    this.#button.disabled = !idle;
  }

  clear() {
    this.#errors.clear();
    this.#plot.update(this.#data());
  }

  /** @param {string} key  a curve of another one ends here @param {number} steps @param {number} error */
  add(key, steps, error) {
    if (key !== this.#key) this.#errors.clear();
    this.#key = key;
    this.#errors.set(steps, error);
    this.#plot.update(this.#data());
  }

  /** What is still to be measured; where nothing is, everything again. @param {string} key @param {number} most  T @returns {number[]} */
  missing(key, most) {
    const possible = CURVE_STEPS.filter((steps) => steps <= most);
    const left = possible.filter((steps) => key !== this.#key || !this.#errors.has(steps));
    return left.length > 0 ? left : possible;
  }

  /** @returns {import('../../ui/plot.js').PlotData} */
  #data() {
    const steps = [...new Set([...CURVE_STEPS, ...this.#errors.keys()])].sort((a, b) => a - b);
    return {
      title: 'Reconstruction error against the number of steps',
      x: { label: 'steps S', values: steps },
      series: [
        { label: 'this picture', values: steps.map((s) => this.#errors.get(s) ?? null), dash: [], points: true },
        { label: 'CIFAR10 in the paper', values: steps.map((s) => PAPER[s] ?? null), colour: '--quiet', dash: [4, 4], points: true, width: 1 },
      ],
      unit: 'mean squared error',
      log: 'xy',
    };
  }
}
