// Training as another page uses it: www/engine/trainer.js in Chromium, on the CPU with two workers and on WebGPU.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { before, cores, emptyPage } from './helpers.mjs';
import { gradientsOnWebGpu, pictures, run, text } from './training.mjs';

/** Graphics devices are lost when the channel `destroy` says so. */
const DESTROY = `if (typeof GPUAdapter !== 'undefined') {
  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = async function (...args) {
    const device = await requestDevice.apply(this, args);
    new BroadcastChannel('destroy').onmessage = () => device.destroy();
    return device;
  };
}`;

/** @param {import('node:test').TestContext} t */
const page = (t) =>
  emptyPage(t, {
    flags: 'swiftShader',
    prepare: async (context) => {
      await cores(2)(context);
      await before(DESTROY)(context);
    },
  });

for (const device of /** @type {const} */ (['cpu', 'webgpu'])) {
  test(`${device}: steps, a stop, a checkpoint and a model that samples while the run goes on`, async (t) => {
    const { options, losses } = await run();
    // Chromium's software adapter takes seconds for the kernels of a new run, and then a second for a step.
    const more = device === 'cpu' ? 8 : 2;
    const given = { ...options, images: [...pictures(12)], device, more };
    const tab = await page(t);
    const found = await tab.evaluate(async ({ images, more, ...given }) => {
      /** @type {typeof import('../../www/engine/trainer.js')} */
      const { Trainer } = await import(new URL('www/engine/trainer.js', location.href).href);
      const pixels = Uint8Array.from(images);
      /** @type {number[]} */
      const seen = [];
      /** @type {string[]} */
      const notices = [];
      const make = () =>
        Trainer.create({ ...given, images: pixels }, (event) => {
          if (event.type === 'step') {
            seen.push(event.loss);
            if (seen.length === 2) trainer.stop();
          }
          if (event.type === 'notice') notices.push(event.text);
        });
      const trainer = await make();
      const stopped = await trainer.step(20);
      const checkpoint = await trainer.checkpoint();
      // A model, and its picture, between two steps of a run that goes on.
      const going = trainer.step(more);
      const sampler = await trainer.sampler();
      let pictures = 0;
      const sampled = sampler.sample({ steps: 2, batch: 1 }, (event) => event.type === 'step' && (pictures += 1));
      await sampled.ended;
      sampler.terminate();
      await going;
      const end = await trainer.checkpoint();
      let lost = 'lost';
      if (given.device === 'webgpu') {
        new BroadcastChannel('destroy').postMessage('');
        lost = await trainer.step(100).then(() => 'nothing', ({ kind }) => kind);
      }
      const again = await Trainer.resume(checkpoint, { images: pixels, device: given.device });
      if (given.device === 'cpu') await again.step(more);
      const same = String(await again.checkpoint()) === String(given.device === 'cpu' ? end : checkpoint);
      const refused = await Trainer.resume(checkpoint.subarray(9), { images: pixels }).then(() => 'nothing', ({ kind }) => kind);
      const { device, workers } = trainer.info;
      const ending = trainer.step(10).catch(({ kind }) => kind);
      trainer.free();
      again.free();
      return { stopped, seen, notices, pictures, same, lost, refused, device, workers, ending: await ending };
    }, given);
    assert.deepEqual(found.notices, []);
    assert.deepEqual([found.device, found.workers], [device, device === 'cpu' ? 2 : 1]);
    assert.equal(found.stopped.stopped, true);
    assert.ok(found.stopped.step <= 3, `stopped after step ${found.stopped.step}`);
    assert.equal(found.lost, 'lost');
    assert.ok(found.seen.length >= found.stopped.step + more);
    for (const [i, loss] of found.seen.entries()) assert.ok(Math.abs(loss / losses[i] - 1) <= 1e-3, `step ${i}: ${loss}, not ${losses[i]}`);
    assert.equal(found.pictures, 2);
    assert.equal(found.same, true);
    assert.equal(found.refused, 'weights');
    assert.equal(found.ending, 'ended');
  });
}

test('on WebGPU gradients are those of PyTorch', async (t) => {
  const tab = await page(t);
  await gradientsOnWebGpu((code, given) => tab.evaluate(code, given));
});

test('the worker says what it refuses; a crash ends it with one failure', async (t) => {
  const { options } = await run();
  const tab = await page(t);
  await tab.route('**/pkg/training/**/ddim_web.js', async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: `${await response.text()}\nTrainer.prototype.model = () => { throw new WebAssembly.RuntimeError('unreachable'); };` });
  });
  const found = await tab.evaluate(async ({ images, ...given }) => {
    /** @type {typeof import('../../www/engine/trainer.js')} */
    const { Trainer } = await import(new URL('www/engine/trainer.js', location.href).href);
    /** @param {{kind: string, message: string}} failure */
    const told = ({ kind, message }) => ({ kind, message });
    /** @param {Promise<unknown>} promise */
    const failureOf = (promise) => promise.then(() => ({ kind: 'none', message: '' }), told);
    const pixels = Uint8Array.from(images);
    const refused = await failureOf(Trainer.create({ ...given, images: pixels, lr: 0, device: 'cpu' }));
    /** @type {string[]} */
    const events = [];
    const trainer = await Trainer.create({ ...given, images: pixels, device: 'cpu' }, ({ type }) => events.push(type));
    const count = await failureOf(trainer.step(0));
    const crash = await failureOf(trainer.model());
    const after = await failureOf(trainer.step());
    return { refused, count, crash, after, crashed: events.includes('crashed') };
  }, { ...options, images: [...pictures(4)] });
  assert.deepEqual(found.refused, { kind: 'options', message: 'lr: expected a number above 0 and at most 1, found 0' });
  assert.deepEqual([found.count.kind, found.crash.kind, found.after.kind, found.crashed], ['options', 'crash', 'crash', true]);
});

test('the example in README.md trains', async (t) => {
  const readme = await text('README.md');
  const [, example] = /```html\n(<script type="module">\n  import \{ Trainer \}.*?)```/s.exec(readme) ?? assert.fail('no example');
  const tab = await page(t);
  /** @type {string[]} */
  const lines = [];
  tab.on('console', (message) => lines.push(message.text()));
  // Fewer steps than a reader would want.
  const short = example.replace(/step\(\d+\)/, 'step(2)');
  await tab.setContent(`<base href="${new URL('.', tab.url()).href}">${short}`);
  while (!lines.some((line) => line.startsWith('model'))) await new Promise((resolve) => setTimeout(resolve, 50));
  assert.match(lines.join('\n'), /^1 .*\n2 .*\nmodel \d+/);
});
