// What a model's two JSON files say, in words. They may come from anybody, so every value is looked at before it is shown.

import { brief } from '../../engine/errors.js';
import { fetchJsonText } from '../../engine/weights.js';
import { FOLDER } from '../../models.js';
import { M, equation } from '../../ui/terms.js';
import { megabytes } from '../../ui/words.js';

/**
 * @typedef {import('../../ui/facts.js').Fact} Fact
 * @typedef {import('../../engine/client.js').Loaded} Loaded
 * @typedef {Record<string, unknown>} Json
 * @typedef {{config: Json, scheduler: Json}} Files
 */

const { row, mo, mn, x0, eps, alphaBar, sqrt } = M;
const one = mn(1);

/** What the network answers, and how x_t is made of it. @type {Record<string, {name: string, math: string, source: string}>} */
const PREDICTIONS = {
  epsilon: { name: 'the noise ε', math: eps, source: 'DDPM, eq. 14' },
  sample: { name: 'the picture x₀', math: x0, source: 'DDPM, section 3.2' },
  v_prediction: {
    name: 'the velocity v',
    math: row('<mi>v</mi>', mo('='), sqrt(alphaBar), mo('⁢'), eps, mo('−'), sqrt(one, mo('−'), alphaBar), mo('⁢'), x0),
    source: 'Salimans and Ho 2022, section 4',
  },
};

/** @param {string} text @returns {Json} */
function objectOf(text) {
  const value = JSON.parse(text);
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
}

/** @param {import('../../models.js').Model} model @param {AbortSignal} signal @returns {Promise<Files>} */
export async function readFiles({ path, own }, signal) {
  if (own) return { config: objectOf(own.files.config), scheduler: objectOf(own.files.scheduler) };
  const [config, scheduler] = await Promise.all(
    ['config.json', 'scheduler_config.json'].map(async (name) => objectOf(await fetchJsonText(new URL(`${path}${name}`, FOLDER), signal))),
  );
  return { config, scheduler };
}

/** @param {unknown} value */
function shown(value) {
  return value === undefined || value === null ? 'not said' : brief(typeof value === 'string' ? value : JSON.stringify(value));
}

/** @param {number} count */
const grouped = (count) => count.toLocaleString('en');

/** @param {Json} config @returns {string} */
function pictures({ sample_size: size, out_channels: channels }) {
  const [height, width] = Array.isArray(size) ? size : [size, size];
  const colours = channels === 1 ? 'grey' : channels === 3 ? 'colour' : `${shown(channels)} channels`;
  return `${shown(width)} × ${shown(height)}, ${colours}`;
}

/** @param {Json} scheduler @returns {string} */
function betas({ beta_schedule: schedule, beta_start: start, beta_end: end, trained_betas: own, rescale_betas_zero_snr: rescaled }) {
  if (Array.isArray(own)) return `its own list of ${own.length}`;
  const ends = schedule === 'squaredcos_cap_v2' ? '' : `, ${shown(start)} to ${shown(end)}`;
  return `${shown(schedule)}${ends}${rescaled === true ? ', rescaled to end in pure noise' : ''}`;
}

/** @param {Json} scheduler @returns {string} */
function clipping({ clip_sample: clip, clip_sample_range: range, thresholding }) {
  if (thresholding === true) return 'by dynamic thresholds';
  return clip === false ? 'none' : `to ±${shown(range ?? 1)}`;
}

/** @param {Json} scheduler @returns {Fact} */
function prediction({ prediction_type: kind }) {
  const known = typeof kind === 'string' && Object.hasOwn(PREDICTIONS, kind) ? PREDICTIONS[kind] : undefined;
  if (!known) return { name: 'It predicts', value: shown(kind ?? 'epsilon') };
  const note = document.createElement('div');
  note.append(...(kind === 'v_prediction' ? [equation(known.math)] : []), known.source);
  return { name: 'It predicts', value: known.name, note };
}

/**
 * @param {import('../../models.js').Model} model @param {Files} files @param {number|null} bytes  of the weights
 * @param {Loaded|null} loaded  where it is this model
 * @returns {Fact[]}
 */
export function factsOf({ labels, nullLabel }, { config, scheduler }, bytes, loaded) {
  const classes = config.num_class_embeds;
  const spacing = document.createElement('span');
  spacing.append('Spacing ', equation('<mi>τ</mi>', 'inline'));
  const length = document.createElement('span');
  length.append('Noise levels ', equation('<mi>T</mi>', 'inline'));
  const noise = document.createElement('span');
  noise.append('Noise added, ', equation(M.beta, 'inline'));
  return [
    { name: 'Pictures', value: pictures(config) },
    {
      name: 'Classes',
      value: classes ? shown(classes) : 'none',
      note: classes ? [labels && brief(labels.join(', ')), nullLabel !== undefined && 'with guidance'].filter(Boolean).join('; ') : 'one cannot ask it for a kind of picture',
    },
    { name: 'Parameters', value: loaded ? grouped(loaded.info.parameters) : 'known once it is loaded' },
    { name: 'Weights', value: bytes ? `${megabytes(bytes)} MB` : 'size unknown' },
    prediction(scheduler),
    { name: length, value: shown(scheduler.num_train_timesteps ?? 1000) },
    { name: noise, value: betas(scheduler) },
    { name: spacing, value: shown(scheduler.timestep_spacing) },
    { name: 'Clipping of x̂₀', value: clipping(scheduler) },
    { name: 'Files of', value: `${shown(config._class_name)}, ${shown(scheduler._class_name)}`, note: 'classes of diffusers' },
  ];
}
