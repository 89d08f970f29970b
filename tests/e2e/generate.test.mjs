// A run from the first step to the saved picture, on the CPU, with the real network.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { before, open, schedulerWith } from './helpers.mjs';
import { networkOf } from './networks.mjs';

test('the canvas shows another picture at every step that there is time to paint, and the last one at the end', async (t) => {
  const demo = await open(t, { hash: 'device=cpu&steps=4&batch=1&seed=1' });
  await demo.until('ready');
  await demo.recordSteps();
  await demo.generate();
  const painted = (await demo.recordedSteps()).filter(({ step }) => step > 0);
  const steps = painted.map(({ step }) => step);
  assert.deepEqual(steps, [...new Set(steps)].sort((a, b) => a - b), 'upwards, none twice');
  assert.equal(steps.at(-1), 4);
  assert.equal(new Set(painted.map(({ picture }) => picture)).size, painted.length);
  assert.ok(painted.slice(0, -1).every(({ state }) => state === 'running'));
  assert.match(await demo.status(), /^Done: 1 picture in 4 steps, /);
  assert.match(await demo.get('figures').innerText(), /^Step 4 of 4 · t = \d+ · .* ms per step$/);
});

test('a page that is never painted, as in a hidden tab, ends with the last picture all the same', async (t) => {
  const link = 'device=cpu&steps=3&batch=1&seed=1';
  const hidden = await open(t, { hash: link, prepare: (context) => context.addInitScript(() => (globalThis.requestAnimationFrame = () => 1)) });
  const seen = await open(t, { hash: link });
  for (const demo of [hidden, seen]) {
    await demo.until('ready');
    await demo.generate();
  }
  assert.deepEqual(await hidden.pixels(), await seen.pixels());
  assert.equal(await hidden.get('status').getAttribute('data-step'), '3');
});

test('a batch fills one canvas per picture, and picture i does not depend on the size of the batch', async (t) => {
  const demo = await open(t, { hash: 'device=cpu&steps=1&batch=3&seed=5' });
  await demo.until('ready');
  await demo.generate();
  const three = await demo.pixels();
  assert.equal(three.length, 3);
  assert.notDeepEqual(three[0], three[1]);
  assert.notDeepEqual(three[1], three[2]);
  await demo.get('batch').fill('1');
  await demo.generate();
  const [one] = await demo.pixels();
  const worst = Math.max(...one.map((v, i) => Math.abs(v - three[0][i])));
  assert.ok(worst <= 1, `grey levels differ by up to ${worst}`);
});

test('stop ends the run after the step under way and keeps what there is', async (t) => {
  const demo = await open(t, { hash: 'device=cpu&steps=1000&batch=1' });
  await demo.until('ready');
  await demo.get('generate').click();
  await demo.untilStep(2);
  await demo.get('stop').click();
  await demo.until('stopped');
  const step = Number(await demo.get('status').getAttribute('data-step'));
  assert.ok(step >= 2 && step < 1000, `stopped after step ${step}`);
  assert.equal(await demo.get('scrub').getAttribute('max'), String(step - 1));
  const last = await demo.pixels();
  await demo.slide('scrub', 0);
  assert.notDeepEqual(await demo.pixels(), last);

  await demo.get('steps').fill('2');
  await demo.generate();
});

test('the slider goes back through the same pictures that were shown during the run, of x̂₀ and of x_t', async (t) => {
  const demo = await open(t, { hash: 'device=cpu&steps=3&batch=1' });
  await demo.until('ready');
  await demo.recordSteps();
  await demo.generate();
  const steps = (await demo.recordedSteps()).filter(({ step }) => step > 0);
  const shown = () => demo.picture();
  const film = [];
  for (const step of [1, 2, 3]) {
    await demo.slide('scrub', step - 1);
    film.push(await shown());
    assert.equal(await demo.get('scrub-text').innerText(), `${step} / 3`);
  }
  assert.equal(new Set(film).size, 3, 'the film has all steps, painted or not');
  for (const { step, picture } of steps) assert.equal(film[step - 1], picture);

  await demo.slide('scrub', 0);
  await demo.get('show-xt').check();
  assert.notEqual(await shown(), film[0]);
  assert.match(demo.page.url(), /show=xt/);
  await demo.get('scrub').press('ArrowRight');
  assert.equal(await demo.get('scrub-text').innerText(), '2 / 3');
  await demo.get('scrub').press('ArrowLeft');
  assert.equal(await demo.get('scrub-text').innerText(), '1 / 3');
  await demo.get('show-x0').check();
  assert.equal(await shown(), film[0]);
});

test('a link gives identical pixels, with fresh noise in every step too', async (t) => {
  const demo = await open(t, { hash: 'device=cpu&steps=3&batch=2&seed=1' });
  await demo.until('ready');
  await demo.get('eta').fill('0.5');
  await demo.get('seed').fill('42');
  await demo.get('tau').selectOption('trailing');
  await demo.generate();
  const first = await demo.pixels();
  const link = new URL(demo.page.url()).hash.slice(1);
  assert.equal(link, 'view=generate&model=fashion-mnist&device=cpu&steps=3&eta=0.5&tau=trailing&method=ddim&seed=42&batch=2&engine=plan&storage=f32&label=0&guidance=0&show=x0&pace=fast');

  await demo.page.reload();
  await demo.until('ready');
  await demo.generate();
  assert.deepEqual(await demo.pixels(), first);

  const elsewhere = await open(t, { hash: link });
  await elsewhere.until('ready');
  await elsewhere.generate();
  assert.deepEqual(await elsewhere.pixels(), first);

  await elsewhere.get('seed').fill('43');
  await elsewhere.generate();
  assert.notDeepEqual(await elsewhere.pixels(), first);
});

/** @typedef {import('./demo.mjs').Demo} Demo */

/** @param {Demo} demo @param {string} key @returns {Promise<string[]>} */
const optionsOf = (demo, key) => demo.get(key).locator('option').evaluateAll((options) => options.map((option) => option.getAttribute('value') ?? ''));

/** The t of every step of the last run, from the highest down, as the slider tells them. @param {Demo} demo */
async function visited(demo) {
  const levels = [];
  const last = Number(await demo.get('scrub').getAttribute('max'));
  for (let i = 0; i <= last; i++) {
    await demo.slide('scrub', i);
    levels.push(Number(/t = (\d+)$/.exec(String(await demo.get('scrub').getAttribute('aria-valuetext')))?.[1]));
  }
  return levels;
}

/** What each tau makes of S = 3 and T = 1000, worked out by hand from its definition; of S = 4 for uniform, which needs a divisor. */
const VISITED = {
  model: [666, 333, 0],
  leading: [666, 333, 0],
  trailing: [999, 666, 332],
  linspace: [999, 500, 0],
  uniform: [750, 500, 250, 0],
  quad: [800, 200, 0],
  'paper-linear': [999, 665, 332],
  'paper-quadratic': [999, 443, 110],
};

test('every tau of the controls visits the noise levels of its definition', async (t) => {
  const demo = await open(t, { hash: 'device=cpu&steps=3&batch=1' });
  await demo.until('ready');
  /** @type {Record<string, number[]>} */
  const found = {};
  for (const tau of await optionsOf(demo, 'tau')) {
    await demo.get('tau').selectOption(tau);
    await demo.get('steps').fill(tau === 'uniform' ? '4' : '3');
    await demo.generate();
    found[tau] = await visited(demo);
  }
  assert.deepEqual(found, VISITED);
});

test('what the terminal refuses the page refuses, in the same words', async (t) => {
  const demo = await open(t, { hash: 'device=cpu&steps=3&batch=1&tau=uniform' });
  await demo.until('ready');
  await demo.get('generate').click();
  await demo.until('error');
  assert.equal(await demo.status(), 'steps: tau uniform has 4 steps instead of 3, because 3 does not divide 1000: choose a number that does, or another tau');
  await demo.get('steps').fill('4');
  await demo.get('generate').click();
  await demo.recovers('done');
});

test('the default tau is that of the model', async (t) => {
  const demo = await open(t, { prepare: schedulerWith({ timestep_spacing: 'trailing' }), hash: 'device=cpu&steps=3&batch=1' });
  await demo.until('ready');
  assert.equal(await demo.get('tau').locator('option:checked').innerText(), 'the model’s own (trailing)');
  await demo.generate();
  assert.deepEqual(await visited(demo), VISITED.trailing);
});

test('a link can bring a tau of its own, which says how many steps there are', async (t) => {
  const demo = await open(t, { hash: 'device=cpu&steps=9&batch=1&tau=list:0,250,500' });
  await demo.until('ready');
  assert.deepEqual(await demo.notices(), []);
  assert.equal(await demo.get('tau').locator('option:checked').innerText(), 'list:0,250,500 (from the link)');
  assert.ok(await demo.get('steps').isDisabled());
  await demo.generate();
  assert.deepEqual(await visited(demo), [500, 250, 0]);

  await demo.page.evaluate(() => (location.hash = 'device=cpu&batch=1&tau=ddim4'));
  await demo.holds('tau', 'ddim4');
  assert.equal((await optionsOf(demo, 'tau')).filter((tau) => tau.startsWith('list:')).length, 0);
  await demo.generate();
  assert.deepEqual(await visited(demo), [750, 500, 250, 0]);

  await demo.page.evaluate(() => (location.hash = 'device=cpu&batch=1&tau=list:5,5'));
  await demo.holds('tau', 'list:5,5');
  await demo.get('generate').click();
  await demo.until('error');
  assert.match(await demo.status(), /tau: the list must rise strictly, but 5 is followed by 5/);
  await demo.get('tau').selectOption('leading');
  assert.ok(await demo.get('steps').isEnabled());
  await demo.get('steps').fill('2');
  await demo.get('generate').click();
  await demo.recovers('done');
  assert.deepEqual(await visited(demo), [500, 0]);
});

/** Whether two pictures are the same but for rounding. @param {number[]} a @param {number[]} b */
const alike = (a, b) => a.every((level, i) => Math.abs(level - b[i]) <= 1);

test('every sampler of the controls makes a picture of its own', async (t) => {
  // The three with the larger noise differ in what clipping does alone: “DDPM noisy” clips to ±1 whatever the
  // model says, and DDIM with σ̂ keeps the noise that the network told where DDPM works it out anew. That shows in
  // x_t on the way, and only between neighbouring noise levels, where the network's noise has a say.
  const demo = await open(t, { prepare: schedulerWith({ clip_sample_range: 0.5 }), hash: 'device=cpu&tau=list:300,320,340&batch=1&show=xt' });
  await demo.until('ready');
  /** @type {{method: string, picture: number[]}[]} */
  const pictures = [];
  for (const method of await optionsOf(demo, 'method')) {
    await demo.get('method').selectOption(method);
    assert.equal(await demo.get('eta').isDisabled(), method !== 'ddim', 'only DDIM has an eta');
    await demo.generate();
    await demo.slide('scrub', 1);
    pictures.push({ method, picture: (await demo.pixels())[0] });
  }
  assert.deepEqual(pictures.map(({ method }) => method), ['ddim', 'sigma_hat', 'ddpm_noisy', 'ddpm_fixed_small', 'ddpm_fixed_large', 'probability_flow']);
  const same = pictures.flatMap((a, i) => pictures.slice(i + 1).flatMap((b) => (alike(a.picture, b.picture) ? [`${a.method} = ${b.method}`] : [])));
  assert.deepEqual(same, []);
});

test('the film and the numbers of a run can be saved, and each file says how to make it again', async (t) => {
  const demo = await open(t, { hash: 'device=cpu&steps=3&batch=2&seed=7' });
  await demo.until('ready');
  assert.ok(!demo.requests.some((request) => request.endsWith('/ui/menu.js')), 'the first pictures do without the menu');
  await demo.generate();
  const link = 'view=generate&model=fashion-mnist&device=cpu&steps=3';
  const gif = await demo.save('save', /^Film GIF/);
  assert.equal(gif.name, 'fashion-mnist-seed7-steps3-eta0-model-ddim-x0-film.gif');
  assert.equal(gif.bytes.toString('latin1', 0, 6), 'GIF89a');
  const apng = await demo.save('save', /exact/);
  assert.equal(apng.bytes.readUInt32BE(apng.bytes.indexOf('acTL') + 4), 3, 'frames');
  const latents = await demo.save('save', /^First noise/);
  const result = await demo.save('save', /^Result/);
  for (const { name, bytes } of [apng, latents, result]) assert.ok(bytes.includes(link), `${name} has no link in it`);
  // In a GIF a comment comes in pieces of up to 255 bytes, each with its length before it.
  let comment = '';
  for (let at = gif.bytes.indexOf(Buffer.of(0x21, 0xfe)) + 2; gif.bytes[at] > 0; at += 1 + gif.bytes[at]) comment += gif.bytes.toString('utf8', at + 1, at + 1 + gif.bytes[at]);
  assert.ok(comment.includes(link), comment);
  const pixels = await demo.pixels();
  const at = 8 + Number(result.bytes.readBigUInt64LE());
  const header = JSON.parse(result.bytes.toString('utf8', 8, at));
  assert.deepEqual(header.sample.shape, [2, 1, 32, 32]);
  const values = Array.from({ length: 2048 }, (_, i) => result.bytes.readFloatLE(at + 4 * i));
  const worst = Math.max(...values.map((v, i) => Math.abs(Math.min(255, Math.max(0, (v + 1) * 127.5)) - pixels[Math.floor(i / 1024)][4 * (i % 1024)])));
  assert.ok(worst <= 0.51, `the numbers are ${worst} grey levels from the picture`);
});

test('the saved PNG is the grid on show, magnified, under a name that says what it is', async (t) => {
  const demo = await open(t, { hash: 'device=cpu&steps=2&batch=4&seed=7' });
  await demo.until('ready');
  await demo.generate();
  const enlarged = async () => {
    await demo.get('canvas').first().click();
    const caption = await demo.get('enlarge-caption').innerText();
    await demo.get('enlarge-close').click();
    return caption.split(' · ')[0];
  };
  assert.equal(await enlarged(), 'Step 2 of 2');
  await demo.slide('scrub', 0);
  assert.equal(await enlarged(), 'Step 1 of 2');
  const { name, bytes: png } = await demo.save('save', /^Picture/);
  assert.equal(name, 'fashion-mnist-seed7-steps2-eta0-model-ddim-x0-step1.png');
  assert.equal(png.toString('latin1', 1, 4), 'PNG');
  const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)];
  assert.equal(width, height);
  assert.equal(width % (2 * 32 + 3), 0, 'two pictures of 32 pixels and three lines between and around them');
  assert.ok(width > 500 && width <= 1024, `${width} pixels wide`);
});

test('the copied link is that of the picture on show, even when a control was moved since', async (t) => {
  const demo = await open(t, { hash: 'device=cpu&steps=1&batch=1&seed=3', context: { permissions: ['clipboard-read', 'clipboard-write'] } });
  await demo.until('ready');
  await demo.generate();
  const link = demo.page.url();
  await demo.get('steps').fill('9');
  // The button says so for two seconds only.
  const said = demo.page.evaluate(
    () =>
      new Promise((resolve) => {
        const button = /** @type {Node} */ (document.querySelector('[data-testid="copy"]'));
        new MutationObserver(() => resolve(button.textContent)).observe(button, { childList: true });
      }),
  );
  await demo.get('copy').click();
  assert.equal(await said, 'Link copied');
  assert.equal(await demo.page.evaluate(() => navigator.clipboard.readText()), `${link}&play`);
});

test('every model of the list draws pictures, in grey or colour', async (t) => {
  const models = JSON.parse(await readFile(new URL('../../www/models/index.json', import.meta.url), 'utf8'));
  const demo = await open(t, { hash: 'device=cpu&steps=2&batch=1' });
  await demo.until('ready');
  for (const { id } of models) {
    await demo.get('model').selectOption(id);
    await demo.until('ready');
    await demo.generate();
    const [picture] = await demo.pixels();
    assert.ok(new Set(picture).size > 10, `the picture of ${id} is not blank`);
  }
  assert.deepEqual(demo.errors, []);
});

test('2,000 steps leave memory flat: the engine takes no more, and the page gives back what the run before had', async (t) => {
  const demo = await open(t, {
    hash: 'model=tiny&device=cpu&steps=2000&batch=1&eta=1',
    prepare: async (context) => {
      await networkOf('no-middle', [{ id: 'tiny', name: 'Tiny' }], { num_train_timesteps: 2000 })(context);
      await before(`
        const { instantiate } = WebAssembly;
        WebAssembly.instantiate = async (...all) => {
          const made = await instantiate(...all);
          globalThis.memory = (made.instance ?? made).exports.memory;
          return made;
        };`)(context);
    },
  });
  await demo.until('ready');
  const session = await demo.page.context().newCDPSession(demo.page);
  await session.send('Performance.enable');
  const measured = async () => {
    await session.send('HeapProfiler.collectGarbage');
    const { metrics } = await session.send('Performance.getMetrics');
    const [worker] = demo.page.workers();
    return { page: metrics.find(({ name }) => name === 'JSHeapUsedSize')?.value ?? NaN, engine: Number(await worker.evaluate('memory.buffer.byteLength')) };
  };
  await demo.get('steps').fill('100');
  await demo.generate();
  const { engine } = await measured();
  await demo.get('steps').fill('2000');
  await demo.generate();
  const first = await measured();
  await demo.generate();
  const second = await measured();
  assert.match(await demo.status(), /^Done: 1 picture in 2,?000 steps/);
  assert.ok(engine > 0);
  assert.deepEqual([first.engine, second.engine], [engine, engine]);
  assert.ok(second.page - first.page < 0.5e6, `${((second.page - first.page) / 1e6).toFixed(2)} MB more on the page`);
});
