// The comparisons that are offered, as a row of radio buttons.

import { settingOf } from '../../state.js';
import { element } from '../../ui/dom.js';
import { reveal, scrollingRow } from '../../ui/row.js';

export class Presets {
  /** @type {{value: string, label: HTMLElement, radio: HTMLInputElement}[]} */
  #choices;

  /** @param {HTMLElement} place @param {import('../../hash.js').Settings} settings */
  constructor(place, settings) {
    this.settings = settings;
    const setting = settingOf('preset');
    const choices = setting.kind === 'choice' ? setting.choices : [];
    this.#choices = choices.map(([value, text]) => {
      const radio = element('input', { type: 'radio', name: 'preset', value, 'data-testid': `preset-${value}` });
      radio.addEventListener('change', () => settings.set('preset', value));
      return { value, radio, label: element('label', {}, radio, element('span', {}, text)) };
    });
    this.root = element('fieldset', { className: 'shows presets' }, element('legend', {}, setting.label), ...this.#choices.map(({ label }) => label));
    place.append(this.root);
    scrollingRow(this.root);
    this.show();
  }

  /** What is chosen; a table of one's own is a choice only while there is one. */
  show() {
    const chosen = this.settings.get('preset');
    for (const { value, label, radio } of this.#choices) {
      radio.checked = value === chosen;
      label.hidden = value === 'custom' && chosen !== 'custom';
    }
    this.reveal();
  }

  /** Where there is no room for all of them, they are scrolled so that the chosen one is in sight. */
  reveal() {
    const { label } = this.#choices.find(({ radio }) => radio.checked) ?? this.#choices[0];
    reveal(this.root, label);
  }
}
