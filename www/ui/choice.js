// A few choices in a row, of which one holds.

import { element } from './dom.js';

export class Choice {
  /** @type {HTMLInputElement[]} */
  #radios;

  /**
   * @param {object} about
   * @param {string} about.legend
   * @param {string} about.name  of the group; the tests find a choice as `PREFIX-VALUE`
   * @param {string} about.prefix
   * @param {{value: string, text: string, title?: string}[]} about.choices
   * @param {(value: string) => void} onChoose
   */
  constructor({ legend, name, prefix, choices }, onChoose) {
    const labels = choices.map(({ value, text, title = '' }) => {
      const radio = element('input', { type: 'radio', name, value, 'data-testid': `${prefix}-${value}` });
      radio.addEventListener('change', () => onChoose(value));
      return { radio, label: element('label', { title }, radio, element('span', {}, text)) };
    });
    this.#radios = labels.map(({ radio }) => radio);
    this.root = element('fieldset', { className: 'shows' }, element('legend', { className: 'quiet' }, legend), ...labels.map(({ label }) => label));
  }

  /** @param {string} value */
  show(value) {
    for (const radio of this.#radios) radio.checked = radio.value === value;
  }
}
