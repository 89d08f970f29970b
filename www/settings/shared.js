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
    help: 'What is done with the model.',
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
    help: 'How many times the network cleans the picture. The model knows T noise levels (usually 1000); S of them are visited. Fewer is faster, more is finer. One step is:',
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
      ['f16', '16 bits'],
    ],
    help: 'How the network’s numbers are kept. 16 bits take half the memory and are faster on many graphics cards; the pictures differ a little. On the CPU only large networks have a choice.',
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
];
