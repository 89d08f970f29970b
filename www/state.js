// The one table of settings, the view on show among them. The URL hash, the defaults, the controls and every check are
// read from it, so a setting that is added here exists everywhere, and nowhere else.

import { few } from './engine/errors.js';
import { OWN_TAU, SHARED } from './settings/shared.js';
import { FROM_NOTHING, OF_VIEWS, OPEN_CHOSEN } from './settings/views.js';

export { OWN_TAU } from './settings/shared.js';
export { FROM_NOTHING, OPEN_CHOSEN, OWN_SCHEDULE } from './settings/views.js';

/**
 * @typedef {object} Values  a value for every setting
 * @property {string} view
 * @property {string} model
 * @property {'auto'|'webgpu'|'cpu'} device
 * @property {number} steps
 * @property {number} eta
 * @property {string} tau
 * @property {string} method
 * @property {number} seed
 * @property {number} batch
 * @property {'plan'|'burn'} engine
 * @property {'f32'|'f16'} storage
 * @property {number} label
 * @property {number} guidance
 * @property {'x0'|'xt'|'both'} show
 * @property {'watch'|'fast'} pace
 * @property {string} corners
 * @property {string} at
 * @property {number} frames
 * @property {'noise'|'straight'|'mix'} path
 * @property {number} mix
 * @property {number} mix_eta
 * @property {number} drag
 * @property {string} card
 * @property {'encode'|'rate'|'stroke'|'inpaint'|'mix'} task
 * @property {number} picture
 * @property {number} t0
 * @property {string} mask
 * @property {string} other
 * @property {number} lambda
 * @property {number} t
 * @property {string} schedule
 * @property {number} subject
 * @property {import('./views/compare/plan.js').Preset} preset
 * @property {string} rows
 * @property {import('./views/compare/plan.js').Kind} columns
 * @property {string} across
 * @property {string} from
 * @property {string} size
 * @property {'auto'|'grey'|'colour'} colours
 * @property {'none'|'mirror'} flips
 * @property {'folders'|'none'} kinds
 * @property {number} train_batch
 * @property {number} lr
 * @property {number} train_steps
 *
 * @typedef {object} Common
 * @property {keyof Values} key  name in the URL hash, in the DOM (`data-testid`) and in `Values`
 * @property {string} label     what the control is called
 * @property {string} [symbol]  the papers' letter for it
 * @property {boolean} [sampler]  the sampler is asked for it, under this name
 * @property {string} [view]  the only view that has it: links to other views do without
 * @property {import('./ui/terms.js').TermName} [term]  what its help says more about, with the equation
 *
 * @typedef {object} OfChoice
 * @property {'choice'} kind
 * @property {string} default
 * @property {[string, string][]} choices  value and text of each choice
 * @property {RegExp} [others]  texts that are allowed beside the choices; they come in links only
 * @property {string} [othersText]  what those are, for messages
 *
 * @typedef {object} OfNumber
 * @property {'integer'|'real'} kind
 * @property {number} default
 * @property {number} min     smallest allowed value
 * @property {number} max     largest allowed value
 * @property {'linear'|'log'} [slider]  how a slider beside the number field moves, if there is one
 * @property {number} [step]    the slider's step
 *
 * @typedef {object} OfText
 * @property {'text'} kind
 * @property {string} default
 * @property {RegExp} pattern  what is allowed
 * @property {string} patternText  the same in words, for messages
 *
 * @typedef {Common & OfChoice} ChoiceSetting
 * @typedef {Common & OfNumber} NumberSetting
 * @typedef {Common & OfText} TextSetting
 * @typedef {ChoiceSetting | NumberSetting | TextSetting} Setting
 */

/** A message names so many choices; a list of models may have any number. */
const MOST_NAMED = 12;

/** @type {Setting[]} */
export const SETTINGS = [...SHARED, ...OF_VIEWS];

/** @param {string} key @returns {Setting} */
export function settingOf(key) {
  const setting = SETTINGS.find((s) => s.key === key);
  if (!setting) throw new Error(`there is no setting called ${key}`);
  return setting;
}

/** @param {'view'|'model'|'card'|'from'} key @param {[string, string][]} choices  value and text; the first one is the default */
function fill(key, choices) {
  const setting = settingOf(key);
  if (setting.kind === 'choice') Object.assign(setting, { choices, default: choices[0][0] });
}

/** Puts the names of the views into the table; the first one is the default. @param {string[]} names */
export function setViews(names) {
  fill('view', names.map((name) => [name, name]));
}

/** Whether the page has the view: a site may have some of them only. @param {string} name */
export function hasView(name) {
  const setting = settingOf('view');
  return setting.kind === 'choice' && setting.choices.some(([view]) => view === name);
}

/** Puts the list of models into the table; the first one is the default. @param {{id: string, name: string}[]} models  at least one */
export function setModels(models) {
  /** @type {[string, string][]} */
  const choices = models.map(({ id, name }) => [id, name]);
  fill('model', choices);
  fill('card', [[OPEN_CHOSEN, 'of the model in use'], ...choices]);
  fill('from', [[FROM_NOTHING, 'nothing: a small new network'], ...choices]);
}

/** @returns {Values} */
export function defaults() {
  return /** @type {Values} */ (/** @type {unknown} */ (Object.fromEntries(SETTINGS.map((s) => [s.key, s.default]))));
}

/** The settings that a link to a view holds. @param {string} view */
export function settingsOf(view) {
  return SETTINGS.filter((setting) => !setting.view || setting.view === view);
}

/** Whether `value` is one of the texts that a setting allows beside its choices. @param {Setting} setting @param {string} value */
export function isOther(setting, value) {
  return setting.kind === 'choice' && !setting.choices.some(([choice]) => choice === value) && Boolean(setting.others?.test(value));
}

/**
 * Reads one value from text, as it comes from the hash or from a field.
 * @param {Setting} setting @param {string} text
 * @param {number} [limit]  the largest allowed number, where a loaded model allows less than the table
 * @returns {{value: string|number} | {expected: string}}  `expected` says what would have been right
 */
export function parse(setting, text, limit) {
  const trimmed = text.trim();
  if (setting.kind === 'choice') {
    const choices = setting.choices.map(([value]) => value);
    if (choices.includes(trimmed) || isOther(setting, trimmed)) return { value: trimmed };
    const list = few(choices, MOST_NAMED);
    return { expected: `one of ${setting.othersText ? `${list}, ${setting.othersText}` : list}` };
  }
  if (setting.kind === 'text') return setting.pattern.test(trimmed) ? { value: trimmed } : { expected: setting.patternText };
  const { min } = setting;
  const max = limit ?? setting.max;
  const integer = setting.kind === 'integer';
  const pattern = integer ? /^\d+$/ : /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
  const value = pattern.test(trimmed) ? Number(trimmed) : NaN;
  if (value >= min && value <= max) return { value };
  return { expected: `a ${integer ? 'whole ' : ''}number from ${min} to ${max}` };
}

/**
 * What the sampler is asked for. The η of another method than DDIM would be refused.
 * @param {Values} values
 * @param {{classes: number|null, nullLabel?: number}} [network]  a conditional one is told a class
 * @returns {import('./engine/pool.js').Options & {batch: number}}
 */
export function samplerOptions(values, { classes, nullLabel } = { classes: null }) {
  const asked = SETTINGS.filter(({ key, sampler }) => {
    if (key === 'eta' && values.method !== 'ddim') return false;
    return sampler && !(key === 'tau' && values.tau === OWN_TAU);
  });
  const { batch, label, guidance } = values;
  const guided = nullLabel !== undefined && guidance > 0;
  const condition = classes ? { labels: new Array(batch).fill(label), ...(guided && { guidance, null_label: nullLabel }) } : {};
  return { batch, ...Object.fromEntries(asked.map(({ key }) => [key, values[key]])), ...condition };
}
