// The view `device`: what runs where and why, the measurement, and the browser's storage.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { summarize } from '../../www/views/device/benchmark.js';
import { browserOf } from '../../www/views/device/computer.js';
import { asJson } from '../../www/views/device/results.js';
import { cores, open, packageThat } from './helpers.mjs';

const CLIPBOARD = { permissions: ['clipboard-read', 'clipboard-write'] };

/** A package whose steps take so long, in JavaScript of `this.device` and `options.batch`. @param {string} ms */
const stepsOf = (ms) => packageThat(`await new Promise((resolve) => setTimeout(resolve, ${ms}));`);

test('a summary holds median, middle half, and what follows from them', () => {
  const { median, middle, stepsPerSecond, perPicture } = summarize({ batch: 4, times: [50, 10, 40, 20, 30] });
  assert.deepEqual({ median, middle, stepsPerSecond: Math.round(stepsPerSecond * 100), perPicture }, { median: 30, middle: [20, 40], stepsPerSecond: 3333, perPicture: 7.5 });
  assert.deepEqual(summarize({ batch: 1, times: [7] }).middle, [7, 7]);
  const json = JSON.parse(asJson({ about: { model: 'm' }, series: [{ device: 'cpu', batch: 1, workers: 1, times: [] }, { device: 'cpu', batch: 4, workers: 2, times: [8, 8] }] }));
  assert.deepEqual(json, {
    model: 'm',
    results: [{ device: 'cpu', batch: 4, workers: 2, steps: 2, ms_per_step: 8, ms_middle_half: [8, 8], steps_per_second: 125, ms_per_step_and_picture: 2 }],
  });
});

test('browsers are told by their user agents', () => {
  /** @type {[string, string][]} */
  const agents = [
    ['Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0', 'Edge 130 on Windows'],
    ['Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0', 'Firefox 131 on Linux'],
    ['Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1', 'Safari 18 on iOS'],
    ['Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36', 'Chrome 130 on Android'],
    ['curl/8', 'unknown browser'],
  ];
  for (const [agent, name] of agents) assert.equal(browserOf(agent), name);
});

test('it says what the network runs on and why, and what the adapter can do', async (t) => {
  const demo = await open(t, { flags: 'swiftShader', hash: 'view=device&device=auto' });
  await demo.until('ready');
  assert.match(await demo.get('device-verdict').innerText(), /^CPU · .*own engine$/);
  assert.match(await demo.get('device-why').innerText(), /only a software adapter .* so the CPU is used\.$/);
  const limit = await demo.page.evaluate(async () => (await navigator.gpu.requestAdapter())?.limits.maxComputeInvocationsPerWorkgroup);
  const facts = demo.get('device-adapter');
  await facts.getByText('maxComputeInvocationsPerWorkgroup').waitFor();
  assert.ok((await facts.innerText()).includes(`\n${limit}\n`));
  assert.match(await facts.innerText(), /timestamp-query\s+(yes|no)/);

  await demo.get('device').selectOption('cpu');
  await demo.page.getByText('You have chosen the CPU.').waitFor();
});

test('ten seconds measure both devices, and the numbers are those of the steps', async (t) => {
  const demo = await open(t, {
    flags: 'swiftShader',
    hash: 'view=device&device=webgpu&model=avatars&batch=9&guidance=2',
    context: CLIPBOARD,
    prepare: async (context) => {
      await cores(1)(context);
      await stepsOf("(this.device === 'webgpu' ? 10 : 30) + 2 * options.batch")(context);
    },
  });
  await demo.until('ready');
  const began = Date.now();
  await demo.press('device-run');
  await demo.until('done');
  const took = Date.now() - began;
  assert.ok(took > 9_000 && took < 30_000, `${took} ms`);
  await demo.get('device-copy').click();
  await demo.page.getByRole('button', { name: 'Copied' }).waitFor();
  const report = JSON.parse(await demo.page.evaluate(() => navigator.clipboard.readText()));
  assert.equal(report.model, 'avatars');
  assert.equal(report.ddim_web, '0.1.0');
  assert.match(report.browser, /^Chrome \d+ on Linux$/);
  assert.ok(Math.abs(Date.now() - Date.parse(report.date)) < 120_000);
  /** @type {{results: {device: string, batch: number, ms_per_step: number, steps: number}[]}} */
  const { results } = report;
  assert.deepEqual(results.map(({ device, batch }) => [device, batch]), [['webgpu', 1], ['webgpu', 4], ['webgpu', 16], ['cpu', 1], ['cpu', 4], ['cpu', 16]]);
  for (const { device, batch, ms_per_step: ms, steps } of results) {
    const least = (device === 'webgpu' ? 10 : 30) + 2 * batch;
    assert.ok(ms >= least - 1 && ms < least + 40, `${device} ${batch}: ${ms} ms, ${least} were asked for`);
    assert.ok(steps >= 5);
  }
  const cells = await demo.get('device-table').locator('tbody tr td:nth-child(3)').allInnerTexts();
  assert.deepEqual(cells.map((text) => Math.round(Number.parseFloat(text))), results.map(({ ms_per_step: ms }) => Math.round(ms)));
  assert.match(String(await demo.get('device-canvas').getAttribute('aria-label')), /medians: 1 picture /);
  assert.deepEqual(demo.errors, []);
});

test('it can be stopped at any time, and what was measured stays', async (t) => {
  const demo = await open(t, { hash: 'view=device&device=cpu', context: CLIPBOARD });
  await demo.until('ready');
  await demo.get('device-run').click();
  await demo.untilStep(3);
  await demo.get('device-stop').click();
  await demo.until('stopped');
  assert.match(await demo.status(), /^Stopped\. A step takes .* for 1 picture\.$/);
  await demo.get('device-copy').click();
  await demo.page.getByRole('button', { name: 'Copied' }).waitFor();
  const { results } = JSON.parse(await demo.page.evaluate(() => navigator.clipboard.readText()));
  assert.equal(results.length, 1);
  assert.ok(results[0].steps >= 3);
});

test('another model ends it, even while the CPU is measured for comparison, and what fails is told', async (t) => {
  const demo = await open(t, {
    flags: 'swiftShader',
    hash: 'view=device&device=webgpu',
    prepare: async (context) => {
      await cores(1)(context);
      await stepsOf("this.device === 'webgpu' ? 400 : 20")(context);
    },
  });
  await demo.until('ready');
  await demo.get('device-run').click();
  await demo.page.locator('[data-testid="status"]', { hasText: 'on the CPU' }).waitFor();
  await demo.get('model').selectOption('avatars');
  await demo.until('ready');
  // The queue is free again at once.
  await demo.get('device-run').click();
  await demo.untilStep(1);
  await demo.page.keyboard.press('Escape');
  await demo.until('stopped');
  assert.deepEqual(demo.errors, []);
});

test('the browser is asked to keep what it has, and its answer is told', async (t) => {
  const demo = await open(t, {
    hash: 'view=device&device=abacus',
    prepare: (context) =>
      context.addInitScript(() => {
        let kept = false;
        Object.assign(navigator.storage, {
          estimate: async () => ({ usage: 12_345_678, quota: 5e9 }),
          persisted: async () => kept,
          persist: async () => (kept = document.title.startsWith('Good')),
        });
      }),
  });
  await demo.until('ready');
  assert.equal((await demo.notices()).filter((text) => text.includes('device=abacus')).length, 1);
  assert.match(await demo.get('device-storage').innerText(), /12\.3 MB[^]*5\.0 GB[^]*Kept for good\s+no/);
  await demo.get('device-persist').click();
  await demo.page.getByText(/The browser did not agree/).waitFor();
  await demo.page.evaluate(() => (document.title = 'Good'));
  await demo.get('device-persist').click();
  await demo.page.getByText(/The browser agreed/).waitFor();
  assert.match(await demo.get('device-storage').innerText(), /Kept for good\s+yes/);
  assert.equal(await demo.get('device-persist').isVisible(), false);
});
