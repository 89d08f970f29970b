// How a run is watched: its pace, single steps and back, both pictures, one step taken apart, and when it begins by itself.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Pacer } from '../../www/pace.js';
import { open } from './helpers.mjs';

/** @typedef {import('./demo.mjs').Demo} Demo */

/** Keeps when each step was on show. @param {Demo} demo */
async function stepTimes(demo) {
  await demo.page.evaluate(() => {
    /** @type {[number, number][]} */
    const times = [];
    Object.assign(globalThis, { times });
    const status = /** @type {HTMLElement} */ (document.querySelector('[data-testid="status"]'));
    new MutationObserver(() => times.push([Number(status.dataset.step), performance.now()])).observe(status, { attributeFilter: ['data-step'] });
  });
  return /** @type {() => Promise<[number, number][]>} */ (() => demo.page.evaluate('times'));
}

test('what comes too fast waits for its turn; who is late makes nobody else wait; held, one at a time', async () => {
  /** @type {[number, number][]} */
  const seen = [];
  const began = performance.now();
  const pacer = new Pacer(40, (/** @type {number} */ item) => seen.push([item, performance.now() - began]));
  for (const item of [1, 2, 3]) pacer.add(item);
  assert.deepEqual(seen.map(([item]) => item), [1]);
  await pacer.empty();
  assert.deepEqual(seen.map(([item]) => item), [1, 2, 3]);
  assert.ok(seen[2][1] >= 79, `the third came after ${seen[2][1]} ms`);

  pacer.hold();
  for (const item of [4, 5, 6]) pacer.add(item);
  assert.equal(seen.length, 3);
  pacer.step();
  assert.deepEqual(seen.at(-1)?.[0], 4);
  pacer.step();
  assert.deepEqual(seen.at(-1)?.[0], 5);
  pacer.drop();
  pacer.go();
  assert.equal(seen.length, 5);

  const hidden = new Pacer(60_000, (/** @type {number} */ item) => seen.push([item, 0]), () => true);
  for (const item of [7, 8]) hidden.add(item);
  assert.deepEqual(seen.slice(5).map(([item]) => item), [7, 8], 'nobody looks, so nothing waits');
});

test('a run that is to be watched lasts two seconds and shows every step; the figures say what the engine took', async (t) => {
  const demo = await open(t, { hash: 'device=cpu&steps=5&batch=1&pace=watch' });
  await demo.until('ready');
  const times = await stepTimes(demo);
  await demo.generate();
  const steps = (await times()).filter(([step]) => step > 0);
  assert.deepEqual(steps.map(([step]) => step), [1, 2, 3, 4, 5]);
  assert.ok(steps[4][1] - steps[0][1] >= 1900, `${steps[4][1] - steps[0][1]} ms`);
  const seconds = Number(/, ([\d.]+) s\.$/.exec(await demo.status())?.[1]);
  const ms = Number(/([\d.]+) ms per step$/.exec(await demo.get('figures').innerText())?.[1]);
  assert.ok(Math.abs(seconds * 1000 - 5 * ms) < 2500 && seconds < 2 + 5 * ms / 1000, `${seconds} s, ${ms} ms per step`);
});

test('step by step, back and forth, and on to the end: the same pictures as in one go', async (t) => {
  const demo = await open(t, { hash: 'device=cpu&steps=4&batch=1&seed=3' });
  await demo.until('ready');
  await demo.generate();
  const film = [];
  for (const i of [0, 1, 2, 3]) {
    await demo.slide('scrub', i);
    film.push(await demo.picture());
  }

  await demo.get('seed').fill('4');
  await demo.get('seed').fill('3');
  await demo.get('step').click(); // at the end of the film: another run
  await demo.untilStep(1);
  assert.equal(await demo.get('status').getAttribute('data-state'), 'running');
  assert.equal(await demo.get('generate').innerText(), 'Go on');
  assert.equal(await demo.picture(), film[0]);
  await demo.get('step').click();
  await demo.untilStep(2);
  assert.equal(await demo.picture(), film[1]);
  await demo.get('back').click();
  assert.equal(await demo.picture(), film[0]);
  await demo.get('step').click();
  assert.equal(await demo.picture(), film[1], 'forward again through what there is');
  await demo.generate();
  assert.equal(await demo.picture(), film[3]);
});

test('a run that waits can be stopped, and does not outlive its view', async (t) => {
  const demo = await open(t, { hash: 'device=cpu&steps=9&batch=1' });
  await demo.until('ready');
  await demo.get('step').click();
  await demo.untilStep(1);
  await demo.get('stop').click();
  await demo.until('stopped');
  assert.match(await demo.status(), /^Stopped after step 1 of 9/);
  await demo.get('step').click();
  await demo.untilStep(1);
  await demo.visit('model');
  await demo.until('stopped');
});

test('both pictures stand side by side', async (t) => {
  const demo = await open(t, { hash: 'device=cpu&steps=3&batch=2&show=both' });
  await demo.until('ready');
  await demo.generate();
  await demo.slide('scrub', 0);
  const [left, right] = await demo.page.evaluate(() => ['canvas', 'canvas-xt'].map((id) => /** @type {HTMLCanvasElement} */ (document.querySelector(`[data-testid="${id}"]`)).toDataURL()));
  await demo.get('show-xt').check();
  assert.equal(await demo.picture(), right);
  await demo.get('show-x0').check();
  assert.equal(await demo.picture(), left);
  assert.notEqual(left, right);
});

test('a step taken apart: the three terms add up to its result', async (t) => {
  const demo = await open(t, { hash: 'device=cpu&steps=4&eta=1&batch=2' });
  await demo.until('ready');
  await demo.generate();
  await demo.get('dissect').locator('summary').first().click();
  await demo.get('dissect-xt').waitFor();
  await demo.slide('scrub', 1);
  const levels = await demo.page.evaluate(() =>
    ['x0', 'eps', 'z', 'xt'].map((name) => {
      const canvas = /** @type {HTMLCanvasElement} */ (document.querySelector(`[data-testid="dissect-${name}"]`));
      return [.../** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d')).getImageData(0, 0, 32, 32).data].filter((_, i) => i % 4 === 0);
    }),
  );
  const [x0, eps, z, xt] = levels.map((values) => values.map((level) => level / 127.5 - 1));
  const clipped = (/** @type {number} */ i) => levels.some((values) => values[i] === 0 || values[i] === 255);
  const inside = xt.map((_, i) => i).filter((i) => !clipped(i));
  assert.ok(inside.length > 200, `${inside.length} pixels are not clipped`);
  const worst = Math.max(...inside.map((i) => Math.abs(x0[i] + eps[i] + z[i] - xt[i])));
  assert.ok(worst <= 4 * (0.5 / 127.5) + 1e-6, `off by ${worst}`);
  assert.match(await demo.get('dissect-equation').innerText(), /0\.\d{4}/);
});

for (const [what, begins, options] of /** @type {[string, boolean, Parameters<typeof open>[1]][]} */ ([
  ['a first visit', true, { hash: '', context: { reducedMotion: 'no-preference' } }],
  ['a link that says so', true, { hash: 'device=cpu&steps=2&batch=1&play', context: { reducedMotion: 'no-preference' } }],
  ['any other link', false, { hash: 'device=cpu&steps=2&batch=1', context: { reducedMotion: 'no-preference' } }],
  ['a link to another view', false, { hash: 'view=compare&device=cpu', context: { reducedMotion: 'no-preference' } }],
  ['who wants less motion', false, { hash: '' }],
  ['who pays for each byte', false, {
    hash: '',
    context: { reducedMotion: 'no-preference' },
    prepare: (context) => context.addInitScript(() => Object.defineProperty(navigator, 'connection', { value: { saveData: true } })),
  }],
])) {
  test(`${what} ${begins ? 'sees pictures come unasked' : 'is left alone'}`, async (t) => {
    const demo = await open(t, options);
    await demo.page.waitForFunction(() => ['ready', 'running', 'done'].includes(document.querySelector('[data-testid="status"]')?.getAttribute('data-state') ?? ''));
    if (begins) await demo.until('done');
    else {
      await demo.page.waitForTimeout(300);
      assert.equal(await demo.get('status').getAttribute('data-state'), 'ready');
    }
    assert.deepEqual(demo.errors, []);
  });
}
