// What all views share: the model and where it runs, and what its sampler is asked for.

/** @typedef {import('../state.js').Setting} Setting */

/** The largest integer that JavaScript holds exactly; the sampler takes seeds up to it. */
const MAX_SEED = Number.MAX_SAFE_INTEGER;

/** The longest chain of noise levels that the sampler takes; a loaded model sets its own limit below that. */
export const MAX_STEPS = 1_000_000;

/** The value of `tau` that leaves it to the model's scheduler_config.json. */
export const OWN_TAU = 'model';

/** @type {Setting[]} */
export const SHARED = [
  {
    key: 'view',
    kind: 'choice',
    label: 'View',
    default: '',
    choices: [],
  },
  {
    key: 'model',
    kind: 'choice',
    label: 'Model',
    default: 'fashion-mnist',
    choices: [],
    // Asked for before anything is downloaded. Known by these alone, so that no more code is needed for other links.
    others: /^([\w.-]{1,96}\/[\w.-]{1,96}|https:\/\/\S{1,2000}|http:\/\/(localhost|127\.0\.0\.1)[:/]\S{0,2000})$/,
    othersText: 'or the address of a model (https://… or OWNER/NAME on huggingface.co)',
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
  },
  {
    key: 'seed',
    sampler: true,
    kind: 'integer',
    label: 'Seed',
    default: 1,
    min: 0,
    max: MAX_SEED,
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
  },
  {
    key: 'storage',
    kind: 'choice',
    label: 'Numbers',
    default: 'f32',
    choices: [
      ['f32', '32 bits'],
      ['f16', '16 bits'],
    ],
  },
  {
    key: 'label',
    kind: 'integer',
    label: 'Class',
    default: 0,
    min: 0,
    max: 1_000_000,
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
  },
];
