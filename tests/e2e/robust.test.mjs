// What no view may do, whatever happens to it: hang, throw, work on after a stop, or hold the page up. All views are
// taken from the page's own tabs, so that one that is added is tested here without a word.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { initSync, expected_tensors as expectedTensors } from '../../pkg/ddim_web.js';
import { SETTINGS } from '../../www/state.js';
import { weightsOf } from '../browsers/weights.js';
import { Demo, ROOT } from './demo.mjs';
import { address, before, cores, open, packageThat } from './helpers.mjs';

/** @typedef {import('playwright-core').BrowserContext} Context @typedef {import('node:test').TestContext} Test */

/** Settings with which a view has little to do. */
const SMALL = 'device=cpu&steps=2&batch=1&rows=1,2&columns=eta&across=0,1&preset=custom&frames=3&task=encode&subject=1';

/** Settings with which a view is busy for long. */
const LONG = 'device=cpu&steps=400&batch=4&preset=custom&rows=400,300,200,100&columns=eta&across=0,0.5,1,sigma_hat';

/** @param {Demo} demo @returns {Promise<string[]>} names of the views */
const viewsOf = (demo) => demo.page.locator('#tabs a').evaluateAll((tabs) => tabs.map((tab) => String(tab.getAttribute('data-testid')).replace('tab-', '')));

/** @param {string} view @param {'run'|'stop'} what */
const button = (view, what) => (view === 'generate' ? { run: 'generate', stop: 'stop' }[what] : `${view}-${what}`);

/** Changes the settings in the page that is open, and waits until the view is there. @param {Demo} demo @param {string} view @param {string} settings */
async function go(demo, view, settings) {
  await demo.page.evaluate((hash) => (location.hash = hash), `view=${view}&pace=fast&${settings}`);
  await demo.page.waitForFunction((name) => document.body.dataset.view === name, view);
}

/** Waits until the button can be pressed. @param {Demo} demo @param {string} testId */
const enabled = (demo, testId) =>
  demo.page.waitForFunction((id) => document.querySelector(`[data-testid="${id}"]`)?.matches(':enabled'), testId, { polling: 20 });

/** Makes what the view makes; the measurement of the device, which takes ten seconds, is cut short. @param {Demo} demo @param {string} view */
async function runSmall(demo, view) {
  if (view === 'model') return; // It uses a model, and that is in use.
  await enabled(demo, button(view, 'run'));
  await demo.get(button(view, 'run')).click();
  if (view === 'device') {
    await demo.untilStep(1);
    await demo.get('device-stop').click();
  }
  await settled(demo, view === 'device' ? 'stopped' : 'done');
}

/** Waits for the state, with an error as the only other way out. @param {Demo} demo @param {...string} states */
const settled = (demo, ...states) => demo.until(...states);

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
      await demo.page.waitForFunction((name) => document.body.dataset.view === name, view);
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
          await demo.get(`tab-${name}`).click();
          await demo.page.waitForFunction((shown) => document.body.dataset.view === shown, name);
        }
        assert.equal(await demo.get('status').getAttribute('data-state'), 'running');
        assert.ok(await demo.get(button(view, 'stop')).isEnabled());
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
  ['device', ''],
];

test('after a stop no worker begins another step, in any view', async (t) => {
  const demo = await open(t, { hash: 'device=cpu', prepare: async (context) => void (await cores(2)(context), await watched(context)) });
  await demo.until('ready');
  const views = (await viewsOf(demo)).filter((view) => view !== 'model');
  assert.deepEqual([...new Set(BUSY.map(([view]) => view))], views, 'every view that runs');
  for (const [view, more] of BUSY) {
    await go(demo, view, `${LONG}&${more}`);
    await enabled(demo, button(view, 'run'));
    await demo.page.evaluate(
      ({ run, stop }) => {
        const { seen } = /** @type {any} */ (globalThis);
        const press = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.querySelector(`[data-testid="${id}"]`)).click();
        seen.reset();
        seen.first = () => press(stop);
        press(run);
      },
      { run: button(view, 'run'), stop: button(view, 'stop') },
    );
    await settled(demo, 'stopped');
    const { began, stopped } = await demo.page.evaluate(() => /** @type {any} */ (globalThis).seen);
    const late = began.filter((/** @type {{at: number}} */ { at }) => at > stopped).map((/** @type {{worker: number}} */ { worker }) => worker);
    // Between the end of a step and the next one a stop may still be on its way.
    assert.equal(late.length, new Set(late).size, `${view} ${more}: ${late.length} of ${began.length} steps were begun after the stop`);
    assert.ok(await demo.get(button(view, 'run')).isEnabled(), `${view}: the button can be pressed again`);
  }
  assert.deepEqual(demo.errors, []);
});
