// The one table of settings, the view on show among them. The URL hash, the defaults, the controls and every check are
// read from it, so a setting that is added here exists everywhere, and nowhere else.

import { few } from './engine/errors.js';

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
 * @property {number} t
 * @property {string} schedule
 * @property {number} subject
 *
 * @typedef {object} Common
 * @property {keyof Values} key  name in the URL hash, in the DOM (`data-testid`) and in `Values`
 * @property {string} label     what the control is called
 * @property {string} [symbol]  the papers' letter for it
 * @property {boolean} [sampler]  the sampler is asked for it, under this name
 * @property {string} [view]  the only view that has it: links to other views do without
 * @property {import('./ui/terms.js').TermName} [term]  what its help says more about, with the equation
 * @property {string} help      one or two plain sentences
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

/** The largest integer that JavaScript holds exactly; the sampler takes seeds up to it. */
const MAX_SEED = Number.MAX_SAFE_INTEGER;

/** A message names so many choices; a list of models may have any number. */
const MOST_NAMED = 12;

/** The longest chain of noise levels that the sampler takes; a loaded model sets its own limit below that. */
const MAX_STEPS = 1_000_000;

/** The value of `tau` that leaves it to the model's scheduler_config.json. */
export const OWN_TAU = 'model';

/** The value of `schedule` that leaves it to the model's scheduler_config.json. */
export const OWN_SCHEDULE = 'model';

/** @type {Setting[]} */
export const SETTINGS = [
  {
    key: 'view',
    kind: 'choice',
    label: 'View',
    default: '',
    choices: [],
    help: 'What is done with the model.',
  },
  {
    key: 'model',
    kind: 'choice',
    label: 'Model',
    default: 'fashion-mnist',
    choices: [],
    help: 'The trained network. Its files are downloaded once and then kept by your browser.',
  },
  {
    key: 'device',
    kind: 'choice',
    label: 'Device',
    default: 'auto',
    choices: [
      ['auto', 'Automatic'],
      ['webgpu', 'WebGPU (graphics card)'],
      ['cpu', 'CPU'],
    ],
    help: 'Where the network runs. Automatic takes the graphics card when the browser offers a real one through WebGPU, and the CPU otherwise.',
  },
  {
    key: 'steps',
    term: 'step',
    sampler: true,
    kind: 'integer',
    label: 'Steps',
    symbol: 'S',
    default: 20,
    min: 1,
    max: MAX_STEPS,
    slider: 'log',
    help: 'How many times the network cleans the picture. The model knows T noise levels (usually 1000); S of them are visited. Fewer is faster, more is finer.',
  },
  {
    key: 'eta',
    term: 'eta',
    sampler: true,
    kind: 'real',
    label: 'Fresh noise',
    symbol: 'η',
    default: 0,
    min: 0,
    max: 1,
    slider: 'linear',
    step: 0.05,
    help: 'How much new noise is added after each step. At 0 (DDIM) the first noise alone decides the picture; at 1 every step is as random as in DDPM.',
  },
  {
    key: 'tau',
    term: 'tau',
    sampler: true,
    kind: 'choice',
    label: 'Step spacing',
    symbol: 'τ',
    default: OWN_TAU,
    choices: [
      [OWN_TAU, 'the model’s own'],
      ['leading', 'leading: from the lowest level'],
      ['trailing', 'trailing: up to the highest level'],
      ['linspace', 'linspace: lowest to highest'],
      ['uniform', 'uniform (DDIM code)'],
      ['quad', 'quadratic (DDIM code)'],
      ['paper-linear', 'linear (DDIM paper)'],
      ['paper-quadratic', 'quadratic (DDIM paper)'],
    ],
    // Written as the sampler reads them; these say themselves how many steps there are.
    others: /^(ddim\d{1,6}|(list:)?\d{1,6}(,\d{1,6})*)$/,
    othersText: 'ddimN, section counts such as 10,15,20 or a list such as list:0,250,500',
    help: 'Which S of the T noise levels are visited. The model’s own is what its files say. Quadratic spacing spends more of its steps where there is little noise left.',
  },
  {
    key: 'method',
    sampler: true,
    kind: 'choice',
    label: 'Sampler',
    default: 'ddim',
    choices: [
      ['ddim', 'DDIM'],
      ['sigma_hat', 'DDIM with σ̂ (more noise)'],
      ['ddpm_noisy', 'DDPM noisy (DDIM code)'],
      ['ddpm_fixed_small', 'DDPM, small variance'],
      ['ddpm_fixed_large', 'DDPM, large variance'],
      ['probability_flow', 'Probability flow (DDIM, eq. 15)'],
    ],
    help: 'The rule for one step. Only DDIM uses η; the others bring their own amount of noise. Probability flow adds none, and needs many steps.',
  },
  {
    key: 'seed',
    sampler: true,
    kind: 'integer',
    label: 'Seed',
    default: 1,
    min: 0,
    max: MAX_SEED,
    help: 'The number that all noise is drawn from. The same seed with the same settings gives the same pictures; between devices they differ by rounding only.',
  },
  {
    key: 'batch',
    sampler: true,
    kind: 'integer',
    label: 'Pictures',
    default: 4,
    min: 1,
    max: 16,
    slider: 'linear',
    step: 1,
    help: 'How many pictures are made at once; on the CPU its cores share them. Each has its own noise, which does not depend on how many there are.',
  },
  {
    key: 'engine',
    kind: 'choice',
    label: 'Engine',
    default: 'plan',
    choices: [
      ['plan', 'Fast, built for this page'],
      ['burn', 'burn, general-purpose'],
    ],
    help: 'The program that runs the network. burn is a framework for networks of any kind: a larger download, and slower. The pictures are the same up to rounding.',
  },
  {
    key: 'storage',
    kind: 'choice',
    label: 'Numbers',
    default: 'f32',
    choices: [
      ['f32', '32 bits'],
      ['f16', '16 bits (graphics card)'],
    ],
    help: 'How the graphics card keeps the network’s numbers. 16 bits take half the memory and are faster on many cards; the pictures differ a little. On the CPU it is always 32.',
  },
  {
    key: 'label',
    kind: 'integer',
    label: 'Class',
    default: 0,
    min: 0,
    max: 1_000_000,
    help: 'What is to be drawn: the classes that the model has learned, by their numbers.',
  },
  {
    key: 'guidance',
    term: 'guidance',
    kind: 'real',
    label: 'Guidance',
    symbol: 'w',
    default: 0,
    min: 0,
    max: 10,
    slider: 'linear',
    step: 0.25,
    help: 'How much the class counts. Above 0 the network is asked twice a step, with the class and without, and the difference is exaggerated.',
  },
  {
    key: 'show',
    view: 'generate',
    kind: 'choice',
    label: 'Show',
    default: 'x0',
    choices: [
      ['x0', 'x̂₀'],
      ['xt', 'x_t'],
      ['both', 'both'],
    ],
    help: 'x̂₀ is what the network believes the finished picture to be; x_t is the noisy picture that it is working on.',
  },
  {
    key: 'pace',
    view: 'generate',
    kind: 'choice',
    label: 'Pace',
    default: 'watch',
    choices: [
      ['watch', 'slow enough to watch'],
      ['fast', 'as fast as it computes'],
    ],
    help: 'A fast engine is done before an eye has seen anything, so a run takes two seconds at least and shows every step. The figures say what the engine really took.',
  },
  {
    key: 't',
    view: 'forward',
    term: 'x_t',
    kind: 'integer',
    label: 'Time step',
    symbol: 't',
    default: 150,
    min: 0,
    max: MAX_STEPS - 1,
    help: 'How far the picture is on its way to noise: hardly at 0, entirely at the last one, T − 1.',
  },
  {
    key: 'schedule',
    view: 'forward',
    term: 'beta',
    kind: 'choice',
    label: 'Schedule',
    symbol: 'β',
    default: OWN_SCHEDULE,
    choices: [
      [OWN_SCHEDULE, 'the model’s own'],
      ['linear', 'linear (DDPM)'],
      ['scaled_linear', 'scaled linear (latent diffusion)'],
      ['squaredcos_cap_v2', 'cosine (improved DDPM)'],
      ['sigmoid', 'sigmoid'],
      ['laplace', 'Laplace'],
      ['quad', 'quadratic (DDPM code)'],
      ['const', 'constant (DDPM code)'],
      ['jsd', 'harmonic (DDPM code)'],
    ],
    help: 'How much noise each step adds. A model knows only the schedule that it was trained with; the others show what another choice would have meant.',
  },
  {
    key: 'subject',
    view: 'forward',
    kind: 'integer',
    label: 'Picture',
    default: 1,
    min: 0,
    max: 100,
    help: 'Which picture becomes noise: one of those that come with the model, from 1, or at 0 one that the model makes from the seed.',
  },
];

/** @param {string} key @returns {Setting} */
export function settingOf(key) {
  const setting = SETTINGS.find((s) => s.key === key);
  if (!setting) throw new Error(`there is no setting called ${key}`);
  return setting;
}

/** @param {'view'|'model'} key @param {[string, string][]} choices  value and text; the first one is the default */
function fill(key, choices) {
  const setting = settingOf(key);
  if (setting.kind === 'choice') Object.assign(setting, { choices, default: choices[0][0] });
}

/** Puts the names of the views into the table; the first one is the default. @param {string[]} names */
export function setViews(names) {
  fill('view', names.map((name) => [name, name]));
}

/** Puts the list of models into the table; the first one is the default. @param {{id: string, name: string}[]} models  at least one */
export function setModels(models) {
  fill('model', models.map(({ id, name }) => [id, name]));
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
