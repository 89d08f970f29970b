// Random networks at random sizes in one instance of the package, in Node: each is either run or refused in words, what was
// there before goes on, and the same instance then makes the reference picture bit for bit. sizes.test.mjs has a few of
// them; many:
//
//   node tests/e2e/sizes.mjs 2000 [SEED]

import { readFileSync } from 'node:fs';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';

import { Denoiser, expected_tensors as expectedTensors, initSync, on_panic as onPanic } from '../../pkg/ddim_web.js';
import { Trainer, initSync as initTraining, on_panic as onPanicInTraining } from '../../pkg/training/ddim_web.js';
import { fileOf } from '../browsers/weights.js';

/** @typedef {import('../../pkg/ddim_web.js').Sampler} Sampler @typedef {{ran: number, refused: Map<string, number>}} Tally */

const SCHEDULER = JSON.stringify({ num_train_timesteps: 1000, beta_start: 1e-4, beta_end: 0.02, beta_schedule: 'linear', clip_sample: false });

/** What is made after every case. */
const REFERENCE = {
  ...{ sample_size: 8, in_channels: 3, out_channels: 3, layers_per_block: 1, block_out_channels: [8, 16], norm_num_groups: 4, attention_head_dim: 4 },
  down_block_types: ['DownBlock2D', 'AttnDownBlock2D'],
  up_block_types: ['AttnUpBlock2D', 'UpBlock2D'],
};

/** Multiplications that take about a twentieth of a second. */
const WORK = 1.5e8;

/** Bytes of feature maps of which nobody would want the half. */
const SURELY = 2 ** 32;

/** Samplers that are kept while others are made. */
const KEPT = 6;

/** Numbers from 0 to below 1: mulberry32. @param {number} seed */
function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let z = Math.imul(state ^ (state >>> 15), state | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** @param {() => number} random */
function draws(random) {
  const whole = (/** @type {number} */ least, /** @type {number} */ most) => least + Math.floor(random() * (most - least + 1));
  const scale = (/** @type {number} */ most) => Math.floor(2 ** (random() * Math.log2(most + 1)));
  return { whole, scale, likely: (/** @type {number} */ share) => random() < share };
}

/** One network, a size and a batch. @param {() => number} random */
function drawn(random) {
  const { whole, scale, likely } = draws(random);
  const levels = whole(1, 4);
  const groups = 2 ** whole(0, 3);
  // Of the first one its sines and cosines are made.
  const widths = Array.from({ length: levels }, () => groups * Math.max(scale(24), Math.ceil(4 / groups)));
  // Some are near what a module can have, where each tensor alone would do.
  const large = likely(0.3);
  const attends = Array.from({ length: levels }, () => likely(large ? 0.05 : 0.2));
  const inputs = whole(1, 4);
  const predicts = likely(0.4);
  const least = 2 ** (levels - 1);
  const side = () => (likely(0.97) ? least * Math.max(1, Math.round((large ? whole(512, 2048) : scale(4096)) / least)) : whole(1, 4096));
  const height = side();
  const width = likely(0.5) ? height : side();
  if (large) widths.forEach((channels, level) => (widths[level] = Math.min(channels, groups * Math.max(Math.ceil(4 / groups), Math.floor((2 ** 27 * 4 ** level) / (height * width * groups))))));
  const config = {
    sample_size: [height, width],
    in_channels: inputs,
    out_channels: predicts && likely(0.4) ? scale(64) : inputs,
    layers_per_block: whole(1, 2),
    block_out_channels: widths,
    norm_num_groups: groups,
    attention_head_dim: likely(0.5) ? null : groups,
    add_attention: !large && likely(0.3),
    ...(likely(0.2) && { num_class_embeds: 10 }),
    down_block_types: attends.map((attention) => (attention ? 'AttnDownBlock2D' : 'DownBlock2D')),
    up_block_types: attends.toReversed().map((attention) => (attention ? 'AttnUpBlock2D' : 'UpBlock2D')),
  };
  const batch = large || likely(0.5) ? 1 : scale(1024);
  let [work, bytes] = [0, 4 * batch * height * width * (5 * inputs + 2 * config.out_channels)];
  for (const [level, channels] of widths.entries()) {
    const pixels = (height * width) / 4 ** level;
    const before = widths[Math.max(level - 1, 0)];
    const pairs = attends[level] ? 12 * pixels * pixels * channels : 0;
    work += batch * config.layers_per_block * (pixels * 9 * channels * (10 * channels + 4 * before) + pairs);
    bytes += 4 * pixels * channels * (6 + 4 * config.layers_per_block);
  }
  return { config, batch, work, bytes, predicts, classes: config.num_class_embeds };
}

/** One that does not take long, or cannot be done. @param {() => number} random */
function draw(random) {
  for (;;) {
    const found = drawn(random);
    if (found.work < WORK || found.bytes > SURELY) return found;
  }
}

/** Weights of no meaning. @param {object} config @param {() => number} random */
function weightsOf(config, random) {
  const tensors = expectedTensors(JSON.stringify(config)).map((tensor) => {
    const count = tensor.shape.reduce((a, b) => a * b, 1);
    return { ...tensor, values: Float32Array.from({ length: count }, () => (random() - 0.5) / 4) };
  });
  return fileOf(tensors);
}

/** @param {object} config @param {() => number} random */
const load = (config, random) => Denoiser.load(JSON.stringify(config), weightsOf(config, random), 'cpu');

const KINDS = ['config', 'scheduler', 'weights', 'options', 'input', 'memory'];

/** @param {unknown} error @returns {string} its kind @throws what is no refusal in words */
function refusal(error) {
  const { message, kind } = /** @type {Error & {kind: string}} */ (error);
  const plain = typeof message === 'string' && message.length > 0 && message.length <= 500 && !message.includes('\n');
  if (!plain || !KINDS.includes(kind)) throw error;
  return kind;
}

/**
 * @param {number} count @param {number} [seed] @param {(done: number, tally: Tally) => void} [tell]
 * @returns {Promise<Tally>} how many ran, and how many were refused by which kind of error
 * @throws at the first case that ends otherwise, with its number and what it was
 */
export async function check(count, seed = 1, tell = () => {}) {
  initSync({ module: readFileSync(new URL('../../pkg/ddim_web_bg.wasm', import.meta.url)) });
  /** @type {string[]} */
  const panics = [];
  onPanic((message) => panics.push(message));
  const random = randomOf(seed);
  const reference = await load(REFERENCE, randomOf(7));
  const picture = async () => {
    const sampler = reference.sampler({ scheduler: SCHEDULER, steps: 2, seed: 3 });
    await sampler.next();
    const { x_t: result } = await sampler.next();
    sampler.free();
    return Buffer.from(result.buffer).toString('base64');
  };
  const expected = await picture();
  /** @type {Tally} */
  const tally = { ran: 0, refused: new Map() };
  /** Runs that others are made beside. @type {{sampler: Sampler, model: Denoiser, light: boolean}[]} */
  const kept = [];
  const free = () => {
    const [{ sampler, model }] = kept.splice(Math.floor(random() * kept.length), 1);
    sampler.free();
    model.free();
  };
  for (let i = 0; i < count; i++) {
    const { config, batch, work, predicts, classes } = draw(random);
    try {
      /** @type {{free: () => void}[]} */
      const made = [];
      try {
        const model = await load(config, random);
        made.push(model);
        const labels = classes ? new Array(batch).fill(3) : undefined;
        if (predicts) {
          const [height, width] = config.sample_size;
          const length = batch * config.in_channels * height * width;
          // JavaScript, too, has only so much.
          const x = new Float32Array(length <= 2 ** 27 ? length : 0);
          const out = await model.predict(x, batch, 500, labels && Uint32Array.from(labels));
          if (out.length !== batch * config.out_channels * height * width) throw new Error(`${out.length} numbers`);
          model.free();
          made.length = 0;
        } else {
          const sampler = model.sampler({ scheduler: SCHEDULER, steps: 3, batch, ...(labels && { labels }) });
          made.push(sampler);
          const { x_t: result } = await sampler.next();
          if (result.length !== sampler.shape.reduce((a, b) => a * b, 1)) throw new Error(`${result.length} numbers`);
          kept.push({ sampler, model, light: work < WORK / 10 });
          made.length = 0;
        }
        tally.ran += 1;
      } catch (error) {
        const kind = refusal(error);
        // Whoever collects garbage here does not know how much of the module's memory it holds.
        for (const each of made.reverse()) each.free();
        tally.refused.set(kind, (tally.refused.get(kind) ?? 0) + 1);
      }
      // What was there before goes on.
      for (const run of kept.filter(({ light }) => light).slice(0, 1)) {
        run.light = false;
        try {
          await run.sampler.next();
        } catch (error) {
          refusal(error);
        }
      }
      while (kept.length > KEPT || (kept.length > 0 && random() < 0.3)) free();
      if ((await picture()) !== expected) throw new Error('the reference picture is another one');
      if (panics.length > 0) throw new Error(panics[0]);
    } catch (error) {
      throw new Error(`case ${i} of seed ${seed}: ${JSON.stringify({ config, batch, predicts })}: ${panics[0] ?? error}`, { cause: error });
    }
    tell(i + 1, tally);
  }
  return tally;
}

/**
 * The same of the package that trains: a step of each network, and after it one of the reference network.
 * @param {number} count @param {number} [seed]
 * @returns {Promise<Tally>}
 * @throws as `check`
 */
export async function checkTraining(count, seed = 1) {
  initTraining({ module: readFileSync(new URL('../../pkg/training/ddim_web_bg.wasm', import.meta.url)) });
  /** @type {string[]} */
  const panics = [];
  onPanicInTraining((message) => panics.push(message));
  const random = randomOf(seed);
  /** @type {(config: {in_channels: number}, size: number[], batch: number, classes?: number) => Promise<number>} the loss of the first step */
  const loss = async (config, [height, width], batch, classes) => {
    const image = config.in_channels * height * width;
    const labels = Array.from({ length: classes ?? 2 }, (_, i) => i);
    const images = new Uint8Array(labels.length * image <= 2 ** 28 ? labels.length * image : 0).fill(60, image / 2, image);
    const trainer = await Trainer.create({ config: JSON.stringify(config), scheduler: SCHEDULER, images, batch, ...(classes && { labels }) });
    try {
      return (await trainer.step()).loss;
    } finally {
      trainer.free();
    }
  };
  const expected = await loss(REFERENCE, [8, 8], 2);
  /** @type {Tally} */
  const tally = { ran: 0, refused: new Map() };
  for (let i = 0; i < count; i++) {
    const { config, batch, work, bytes, classes } = draw(random);
    // A step takes longer than a run, and a network learns what it is given.
    if (20 * work > WORK && bytes < SURELY) continue;
    const channels = config.in_channels > 2 ? 3 : 1;
    const learns = { ...config, in_channels: channels, out_channels: channels };
    try {
      try {
        if (!Number.isFinite(await loss(learns, config.sample_size, batch, classes))) throw new Error('no loss');
        tally.ran += 1;
      } catch (error) {
        const kind = refusal(error);
        tally.refused.set(kind, (tally.refused.get(kind) ?? 0) + 1);
      }
      if ((await loss(REFERENCE, [8, 8], 2)) !== expected) throw new Error('the reference step is another one');
      if (panics.length > 0) throw new Error(panics[0]);
    } catch (error) {
      throw new Error(`step ${i} of seed ${seed}: ${JSON.stringify({ config: learns, batch })}: ${panics[0] ?? error}`, { cause: error });
    }
  }
  return tally;
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  const began = performance.now();
  const told = (/** @type {Tally} */ { ran, refused }) => `${ran} ran, refused: ${[...refused].map(([kind, times]) => `${times} ${kind}`).join(', ')}`;
  const tally = await check(Number(argv[2] ?? 2000), Number(argv[3] ?? 1), (done, so) => {
    if (done % 100 === 0) console.log(`${done}: ${told(so)}`);
  });
  console.log(`${told(tally)}, in ${((performance.now() - began) / 1000).toFixed(0)} s`);
}
