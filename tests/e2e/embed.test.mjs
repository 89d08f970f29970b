// <ddim-sampler> and the examples for other pages: pictures that are the page's own, when they are seen and not before.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { address, emptyPage, open } from './helpers.mjs';

/** @typedef {import('../../www/embed/sampler.js').DdimSampler} Sampler */

/** Waits until the element is in one of the states. @param {import('playwright-core').Page} page @param {string} selector @param {...string} states */
const reaches = (page, selector, ...states) => page.waitForFunction(([asked, wanted]) => wanted.includes(/** @type {HTMLElement|null} */ (document.querySelector(asked))?.dataset.state ?? ''), /** @type {const} */ ([selector, states]));

/** Pixels of its pictures. @param {import('playwright-core').Page} page @param {string} selector @returns {Promise<number[][]>} */
const pixelsOf = (page, selector) =>
  page.evaluate((asked) => [...(document.querySelector(asked)?.shadowRoot?.querySelectorAll('canvas') ?? [])].map((canvas) => Array.from(canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height).data ?? [])), selector);

/** An element on an empty page. @param {import('node:test').TestContext} t @param {string} attributes @param {string} [style] @param {Parameters<typeof open>[1]} [options] */
async function element(t, attributes, style = '', options = {}) {
  const page = await emptyPage(t, options);
  await page.evaluate(async ([html, module]) => {
    document.body.innerHTML = html;
    const heard = /** @type {string[]} */ ([]);
    Object.assign(globalThis, { heard });
    for (const name of ['ready', 'step', 'done', 'error']) document.addEventListener(`ddim-${name}`, (event) => heard.push(`${name} ${JSON.stringify(/** @type {CustomEvent} */ (event).detail).slice(0, 300)}`));
    await import(module);
  }, [`<div style="${style}"></div><ddim-sampler ${attributes}></ddim-sampler>`, `${await address()}www/embed/sampler.js`]);
  return page;
}

test('what it draws is what the page draws, at once where it is seen, with its events in order', async (t) => {
  const page = await element(t, 'src="www/models/avatars" steps="3" seed="7" batch="2" device="cpu" pace="watch"', '', { context: { reducedMotion: 'no-preference' } });
  await reaches(page, 'ddim-sampler', 'done');
  const found = await pixelsOf(page, 'ddim-sampler');
  const heard = await page.evaluate(() => /** @type {string[]} */ (Reflect.get(globalThis, 'heard')));
  assert.deepEqual(heard.map((line) => line.split(' ')[0]), ['ready', 'step', 'step', 'step', 'done']);
  assert.match(heard[1], /"index":0,"total":3,"t":\d+/);
  const values = await page.evaluate(() => /** @type {Sampler} */ (document.querySelector('ddim-sampler')).images?.length);
  assert.equal(values, 2 * 3 * 32 * 32);

  const demo = await open(t, { hash: 'model=avatars&device=cpu&steps=3&batch=2&seed=7' });
  await demo.until('ready');
  await demo.generate();
  assert.deepEqual(found, await demo.pixels());
});

test('it asks for nothing before it is seen, and waits for the button where motion is not wanted; keys work it', async (t) => {
  const page = await element(t, 'src="www/models/avatars" steps="2" batch="1" device="cpu" controls', 'height: 5000px');
  /** @type {string[]} */
  const asked = [];
  page.on('request', (request) => asked.push(request.url()));
  const sampler = page.locator('ddim-sampler');
  assert.equal(await sampler.evaluate((/** @type {Sampler} */ found) => found.state), 'idle');
  await sampler.scrollIntoViewIfNeeded();
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 100))));
  assert.deepEqual([asked, await sampler.evaluate((/** @type {Sampler} */ found) => found.state)], [[], 'idle'], 'less motion is wanted');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await reaches(page, 'ddim-sampler', 'done');
  assert.equal(await sampler.locator('button').innerText(), 'Again');
  assert.match(await sampler.locator('[role="img"]').getAttribute('aria-label') ?? '', /^A picture that a diffusion model drew in 2 steps/);
  const before = await pixelsOf(page, 'ddim-sampler');
  await sampler.evaluate((found) => Object.assign(found, { seed: 2, steps: 3 }));
  await page.waitForFunction(() => /** @type {string[]} */ (Reflect.get(globalThis, 'heard')).filter((line) => line.startsWith('done')).length === 2);
  assert.notDeepEqual(await pixelsOf(page, 'ddim-sampler'), before);
  await sampler.evaluate((found) => found.remove());
});

test('whatever is wrong is one sentence in its place, and the next try is a fresh one', async (t) => {
  const page = await element(t, 'src="www/models/nothing" steps="2" device="cpu" batch="1"');
  const sampler = page.locator('ddim-sampler');
  const told = async () => {
    await reaches(page, 'ddim-sampler', 'error');
    return sampler.locator('p').innerText();
  };
  assert.match(await told(), /the file is not there \(HTTP 404\)/);
  for (const [name, value, sentence] of [
    ['steps', '0', /^The attribute steps must be a whole number from 1 to 1000000, not 0\.$/],
    ['steps', '5000', /steps/],
    ['device', 'tpu', /^The attribute device must be one of auto, webgpu, cpu, not tpu\.$/],
    ['src', 'file:///etc', /^The attribute src must be the address of a folder, not file:\/\/\/etc\.$/],
    ['src', null, /^The attribute src must name the folder of a model\.$/],
  ]) {
    await sampler.evaluate((found, [key, text]) => {
      for (const [attribute, usual] of Object.entries({ src: 'www/models/avatars', steps: '2', device: 'cpu' })) found.setAttribute(attribute, usual);
      if (text === null) found.removeAttribute(key);
      else found.setAttribute(key, text);
    }, /** @type {[string, string|null]} */ ([name, value]));
    await page.waitForFunction((pattern) => new RegExp(pattern).test(document.querySelector('ddim-sampler')?.shadowRoot?.querySelector('p')?.textContent ?? ''), /** @type {RegExp} */ (sentence).source);
    await told();
  }
  await sampler.evaluate((found) => found.setAttribute('src', 'www/models/avatars'));
  await reaches(page, 'ddim-sampler', 'done');
  assert.equal(await sampler.locator('p').isVisible(), false);
});

test('the examples for other pages work as they are', async (t) => {
  const embed = await open(t, { url: `${await address()}examples/embed.html`, context: { reducedMotion: 'no-preference' } });
  await reaches(embed.page, 'ddim-sampler[controls]', 'done');
  await reaches(embed.page, 'ddim-sampler:not([controls])', 'done');
  const gallery = await open(t, { url: `${await address()}examples/gallery.html` });
  await gallery.page.waitForFunction(() => document.getElementById('status')?.textContent?.startsWith('12 pictures on '));
  assert.equal(await gallery.page.locator('canvas').count(), 12);
  const isDrawn = await gallery.page.evaluate(() => [...document.querySelectorAll('canvas')].every((canvas) => new Set(canvas.getContext('2d')?.getImageData(0, 0, 32, 32).data).size > 20));
  assert.ok(isDrawn);
  const missing = (/** @type {string} */ text) => !/favicon/.test(text);
  assert.deepEqual([...embed.errors, ...gallery.errors].filter((text) => missing(text) && !/404/.test(text)), []);
});
