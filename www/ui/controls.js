// The controls, built from the table of settings: a label, a field, often a slider, and a help text
// behind a "?" for each. A field that holds nonsense says so and leaves the setting as it was.

import { OWN_SPACING, SETTINGS, isOther, parse, shorten } from '../state.js';

/** Settings that have their control elsewhere on the page. */
const ELSEWHERE = ['view'];

/** Random seeds stay short enough to be read out. */
const DICE_SIDES = 1_000_000;

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag @param {Record<string, unknown>} [properties] @param {...(Node|string)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in node) node[name] = value;
    else node.setAttribute(name, String(value));
  }
  node.append(...children);
  return node;
}

/** Slider positions run from 0 to this where the slider is logarithmic. */
const LOG_POSITIONS = 200;

/** @param {import('../state.js').Setting} setting @param {number} max */
function sliderScale(setting, max) {
  if (setting.slider === 'linear') {
    return { min: setting.min, max, step: setting.step, toPosition: Number, toValue: Number };
  }
  const ratio = Math.log(max / setting.min);
  return {
    min: 0,
    max: LOG_POSITIONS,
    step: 1,
    toPosition: (value) => Math.round((LOG_POSITIONS * Math.log(value / setting.min)) / ratio),
    toValue: (position) => Math.round(setting.min * Math.exp((ratio * position) / LOG_POSITIONS)),
  };
}

class Control {
  /** @param {import('../state.js').Setting} setting @param {import('../state.js').Settings} settings */
  constructor(setting, settings) {
    this.setting = setting;
    this.settings = settings;
    this.max = setting.max;
    const { key } = setting;
    const helpId = `help-${key}`;
    const problemId = `problem-${key}`;
    const id = `setting-${key}`;

    this.field = this.#buildField({ id, 'data-testid': key, 'aria-describedby': `${helpId} ${problemId}` });
    this.problem = element('p', { id: problemId, className: 'problem', hidden: true });
    this.help = element('p', { id: helpId, className: 'help', hidden: true }, setting.help);
    this.root = element('div', { className: `control control-${key}` }, this.#buildHead(id, helpId), this.#buildBody(), this.help, this.problem);
    this.show(settings.get(key));
  }

  #buildField(attributes) {
    const { setting } = this;
    if (setting.kind === 'choice') {
      const options = setting.choices.map(([value, text]) => element('option', { value }, text));
      const select = element('select', attributes, ...options);
      select.addEventListener('change', () => this.#take(select.value));
      return select;
    }
    // Not type="number": that hides from us what was typed when it is not a number.
    const input = element('input', {
      ...attributes,
      type: 'text',
      inputMode: setting.kind === 'integer' ? 'numeric' : 'decimal',
      autocomplete: 'off',
      spellcheck: false,
    });
    input.addEventListener('input', () => this.#take(input.value));
    return input;
  }

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
    });
    return element('div', { className: 'control-head' }, label, toggle);
  }

  #buildBody() {
    const { setting, field } = this;
    const body = element('div', { className: 'control-body' });
    if (setting.slider) {
      this.slider = element('input', { type: 'range', 'aria-label': `${setting.label}, slider`, 'data-testid': `${setting.key}-slider` });
      this.#scaleSlider();
      this.slider.addEventListener('input', () => this.#take(String(this.scale.toValue(Number(this.slider.value)))));
      body.append(this.slider);
    }
    body.append(field);
    if (setting.key === 'seed') {
      const dice = element('button', { type: 'button', className: 'dice', 'data-testid': 'dice', 'aria-label': 'Roll a random seed', title: 'Random seed' });
      dice.append(document.getElementById('dice-icon').content.cloneNode(true));
      dice.addEventListener('click', () => {
        const [random] = crypto.getRandomValues(new Uint32Array(1));
        this.#take(String(random % DICE_SIDES));
      });
      body.append(dice);
    }
    return body;
  }

  #scaleSlider() {
    this.scale = sliderScale(this.setting, this.max);
    const { min, max, step } = this.scale;
    Object.assign(this.slider, { min, max, step });
  }

  /** Sets the largest number that the loaded model allows, and checks what the field holds again. @param {number} max */
  limit(max) {
    this.max = max;
    this.#scaleSlider();
    this.#moveSlider(this.settings.get(this.setting.key));
    this.#check(this.field.value);
  }

  /** @param {string} text */
  #take(text) {
    const result = this.#check(text);
    if (!('value' in result)) return;
    this.settings.set(this.setting.key, result.value);
    if (document.activeElement !== this.field) this.show(result.value);
    else this.#moveSlider(result.value);
  }

  /** Says what is wrong with the text, if anything is. @param {string} text */
  #check(text) {
    const result = parse(this.setting, text, this.max);
    if ('value' in result) this.#setProblem('');
    else {
      const typed = text.trim() === '' ? 'the field is empty' : `“${shorten(text.trim())}” is not`;
      const { label, symbol } = this.setting;
      this.#setProblem(`${label}${symbol ? ` (${symbol})` : ''} must be ${result.expected}; ${typed}.`);
    }
    return result;
  }

  /** A value that only a link can hold becomes the last choice, in place of the one before. @param {string} value */
  #offer(value) {
    this.other?.remove();
    this.other = element('option', { value }, `${shorten(value)} (from the link)`);
    this.field.append(this.other);
  }

  #moveSlider(value) {
    if (this.slider) this.slider.value = String(this.scale.toPosition(value));
  }

  /** @param {boolean} used  whether the other settings leave this one a meaning */
  enable(used) {
    this.field.disabled = !used;
    this.slider.disabled = !used;
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
    const { setting, other } = this;
    if (setting.kind === 'choice' && isOther(setting, text) && other?.value !== text) this.#offer(text);
    if (this.field.value !== text) this.field.value = text;
    this.#moveSlider(value);
    this.#check(text);
  }
}

export class Controls {
  /** @param {HTMLElement} place @param {import('../state.js').Settings} settings */
  constructor(place, settings) {
    this.settings = settings;
    this.controls = new Map(
      SETTINGS.filter(({ key }) => !ELSEWHERE.includes(key)).map((s) => [s.key, new Control(s, settings)]),
    );
    place.replaceChildren(...[...this.controls.values()].map((control) => control.root));
    settings.addEventListener('change', ({ detail }) => this.#show(detail.keys));
    this.#enable();
  }

  #show(keys) {
    for (const key of keys) {
      const control = this.controls.get(key);
      // While somebody types, "0.50" must not turn into "0.5" under their fingers.
      if (control && !(document.activeElement === control.field && Number(control.field.value) === this.settings.get(key))) {
        control.show(this.settings.get(key));
      }
    }
    this.#enable();
  }

  /** Only DDIM has an η, and a spacing from a link says itself how many steps there are. */
  #enable() {
    this.controls.get('eta').enable(this.settings.get('method') === 'ddim');
    const tau = this.controls.get('tau');
    this.controls.get('steps').enable(!isOther(tau.setting, this.settings.get('tau')));
  }

  /** What the loaded model's scheduler says. @param {{trainSteps: number, spacing: string}} scheduler */
  follow({ trainSteps, spacing }) {
    this.controls.get('steps').limit(trainSteps);
    const own = [...this.controls.get('tau').field.options].find(({ value }) => value === OWN_SPACING);
    own.textContent = `the model’s own (${spacing})`;
  }

  /** The first field that holds nonsense, focused, and what is wrong with it. @returns {string|null} */
  firstProblem() {
    for (const { field, problem } of this.controls.values()) {
      if (problem.hidden || field.disabled) continue;
      field.focus();
      return problem.textContent;
    }
    return null;
  }
}
