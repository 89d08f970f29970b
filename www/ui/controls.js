// The controls, built from the table of settings: a label, a field, often a slider, and a help text
// behind a "?" for each. A field that holds nonsense says so and leaves the setting as it was.

import { shorten } from '../engine/errors.js';
import { OWN_TAU, isOther, parse, settingOf } from '../state.js';
import { dice } from './dice.js';
import { element } from './dom.js';

/**
 * @typedef {import('../state.js').Setting} Setting
 * @typedef {import('../state.js').NumberSetting} NumberSetting
 * @typedef {import('../hash.js').Settings} Settings
 * @typedef {keyof import('../state.js').Values} Key
 *
 * @typedef {object} Scale  of a slider
 * @property {number} min
 * @property {number} max
 * @property {number} step
 * @property {(value: number) => number} toPosition
 * @property {(position: number) => number} toValue
 */

/** What only a conditional model has. @type {Key[]} */
const CONDITION = ['label', 'guidance'];

/** Slider positions run from 0 to this where the slider is logarithmic. */
const LOG_POSITIONS = 200;

/** @param {NumberSetting} setting @param {number} max @returns {Scale} */
function sliderScale({ min, slider, step = 1 }, max) {
  if (slider === 'linear') return { min, max, step, toPosition: Number, toValue: Number };
  const ratio = Math.log(max / min);
  return {
    min: 0,
    max: LOG_POSITIONS,
    step: 1,
    toPosition: (value) => Math.round((LOG_POSITIONS * Math.log(value / min)) / ratio),
    toValue: (position) => Math.round(min * Math.exp((ratio * position) / LOG_POSITIONS)),
  };
}

/** @param {import('../state.js').ChoiceSetting} setting */
const optionsOf = ({ choices }) => choices.map(([value, text]) => element('option', { value }, text));

/** A slider beside a number field. */
class Slider {
  /** @param {NumberSetting} setting @param {(text: string) => void} onMove */
  constructor(setting, onMove) {
    this.setting = setting;
    this.root = element('input', { type: 'range', 'aria-label': `${setting.label}, slider`, 'data-testid': `${setting.key}-slider` });
    this.scale = sliderScale(setting, setting.max);
    this.limit(setting.max);
    this.root.addEventListener('input', () => onMove(String(this.scale.toValue(Number(this.root.value)))));
  }

  /** @param {number} max */
  limit(max) {
    this.scale = sliderScale(this.setting, max);
    const { min, max: end, step } = this.scale;
    Object.assign(this.root, { min, max: end, step });
  }

  /** @param {number} value */
  move(value) {
    this.root.value = String(this.scale.toPosition(value));
  }
}

class Control {
  /** The largest number that the loaded model allows. @type {number|undefined} */
  #max;
  /** @type {Slider|null} */
  #slider = null;
  /** The last choice, where that is one that only a link can hold. @type {HTMLOptionElement|null} */
  #other = null;
  #sentence = element('p');
  #explained = false;

  /** @param {Setting} setting @param {Settings} settings */
  constructor(setting, settings) {
    this.setting = setting;
    this.settings = settings;
    const { key } = setting;
    const helpId = `help-${key}`;
    const problemId = `problem-${key}`;
    const id = `setting-${key}`;

    this.field = this.#buildField({ id, 'data-testid': key, 'aria-describedby': `${helpId} ${problemId}` });
    this.problem = element('p', { id: problemId, className: 'problem', hidden: true });
    this.help = element('div', { id: helpId, className: 'help', hidden: true }, this.#sentence);
    this.note = element('p', { className: 'quiet control-note', hidden: true, 'data-testid': `${key}-note` });
    this.root = element('div', { className: `control control-${key}` }, this.#buildHead(id, helpId), this.#buildBody(), this.note, this.help, this.problem);
    this.show(settings.get(key));
  }

  /** @param {Record<string, unknown>} attributes @returns {HTMLSelectElement|HTMLInputElement} */
  #buildField(attributes) {
    const { setting } = this;
    if (setting.kind === 'choice') {
      const select = element('select', attributes, ...optionsOf(setting));
      select.addEventListener('change', () => this.#take(select.value));
      return select;
    }
    if (setting.key === 'label') {
      const select = element('select', attributes);
      select.addEventListener('change', () => this.#take(select.value));
      return select;
    }
    // Not type="number": that hides from us what was typed when it is not a number.
    const input = element('input', {
      ...attributes,
      type: 'text',
      inputMode: { integer: 'numeric', real: 'decimal', text: 'text' }[setting.kind],
      autocomplete: 'off',
      spellcheck: false,
    });
    input.addEventListener('input', () => this.#take(input.value));
    return input;
  }

  /** @param {string} id @param {string} helpId */
  #buildHead(id, helpId) {
    const { setting, help } = this;
    const label = element('label', { htmlFor: id }, setting.label);
    if (setting.symbol) label.append(' ', element('var', {}, setting.symbol));
    const toggle = element(
      'button',
      { type: 'button', className: 'help-toggle', 'aria-label': `What is “${setting.label}”?`, 'aria-expanded': false, 'aria-controls': helpId },
      '?',
    );
    toggle.addEventListener('click', () => {
      help.hidden = !help.hidden;
      toggle.setAttribute('aria-expanded', String(!help.hidden));
      this.#explain();
    });
    return element('div', { className: 'control-head' }, label, toggle);
  }

  /** Says what the setting means; the field is described by it. */
  async describe() {
    const { HELP } = await import('../settings/help.js');
    this.#sentence.textContent = HELP[this.setting.key];
  }

  /** The same with its equation, once, where it has one. */
  async #explain() {
    if (this.#explained) return;
    this.#explained = true;
    try {
      await this.describe();
      const { term } = this.setting;
      if (term) this.help.append((await import('./terms.js')).formula(term));
    } catch {
      this.#sentence.textContent ||= 'This could not be loaded; check the connection and try again.';
      // The next time may bring the rest.
      this.#explained = false;
    }
  }

  #buildBody() {
    const { setting, field } = this;
    const body = element('div', { className: 'control-body' });
    if ((setting.kind === 'integer' || setting.kind === 'real') && setting.slider) {
      this.#slider = new Slider(setting, (text) => this.#take(text));
      body.append(this.#slider.root);
    }
    body.append(field);
    if (setting.key === 'model') body.append(this.#door());
    if (setting.key === 'seed') body.append(dice({ 'data-testid': 'dice', 'aria-label': 'Roll a random seed' }, (seed) => this.#take(String(seed))));
    return body;
  }

  /** Where one's own model comes in. */
  #door() {
    const door = element('button', { type: 'button', className: 'door', 'data-testid': 'model-own', title: 'Use a model of your own' }, 'Own…');
    door.addEventListener('click', () => this.settings.emit('own', true));
    return door;
  }

  /** Sets the largest number that the loaded model allows, and checks what the field holds again. @param {number} max */
  limit(max) {
    this.#max = max;
    this.#slider?.limit(max);
    this.#slider?.move(Number(this.settings.get(this.setting.key)));
    this.#check(this.field.value);
  }

  /** @param {string} text */
  #take(text) {
    const result = this.#check(text);
    if (!('value' in result)) return;
    this.settings.set(this.setting.key, result.value);
    if (document.activeElement !== this.field) this.show(result.value);
    else this.#slider?.move(Number(result.value));
  }

  /** Says what is wrong with the text, if anything is. @param {string} text */
  #check(text) {
    const result = parse(this.setting, text, this.#max);
    if ('value' in result) this.#setProblem('');
    else {
      const typed = text.trim() === '' ? 'the field is empty' : `“${shorten(text.trim())}” is not`;
      const { label, symbol } = this.setting;
      this.#setProblem(`${label}${symbol ? ` (${symbol})` : ''} must be ${result.expected}; ${typed}.`);
    }
    return result;
  }

  /** Names for numbers, where the field is a list. @param {string[]} names */
  name(names) {
    this.#max = names.length - 1;
    this.field.replaceChildren(...names.map((text, value) => element('option', { value }, text)));
    this.show(this.settings.get(this.setting.key));
  }

  /** Offers the choices that there are now. */
  list() {
    if (this.setting.kind !== 'choice') return;
    this.field.replaceChildren(...optionsOf(this.setting));
    this.#other = null;
    this.show(this.settings.get(this.setting.key));
  }

  /** A value that only a link can hold becomes the last choice, in place of the one before. @param {string} value */
  #offer(value) {
    this.#other?.remove();
    this.#other = element('option', { value }, `${shorten(value)} (from the link)`);
    this.field.append(this.#other);
  }

  /** @param {boolean} used  whether the other settings leave this one a meaning */
  enable(used) {
    for (const part of /** @type {NodeListOf<HTMLInputElement|HTMLSelectElement|HTMLButtonElement>} */ (this.root.querySelectorAll('.control-body > *'))) part.disabled = !used;
    this.root.classList.toggle('unused', !used);
  }

  /** @param {string} sentence  empty when all is well */
  #setProblem(sentence) {
    this.problem.textContent = sentence;
    this.problem.hidden = sentence === '';
    this.field.setAttribute('aria-invalid', String(sentence !== ''));
  }

  /** @param {string|number} value */
  show(value) {
    const text = String(value);
    if (isOther(this.setting, text) && this.#other?.value !== text) this.#offer(text);
    if (this.field.value !== text) this.field.value = text;
    this.#slider?.move(Number(value));
    this.#check(text);
  }
}

/** The settings that a view shows, most of the time and when one asks for more. */
export class Controls {
  /** @type {Map<Key, Control>} */
  #controls = new Map();
  #more = element('details', { className: 'more', 'data-testid': 'more' }, element('summary', {}, 'More settings'));

  /**
   * @param {HTMLElement} place @param {Settings} settings
   * @param {Key[]} keys  always in sight
   * @param {Key[]} [more]  folded away, unless one of them is not what it is by default
   */
  constructor(place, settings, keys, more = []) {
    this.settings = settings;
    for (const key of [...keys, ...more]) this.#controls.set(key, new Control(settingOf(key), settings));
    /** @param {Key[]} some */
    const rootsOf = (some) => some.map((key) => /** @type {Control} */ (this.#controls.get(key)).root);
    this.#more.append(element('div', { className: 'controls' }, ...rootsOf(more)));
    place.replaceChildren(element('div', { className: 'controls' }, ...rootsOf(keys)), ...(more.length > 0 ? [this.#more] : []));
    this.#more.open = more.some((key) => settings.get(key) !== settingOf(key).default);
    // Whoever comes with the keys hears what a field is for.
    place.addEventListener('focusin', () => this.#controls.forEach((control) => control.describe().catch(() => {})), { once: true });
    settings.on('change', (changed) => {
      this.#show(changed);
      if (more.some((key) => changed.includes(key) && settings.get(key) !== settingOf(key).default)) this.#more.open = true;
    });
    settings.on('choices', (changed) => {
      for (const key of changed) this.#controls.get(key)?.list();
    });
    this.#enable();
    this.#condition(null);
  }

  /** @param {Key[]} keys */
  #show(keys) {
    for (const key of keys) {
      const control = this.#controls.get(key);
      // While somebody types, "0.50" must not turn into "0.5" under their fingers.
      if (control && !(document.activeElement === control.field && Number(control.field.value) === this.settings.get(key))) {
        control.show(this.settings.get(key));
      }
    }
    this.#enable();
  }

  /** Only DDIM has an η, and a tau from a link says itself how many steps there are. */
  #enable() {
    this.#controls.get('eta')?.enable(this.settings.get('method') === 'ddim');
    const tau = this.#controls.get('tau');
    if (tau) this.#controls.get('steps')?.enable(!isOther(tau.setting, this.settings.get('tau')));
  }

  /**
   * Shows some of the settings and hides the others, which do not count then.
   * @param {Key[]} keys  of those that only a conditional model has nothing is said
   */
  present(keys) {
    for (const [key, { root }] of this.#controls) if (!CONDITION.includes(key)) root.hidden = !keys.includes(key);
  }

  /** Lets some of the settings be, whatever hands do. @param {Key[]} keys @param {boolean} used */
  use(keys, used) {
    for (const key of keys) this.#controls.get(key)?.enable(used);
  }

  /** Says what the value of a setting means here. @param {Key} key @param {string} text  a sentence, or nothing */
  remark(key, text) {
    const note = this.#controls.get(key)?.note;
    if (!note) return;
    note.textContent = text;
    note.hidden = text === '';
  }

  /** What the loaded model allows. @param {import('../session.js').Loaded} loaded @param {import('../models.js').Model} model */
  follow({ info: { classes }, scheduler: { trainSteps, tau } }, model) {
    this.#controls.get('steps')?.limit(trainSteps);
    this.#controls.get('t0')?.limit(trainSteps - 1);
    const own = this.#controls.get('tau')?.field.querySelector(`option[value="${OWN_TAU}"]`);
    if (own) own.textContent = `the model’s own (${tau})`;
    this.#condition(classes, model);
  }

  /** @param {number|null} classes @param {import('../models.js').Model} [model] */
  #condition(classes, model) {
    for (const key of CONDITION) {
      const control = this.#controls.get(key);
      if (!control) continue;
      const used = classes !== null && (key === 'label' || model?.nullLabel !== undefined);
      control.root.hidden = !used;
      control.enable(used);
    }
    if (!classes) return;
    const names = Array.from({ length: classes }, (_, i) => model?.labels?.[i] ?? (i === model?.nullLabel ? 'any' : `class ${i}`));
    this.#controls.get('label')?.name(names);
  }

  /** Whether all hold what they should, which is said where not. @param {import('../session.js').Session} session */
  check(session) {
    const problem = this.firstProblem();
    if (problem) session.fail(problem);
    return problem === null;
  }

  /** The first field that holds nonsense, focused, and what is wrong with it. @returns {string|null} */
  firstProblem() {
    for (const { root, field, problem } of this.#controls.values()) {
      if (problem.hidden || field.disabled || root.hidden) continue;
      if (this.#more.contains(field)) this.#more.open = true;
      field.focus();
      return problem.textContent;
    }
    return null;
  }
}
