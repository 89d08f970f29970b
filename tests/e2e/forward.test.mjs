// The view `forward`: its numbers against closed forms computed here, its pictures against the statistics that they
// must have, and the bound of a run.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { open } from './helpers.mjs';

/** @typedef {import('./demo.mjs').Demo} Demo */

const T = 1000;
const VIEW = 'view=forward&device=cpu';

/** The model's own schedule (DDPM, section 4): betas from 0.0001 to 0.02. */
const BETAS = Array.from({ length: T }, (_, t) => 0.0001 + (t * (0.02 - 0.0001)) / (T - 1));
/** @type {number[]} */
const ALPHA_BARS = [];
for (const [t, beta] of BETAS.entries()) ALPHA_BARS.push((ALPHA_BARS[t - 1] ?? 1) * (1 - beta));

/** @param {Demo} demo */
async function ready(demo) {
  await demo.until('ready');
  await demo.get('forward-steps').waitFor();
  await demo.page.waitForFunction(() => document.querySelectorAll('[data-testid="forward-steps"] td').length > 0);
  await arrives(demo);
}

/** Waits until both pictures are at the t of the slider. @param {Demo} demo */
const arrives = (demo) =>
  demo.page.waitForFunction(() => {
    const slider = /** @type {HTMLInputElement} */ (document.querySelector('[data-testid="forward-t"]'));
    return document.querySelectorAll('.side-title .quiet')[1]?.textContent === `${Number(slider.value) + 1} draws`;
  });

/** @param {Demo} demo @param {string} testId @returns {Promise<number>} */
const number = async (demo, testId) => Number((await demo.get(testId).innerText()).replace('−', '-'));

/** The pixels of both pictures. @param {Demo} demo @returns {Promise<number[][]>} */
const pixels = (demo) =>
  demo.page.evaluate(() =>
    [...document.querySelectorAll('[data-testid="forward-canvas"]')].map((found) => {
      const canvas = /** @type {HTMLCanvasElement} */ (found);
      return Array.from(/** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d')).getImageData(0, 0, canvas.width, canvas.height).data);
    }),
  );

/** A table by column, once all its rows are there. @param {Demo} demo @param {string} place  `data-testid` of what holds it @param {number} rows */
async function tableOf(demo, place, rows) {
  const root = demo.get(place);
  const folded = root.locator('details.plot-table');
  if ((await folded.count()) > 0 && (await folded.getAttribute('open')) === null) await folded.locator('summary').click();
  await demo.page.waitForFunction(({ id, n }) => document.querySelectorAll(`[data-testid="${id}"] tbody tr`).length === n, { id: place, n: rows });
  const lines = await root.locator('table').evaluate((table) => [.../** @type {HTMLTableElement} */ (table).rows].map((row) => [...row.cells].map((cell) => cell.textContent ?? '')));
  const [head, ...body] = lines;
  return Object.fromEntries(head.map((label, column) => [label, body.map((row) => (row[column] === '' ? NaN : Number(row[column])))]));
}

/** @param {number[]} found @param {number[]} expected @param {string} what */
function near(found, expected, what) {
  assert.equal(found.length, expected.length, what);
  for (const [i, value] of expected.entries()) {
    assert.ok(Math.abs(found[i] - value) <= 1e-6 * Math.max(Math.abs(value), 1e-3), `${what}, row ${i}: ${found[i]} instead of ${value}`);
  }
}

test('both ways to x_t have the mean and the variance that the closed form says', async (t) => {
  const demo = await open(t, { hash: `${VIEW}&subject=2` });
  await ready(demo);
  const picture = await demo.page.evaluate(() => {
    const canvas = /** @type {HTMLCanvasElement} */ (document.querySelectorAll('.choices canvas')[1]);
    const { data } = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d')).getImageData(0, 0, 32, 32);
    return Array.from({ length: 1024 }, (_, i) => data[4 * i] / 127.5 - 1);
  });
  const mean = picture.reduce((sum, v) => sum + v, 0) / 1024;
  const variance = picture.reduce((sum, v) => sum + (v - mean) ** 2, 0) / 1024;
  assert.ok(variance > 0.1, 'a picture');
  for (const step of [0, 60, 400, 999]) {
    await demo.slide('forward-t', step);
    await arrives(demo);
    const left = ALPHA_BARS[step];
    const error = Math.sqrt((1 - left) / 1024);
    for (const side of ['closed', 'chain']) {
      const found = { mean: await number(demo, `forward-${side}-mean`), variance: await number(demo, `forward-${side}-variance`) };
      assert.ok(Math.abs(found.mean - Math.sqrt(left) * mean) <= 4 * error + 1e-3, `${side} at ${step}: mean ${found.mean}`);
      const spread = left * variance + 1 - left;
      // Of n values of variance v, the mean of squares has a deviation of about v sqrt(2 / n).
      assert.ok(Math.abs(found.variance - spread) <= 5 * error * 2 * Math.sqrt(spread) + 1e-3, `${side} at ${step}: variance ${found.variance} instead of ${spread}`);
    }
    if (step === 999) continue; // small numbers stand as powers of ten
    assert.ok(Math.abs((await number(demo, 'forward-alpha-bar')) / left - 1) < 1e-3);
    assert.ok(Math.abs((await number(demo, 'forward-snr')) / (left / (1 - left)) - 1) < 1e-3);
  }
  const [closed, chain] = await pixels(demo);
  assert.notDeepEqual(closed, chain);
  assert.deepEqual(demo.errors, []);
});

test('the plots hold the numbers of the schedule, for every schedule that there is', async (t) => {
  const demo = await open(t, { hash: VIEW });
  await ready(demo);
  const own = 'linear (the model’s)';
  const beta = await tableOf(demo, 'forward-plot-beta', T);
  near(beta[own], BETAS, 'β');
  const alphaBar = await tableOf(demo, 'forward-plot-alpha_bar', T);
  near(alphaBar[own], ALPHA_BARS, 'ᾱ');

  // What the reference implementation has for the others.
  /** @type {{name: string, at: number[], alpha_bars: number[]}[]} */
  const fixtures = JSON.parse(await readFile(new URL('../fixtures/scheduler/schedules.json', import.meta.url), 'utf8'));
  for (const [name, label] of Object.entries({ cosine: 'cosine', sigmoid: 'sigmoid', laplace: 'Laplace' })) {
    const { at, alpha_bars: expected } = fixtures.find((fixture) => fixture.name === `${name}, T = ${T}`) ?? assert.fail(name);
    near(at.map((step) => alphaBar[label][step]), expected, `ᾱ of ${name}`);
  }
  const choices = await demo.page.locator('[data-testid="schedule"] option').evaluateAll((options) => options.map((option) => /** @type {HTMLOptionElement} */ (option).value));
  const known = await demo.page.evaluate(async () => {
    const address = new URL('www/engine/figures.js', document.baseURI).href;
    return (await (await import(address)).loadFigures()).beta_schedules();
  });
  assert.deepEqual(choices.slice(1).sort(), [...known].sort());
});

test('steps, posterior and weights are those of the equations', async (t) => {
  const demo = await open(t, { hash: `${VIEW}&steps=10&eta=0.5&tau=leading&t=300` });
  await ready(demo);
  const tau = [900, 800, 700, 600, 500, 400, 300, 200, 100, 0];
  const steps = await tableOf(demo, 'forward-steps', 10);
  assert.deepEqual(steps['τ'], tau);
  const sigma = (/** @type {number} */ from, /** @type {number} */ to) => 0.5 * Math.sqrt(((1 - to) / (1 - from)) * (1 - from / to));
  const pairs = tau.map((from, i) => [ALPHA_BARS[from], i < 9 ? ALPHA_BARS[tau[i + 1]] : 1]);
  near(steps['ᾱ'], pairs.map(([from]) => from), 'ᾱ');
  near(steps.a, pairs.map(([, to]) => Math.sqrt(to)), 'a (DDIM, eq. 12)');
  near(steps['σ'], pairs.map(([from, to]) => sigma(from, to)), 'σ (DDIM, eq. 16)');
  near(steps.b, pairs.map(([from, to]) => Math.sqrt(Math.max(0, 1 - to - sigma(from, to) ** 2))), 'b (DDIM, eq. 12)');

  const sigmas = await tableOf(demo, 'forward-plot-sigma', 10);
  near(sigmas['linear (the model’s)'], pairs.map(([from, to]) => sigma(from, to)).reverse(), 'σ, plotted');

  const posterior = await tableOf(demo, 'forward-plot-posterior', 200);
  const some = posterior.t.map((step, i) => ({ step, i })).filter(({ step }) => step > 0 && step < T - 1);
  const before = (/** @type {number} */ step) => ALPHA_BARS[step - 1];
  near(some.map(({ i }) => posterior['factor of x₀'][i]), some.map(({ step }) => (Math.sqrt(before(step)) * BETAS[step]) / (1 - ALPHA_BARS[step])), 'DDPM, eq. 7, of x_0');
  near(some.map(({ i }) => posterior['factor of xₜ'][i]), some.map(({ step }) => (Math.sqrt(1 - BETAS[step]) * (1 - before(step))) / (1 - ALPHA_BARS[step])), 'DDPM, eq. 7, of x_t');
  near(some.map(({ i }) => posterior.variance[i]), some.map(({ step }) => ((1 - before(step)) / (1 - ALPHA_BARS[step])) * BETAS[step]), 'DDPM, eq. 7, variance');
  const shown = (await demo.get('forward-posterior-equation').innerText()).replace(/\s/g, '');
  assert.ok(shown.includes(String(Number(((Math.sqrt(before(300)) * BETAS[300]) / (1 - ALPHA_BARS[300])).toPrecision(4)))), shown);

  const weights = await tableOf(demo, 'forward-plot-weights', T);
  near(weights['simple loss of x₀'], ALPHA_BARS.map((a) => (1 - a) / a), '1 / SNR');
  near(weights['simple loss of v'], ALPHA_BARS.map((a) => 1 / a), '1 + 1 / SNR');
});

test('the mean of one step back is a picture: what Bayes makes of x_t and x_0, and x_0 itself at t = 0', async (t) => {
  const seed = 5;
  const demo = await open(t, { hash: `${VIEW}&subject=2&seed=${seed}` });
  await ready(demo);
  const grey = (/** @type {string} */ selector) =>
    demo.page.evaluate((where) => {
      const canvas = /** @type {HTMLCanvasElement} */ (document.querySelector(where));
      const { data } = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d')).getImageData(0, 0, canvas.width, canvas.height);
      return Array.from({ length: canvas.width * canvas.height }, (_, i) => data[4 * i]);
    }, selector);
  const levels = await grey('.choices label:nth-child(2) canvas');
  const picture = levels.map((level) => level / 127.5 - 1);
  for (const step of [3, 400, 0]) {
    await demo.slide('forward-t', step);
    await demo.page.locator(`[data-testid="forward-posterior-mean"][aria-label="The mean of one step back at t = ${step}"]`).waitFor();
    const noisy = await demo.page.evaluate(
      async ({ at, x_0, number }) => {
        const address = new URL('www/engine/figures.js', document.baseURI).href;
        const figures = await (await import(address)).loadFigures();
        const scheduler = JSON.stringify({ num_train_timesteps: 1000, beta_schedule: 'linear', beta_start: 0.0001, beta_end: 0.02 });
        return Array.from(figures.noised(scheduler, at, Float32Array.from(x_0), x_0.length, number, 0));
      },
      { at: step, x_0: picture, number: seed },
    );
    // The product of two normal densities of x_{t-1}: around sqrt(ᾱ_{t-1}) x_0, and where x_t says that it was.
    const left = ALPHA_BARS[step - 1] ?? 1;
    const alpha = 1 - BETAS[step];
    const precision = { forward: 1 / (1 - left), back: alpha / BETAS[step] };
    const mean = picture.map((x_0, i) =>
      step === 0 ? x_0 : (precision.forward * Math.sqrt(left) * x_0 + (precision.back * noisy[i]) / Math.sqrt(alpha)) / (precision.forward + precision.back),
    );
    for (const [name, values] of Object.entries({ x_t: noisy, mean })) {
      const found = await grey(`[data-testid="forward-posterior-${name}"]`);
      assert.equal(found.length, values.length);
      for (const [i, value] of values.entries()) {
        const expected = Math.min(255, Math.max(0, (value + 1) * 127.5));
        assert.ok(Math.abs(found[i] - expected) <= 0.51, `${name} at t = ${step}, pixel ${i}: ${found[i]} instead of ${expected}`);
      }
      if (name === 'mean') assert.equal(found.every((level, i) => level === levels[i]), step === 0, `t = ${step}`);
    }
  }
  assert.deepEqual(demo.errors, []);
});

test('a run measures the bound, term by term, and what it says is the sum of what it plots', async (t) => {
  const demo = await open(t, { hash: VIEW });
  await ready(demo);
  await demo.press('forward-run');
  await demo.until('done');
  const bound = await tableOf(demo, 'forward-plot-bound', 50);
  assert.deepEqual(bound.t, [...bound.t].sort((a, b) => a - b));
  assert.equal(bound.t[0], 0);
  const total = bound['sent before it'][0] + bound['cost of the part'][0];
  assert.ok(total > 0.5 && total < 8, `${total} bits per dimension`);
  assert.equal(await demo.get('forward-total').innerText(), `${total.toFixed(3)} bits per dimension`);
  assert.match(await demo.status(), new RegExp(`^Done: ${total.toFixed(3)} bits per dimension, `));
  // What was measured belongs to its picture.
  await demo.page.locator('.choices input').nth(4).check();
  assert.equal(await demo.get('forward-total').innerText(), 'Not measured yet.');
});

test('a picture that the model makes: a run makes it and measures it, and its link does so again; a stop keeps the page whole', async (t) => {
  const link = `${VIEW}&subject=0&steps=3&t=100&seed=7`;
  const demo = await open(t, { hash: link });
  await demo.until('ready');
  await demo.page.getByText('This picture is made by the model: press the button.').waitFor();
  await demo.press('forward-run');
  await demo.until('done');
  await arrives(demo);
  const first = await pixels(demo);
  const again = await open(t, { hash: new URL(demo.page.url()).hash.slice(1) });
  await again.until('ready');
  await again.get('forward-run').click();
  await again.page.waitForFunction(() => document.querySelector('[data-testid="forward-total"]')?.textContent?.includes('so far'));
  await again.get('forward-stop').click();
  assert.match(`${await again.until('stopped', 'done')}: ${await again.status()}`, /^(stopped: Stopped after \d+ of 50 parts|done: Done)/);
  await arrives(again);
  assert.deepEqual(await pixels(again), first);
});

test('a link with another schedule, time and picture shows the same pixels; the way back costs nothing', async (t) => {
  const demo = await open(t, { hash: VIEW });
  await ready(demo);
  await demo.get('schedule').selectOption('sigmoid');
  await demo.page.locator('.choices input').nth(2).check();
  await demo.slide('forward-t', 700);
  await arrives(demo);
  await demo.slide('forward-t', 320);
  await arrives(demo);
  await demo.page.waitForFunction(() => /t=320&schedule=sigmoid&subject=3/.test(location.hash));
  const shown = await pixels(demo);
  const again = await open(t, { hash: new URL(demo.page.url()).hash.slice(1) });
  await ready(again);
  assert.deepEqual(await pixels(again), shown);
  assert.equal(await again.get('schedule').inputValue(), 'sigmoid');
});

test('nonsense in a link is named once, and a time or a picture that is not there is the last that is', async (t) => {
  const demo = await open(t, { hash: `${VIEW}&t=soon&schedule=steep&subject=-1` });
  await ready(demo);
  const [notice, ...others] = await demo.notices();
  assert.match(notice, /t=soon.*schedule=steep.*subject=-1/s);
  assert.deepEqual(others, []);
  await demo.page.evaluate((hash) => (location.hash = hash), `${VIEW}&t=999999&subject=99&tau=uniform&steps=7`);
  await demo.page.getByText('999 of 999').waitFor();
  await arrives(demo);
  assert.ok(await demo.page.locator('.choices input').nth(11).isChecked());
  await demo.get('forward-steps').getByText('7 does not divide 1000').waitFor();
  assert.deepEqual(demo.errors, []);
});

test('lemma 1: crowds with different noise are spread alike; nothing moves by itself where motion is not wanted', async (t) => {
  const demo = await open(t, { hash: VIEW, context: { reducedMotion: 'reduce' } });
  await ready(demo);
  await demo.get('forward-lemma').scrollIntoViewIfNeeded();
  const lanes = () => demo.page.locator('.lane canvas').evaluateAll((found) => found.map((canvas) => /** @type {HTMLCanvasElement} */ (canvas).toDataURL()));
  await demo.page.waitForFunction(() => /** @type {HTMLInputElement} */ (document.querySelector('[data-testid="forward-scrub"]')).value !== '0');
  const still = await lanes();
  await demo.page.waitForTimeout(300);
  assert.deepEqual(await lanes(), still);
  assert.equal(new Set(still).size, 3, 'other paths');
  await demo.slide('forward-scrub', 20);
  assert.notDeepEqual(await lanes(), still);
  await demo.get('forward-play').click();
  await demo.page.waitForFunction(() => Number(/** @type {HTMLInputElement} */ (document.querySelector('[data-testid="forward-scrub"]')).value) > 21);
  await demo.get('forward-play').click();

  const table = await tableOf(demo, 'forward-lemma', 13);
  for (const row of table.t.keys()) {
    const left = ALPHA_BARS[table.t[row]];
    for (const eta of ['0', '0.5', '1']) {
      // Two thirds of the points begin round 0.9 and a third round −0.9: mean 0.3, variance 0.72 and a little.
      assert.ok(Math.abs(table[`mean, η = ${eta}`][row] - 0.3 * Math.sqrt(left)) < 0.1, `mean of η = ${eta} at t = ${table.t[row]}`);
      assert.ok(Math.abs(table[`variance, η = ${eta}`][row] - (1 - left + 0.7275 * left)) < 0.12, `variance of η = ${eta} at t = ${table.t[row]}`);
    }
  }
});

test('a leap over the whole chain is made in pieces, and another model may be chosen while a run goes on', async (t) => {
  const demo = await open(t, { hash: `${VIEW}&t=0` });
  await ready(demo);
  await demo.page.evaluate(() => {
    const place = document.querySelectorAll('.side-title .quiet')[1];
    /** @type {string[]} */
    const said = [];
    Object.assign(globalThis, { said });
    new MutationObserver(() => said.push(place.textContent ?? '')).observe(place, { childList: true });
  });
  await demo.slide('forward-t', 999);
  await arrives(demo);
  /** @type {string[]} */
  const said = await demo.page.evaluate('said');
  assert.ok(said.filter((text) => text.endsWith(' of 1000 draws')).length >= 2, said.join());
  assert.equal(said.at(-1), '1000 draws');

  await demo.get('forward-run').click();
  await demo.until('running');
  await demo.get('model').selectOption('avatars');
  await demo.until('ready');
  await demo.page.waitForFunction(() => {
    const canvas = /** @type {HTMLCanvasElement} */ (document.querySelector('[data-testid="forward-canvas"]'));
    const { data } = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d')).getImageData(0, 0, canvas.width, canvas.height);
    return data.some((value, i) => i % 4 === 0 && value !== data[i + 1]);
  });
  await arrives(demo);
  assert.equal(await demo.get('forward-total').innerText(), 'Not measured yet.');
  assert.deepEqual(demo.errors, []);
});
