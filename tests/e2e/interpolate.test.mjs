// The view of pictures between pictures, on the CPU, with the real network.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Task } from '../../www/run.js';
import { defaults } from '../../www/state.js';
import { Latest } from '../../www/ui/latest.js';
import { Maker } from '../../www/views/interpolate/maker.js';
import { open, sharedIn, sheet } from './helpers.mjs';
import { file, png } from './pictures.mjs';

/** @typedef {import('./demo.mjs').Demo} Demo */

const VIEW = 'view=interpolate&device=cpu';

/** Grey levels of every canvas with this `data-testid`. @param {Demo} demo @param {string} testId @returns {Promise<number[][]>} */
const levels = (demo, testId) =>
  demo.page.evaluate(
    (id) =>
      [...document.querySelectorAll(`canvas[data-testid="${id}"]`)].map((found) => {
        const canvas = /** @type {HTMLCanvasElement} */ (found);
        const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
        return Array.from(context.getImageData(0, 0, canvas.width, canvas.height).data).filter((_, i) => i % 4 === 0);
      }),
    testId,
  );

/** @param {Demo} demo */
const picture = async (demo) => (await levels(demo, 'interpolate-canvas'))[0];

/** @param {number[]} a @param {number[]} b */
const farthest = (a, b) => Math.max(...a.map((v, i) => Math.abs(v - b[i])));

/** Fills the map. @param {Demo} demo */
async function fill(demo) {
  await demo.press('interpolate-run');
  await demo.until('done');
}

/** @param {Demo} demo @param {string} hash */
const hashHolds = (demo, hash) => demo.page.waitForFunction((part) => location.hash.includes(part), hash);

/** For `prepare`: counts the pictures that are asked for and not there yet. @param {import('playwright-core').BrowserContext} context */
const counting = (context) =>
  context.addInitScript(() => {
    const runs = { asked: 0, underWay: 0, most: 0 };
    Object.assign(globalThis, { runs });
    const Original = Worker;
    globalThis.Worker = class extends Original {
      /** @type {Set<number>} */
      #mine = new Set();
      /** @param {string|URL} url @param {WorkerOptions} [options] */
      constructor(url, options) {
        super(url, options);
        this.addEventListener('message', ({ data }) => {
          if ((data.type === 'answer' || data.type === 'failed') && this.#mine.delete(data.request)) runs.underWay -= 1;
        });
      }
      /** @param {any} message @param {any} [rest] */
      postMessage(message, rest) {
        if (message.type === 'sample') {
          this.#mine.add(message.request);
          runs.asked += 1;
          runs.underWay += 1;
          runs.most = Math.max(runs.most, runs.underWay);
        }
        super.postMessage(message, rest);
      }
    };
  });

test('of requests that come too fast one is served and the newest waits; a failure ends what waits', async () => {
  /** @type {number[]} */
  const served = [];
  let release = () => {};
  const latest = new Latest(async (/** @type {() => number|undefined} */ take) => {
    for (let request = take(); request !== undefined; request = take()) {
      served.push(request);
      if (request === 9) throw new Error('failed');
      await new Promise((resolve) => (release = () => resolve(undefined)));
    }
  });
  const settle = () => new Promise((resolve) => setTimeout(resolve));
  for (const request of [1, 2, 3, 4]) latest.ask(request);
  assert.deepEqual(served, [1]);
  release();
  await settle();
  assert.deepEqual(served, [1, 4]);
  latest.ask(5);
  latest.drop();
  release();
  await settle();
  latest.ask(9);
  await settle();
  latest.ask(6);
  await settle();
  assert.deepEqual(served, [1, 4, 9, 6]);
});

test('with its defaults the button makes a row from the picture of one seed to that of the other; it plays, and is saved', async (t) => {
  const demo = await open(t, { hash: `${VIEW}&steps=4`, prepare: sheet });
  await demo.until('ready');
  await demo.page.evaluate(() => {
    const shifts = { sum: 0 };
    Object.assign(globalThis, { shifts });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) shifts.sum += /** @type {PerformanceEntry & {value: number}} */ (entry).value;
    }).observe({ type: 'layout-shift' });
  });
  assert.ok(await demo.get('interpolate-play').isDisabled());
  await fill(demo);
  assert.match(await demo.status(), /^Done: 7 frames in /);
  const [frames, corners] = [await levels(demo, 'interpolate-frame'), await levels(demo, 'interpolate-corner')];
  assert.equal(frames.length, 7);
  assert.equal(new Set(frames.map(String)).size, 7, 'all differ');
  assert.ok(farthest(frames[0], corners[0]) <= 1);
  assert.ok(farthest(frames[6], corners[1]) <= 1);
  assert.ok(farthest(frames[3], await picture(demo)) <= 1, 'the handle is half-way');

  await demo.get('interpolate-play').click();
  await demo.page.waitForFunction(() => /^Frame [12]$/.test(document.querySelector('[data-testid="interpolate-note"]')?.textContent ?? ''));
  await demo.get('interpolate-play').click();
  await demo.until('done');

  assert.deepEqual((await sharedIn(demo, 'interpolate-share')).files.map(({ name }) => name), ['fashion-mnist-between-1-2-steps4.png']);
  const saved = demo.page.waitForEvent('download');
  await demo.get('interpolate-save').click();
  await demo.page.getByRole('menuitem', { name: 'Film GIF' }).click();
  assert.equal((await saved).suggestedFilename(), 'fashion-mnist-between-1-2-steps4-film.gif');
  assert.ok((await demo.page.evaluate('shifts.sum')) <= 0.01);
  assert.deepEqual(demo.errors, []);
});

test('at a corner there is the picture that Generate makes of its seed; a link gives the same pixels, however one got there', async (t) => {
  const demo = await open(t, { hash: `${VIEW}&steps=3&frames=3&corners=5,6&at=0,0.5` });
  await demo.until('ready');
  await fill(demo);
  const corner = await picture(demo);

  // With the keys to 0.35, and there in all steps.
  await demo.get('interpolate-handle').focus();
  for (let i = 0; i < 7; i++) await demo.page.keyboard.press('ArrowRight');
  await hashHolds(demo, 'at=0.35,0.5');
  await demo.page.waitForFunction(() => document.querySelector('[data-testid="status"]')?.textContent === 'Done: the picture at the handle.');
  const between = await picture(demo);
  assert.notDeepEqual(between, corner);
  const link = new URL(demo.page.url()).hash.slice(1);

  const elsewhere = await open(t, { hash: link });
  await elsewhere.until('ready');
  await fill(elsewhere);
  assert.deepEqual(await picture(elsewhere), between);

  await elsewhere.page.evaluate(() => (location.hash = 'view=generate&device=cpu&steps=3&seed=5&batch=1'));
  await elsewhere.generate();
  assert.deepEqual((await levels(elsewhere, 'canvas'))[0], corner);
});

test('a drag never has more than one picture under way, ends with all steps, and no task of the page is long', async (t) => {
  const demo = await open(t, { hash: `${VIEW}&steps=10&drag=5`, prepare: counting });
  await demo.until('ready');
  const box = await demo.get('interpolate-map').boundingBox();
  assert.ok(box);
  await demo.page.evaluate(() => {
    /** @type {number[]} */
    const tasks = [];
    Object.assign(globalThis, { tasks });
    new PerformanceObserver((list) => tasks.push(...list.getEntries().map(({ duration }) => duration))).observe({ type: 'longtask' });
  });
  let longest = Infinity;
  // The browser reports what takes longer than 50 ms, and on a busy machine anything may do so once.
  for (let attempt = 0; attempt < 3 && longest > 0; attempt++) {
    await demo.page.evaluate('tasks.length = 0, Object.assign(runs, {asked: 0, most: 0})');
    await demo.page.mouse.move(box.x + 40, box.y + box.height / 2);
    await demo.page.mouse.down();
    for (let i = 1; i <= 50; i++) await demo.page.mouse.move(box.x + 40 + (i / 50) * (box.width * 0.6), box.y + box.height / 2);
    const { asked, most, tasks } = await demo.page.evaluate(() => {
      const { runs, tasks } = /** @type {any} */ (globalThis);
      return { ...runs, tasks: [...tasks] };
    });
    assert.ok(asked >= 1 && asked < 50, `${asked} pictures`);
    assert.equal(most, 1);
    longest = Math.max(0, ...tasks);
    await demo.page.mouse.up();
    await demo.page.waitForFunction(() => document.querySelector('[data-testid="interpolate-note"]')?.textContent === '10 steps');
    await demo.until('done');
  }
  assert.equal(longest, 0, `${longest} ms`);
  assert.equal(await demo.page.evaluate('runs.underWay'), 0);
});

test('stop ends the frames within a step and keeps what there is', async (t) => {
  const demo = await open(t, { hash: `${VIEW}&steps=500&frames=3` });
  await demo.until('ready');
  await demo.get('interpolate-run').click();
  await demo.untilStep(2);
  await demo.get('interpolate-stop').click();
  await demo.until('stopped');
  assert.equal(await demo.status(), 'Stopped. The pictures so far are kept.');
  assert.ok(Number(await demo.get('status').getAttribute('data-step')) < 500);
  const frames = await levels(demo, 'interpolate-frame');
  await demo.page.waitForTimeout(300);
  assert.deepEqual(await levels(demo, 'interpolate-frame'), frames);
  await demo.get('steps').fill('2');
  await fill(demo);
});

test('without noise mixing is that of pixels, with noise it is not; up there is more of it', async (t) => {
  const demo = await open(t, { hash: `${VIEW}&steps=4&frames=3&path=mix&mix=0&at=0.5,0.5` });
  await demo.until('ready');
  await fill(demo);
  const [frames, [a, b]] = [await levels(demo, 'interpolate-frame'), await levels(demo, 'interpolate-corner')];
  assert.equal(frames.length, 15);
  const half = a.map((v, i) => (v + b[i]) / 2);
  assert.ok(farthest(frames[13], half) <= 1.5, 'the bottom row');
  assert.deepEqual(await picture(demo), frames[13]);
  assert.ok(farthest(frames[1], half) > 50, 'the top row');
  await demo.get('interpolate-handle').focus();
  await demo.page.keyboard.press('PageUp');
  await hashHolds(demo, 'mix=1000');
  await demo.page.waitForFunction(() => document.querySelector('[data-testid="interpolate-note"]')?.textContent === '5 steps');
  await demo.until('done');
  assert.ok(farthest(await picture(demo), frames[1]) <= 1);
});

test('four corners stand at the corners of a square; its two sliders and the map move the same handle', async (t) => {
  const demo = await open(t, { hash: `${VIEW}&steps=3&frames=3` });
  await demo.until('ready');
  await demo.get('interpolate-square').check();
  await hashHolds(demo, 'corners=1,2,3,4');
  await fill(demo);
  const [frames, corners] = [await levels(demo, 'interpolate-frame'), await levels(demo, 'interpolate-corner')];
  [0, 2, 6, 8].forEach((frame, i) => assert.ok(farthest(frames[frame], corners[i]) <= 1, `corner ${i}`));
  await demo.slide('interpolate-u', 100);
  await demo.slide('interpolate-v', 100);
  await hashHolds(demo, 'at=1,1');
  await demo.until('done');
  assert.equal(await demo.get('interpolate-handle').getAttribute('aria-valuetext'), '100 % across, 100 % down');
  await demo.get('interpolate-frame').nth(0).click({ force: true });
  await hashHolds(demo, 'at=0,0');
  await demo.page.waitForFunction(() => document.querySelector('[data-testid="interpolate-note"]')?.textContent === '3 steps');
  assert.deepEqual(await picture(demo), corners[0]);
});

test('pictures at the corners become noise and come back as Reconstruct brings them; the link names samples, and says what it cannot carry', async (t) => {
  const demo = await open(t, { hash: `${VIEW}&steps=4&frames=3&corners=s0,s2`, context: { permissions: ['clipboard-read', 'clipboard-write'] } });
  await demo.until('ready');
  await fill(demo);
  const [frames, corners] = [await levels(demo, 'interpolate-frame'), await levels(demo, 'interpolate-corner')];
  assert.equal(await demo.get('interpolate-name-1').innerText(), 'sample 2');
  assert.ok(farthest(frames[0], corners[0]) > 0, 'four steps lose something');
  assert.ok(Math.min(farthest(frames[1], frames[0]), farthest(frames[1], frames[2])) > 50, 'in the middle is another picture');

  const there = await open(t, { hash: 'view=reconstruct&device=cpu&steps=4&picture=2' });
  await there.until('ready');
  await there.press('reconstruct-run');
  await there.until('done');
  const [given, back] = await Promise.all(['picture', 'back'].map((name) => there.page.evaluate((of) => {
    const canvas = /** @type {HTMLCanvasElement} */ (document.querySelector(`[data-cell="${of}"] canvas`));
    const { data } = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d')).getImageData(0, 0, canvas.width, canvas.height);
    return Array.from(data).filter((_, i) => i % 4 === 0);
  }, name)));
  assert.deepEqual(corners[1], given);
  assert.ok(farthest(frames[2], back) <= 1, `${farthest(frames[2], back)} levels from what Reconstruct makes`);

  // A picture of one's own in the place of sample 2, and a sample in that of the first.
  await demo.get('interpolate-picture-1').click();
  await demo.get('interpolate-files').setInputFiles(file('one.png', png(1, 1, { row: Buffer.of(99) })));
  await demo.page.waitForFunction(() => document.querySelector('[data-testid="interpolate-remark"]')?.textContent === 'B: your picture, scaled to 32 × 32, in grey.');
  assert.ok(!(await demo.get('interpolate-picker').isVisible()));
  assert.deepEqual(new Set((await levels(demo, 'interpolate-corner'))[1]), new Set([99]));
  await demo.until('done');
  await demo.get('interpolate-picture-0').click();
  await demo.get('interpolate-sample-3').click();
  await hashHolds(demo, 'corners=s3,s2');
  await demo.get('interpolate-copy').click();
  await demo.page.waitForFunction(() => [...document.querySelectorAll('[data-testid="notice"]')].some(({ textContent }) => textContent?.includes('but not your own picture at B: it opens with sample 2 in its place.')));
  // Mixed as they are, they need no noise of their own.
  await demo.get('interpolate-mix').check();
  await demo.slide('interpolate-v', 0);
  await demo.until('done');
  await fill(demo);
  const [mixed, ends] = [await levels(demo, 'interpolate-frame'), await levels(demo, 'interpolate-corner')];
  assert.equal(mixed.length, 15);
  assert.deepEqual([farthest(mixed[12], ends[0]), farthest(mixed[14], ends[1])], [0, 0], 'the bottom row ends at the pictures themselves');
  await demo.get('interpolate-picture-1').click();
  await demo.get('interpolate-to-seed').click();
  await hashHolds(demo, 'corners=s3,2');
  assert.equal(await demo.get('interpolate-seed-1').inputValue(), '2');
  assert.deepEqual(demo.errors, []);
});

test('samples that the model does not have give way to seeds; a file that is no picture changes nothing', async (t) => {
  const demo = await open(t, { hash: `${VIEW}&steps=2&corners=s98,7` });
  await demo.until('ready');
  await hashHolds(demo, 'corners=1,7');
  assert.match((await demo.notices()).join(), /There is no sample 98: Fashion-MNIST, 32×32 comes with those from 0 to \d+\. Seeds take their place\./);
  await demo.get('interpolate-picture-0').click();
  await demo.get('interpolate-files').setInputFiles(file('a.png', 'just a text'));
  await demo.page.waitForFunction(() => [...document.querySelectorAll('[data-testid="notice"]')].some(({ textContent }) => textContent?.includes('is no picture that can be read')));
  assert.ok(await demo.get('interpolate-picker').isVisible());
  await demo.page.keyboard.press('Escape');
  await fill(demo);
});

test('a drag that begins while runs of the corners wait for their turn leaves them without a step', async () => {
  /** How each run was stopped: whether even before its first step. @type {boolean[]} */
  const stopped = [];
  const client = /** @type {import('../../www/session.js').AnyClient} */ (/** @type {unknown} */ ({
    sample: () => {
      let end = (/** @type {{stopped: boolean}} */ _) => {};
      const ended = new Promise((/** @type {(end: {stopped: boolean}) => void} */ resolve) => (end = resolve));
      const stop = (atOnce = false) => {
        stopped.push(atOnce);
        end({ stopped: true });
      };
      return { ended, stop, taken() {} };
    },
  }));
  const values = defaults();
  const session = /** @type {import('../../www/session.js').Session} */ (/** @type {unknown} */ ({ options: () => ({ batch: 1 }) }));
  const ends = /** @type {import('../../www/views/interpolate/ends.js').Ends} */ (/** @type {unknown} */ ({ of: () => [1, 2].map((seed) => ({ key: String(seed), seed, name: '', picture: null })) }));
  const maker = new Maker(session, ends);
  const task = new Task(1, { text: '', work: async () => '' }, client, 'interpolate');
  const making = maker.corners(task, values, { long: true, onStep() {}, onCorner() {} });
  maker.stopLong();
  assert.deepEqual(stopped, [true, true]);
  assert.equal(await making, null);
});

test('nonsense in a link is named and replaced; nonsense in a field is refused; another corner makes another picture', async (t) => {
  const demo = await open(t, { hash: `${VIEW}&steps=2&corners=1,2,3&at=2,x&frames=1000&path=up&drag=0&mix=-1` });
  await demo.until('ready');
  const [notice] = await demo.notices();
  for (const key of ['corners', 'at', 'frames', 'path', 'drag', 'mix']) assert.match(notice, new RegExp(`The link says ${key}=`));
  await fill(demo);
  const before = await picture(demo);
  await demo.get('interpolate-seed-1').fill('seven');
  await demo.get('interpolate-run').click();
  await demo.recovers('error');
  assert.equal(await demo.status(), 'Seed B must be a whole number of at most 15 digits; “seven” is not.');
  await demo.get('interpolate-seed-1').fill('7');
  await demo.recovers('done');
  assert.notDeepEqual(await picture(demo), before);
  await hashHolds(demo, 'corners=1,7');
  assert.equal((await levels(demo, 'interpolate-frame')).length, 7);
});
