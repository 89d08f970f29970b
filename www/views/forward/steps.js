// The part with the list of steps that a run with these settings makes, to read and to copy.

import { oneLine } from '../../engine/errors.js';
import { element } from '../../ui/dom.js';
import { Table } from '../../ui/table.js';
import { card } from './card.js';

/** @typedef {import('./scene.js').Part} Part */

/** @implements {Part} */
export class Steps {
  #problem = element('p', { className: 'problem', hidden: true });

  constructor() {
    this.root = card('forward-steps', {
      title: 'The steps of a run',
      text: 'What a run with these settings visits, from the noisiest down. Each step adds a times the guess, b times the noise and σ times fresh noise.',
      terms: ['step', 'tau'],
    }, this.#problem);
    this.table = new Table(this.root, 'The steps of a run');
  }

  /** @param {import('./scene.js').Scene} scene */
  update({ figures, options }) {
    try {
      const numbers = figures.numbers(options);
      this.#problem.hidden = true;
      this.table.update([
        { label: 'step', values: numbers.map((_, i) => i + 1) },
        { label: 'τ', values: numbers.map(({ t }) => t) },
        { label: 'ᾱ', values: numbers.map((step) => step.alpha_bar) },
        { label: 'a', values: numbers.map(({ a }) => a) },
        { label: 'b', values: numbers.map(({ b }) => b) },
        { label: 'σ', values: numbers.map(({ sigma }) => sigma) },
      ]);
    } catch (error) {
      this.table.update([]);
      this.#problem.textContent = oneLine(error);
      this.#problem.hidden = false;
    }
  }
}
