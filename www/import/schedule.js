// The question that is left where a model has no scheduler_config.json: with which noise it was trained. DDPM's own noise
// is proposed.

import { element } from '../ui/dom.js';

/** @type {Record<string, string>} */
const SCHEDULES = { linear: 'linear', scaled_linear: 'linear in √β (scaled_linear)', squaredcos_cap_v2: 'cosine (squaredcos_cap_v2)' };

/** @type {Record<string, string>} */
const PREDICTIONS = { epsilon: 'the noise (epsilon)', sample: 'the picture (sample)', v_prediction: 'the velocity (v_prediction)' };

/** @param {Record<string, string>} choices @param {Record<string, unknown>} attributes */
const select = (choices, attributes) => element('select', attributes, ...Object.entries(choices).map(([value, text]) => element('option', { value }, text)));

/** @param {string} text @param {HTMLElement} field */
const labelled = (text, field) => element('label', {}, element('span', {}, text), field);

export class ScheduleQuestion {
  /** @param {string} proposal  the text of a scheduler_config.json */
  constructor(proposal) {
    /** @type {Record<string, unknown>} */
    this.proposal = JSON.parse(proposal);
    const { num_train_timesteps: length = 1000, beta_start: from = 1e-4, beta_end: to = 0.02 } = this.proposal;
    /** @param {string} name @param {unknown} value */
    const number = (name, value) => element('input', { type: 'text', inputMode: 'decimal', autocomplete: 'off', value: String(value), 'data-testid': `own-${name}` });
    this.schedule = select(SCHEDULES, { 'data-testid': 'own-beta-schedule' });
    this.from = number('beta-start', from);
    this.to = number('beta-end', to);
    this.length = number('timesteps', length);
    this.prediction = select(PREDICTIONS, { 'data-testid': 'own-prediction' });
    this.root = element('fieldset', { className: 'own-question', 'data-testid': 'own-question' },
      element('legend', {}, 'Which noise was it trained with?'),
      element('p', { className: 'quiet' }, 'Its files have no scheduler_config.json. What most models are trained with is filled in; with another noise the pictures come out wrong.'),
      element('div', { className: 'own-fields' },
        labelled('Schedule', this.schedule), labelled('β from', this.from), labelled('to', this.to),
        labelled('Noise levels T', this.length), labelled('It predicts', this.prediction)));
  }

  /** The text of a scheduler_config.json; whether it can be used, its reader says. */
  get text() {
    const [from, to, length] = [this.from, this.to, this.length].map(({ value }) => (value.trim() === '' ? NaN : Number(value)));
    // What is no number becomes null, which is refused by name.
    return JSON.stringify({ ...this.proposal, beta_schedule: this.schedule.value, beta_start: from, beta_end: to, num_train_timesteps: length, prediction_type: this.prediction.value });
  }
}
