// What no view may do, whatever happens to it: hang, throw, work on after a stop, or hold the page up. All views are
// taken from the page's own tabs, so that one that is added is tested here without a word.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';

import { SETTINGS } from '../../www/state.js';
import { Demo, ROOT } from './demo.mjs';
import { address, before, cores, open, packageThat } from './helpers.mjs';
import { networkOf } from './networks.mjs';

/** @typedef {import('playwright-core').BrowserContext} Context @typedef {import('node:test').TestContext} Test */

/** Settings with which a view has little to do; of a key that a link has twice the first one counts. */
const SMALL = 'device=cpu&steps=2&batch=1&rows=1,2&columns=eta&across=0,1&preset=custom&frames=3&task=encode&subject=1&size=8&train_steps=2';

/** Settings with which a view is busy for long. */
const LONG = 'device=cpu&steps=1000&batch=4&preset=custom&rows=400,300,200,100&columns=eta&across=0,0.5,1,sigma_hat';

/** @param {Demo} demo @returns {Promise<string[]>} names of the views */
const viewsOf = (demo) => demo.page.locator('#tabs a').evaluateAll((tabs) => tabs.map((tab) => String(tab.getAttribute('data-testid')).replace('tab-', '')));

/** @param {string} view @param {'run'|'stop'} what */
const button = (view, what) => (view === 'generate' ? { run: 'generate', stop: 'stop' }[what] : `${view}-${what}`);

/** Changes the settings in the page that is open, and waits until the view is there. @param {Demo} demo @param {string} view @param {string} settings */
async function go(demo, view, settings) {
  await demo.page.evaluate(
    (hash) =>
      new Promise((resolve) => {
        // The page has heard of it before.
        addEventListener('hashchange', resolve, { once: true });
        location.hash = hash;
      }).then(() => {}),
    `view=${view}&pace=fast&${settings}`,
  );
  await demo.shows(view);
}

/** Waits until the button can be pressed. @param {Demo} demo @param {string} testId */
const enabled = (demo, testId) =>
  demo.page.waitForFunction((id) => document.querySelector(`[data-testid="${id}"]`)?.matches(':enabled'), testId, { polling: 20 });

/** Makes what the view makes; the measurement of the device, which takes ten seconds, is cut short. @param {Demo} demo @param {string} view */
async function runSmall(demo, view) {
  if (view === 'model') return; // It uses a model, and that is in use.
  await enabled(demo, button(view, 'run'));
  await demo.press(button(view, 'run'));
  if (view === 'device') {
    await demo.untilStep(1);
    await demo.get('device-stop').click();
  }
  await demo.until(view === 'device' ? 'stopped' : 'done');
}

/** For `prepare`: the list of models has the first one under two names. @param {Context} context */
const twins = (context) =>
  context.route('**/www/models/index.json', async (route) => {
    const response = await route.fetch();
    const [first] = await response.json();
    await route.fulfill({ response, json: [first, { ...first, id: 'twin', name: 'Twin' }] });
  });

/**
 * For `prepare`: `seen.began` has when each step of the engine began, worker by worker, and `seen.stopped` when the
 * first stop was sent; `seen.first` is called at the first step.
 */
const watched = before(`
  const now = () => performance.timeOrigin + performance.now();
  if (globalThis.document) {
    const { postMessage } = Worker.prototype;
    const Original = Worker;
    globalThis.seen = { began: [], stopped: Infinity, first() {}, reset() { Object.assign(this, { began: [], stopped: Infinity }); } };
    globalThis.Worker = class extends Original {
      constructor(...options) {
        super(...options);
        this.addEventListener('message', ({ data }) => {
          if (data.type !== 'step' && data.type !== 'points') return;
          seen.began.push({ worker: data.worker, at: data.began });
          if (seen.began.length === 1) setTimeout(() => seen.first());
        });
      }
      postMessage(message, ...rest) {
        if (message.type === 'stop') seen.stopped = Math.min(seen.stopped, now());
        return super.postMessage(message, ...rest);
      }
    };
  } else {
    const worker = Math.random();
    const say = globalThis.postMessage.bind(globalThis);
    let last = now();
    globalThis.postMessage = (message, ...rest) => {
      const began = message.ms === undefined ? last : now() - message.ms;
      if (message.type === 'step' || message.type === 'points') Object.assign(message, { worker, began });
      last = now();
      return say(message, ...rest);
    };
  }`);

test('a link of nonsense to any view: one notice, the view works, and no other model or view disturbs it', async (t) => {
  const garbage = ['abc', '-1', '%E0', 'NaN', ';', '1e999', '𝒳', '0x10,', '<b>', 'ddim', ' '];
  const nonsense = SETTINGS.filter(({ key }) => key !== 'view').map(({ key }, i) => `${key}=${garbage[i % garbage.length]}`);
  const demo = await open(t, { prepare: twins, hash: `view=generate&${nonsense.join('&')}&%E0&=;&&steps` });
  await demo.until('ready');
  const views = await viewsOf(demo);
  assert.ok(views.length >= 7, views.join());
  for (const [i, view] of views.entries()) {
    await t.test(view, async () => {
      await demo.page.goto('about:blank');
      await demo.page.goto(`${await address()}#view=${view}&${nonsense.join('&')}&%E0&=;&&steps`);
      await demo.shows(view);
      await demo.until('ready');
      const notices = await demo.page.locator('[data-testid="notice"]:not([data-topic="device"])').allInnerTexts();
      assert.equal(notices.length, 1, notices.join('\n'));
      assert.match(notices[0], /^The link says model=/);
      assert.ok(notices[0].length < 2000, `${notices[0].length} characters`);

      await go(demo, view, LONG);
      await demo.until('ready');
      if (view !== 'model') {
        // Another view and back, and another model, while it is at work.
        await enabled(demo, button(view, 'run'));
        await demo.get(button(view, 'run')).click();
        await demo.untilStep(1);
        for (const name of [views[(i + 1) % views.length], views[(i + 5) % views.length], view]) {
          await demo.visit(name);
        }
        // Forward's run has so many terms and no more: a fast machine is done with them by now.
        const [state, stoppable] = await demo.page.evaluate((stop) => {
          const found = /** @type {HTMLButtonElement} */ (document.querySelector(`[data-testid="${stop}"]`));
          return [document.querySelector('[data-testid="status"]')?.getAttribute('data-state'), !found.disabled];
        }, button(view, 'stop'));
        assert.ok((state === 'running' && stoppable) || (view === 'forward' && state === 'done'), `${state}, ${stoppable}`);
        await go(demo, view, `${LONG}&model=twin`);
        await demo.page.waitForFunction(() => document.getElementById('model-name')?.textContent === 'Twin');
        await demo.until('ready');
      }
      await go(demo, view, `${SMALL}&model=twin`);
      await runSmall(demo, view);
      assert.deepEqual(demo.errors, []);
    });
  }
});

test('a view that there is not falls back to the first one, in words', async (t) => {
  const demo = await open(t, { hash: 'view=nowhere&device=cpu&steps=1&batch=1' });
  await demo.until('ready');
  assert.match((await demo.notices()).join(), /^The link says view=nowhere, which is not one of generate, .*; view=generate is used instead\./);
  await demo.generate();
  assert.deepEqual(demo.errors, []);
});

/** Long runs in every view, and in every way in which one makes several. @type {[string, string][]} */
const BUSY = [
  ['generate', ''],
  ['compare', ''],
  ['compare', 'preset=race&rows=1000,20&columns=race&across=ddpm_fixed_large,ddim'],
  ['compare', 'preset=many&rows=1000,750,500,250&columns=draw&across=1,2,3,4,5,6'],
  ['interpolate', 'frames=5&corners=1,2,3,4'],
  ['interpolate', 'frames=5&path=mix&corners=1,2'],
  ['reconstruct', 'task=encode'],
  ['reconstruct', 'task=rate'],
  ['reconstruct', 'task=stroke'],
  ['reconstruct', 'task=inpaint'],
  ['reconstruct', 'task=mix&other=seed'],
  ['forward', 'subject=1'],
  ['forward', 'subject=0'],
  ['train', 'size=8'],
  ['device', ''],
];

test('after a stop no worker begins another step, in any view', async (t) => {
  const demo = await open(t, { hash: 'device=cpu', prepare: async (context) => void (await cores(2)(context), await watched(context)) });
  await demo.until('ready');
  const views = (await viewsOf(demo)).filter((view) => view !== 'model');
  assert.deepEqual([...new Set(BUSY.map(([view]) => view))], views, 'every view that runs');
  for (const [view, more] of BUSY) {
    await go(demo, view, `${more}&${LONG}`);
    await enabled(demo, button(view, 'run'));
    // Before the first step the page may still say `stopped`, of the run before.
    await demo.page.evaluate(
      ({ run, stop }) =>
        new Promise((pressed) => {
          const { seen } = /** @type {any} */ (globalThis);
          const press = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.querySelector(`[data-testid="${id}"]`)).click();
          seen.reset();
          seen.first = () => {
            press(stop);
            pressed(undefined);
          };
          press(run);
        }),
      { run: button(view, 'run'), stop: button(view, 'stop') },
    );
    await demo.until('stopped');
    const { began, stopped } = await demo.page.evaluate(() => /** @type {any} */ (globalThis).seen);
    const late = began.filter((/** @type {{at: number}} */ { at }) => at > stopped).map((/** @type {{worker: number}} */ { worker }) => worker);
    // Between the end of a step and the next one a stop may still be on its way.
    assert.equal(late.length, new Set(late).size, `${view} ${more}: ${late.length} of ${began.length} steps were begun after the stop`);
    // What is under way beside the run may end a moment later; the button waits for it.
    await enabled(demo, button(view, 'run'));
  }
  assert.deepEqual(demo.errors, []);
});

/**
 * How long the longest task of the page was, in ms; 0 when none took longer than 50 ms. On a busy machine anything may
 * take long once, so the best of some tries counts.
 * @param {Demo} demo @param {() => Promise<unknown>} work @param {number} [tries]
 */
async function longestTask(demo, work, tries = 5) {
  let best = Infinity;
  for (let i = 0; i < tries && best > 0; i++) {
    await demo.page.evaluate(() => {
      const tasks = { longest: 0 };
      const watch = (/** @type {PerformanceEntryList} */ list) => (tasks.longest = Math.max(tasks.longest, ...list.map(({ duration }) => duration)));
      const observer = new PerformanceObserver((list) => watch(list.getEntries()));
      observer.observe({ type: 'longtask' });
      const end = async () => {
        // What has only just ended is not told yet.
        await new Promise((resolve) => setTimeout(resolve, 20));
        watch(observer.takeRecords());
        observer.disconnect();
        return tasks.longest;
      };
      Object.assign(globalThis, { end });
    });
    await work();
    best = Math.min(best, await demo.page.evaluate(() => /** @type {any} */ (globalThis).end()));
  }
  return best;
}

test('no task of the page takes longer than 50 ms while pictures are made or a slider is dragged', async (t) => {
  const demo = await open(t, { hash: 'device=cpu&steps=25&batch=4&show=both' });
  await demo.until('ready');
  await demo.generate(); // with what is done once
  assert.equal(await longestTask(demo, () => demo.generate()), 0, 'four pictures and what they come from');

  await go(demo, 'forward', 'device=cpu');
  await demo.page.waitForFunction(() => document.querySelectorAll('[data-testid="forward-steps"] td').length > 0);
  const drag = () =>
    demo.page.evaluate(async () => {
      const slider = /** @type {HTMLInputElement} */ (document.querySelector('[data-testid="forward-t"]'));
      for (let i = 0; i < 60; i++) {
        slider.value = String((i * 37) % 1000);
        slider.dispatchEvent(new Event('input', { bubbles: true }));
        await new Promise((resolve) => requestAnimationFrame(resolve));
      }
    });
  await drag();
  assert.equal(await longestTask(demo, drag), 0, 'the slider of Forward');

  await go(demo, 'interpolate', 'device=cpu&steps=10&drag=3');
  await runSmall(demo, 'interpolate');
  const box = await demo.get('interpolate-map').boundingBox();
  assert.ok(box);
  const dragHandle = async () => {
    await demo.page.mouse.move(box.x + 30, box.y + box.height / 2);
    await demo.page.mouse.down();
    for (let i = 1; i <= 20; i++) await demo.page.mouse.move(box.x + 30 + i * 8, box.y + box.height / 2);
    await demo.page.mouse.up();
    await demo.page.waitForFunction(() => document.querySelector('[data-testid="interpolate-note"]')?.textContent === '10 steps');
    await demo.until('done');
  };
  assert.equal(await longestTask(demo, dragHandle), 0, 'the handle of Interpolate');

  // And one that does is seen.
  await go(demo, 'generate', 'device=cpu&steps=2&batch=1');
  await demo.page.evaluate(() => {
    const { putImageData } = CanvasRenderingContext2D.prototype;
    Object.assign(CanvasRenderingContext2D.prototype, {
      /** @this {CanvasRenderingContext2D} @param {unknown[]} all */
      putImageData(...all) {
        const end = performance.now() + 60;
        while (performance.now() < end);
        Reflect.apply(putImageData, this, all);
      },
    });
  });
  assert.ok((await longestTask(demo, () => demo.generate())) >= 60);
  assert.deepEqual(demo.errors, []);
});

test('two tabs at once each end with the pictures of their own seed, and the weights are kept whole', async (t) => {
  const link = (/** @type {number} */ seed) => `device=cpu&steps=6&batch=2&seed=${seed}&pace=fast`;
  const one = await open(t, { hash: link(1) });
  const two = new Demo(await one.page.context().newPage());
  await two.page.goto(`${await address()}#${link(2)}`);
  const both = [one, two];
  await Promise.all(both.map((demo) => demo.until('ready')));
  await Promise.all(both.map((demo) => demo.generate()));
  const [first, second] = await Promise.all(both.map((demo) => demo.pixels()));
  assert.notDeepEqual(first, second);
  const downloads = one.requests.filter((request) => /^GET .*\.safetensors$/.test(request)).length;
  assert.ok(downloads === 1 || downloads === 2, `${downloads} downloads`);

  // From what the two have kept.
  await two.page.evaluate((hash) => (location.hash = hash), link(1));
  await two.page.reload();
  await two.until('ready');
  await two.generate();
  assert.deepEqual(await two.pixels(), first);
  assert.equal(one.requests.filter((request) => /^GET .*\.safetensors$/.test(request)).length, downloads);
  for (const demo of both) assert.deepEqual(demo.errors, []);
});

test('a hidden tab, whose frames never come and whose long timers stand still, is done all the same', async (t) => {
  const demo = await open(t, {
    hash: 'device=cpu&steps=5&batch=1&pace=watch',
    prepare: (context) =>
      context.addInitScript(() => {
        Object.defineProperties(document, { hidden: { get: () => true }, visibilityState: { get: () => 'hidden' } });
        globalThis.requestAnimationFrame = () => 1;
        const { setTimeout } = globalThis;
        // The short ones are the test's own.
        Object.assign(globalThis, { setTimeout: (/** @type {() => void} */ work, ms = 0) => (ms > 100 ? 0 : setTimeout(work, ms)) });
      }),
  });
  await demo.until('ready');
  await demo.generate();
  assert.equal(await demo.get('status').getAttribute('data-step'), '5');
  for (const view of ['compare', 'interpolate', 'reconstruct', 'forward']) {
    await go(demo, view, SMALL);
    await runSmall(demo, view);
  }
  assert.deepEqual(demo.errors, []);
});

/** What a browser may lack or forbid, and how that is imitated before the page begins. @type {Record<string, () => void>} */
const POOR = {
  'storage that is forbidden': () => {
    const forbid = () => {
      throw new DOMException('The operation is insecure.', 'SecurityError');
    };
    CacheStorage.prototype.open = () => Promise.reject(new DOMException('The operation is insecure.', 'SecurityError'));
    for (const name of ['localStorage', 'sessionStorage']) Object.defineProperty(globalThis, name, { get: forbid });
    StorageManager.prototype.estimate = () => Promise.reject(new TypeError('not here'));
    StorageManager.prototype.persisted = () => Promise.reject(new TypeError('not here'));
  },
  'no storage, no clipboard and nothing to share with': () => {
    for (const name of ['caches', 'localStorage', 'sessionStorage']) Object.defineProperty(globalThis, name, { value: undefined });
    for (const name of ['storage', 'clipboard', 'share', 'canShare', 'serviceWorker', 'connection', 'hardwareConcurrency']) {
      Object.defineProperty(navigator, name, { value: undefined });
    }
  },
};

for (const [what, impoverish] of Object.entries(POOR)) {
  test(`${what}: every view opens and works`, async (t) => {
    const demo = await open(t, { hash: SMALL, prepare: (context) => context.addInitScript(impoverish) });
    await demo.until('ready');
    const views = await viewsOf(demo);
    for (const view of views) {
      await go(demo, view, SMALL);
      if (view !== 'device') await runSmall(demo, view);
      const copy = demo.get(view === 'generate' ? 'copy' : `${view}-copy`);
      if (what.includes('clipboard') && (await copy.count()) > 0 && (await copy.isEnabled())) {
        await copy.click();
        await demo.page.locator('[data-topic="copy"]', { hasText: 'The browser did not allow copying' }).waitFor();
        await demo.page.locator('[data-topic="copy"] [aria-label]').click();
      }
    }
    await demo.page.locator('[data-testid="device-storage"]', { hasText: /does not tell/ }).waitFor();
    await go(demo, 'model', SMALL);
    assert.equal(await demo.get('status').getAttribute('data-state'), 'ready');
    assert.deepEqual(await demo.notices(), []);
    assert.deepEqual(demo.errors, []);
  });
}

test('a browser without workers says so in every view, and nothing hangs', async (t) => {
  const demo = await open(t, { prepare: (context) => context.addInitScript(() => Object.defineProperty(globalThis, 'Worker', { value: undefined })) });
  await demo.until('error');
  const sentence = /^This browser starts no workers here, and the network runs in one \(.*\); please allow them or use a current /;
  for (const view of await viewsOf(demo)) {
    await go(demo, view, SMALL);
    await demo.get(button(view, 'run')).click();
    await demo.until('error');
    assert.match(await demo.status(), sentence, view);
  }
  assert.deepEqual(demo.errors, []);
});

test('a run that fails in the middle, in any view: one sentence, and the next one works', async (t) => {
  const demo = await open(t, { hash: SMALL, prepare: packageThat("if (options.seed === 7 && step.index === 1) throw new Error('the ink has run out');") });
  await demo.until('ready');
  const canvases = () => demo.page.locator('main canvas').count();
  for (const view of ['generate', 'compare', 'interpolate', 'reconstruct', 'forward']) {
    const task = view === 'reconstruct' ? ['encode', 'rate', 'stroke', 'inpaint', 'mix'] : ['encode'];
    for (const name of task) {
      const settings = `rows=3&across=0&steps=3&task=${name}&t0=900&${SMALL}`;
      await go(demo, view, settings);
      await runSmall(demo, view);
      const before = await canvases();
      await go(demo, view, `seed=7&corners=7,2&${settings}`);
      await demo.get(button(view, 'run')).click();
      await demo.until('error');
      assert.equal(await demo.status(), 'the ink has run out', `${view} ${name}`);
      assert.equal(await canvases(), before);
      assert.deepEqual(await demo.notices(), []);
      assert.ok(!(await demo.get(button(view, 'stop')).isEnabled()));
      await go(demo, view, settings);
      await demo.get(button(view, 'run')).click();
      await demo.recovers('done');
    }
  }
  assert.deepEqual(demo.errors, []);
});

test('a graphics device that is lost while several runs are under way: all of them go on to the end', async (t) => {
  const demo = await open(t, {
    flags: 'swiftShader',
    hash: 'view=compare&device=webgpu&preset=custom&rows=4&columns=eta&across=0,1',
    prepare: before(`
      const { requestDevice } = globalThis.GPUAdapter?.prototype ?? {};
      if (requestDevice) GPUAdapter.prototype.requestDevice = async function (...args) {
        const device = await requestDevice.apply(this, args);
        new BroadcastChannel('destroy').onmessage = () => device.destroy();
        return device;
      };`),
  });
  const pictures = () => demo.get('compare-canvas').evaluateAll((found) => found.map((canvas) => /** @type {HTMLCanvasElement} */ (canvas).toDataURL()));
  await demo.until('ready');
  await runSmall(demo, 'compare');
  const undisturbed = await pictures();
  await demo.broadcastAt(2, 'destroy', 'now');
  await runSmall(demo, 'compare');
  assert.match((await demo.notices()).join(), /The graphics card was lost and found again; the pictures went on from the last step\./);
  assert.deepEqual(await demo.get('compare-cell').evaluateAll((cells) => cells.map((cell) => /** @type {HTMLElement} */ (cell).dataset.state)), ['done', 'done']);
  assert.deepEqual(await pictures(), undisturbed);
  assert.deepEqual(demo.errors, []);
});

/** What the classes of the network of the fixture are called here. */
const LABELS = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'none'];

/** For `prepare`: three models more, of one network with classes: with names for them and a class for none in the list, in class_labels.json, and without. @param {Context} context */
async function conditional(context) {
  const others = ['bare', 'filed', 'wrong'].map((id) => ({ id, name: id, path: `classes/${id}/` }));
  await networkOf('classes', [{ id: 'named', name: 'Named', labels: LABELS, null_label: 9 }, ...others], {}, {
    'classes/filed/': { label2id: { cat: 0, five: 5 }, null_class_id: 9 },
    'classes/wrong/': { label2id: { cat: 10 } },
  })(context);
  await context.addInitScript(() => {
    /** @type {object[]} */
    const asked = [];
    Object.assign(globalThis, { asked });
    const { postMessage } = Worker.prototype;
    Worker.prototype.postMessage = /** @param {[any, any]} all */ function (...all) {
      const [{ type, options }] = all;
      if (type === 'sample' || type === 'rate') asked.push({ type, batch: options.batch, labels: options.labels, label: options.label, guidance: options.guidance, nullLabel: options.null_label });
      return postMessage.apply(this, all);
    };
  });
}

test('a model with classes: they have their names, every view asks for the one that is chosen, and guidance where it can', async (t) => {
  const demo = await open(t, { hash: `${SMALL}&model=named&label=3`, prepare: conditional });
  await demo.until('ready');
  /** What the engine was asked for since the last time. @returns {Promise<{type: string, batch?: number, labels?: number[], label?: number, guidance?: number, nullLabel?: number}[]>} */
  const asked = () => demo.page.evaluate('JSON.parse(JSON.stringify(asked.splice(0)))');
  assert.deepEqual(await demo.get('label').locator('option').allInnerTexts(), LABELS);
  assert.ok(await demo.get('guidance').isVisible());
  await demo.generate();
  const three = await demo.pixels();
  assert.deepEqual(await asked(), [{ type: 'sample', batch: 1, labels: [3] }]);
  await demo.get('label').selectOption('five');
  await demo.generate();
  const five = await demo.pixels();
  assert.notDeepEqual(five, three);
  await demo.get('guidance').fill('4');
  await demo.generate();
  assert.notDeepEqual(await demo.pixels(), five);
  assert.deepEqual(await asked(), [{ type: 'sample', batch: 1, labels: [5] }, { type: 'sample', batch: 1, labels: [5], guidance: 4, nullLabel: 9 }]);

  const guided = `${SMALL}&model=named&label=5&guidance=4&t0=500`;
  for (const view of ['compare', 'interpolate', 'reconstruct', 'forward', 'model', 'device']) {
    await go(demo, view, guided);
    if (view === 'reconstruct') await demo.get('reconstruct-files').setInputFiles(join(ROOT, 'tests/fixtures/pictures/rgba-hidden-magenta.png'));
    for (const task of view === 'reconstruct' ? ['encode', 'rate', 'stroke', 'inpaint', 'mix'] : ['encode']) {
      await go(demo, view, `task=${task}&${guided}`);
      await runSmall(demo, view);
      const runs = await asked();
      assert.ok(runs.length > 0 || view === 'model', `${view} ${task} asks for something`);
      for (const { type, batch = 1, labels, label } of runs) {
        if (type === 'rate') assert.equal(label, 5, `${view} ${task}`);
        else if (view !== 'device') assert.deepEqual(labels, new Array(batch).fill(5), `${view} ${task}`);
      }
      const guides = runs.some(({ guidance }) => guidance === 4);
      assert.equal(guides, ['compare', 'interpolate', 'forward'].includes(view) || ['stroke', 'inpaint'].includes(task), `${view} ${task} is guided`);
    }
  }

  await go(demo, 'generate', `${SMALL}&model=bare&label=5&guidance=4`);
  await demo.page.waitForFunction(() => document.getElementById('model-name')?.textContent === 'bare');
  await demo.until('ready');
  assert.equal(await demo.get('label').locator('option').nth(9).innerText(), 'class 9');
  assert.ok(!(await demo.get('guidance').isVisible()));
  await demo.generate();
  assert.deepEqual(await asked(), [{ type: 'sample', batch: 1, labels: [5] }]);

  for (const [id, name, guided, notice] of /** @type {const} */ ([['filed', 'any', true, /^$/], ['wrong', 'class 9', false, /The classes of wrong have only numbers .*label2id: expected classes from 0 to 9.* found 10/]])) {
    await go(demo, 'generate', `${SMALL}&model=${id}&label=5`);
    await demo.page.waitForFunction((text) => document.getElementById('model-name')?.textContent === text, id);
    await demo.until('ready');
    const names = await demo.get('label').locator('option').allInnerTexts();
    assert.deepEqual([names[5], names[9]], [guided ? 'five' : 'class 5', name]);
    assert.equal(await demo.get('guidance').isVisible(), guided);
    assert.match((await demo.notices()).join(), notice);
  }
  assert.deepEqual(demo.errors.filter((error) => !error.includes('404')), []);
});
