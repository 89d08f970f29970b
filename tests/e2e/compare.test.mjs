// The view that compares samplers, on the CPU, with the real network.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { SETTINGS, defaults } from '../../www/state.js';
import { clock } from '../../www/views/compare/cell.js';
import { PRESETS, groupsOf, planOf, settle } from '../../www/views/compare/plan.js';
import { open, packageThat, sharedIn, sheet } from './helpers.mjs';
import { networkOf } from './networks.mjs';

/** @typedef {import('./demo.mjs').Demo} Demo @typedef {import('../../www/state.js').Values} Values */

/** The grey levels of every picture of the table, row by row. @param {Demo} demo @returns {Promise<number[][]>} */
const pictures = (demo) =>
  demo.page.evaluate(() =>
    [...document.querySelectorAll('canvas[data-testid="compare-canvas"]')].map((found) => {
      const canvas = /** @type {HTMLCanvasElement} */ (found);
      const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
      return Array.from(context.getImageData(0, 0, canvas.width, canvas.height).data);
    }),
  );

/** @param {Demo} demo */
const states = (demo) => demo.get('compare-cell').evaluateAll((cells) => cells.map((cell) => /** @type {HTMLElement} */ (cell).dataset.state));

/** @param {import('node:test').TestContext} t @param {string} hash @param {Parameters<typeof open>[1]} [more] */
async function opened(t, hash, more = {}) {
  const demo = await open(t, { ...more, hash: `view=compare&device=cpu&${hash}` });
  await demo.until('ready');
  return demo;
}

/** @param {Demo} demo */
async function run(demo) {
  await demo.press('compare-run');
  await demo.until('done');
}

/** Root mean square of the difference of two grey pictures. @param {number[]} a @param {number[]} b */
const apart = (a, b) => Math.sqrt(a.reduce((sum, v, i) => sum + (i % 4 === 0 ? (v - b[i]) ** 2 : 0), 0) / (a.length / 4));

test('the defaults fill a table of 16 pictures, nothing moves meanwhile, and the distances are those of the pictures', async (t) => {
  const demo = await opened(t, '');
  await demo.page.evaluate(() => {
    Object.assign(globalThis, { moved: 0 });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) if (!Reflect.get(entry, 'hadRecentInput')) Object.assign(globalThis, { moved: Reflect.get(globalThis, 'moved') + Reflect.get(entry, 'value') });
    }).observe({ type: 'layout-shift' });
  });
  await run(demo);
  assert.match(await demo.status(), /^Done: 16 pictures in 340 steps, .*\. With η = 0, 5 steps took .* and 50 took .*; the two pictures are [\d.]+ of 255 apart\.$/);
  const shown = await pictures(demo);
  assert.equal(new Set(shown.map(String)).size, 16);
  const said = await demo.get('compare-cell').evaluateAll((cells) => cells.map((cell) => cell.textContent ?? ''));
  for (const [i, text] of said.entries()) {
    const finest = shown[12 + (i % 4)];
    if (i >= 12) assert.match(text, /finest$/);
    // The picture is rounded to grey levels and clamped; the distance is that of the numbers before that.
    else assert.ok(Math.abs(Number(/Δ ([\d.]+)$/.exec(text)?.[1]) - apart(shown[i], finest)) < 1, `${text}, and the pictures are ${apart(shown[i], finest)} apart`);
  }
  const moved = Number(await demo.page.evaluate('moved'));
  assert.ok(moved <= 0.01, `layout shift ${moved}`);
  assert.deepEqual(demo.errors, []);
});

test('a cell is the picture that Generate makes with the settings of its link', async (t) => {
  const demo = await opened(t, 'preset=custom&columns=picture&rows=3,4&across=1,2&seed=8&tau=trailing');
  await run(demo);
  const [, , , fourth] = await pictures(demo);
  await demo.get('compare-cell').nth(3).click();
  assert.match(await demo.get('compare-dialog').innerText(), /Steps S\s+4\s/);
  await demo.get('compare-open').click();
  await demo.get('generate').waitFor();
  assert.equal(await demo.get('steps').inputValue(), '4');
  await demo.generate();
  assert.deepEqual((await demo.pixels())[1], fourth);
});

test('in 1000 steps the column η = 0 is what Generate makes in 1000 steps', async (t) => {
  const demo = await opened(t, 'model=tiny&preset=custom&columns=eta&rows=1000&across=0,1&seed=3', { prepare: networkOf('no-middle', [{ id: 'tiny', name: 'Tiny' }]) });
  await run(demo);
  const [still, random] = await pictures(demo);
  assert.notDeepEqual(still, random);
  await demo.page.evaluate(() => (location.hash = 'view=generate&model=tiny&device=cpu&steps=1000&eta=0&batch=1&seed=3&pace=fast'));
  await demo.get('generate').waitFor();
  await demo.generate();
  assert.match(await demo.status(), /^Done: 1 picture in 1,?000 steps/);
  assert.deepEqual(await demo.pixels(), [still]);
});

test('all draws of a row begin with one x_t, the first of them being the picture of the seed itself', async (t) => {
  const demo = await opened(t, 'preset=many&rows=1000,500,250&across=1,2,3&steps=4');
  await run(demo);
  assert.match(await demo.status(), /^Done: 9 pictures in \d+ steps, .*\. Pictures from t = \S+ are [\d.]+ of 255 apart on average, those from t = 250 only [\d.]+\.$/);
  const shown = await pictures(demo);
  /** @param {number} row */
  const spread = (row) => apart(shown[3 * row], shown[3 * row + 1]) + apart(shown[3 * row], shown[3 * row + 2]) + apart(shown[3 * row + 1], shown[3 * row + 2]);
  assert.ok(spread(0) > spread(2) && spread(1) > spread(2), 'the lower t, the more they share');
  const origins = await demo.get('compare-state').evaluateAll((found) => found.map((canvas) => /** @type {HTMLCanvasElement} */ (canvas).toDataURL()));
  assert.equal(new Set(origins).size, 3);

  await demo.page.evaluate(() => (location.hash = 'view=generate&device=cpu&steps=4&eta=1&batch=1'));
  await demo.get('generate').waitFor();
  await demo.generate();
  const [own] = await demo.pixels();
  for (const row of [0, 1, 2]) assert.deepEqual(shown[3 * row], own, `row ${row}`);
});

test('what the sampler refuses stands in its cell, and the others are made', async (t) => {
  const demo = await opened(t, 'preset=custom&columns=tau&rows=3,4&across=uniform,leading,banana');
  await run(demo);
  assert.deepEqual(await states(demo), ['refused', 'done', 'refused', 'done', 'done', 'refused']);
  assert.match(await demo.get('compare-cell').first().innerText(), /3 does not divide 1000/);
  assert.match(await demo.status(), /3 are not possible; the reason stands in their place\.$/);

  await demo.get('across').fill('banana');
  await demo.get('compare-run').click();
  await demo.until('error');
  assert.match(await demo.status(), /^tau: expected leading, .*banana/);
  await demo.get('rows').fill('5,6,7,8,9,10,11,12');
  await demo.get('across').fill('a,b,c,d,e,f,g,h');
  await demo.get('compare-run').click();
  assert.match(await demo.status(), /^8 rows and 8 columns are 64 pictures; at most 48 are made at once/);
});

test('stop ends all runs after their steps and keeps what there is; another model takes it away', async (t) => {
  const demo = await opened(t, 'preset=race&rows=900,1000');
  await demo.get('compare-run').click();
  // Either may be well ahead of the other when the machine is busy.
  await demo.page.waitForFunction(() => [...document.querySelectorAll('[data-testid="compare-cell"]')].every((cell) => Number(/(\d+) \/ \d+/.exec(cell.textContent ?? '')?.[1]) > 1));
  await demo.get('compare-stop').click();
  await demo.until('stopped', 'done');
  assert.match(await demo.status(), /^Stopped after \d+ steps; what there is stays\. .*would have taken about/);
  assert.deepEqual(await states(demo), ['stopped', 'stopped']);
  const [first] = await pictures(demo);
  assert.ok(new Set(first).size > 10);

  await demo.get('compare-run').click();
  await demo.untilStep(2);
  await demo.get('model').selectOption('avatars');
  await demo.until('ready');
  assert.deepEqual(await states(demo), ['empty', 'empty']);
  await demo.get('rows').fill('2,1');
  await run(demo);
  assert.match(await demo.status(), /^Done: 2 pictures in 3 steps, .*(DDPM’s 2 steps|DDIM’s 1 step) took/);
  assert.deepEqual(demo.errors, []);
});

test('a crash in the middle is told in one sentence, and the pictures so far stay', async (t) => {
  const demo = await opened(t, 'preset=custom&rows=3,4&across=0,1', { prepare: packageThat("if (index === 2) { panic('out of luck'); await new Promise(() => {}); }") });
  await demo.get('compare-run').click();
  await demo.until('error');
  assert.equal(await demo.status(), 'The engine crashed (out of luck); a new one takes its place for the next run.');
  assert.equal(await demo.get('compare-cell').count(), 4);
  assert.ok((await states(demo)).includes('running'));
});

test('the address makes the same pictures again, and what is touched is no preset any more', async (t) => {
  const demo = await opened(t, 'preset=spacing', { prepare: sheet });
  assert.deepEqual((await sharedIn(demo, 'compare-share')).files, [], 'nothing is there yet');
  assert.equal(await demo.get('across').inputValue(), PRESETS.spacing.across);
  await demo.get('preset-samplers').check();
  assert.equal(await demo.get('columns').inputValue(), 'method');
  await demo.get('rows').fill('2,3');
  assert.ok(await demo.get('preset-custom').isChecked());
  await demo.get('across').fill('ddim, ddpm_fixed_small');
  await run(demo);
  assert.equal((await demo.save('compare-save', 'Table PNG')).name, 'fashion-mnist-compare-method-seed1.png');
  const { url, files } = await sharedIn(demo, 'compare-share');
  assert.match(url, /view=compare.*rows=2,3/);
  assert.deepEqual(files, [{ name: 'fashion-mnist-compare-method-seed1.png', type: 'image/png', head: [0x89, 0x50, 0x4e, 0x47] }]);
  const shown = await pictures(demo);
  const saved = await demo.save('compare-save', 'Film, exact');
  assert.equal(saved.name, 'fashion-mnist-compare-method-seed1-film.png');
  // The last picture of the last row: half a letter from the edges, a line of text and a half below each row.
  const scale = 8;
  const [gap, line] = [6.5, 19.5];
  const frames = await demo.film(saved.bytes, 'image/png', { left: Math.round(-1 - gap - 32 * scale), top: 1 + Math.round(gap + line + 32 * scale + line + gap), scale });
  assert.equal(frames.length, 3, 'one for each step of the longest run');
  assert.deepEqual(frames[2], (shown.at(-1) ?? []).filter((_, i) => i % 4 === 0));
  assert.notDeepEqual(frames[1], frames[2]);
  await demo.page.waitForURL(/rows=2,3&columns=method&across=ddim/);
  const again = await open(t, { hash: new URL(demo.page.url()).hash.slice(1) });
  await again.until('ready');
  await run(again);
  assert.deepEqual(await pictures(again), shown);
});

test('nonsense in the link is named and replaced', async (t) => {
  const demo = await opened(t, 'preset=frob&rows=5,,x&columns=banana&across=%00&steps=1');
  const [notice] = await demo.notices();
  for (const named of ['preset=frob', 'rows=5,,x', 'columns=banana', 'across=']) assert.ok(notice.includes(named), named);
  assert.equal(await demo.get('compare-cell').count(), 16);
  assert.deepEqual(demo.errors, []);
});

test('the default preset is what the table of settings has, and every preset can be planned', () => {
  const values = defaults();
  assert.deepEqual(settle(values, SETTINGS.map(({ key }) => key)), {});
  for (const [preset, filled] of Object.entries(PRESETS)) {
    const chosen = /** @type {Values} */ ({ ...values, preset });
    assert.deepEqual({ ...chosen, ...settle(chosen, ['preset']) }, { ...chosen, ...filled });
    const plan = planOf({ ...chosen, ...filled }, 1000);
    assert.ok(!('problem' in plan) && plan.cells.flat().every(({ refusal }) => refusal === null), preset);
  }
});

test('a preset fills what a link leaves out, and other columns bring their values along', () => {
  const values = /** @type {Values} */ ({ ...defaults(), preset: 'race', rows: '200,20' });
  assert.deepEqual(settle(values, ['preset', 'rows']), { ...PRESETS.race, rows: '200,20', preset: 'custom' });
  const touched = /** @type {Values} */ ({ ...defaults(), columns: 'tau' });
  assert.deepEqual(settle(touched, ['columns']), { ...PRESETS.spacing, preset: 'custom' });
  assert.deepEqual(settle({ ...defaults(), rows: '7' }, ['rows']), { preset: 'custom' });
});

test('values that are none are refused in words, and columns are compared downwards', () => {
  const plan = planOf(/** @type {Values} */ ({ ...defaults(), preset: 'custom', rows: '5, 10', across: '0,2,NaN' }));
  assert.ok(!('problem' in plan));
  assert.deepEqual(groupsOf(plan, plan.cells).map((group) => group.map(({ values: { steps } }) => steps)), [[5, 10], [5, 10], [5, 10]]);
  assert.deepEqual(plan.cells[0].map(({ refusal }) => refusal), [
    null,
    'η must be a number from 0 to 1, or sigma_hat; “2” is not.',
    'η must be a number from 0 to 1, or sigma_hat; “NaN” is not.',
  ]);
  const race = planOf(/** @type {Values} */ ({ ...defaults(), columns: 'race', rows: '5', across: 'ddim,sigma_hat' }));
  assert.deepEqual(race, { problem: 'In a race every sampler has its own number of steps: 1 and 2 do not match.' });
});

test('a time is short enough to stand beside another figure below a small picture', () => {
  assert.deepEqual([4.26, 99.4, 99.6, 899, 1049, 61_000].map(clock), ['4.3 ms', '99 ms', '0.1 s', '0.9 s', '1.0 s', '1 min 1 s']);
});
