// The part that a run fills: what each piece of the chain costs, for this picture and this network.

import { element } from '../../ui/dom.js';
import { Plot } from '../../ui/plot.js';
import { M, TERMS, equation } from '../../ui/terms.js';
import { card } from './card.js';

/** @typedef {import('../../../pkg/ddim_web.js').RatePoint} Point */

const EMPTY = 'Not measured yet.';

/** @typedef {import('./scene.js').Part} Part */

/** @implements {Part} */
export class BoundPart {
  #total = element('p', { className: 'total', 'data-testid': 'forward-total' }, EMPTY);
  /** From x_T down. @type {Point[]} */
  #points = [];
  /** @type {number} */
  #T = 0;

  constructor() {
    this.root = card(
      'forward-bound',
      {
        title: 'What this picture costs',
        text: 'Someone who has the network could be sent this picture by way of its noise: the noisiest state first, then each state before it, the picture last. The sum of what these cost is the bound that training lowers.',
        terms: ['bound', 'rate'],
      },
      equation(M.row(TERMS.bound.math)),
      this.#total,
    );
    this.plot = new Plot(this.root, { title: 'Cost of each part of the chain', x: { label: 't', values: [] }, series: [{ label: 'bits per dimension', values: [], points: true }], log: 'y' }, 'forward-plot-bound');
    this.root.append(element('p', { className: 'source' }, 'Each dot stands for an equal part of the chain, of which one time step is computed; the one at t = 0 is L₀ alone, the picture itself. Always with the schedule that the model was trained with. DDPM, eq. 5 and figure 5.'));
  }

  /** Only a run changes it. */
  update() {}

  /** Another picture, or another run of the same. @param {string} [text] */
  clear(text = EMPTY) {
    this.#points = [];
    this.#draw();
    this.#total.textContent = text;
  }

  /** @param {Point[]} points */
  add(points) {
    this.#points.push(...points);
    this.#draw();
    const last = this.#points.at(-1);
    if (last) this.#total.textContent = `${this.bits} bits per dimension${last.t === 0 ? '' : ' so far'}`;
  }

  /** The sum so far; all of it once t = 0 is there. */
  get bits() {
    const last = this.#points.at(-1);
    return last ? (last.rate + (last.t === 0 ? last.cost : 0)).toFixed(3) : '–';
  }

  /** How far it is. @returns {number} terms */
  get count() {
    return this.#points.length;
  }

  #draw() {
    const rising = [...this.#points].reverse();
    this.plot.update({
      x: { label: 't', values: rising.map(({ t }) => t) },
      series: [
        { label: 'cost of the part', values: rising.map(({ cost }) => cost), points: true },
        { label: 'sent before it', values: rising.map(({ rate }) => rate), dash: [6, 4] },
      ],
    });
  }

  /** @param {number} t */
  at(t) {
    this.plot.at(t);
  }
}
