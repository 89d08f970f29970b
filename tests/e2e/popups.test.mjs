// What opens above the page: a menu behind a button, and one picture of a film enlarged.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { spread } from '../../www/ui/enlarge.js';
import { open } from './helpers.mjs';

/** The page with a menu and a film of `steps` steps, whose pictures are as grey as their step. @param {import('node:test').TestContext} t @param {number} [width] */
async function withParts(t, width = 1280) {
  const demo = await open(t, { hash: 'device=cpu&batch=2&steps=1', context: { viewport: { width, height: 844 } } });
  await demo.until('ready');
  await demo.page.evaluate(async () => {
    const at = (/** @type {string} */ file) => import(new URL(`www/ui/${file}.js`, location.href).href);
    const [{ Menu }, { enlarge }, { Film }] = await Promise.all(['menu', 'enlarge', 'film'].map(at));
    const film = new Film({ channels: 1, height: 8, width: 8 }, { batch: 2 }, 40);
    for (let step = 1; step <= 40; step++) {
      const levels = (/** @type {number} */ base) => new Uint8ClampedArray(128).fill(base + step, 0, 64).fill(base + step + 50, 64);
      film.add({ step, t: 1000 - step, x0: levels(0), xt: levels(100) });
    }
    /** @type {string[]} */
    const done = [];
    const menu = new Menu('Save', () => ['Film', 'PNG', 'Poster'].map((label) => ({ label, hint: 'a file', action: () => done.push(label) })), 'save-menu');
    const small = document.createElement('button');
    small.dataset.testid = 'small';
    small.addEventListener('click', async () => Object.assign(globalThis, { last: await enlarge(film, 1, { show: 'x0', step: 17 }) }));
    document.querySelector('.show-head')?.append(small, menu.root);
    Object.assign(globalThis, { done });
  });
  return demo;
}

/** @param {import('./demo.mjs').Demo} demo */
const grey = (demo) =>
  demo.get('enlarge-canvas').evaluate((canvas) => /** @type {HTMLCanvasElement} */ (canvas).getContext('2d')?.getImageData(0, 0, 1, 1).data[0]);

test('a menu is used with the keys, and Esc closes it without stopping what the page does', async (t) => {
  const demo = await withParts(t);
  const { keyboard } = demo.page;
  const button = demo.get('save-menu');
  const focused = () => demo.page.evaluate(() => document.activeElement?.firstChild?.textContent);
  await demo.get('steps').fill('1000');
  await demo.get('generate').click();
  await demo.untilStep(1);

  await button.focus();
  await keyboard.press('ArrowDown');
  assert.equal(await focused(), 'Film');
  await keyboard.press('ArrowUp');
  assert.equal(await focused(), 'Poster', 'from the first to the last');
  await keyboard.press('p');
  assert.equal(await focused(), 'PNG');
  await keyboard.press('p');
  assert.equal(await focused(), 'Poster');
  await keyboard.press('Home');
  assert.equal(await focused(), 'Film');
  await keyboard.press('Escape');
  assert.equal(await button.getAttribute('aria-expanded'), 'false');
  assert.equal(await focused(), 'Save');
  assert.equal(await demo.get('status').getAttribute('data-state'), 'running');

  await keyboard.press('ArrowUp');
  await keyboard.press('Enter');
  assert.deepEqual(await demo.page.evaluate('done'), ['Poster']);
  await button.click();
  await demo.page.getByRole('menuitem', { name: 'PNG' }).click();
  assert.deepEqual(await demo.page.evaluate('done'), ['Poster', 'PNG']);
  await button.click();
  await demo.page.mouse.click(5, 5);
  assert.equal(await demo.page.getByRole('menu').count(), 0);
  await button.click();
  await keyboard.press('Tab');
  assert.equal(await demo.page.getByRole('menu').count(), 0);
  await demo.get('stop').click();
  await demo.until('stopped');
  assert.deepEqual(demo.errors, []);
});

test('a strip has the first frame, the last, the chosen one, and others evenly between', () => {
  assert.deepEqual(spread(5, 3, 12), [0, 1, 2, 3, 4]);
  assert.deepEqual(spread(1, 0, 12), [0]);
  assert.deepEqual(spread(100, 99, 4), [0, 33, 66, 99]);
  assert.deepEqual(spread(100, 40, 4), [0, 40, 66, 99]);
  for (const chosen of Array.from({ length: 50 }, (_, i) => i)) {
    const places = spread(50, chosen, 12);
    assert.ok(places.includes(chosen) && places[0] === 0 && places.at(-1) === 49 && places.length === 12);
    assert.deepEqual(places, [...new Set(places)].sort((a, b) => a - b));
  }
});

test('one picture is enlarged with its frames, and the keys go through them', async (t) => {
  const demo = await withParts(t);
  const { keyboard } = demo.page;
  await demo.get('small').click();
  assert.equal(await demo.get('enlarge-caption').innerText(), 'Step 17 of 40 · t = 983');
  assert.equal(await grey(demo), 50 + 17, 'the second picture');
  assert.equal(await demo.get('enlarge-frame').count(), 12);
  await keyboard.press('End');
  assert.equal(await grey(demo), 50 + 40);
  await keyboard.press('ArrowRight');
  assert.equal(await grey(demo), 50 + 40);
  await keyboard.press('Home');
  assert.equal(await demo.get('enlarge-caption').innerText(), 'Step 1 of 40 · t = 999');
  await demo.get('enlarge-xt').check();
  assert.equal(await grey(demo), 150 + 1);
  const { width } = /** @type {{width: number}} */ (await demo.get('enlarge-canvas').boundingBox());
  assert.equal(width % 8, 0, 'whole multiples');
  await keyboard.press('Escape');
  await demo.get('enlarge').waitFor({ state: 'detached' });
  assert.deepEqual(await demo.page.evaluate('last'), { show: 'xt', step: 1 });
  assert.equal(await demo.page.evaluate(() => /** @type {HTMLElement} */ (document.activeElement).dataset.testid), 'small');
  assert.deepEqual(demo.errors, []);
});

test('on a phone it fits, and a click beside it closes it', async (t) => {
  const demo = await withParts(t, 390);
  await demo.get('small').click();
  assert.equal(await demo.get('enlarge-frame').count(), 8);
  const box = /** @type {{x: number, y: number, width: number, height: number}} */ (await demo.get('enlarge').boundingBox());
  assert.ok(box.x >= 0 && box.x + box.width <= 390 && box.y >= 0 && box.y + box.height <= 844);
  assert.equal(await demo.page.evaluate(() => document.documentElement.scrollWidth), 390);
  await demo.page.mouse.click(195, 4);
  await demo.get('enlarge').waitFor({ state: 'detached' });
});
