// The package that trains, in Node, without a browser: gradients, runs, checkpoints and what is refused.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test } from 'node:test';

import * as sampling from '../../pkg/ddim_web.js';
import { Trainer, initSync } from '../../pkg/training/ddim_web.js';
import { ROOT } from './demo.mjs';
import { gradientsOf, headerOf, pictures, run, text } from './training.mjs';

before(async () => {
  initSync({ module: await readFile(join(ROOT, 'pkg/training/ddim_web_bg.wasm')) });
  sampling.initSync({ module: await readFile(join(ROOT, 'pkg/ddim_web_bg.wasm')) });
});

/** @param {string} name  of the fixture @param {[number, number, number]} shape @param {number} [classes]  of the network */
async function gradientsEqual(name, shape, classes) {
  const { options, batch, check } = await gradientsOf(name, shape, classes);
  const trainer = await Trainer.create(options);
  const { loss, gradients } = await trainer.gradients(batch);
  trainer.free();
  check(loss, gradients);
}

/** By which rule a run changes the weights, and how it weights time steps, as its checkpoint says. @param {Trainer} trainer */
async function recipeOf(trainer) {
  const { header } = headerOf(await trainer.checkpoint());
  const text = Object.values(header.__metadata__).join();
  return [/"optimizer":"(\w+)"/, /"loss":"(\S+?)"/].map((part) => part.exec(text)?.[1]);
}

test('gradients are those of PyTorch', async () => {
  await gradientsEqual('no-middle', [3, 8, 8]);
  await gradientsEqual('grey-28', [1, 28, 28]);
  await gradientsEqual('classes', [3, 16, 16], 10);
});

test('thirty steps have the losses of the command line; a run that was interrupted ends with the same bits', async () => {
  const { options, losses } = await run();
  const images = pictures(12);
  const trainer = await Trainer.create({ ...options, images });
  const first = await trainer.step(11);
  assert.deepEqual([first.step, first.epoch], [11, 3]);
  const checkpoint = await trainer.checkpoint();
  const again = await Trainer.resume(checkpoint, { images });
  const last = await trainer.step(100);
  assert.deepEqual([last.step, trainer.info().step, trainer.info().shape], [30, 30, [3, 8, 8]]);
  const worst = Math.max(...trainer.info().losses.map((loss, i) => Math.abs(loss / losses[i] - 1)));
  assert.ok(worst <= 1e-3, `${worst}: ${trainer.info().losses}`);
  const mean = (/** @type {number[]} */ some) => some.reduce((sum, loss) => sum + loss, 0) / some.length;
  assert.ok(mean(losses.slice(-5)) < 0.7 * mean(losses.slice(0, 5)));
  assert.equal(trainer.info().losses.length, 30);

  await again.step(19);
  assert.deepEqual(again.info().losses, trainer.info().losses);
  assert.deepEqual(await again.checkpoint(), await trainer.checkpoint());
  await assert.rejects(again.step(), { kind: 'over' });

  const { config, scheduler, weights } = await trainer.model('f16');
  const model = await sampling.Denoiser.load(config, weights, 'cpu');
  const sampler = model.sampler({ scheduler, steps: 2, batch: 1 });
  assert.equal((await sampler.next(2)).x_t.length, 192);
  const finer = await Trainer.create({ ...options, loss: 'simple', images, weights, lr: 0.001 });
  await finer.step();
  assert.deepEqual(await recipeOf(finer), ['muon', 'simple']);
  for (const thing of [sampler, model, finer, again, trainer]) thing.free();

  // Where nobody says it, the rule is another one for a run that begins with a model.
  for (const [begin, recipe] of /** @type {const} */ ([[{}, ['muon', 'min-snr=5']], [{ weights }, ['adam', 'min-snr=5']]])) {
    const run = await Trainer.create({ ...options, optimizer: undefined, loss: undefined, images, ...begin });
    assert.deepEqual(await recipeOf(run), recipe);
    run.free();
  }
});

test('a network with classes: the losses of the command line, a run that goes on, and the names of its model', async () => {
  const { options, classes: { num_class_embeds, losses, ...told } } = await run();
  const images = pictures(12);
  const config = JSON.stringify({ ...JSON.parse(options.config), num_class_embeds });
  const class_labels = '{"label2id": {"b": 1, "a": 0, "c": 2}, "null_class_id": 3}';
  const given = { ...options, ...told, config, images };
  const trainer = await Trainer.create({ ...given, class_labels });
  await trainer.step(20);
  const checkpoint = await trainer.checkpoint();
  await trainer.step(10);
  const worst = Math.max(...trainer.info().losses.map((loss, i) => Math.abs(loss / losses[i] - 1)));
  assert.ok(worst <= 1e-3, `${worst}: ${trainer.info().losses}`);
  const again = await Trainer.resume(checkpoint, { images, labels: told.labels });
  await again.step(10);
  assert.deepEqual(await again.checkpoint(), await trainer.checkpoint());
  assert.deepEqual(JSON.parse((await again.model()).class_labels ?? ''), JSON.parse(class_labels));

  const bare = await Trainer.create(given);
  assert.deepEqual(JSON.parse((await bare.model()).class_labels ?? ''), { label2id: { 0: 0, 1: 1, 2: 2 }, null_class_id: 3 });
  const plain = await Trainer.create({ ...options, images });
  assert.equal((await plain.model()).class_labels, undefined);
  const [first] = told.labels;
  for (const [changes, words] of /** @type {[object, RegExp][]} */ ([
    [{ labels: undefined }, /num_class_embeds: expected null, because the images have no labels/],
    [{ labels: told.labels.slice(1) }, /labels: expected one for each of 12 images, found 11/],
    [{ labels: told.labels.with(5, 4) }, /labels: expected classes from 0 to 3/],
    [{ labels: told.labels.with(5, -1) }, /labels: expected an integer/],
    [{ labels: told.labels.map((label) => Math.min(label, 1)) }, /pictures of all 4 classes/],
    [{ config: options.config }, /num_class_embeds: expected a number of classes/],
    [{ label_dropout: 1 }, /label-dropout: expected a number from 0 to below 1/],
    [{ class_labels: '{"label2id": {"a": 0}}' }, /pictures of all 4 classes/],
    [{ class_labels: '{"label2id": {"a": 4}}' }, /label2id: expected classes from 0 to 3/],
    [{ class_labels: '[]' }, /class_labels.json: not a JSON object/],
  ])) {
    await assert.rejects(Trainer.create(/** @type {any} */ ({ ...given, ...changes })), words);
  }
  await assert.rejects(Trainer.resume(checkpoint, { images }), /data: the run began with .*, no labels/);
  await assert.rejects(Trainer.resume(checkpoint, { images, labels: told.labels.with(0, first + 1).with(1, first) }), /data: the run began with/);
  for (const thing of [trainer, again, bare, plain]) thing.free();
});

test('a step in parts is the step, and the same bits each time', async () => {
  const { options } = await run();
  const images = pictures(12);
  const make = () => Trainer.create({ ...options, images });
  const [alone, first, second] = await Promise.all([make(), make(), make()]);
  const together = async () => {
    /** @type {number[]} */
    const losses = [];
    for (let step = 0; step < 3; step += 1) {
      const { loss, gradients } = second.part(step, 1, 2);
      first.part(step, 0, 2);
      losses.push(first.finish(Float64Array.of(loss), [gradients]).loss);
      second.set_values(first.values());
    }
    return losses;
  };
  const losses = await together();
  await alone.step(3);
  for (const [i, loss] of alone.info().losses.entries()) assert.ok(Math.abs(losses[i] / loss - 1) <= 1e-5, `${losses[i]} and ${loss}`);
  assert.throws(() => first.finish(new Float64Array(), []), { kind: 'options' });
  const { gradients } = second.part(3, 1, 2);
  first.part(3, 0, 2);
  assert.throws(() => first.finish(Float64Array.of(1, 1), [gradients]), /losses: expected those of 1 parts beside the first, found 2/);
  first.part(3, 0, 2);
  await first.step();
  assert.throws(() => first.finish(Float64Array.of(1), [gradients]), /finish: expected a step whose first part was computed here/);
  assert.throws(() => first.part(4, 2, 2), /part/);
  assert.throws(() => first.part(4, 0, 5), /part/);
  assert.throws(() => first.set_values(new Float32Array(3)), { kind: 'input' });
  for (const trainer of [alone, first, second]) trainer.free();
});

test('what no run can have is refused in one sentence, and the package goes on', async () => {
  const { options } = await run();
  const images = pictures(4);
  const whole = { ...options, images };
  /** @param {object} changes @param {RegExp} words @param {string} kind */
  const refused = async (changes, words, kind) => {
    const error = await Trainer.create(/** @type {any} */ ({ ...whole, ...changes })).then(
      () => assert.fail(`nothing refused ${JSON.stringify(changes)}`),
      (found) => found,
    );
    assert.match(error.message, words);
    assert.match(error.message, /^[^\n]{1,500}$/);
    assert.equal(error.kind, kind, error.message);
  };
  await refused({ images: new Uint8Array() }, /count: expected at least 1/, 'input');
  await refused({ images: undefined }, /images: expected an Uint8Array/, 'options');
  await refused({ images: [1, 2, 3] }, /images: expected an Uint8Array/, 'options');
  await refused({ images: images.subarray(1) }, /found 767/, 'input');
  await refused({ count: 5 }, /expected 5 × 3 × 8 × 8/, 'input');
  await refused({ channels: 1 }, /in_channels: expected 1/, 'input');
  await refused({ channels: 2 }, /channels: expected 1 or 3/, 'input');
  await refused({ height: 4, width: 16 }, /sample_size: expected \[4, 16\]/, 'input');
  await refused({ height: 4e9, width: 1, count: 1 }, /height/, 'input');
  await refused({ width: -1 }, /width: expected an integer/, 'options');
  for (const lr of [0, -1, 1e9, NaN, Infinity]) await refused({ lr }, /lr: expected a number above 0 and at most 1/, 'options');
  for (const batch of [0, 5000, 1e12]) await refused({ batch }, /batch: expected/, 'options');
  await refused({ batch: 2.5 }, /batch: expected an integer/, 'options');
  await refused({ steps: 0 }, /steps: expected at least 1/, 'options');
  await refused({ ema: 1 }, /ema/, 'options');
  await refused({ clip: -1 }, /clip/, 'options');
  await refused({ loss: 'l1' }, /loss: expected simple/, 'options');
  await refused({ seed: -1 }, /seed/, 'options');
  await refused({ stepz: 1 }, /unknown key stepz/, 'options');
  await refused({ device: 'tpu' }, /device: expected webgpu or cpu/, 'options');
  await refused({ config: '{}' }, /config.json/, 'config');
  await refused({ scheduler: '<html>' }, /scheduler_config.json/, 'scheduler');
  await refused({ weights: new Uint8Array(5) }, /weights/, 'weights');
  await refused({ config: await text('tests/fixtures/unet/classes.json'), height: undefined }, /./, 'input');

  // One picture is enough.
  const one = await Trainer.create({ ...options, images: images.subarray(0, 192), batch: 3 });
  assert.ok((await one.step(2)).loss > 0);
  const x0 = new Float32Array(192);
  for (const [changes, words] of /** @type {[object, RegExp][]} */ ([
    [{ t: [1000] }, /t: expected integers from 0 to 999, found 1000/],
    [{ t: [0.5] }, /t: expected integers/],
    [{ t: [] }, /batch of 1 or more/],
    [{ t: [1, 2] }, /found 192/],
    [{ eps: new Float32Array(5) }, /found 5/],
    [{ extra: 1 }, /unknown key extra/],
  ])) {
    await assert.rejects(one.gradients(/** @type {any} */ ({ x0, eps: x0, t: [1], ...changes })), words);
  }
  await assert.rejects(one.step(0), /count/);
  await assert.rejects(one.step(1.5), /count/);
  await assert.rejects(one.model('f8'), /precision/);

  const checkpoint = await one.checkpoint();
  const again = { images: images.subarray(0, 192) };
  for (const [bytes, changes, words] of /** @type {[Uint8Array, object, RegExp][]} */ ([
    [checkpoint.subarray(0, 1000), {}, /expected a checkpoint/],
    [checkpoint.with(checkpoint.length - 1, checkpoint[checkpoint.length - 1] ^ 1), {}, /damaged/],
    [(await one.model('f32')).weights, {}, /without the entry/],
    [checkpoint, { images: images.subarray(192, 384) }, /data: the run began with/],
    [checkpoint, { images }, /data: the run began with/],
    [checkpoint, { lr: 0 }, /lr/],
    [checkpoint, { batch: 4 }, /unknown key batch/],
  ])) {
    await assert.rejects(Trainer.resume(bytes, /** @type {any} */ ({ ...again, ...changes })), words);
  }
  assert.ok((await one.step()).loss > 0);
  one.free();
});

test('a batch that there is no memory for is refused in words', async () => {
  const config = await text('www/models/avatars/config.json');
  const scheduler = await text('www/models/avatars/scheduler_config.json');
  const images = new Uint8Array(3072).map((_, i) => i % 251);
  const trainer = await Trainer.create({ config, scheduler, images, batch: 4096 });
  await assert.rejects(trainer.step(), { kind: 'memory', message: /training step's batch needs \d+ MiB.*use a smaller batch/ });
  trainer.free();
});
