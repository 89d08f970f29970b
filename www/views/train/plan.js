// What a run begins with: the network, its chain of noise, and how it is changed.

import { fetchJsonText, fetchWeights, WEIGHTS_FILE } from '../../engine/weights.js';
import { FOLDER } from '../../models.js';
import { FROM_NOTHING } from '../../state.js';

/**
 * @typedef {import('../../ui/pixels.js').Shape} Shape
 * @typedef {import('../../state.js').Values} Values
 *
 * @typedef {object} Classes
 * @property {string[]} names  by the number of the class
 * @property {number} [none]  the class that stands for none of the others, which guidance needs; it may have no name
 *
 * @typedef {object} Begin
 * @property {string} config  the text of config.json
 * @property {string} scheduler  that of scheduler_config.json
 * @property {Uint8Array} [weights]
 * @property {string} [class_labels]  that of class_labels.json
 *
 * @typedef {object} Plan  all but the weights and the pictures
 * @property {string} id  of the model that it makes
 * @property {string} [run]  no other run has it; none where it was kept before there was one
 * @property {string} name
 * @property {Shape} shape
 * @property {number} count  of pictures, without mirror images
 * @property {boolean} mirror
 * @property {Classes|null} classes  of the pictures, where the network is told them
 * @property {number} seed
 * @property {number} asked  how many steps were asked for
 * @property {number} until  after which step it stops by itself
 * @property {Pick<Values, 'lr'|'train_steps'>} [set]  as they were when it went on last
 */

/** A run has no end of its own: the view stops it. */
const ENDLESS = 10_000_000;

/** The first steps are small ones: a tenth of all, and so many at most. */
const WARMUP = 50;

/** The rule by which it stops; the help of the setting says it. */
const PER_PICTURE = 25;
const LEAST = 1000;

/** @param {number} asked  0 leaves it to the rule @param {number} count  of pictures */
export function stepsFor(asked, count) {
  return asked > 0 ? asked : Math.max(LEAST, PER_PICTURE * count);
}

/**
 * Channels of the levels, each half as large as the one before: a step of 16 pictures takes a fraction of a second on
 * two processor cores.
 * @param {number} size
 */
function widthsFor(size) {
  if (size <= 16) return [32, 64];
  return size <= 32 ? [16, 32, 64] : [8, 16, 32, 64];
}

/**
 * A small network in the manner of the ones that ship, which looks at the whole picture at once where it is smallest.
 * @param {Shape} shape @param {number} [classes]  beside which it has one more, that stands for none
 */
export function newNetwork({ channels, height: size }, classes = 0) {
  const widths = widthsFor(size);
  const last = widths.length - 1;
  return {
    _class_name: 'UNet2DModel',
    act_fn: 'silu',
    add_attention: true,
    attention_head_dim: 32,
    attn_norm_num_groups: null,
    block_out_channels: widths,
    center_input_sample: false,
    class_embed_type: null,
    down_block_types: widths.map((_, i) => (i === last ? 'AttnDownBlock2D' : 'DownBlock2D')),
    downsample_padding: 0,
    downsample_type: 'conv',
    dropout: 0,
    flip_sin_to_cos: false,
    freq_shift: 1,
    in_channels: channels,
    layers_per_block: 1,
    mid_block_scale_factor: 1,
    mid_block_type: 'UNetMidBlock2D',
    norm_eps: 1e-6,
    norm_num_groups: 8,
    num_class_embeds: classes > 0 ? classes + 1 : null,
    num_train_timesteps: null,
    out_channels: channels,
    resnet_time_scale_shift: 'default',
    sample_size: size,
    time_embedding_dim: null,
    time_embedding_type: 'positional',
    up_block_types: widths.map((_, i) => (i === 0 ? 'AttnUpBlock2D' : 'UpBlock2D')),
    upsample_type: 'conv',
  };
}

/** DDPM's chain; the network says the picture (docs/training.md). */
const SCHEDULER = {
  _class_name: 'DDIMScheduler',
  beta_end: 0.02,
  beta_schedule: 'linear',
  beta_start: 0.0001,
  clip_sample: true,
  clip_sample_range: 1,
  num_train_timesteps: 1000,
  prediction_type: 'sample',
  rescale_betas_zero_snr: false,
  set_alpha_to_one: true,
  steps_offset: 0,
  thresholding: false,
  timestep_spacing: 'leading',
  trained_betas: null,
};

/** @param {import('../../models.js').Model} model @returns {Promise<{config: string, scheduler: string}>} */
export async function textsOf({ path, own }) {
  if (own) return own.files;
  const [config, scheduler] = await Promise.all(['config.json', 'scheduler_config.json'].map((name) => fetchJsonText(new URL(`${path}${name}`, FOLDER))));
  return { config, scheduler };
}

/** What a model draws. @param {string} config  the text of config.json @returns {Shape & {classes: number}} @throws {Error} a sentence */
export function shapeOf(config) {
  const { in_channels: channels = 3, sample_size: size, num_class_embeds: classes } = JSON.parse(config);
  const [height, width] = Array.isArray(size) ? size : [size, size];
  if (![1, 3].includes(channels) || !(height > 0) || height !== width) throw new Error('This model does not draw square pictures in grey or colour; start from another one or from nothing.');
  return { channels, height, width, classes: classes ?? 0 };
}

/** All that pictures are of. @param {Classes} classes */
export function kindsOf({ names, none }) {
  return names.map((name, label) => ({ name, label })).filter(({ label }) => label !== none);
}

/** @param {Classes|null} classes */
export const namesOf = (classes) => (classes ? kindsOf(classes).map(({ name }) => name) : []);

/** The text of class_labels.json. @param {Classes} classes */
function classLabels(classes) {
  const label2id = Object.fromEntries(kindsOf(classes).map(({ name, label }) => [name, label]));
  return JSON.stringify({ label2id, null_class_id: classes.none ?? null });
}

/**
 * A config.json that knows the classes: those of a model that knew none begin with nothing of their own.
 * @param {string} config @param {Classes|null} classes
 */
function withClasses(config, classes) {
  const network = JSON.parse(config);
  if (!classes || network.num_class_embeds) return config;
  return JSON.stringify({ ...network, num_class_embeds: classes.names.length + 1 }, null, 2);
}

/** @param {import('../../models.js').Model} model @param {import('../../engine/weights.js').OnBytes} onBytes @returns {Promise<Begin>} */
async function beginOf(model, onBytes) {
  if (model.own) {
    const { config, scheduler, weights } = model.own.files;
    return { config, scheduler, weights: new Uint8Array(await weights.arrayBuffer()) };
  }
  const url = new URL(`${model.path}${WEIGHTS_FILE}`, FOLDER);
  const [texts, weights] = await Promise.all([textsOf(model), fetchWeights(url, onBytes, new AbortController().signal, model.sha256?.[WEIGHTS_FILE])]);
  return { ...texts, weights: new Uint8Array(await weights.blob.arrayBuffer()) };
}

/**
 * What a run of the settings is created with, but for the pictures.
 * @param {Values} values @param {Plan} plan
 * @param {import('../../models.js').Model|undefined} model  to start from
 * @param {import('../../engine/weights.js').OnBytes} onBytes
 */
export async function optionsFor(values, { shape, count, classes }, model, onBytes) {
  const fresh = values.from === FROM_NOTHING || !model;
  const begin = fresh ? { config: JSON.stringify(newNetwork(shape, classes?.names.length), null, 2), scheduler: JSON.stringify(SCHEDULER, null, 2) } : await beginOf(model, onBytes);
  const config = withClasses(begin.config, classes);
  const steps = stepsFor(values.train_steps, count);
  // The average of the weights looks back on a tenth of the run.
  const ema = Math.min(0.9995, Math.max(0.9, 1 - 10 / steps));
  const class_labels = classes ? { class_labels: classLabels(classes) } : {};
  return { ...begin, config, ...class_labels, steps: ENDLESS, warmup: Math.min(WARMUP, Math.ceil(steps / 10)), ema, batch: values.train_batch, seed: values.seed };
}
