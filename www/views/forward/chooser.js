// Which picture becomes noise: small ones in a row, and one that the model makes.

import { element } from '../../ui/dom.js';
import { iconOf } from '../../ui/pixels.js';
import { reveal, scrollingRow } from '../../ui/row.js';

/** @typedef {import('../../ui/pixels.js').Shape} Shape */

/** What stands for the picture that the model makes. */
export const MADE = 0;

export class Chooser {
  #row = element('div', { className: 'choices' });

  /** @param {HTMLElement} place @param {(subject: number) => void} onChoose */
  constructor(place, onChoose) {
    this.root = element('fieldset', { className: 'chooser', 'data-testid': 'forward-subject' }, element('legend', { className: 'unseen' }, 'Picture'), this.#row);
    this.onChoose = onChoose;
    scrollingRow(this.#row);
    place.append(this.root);
    this.list([], { channels: 1, height: 32, width: 32 }, MADE);
  }

  /** @param {Uint8ClampedArray[]} pictures @param {Shape} shape @param {number} chosen  from 1, or `MADE` */
  list(pictures, shape, chosen) {
    const choices = pictures.map((levels, i) => this.#choice(i + 1, `Picture ${i + 1} of ${pictures.length}`, iconOf(levels, shape)));
    const made = this.#choice(MADE, 'A picture that the model makes from the seed', element('span', { className: 'made', 'aria-hidden': true }, 'from the seed'));
    this.#row.replaceChildren(...choices, made);
    this.choose(chosen);
  }

  /** @param {number} subject @param {string} name @param {HTMLElement} sign */
  #choice(subject, name, sign) {
    const radio = element('input', { type: 'radio', name: 'forward-subject', value: String(subject), 'aria-label': name });
    radio.addEventListener('change', () => this.onChoose(subject));
    return element('label', { title: name }, radio, sign);
  }

  /** @param {number} subject */
  choose(subject) {
    for (const radio of this.#row.querySelectorAll('input')) {
      radio.checked = Number(radio.value) === subject;
      // On a phone not all of them are in sight.
      if (radio.checked && radio.parentElement) reveal(this.#row, radio.parentElement);
    }
  }
}
