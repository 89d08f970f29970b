// What a visitor sees without scrolling, in every view, and the ways from one to another.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { open } from './helpers.mjs';

/** Where the pictures of a view are. */
const PICTURES = {
  generate: '#poster',
  compare: '[data-testid="compare-canvas"]',
  interpolate: '[data-testid="interpolate-canvas"]',
  reconstruct: '[data-testid="reconstruct-canvas"]',
  forward: '[data-testid="forward-canvas"]',
  train: '[data-testid="train-canvas"]',
  model: '.model-card img',
  device: '.chart canvas',
};

const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

test('a phone held upright shows the picture, the button and the tab of every view, and nothing is wider', async (t) => {
  const demo = await open(t, { hash: 'device=cpu', context: PHONE });
  await demo.until('ready');
  for (const [view, selector] of Object.entries(PICTURES)) {
    await demo.page.evaluate((name) => (location.hash = `view=${name}&device=cpu`), view);
    await demo.shows(view);
    await demo.get(view === 'generate' ? 'generate' : `${view}-run`).waitFor();
    const { screen, width, tab, picture, top } = await demo.page.evaluate(
      ([name, pictures]) => {
        const box = (/** @type {string} */ found) => /** @type {Element} */ (document.querySelector(found)).getBoundingClientRect();
        return {
          screen: innerWidth,
          width: document.documentElement.scrollWidth,
          tab: box(`[data-testid="tab-${name}"]`).toJSON(),
          picture: box(pictures).toJSON(),
          top: box('.actions').top,
        };
      },
      [view, selector],
    );
    assert.equal(width, screen, view);
    assert.ok(tab.left >= 0 && tab.right <= screen && tab.height >= 44, `${view}: the tab is from ${tab.left} to ${tab.right}`);
    assert.ok(picture.top >= 0 && picture.bottom <= top && top < 844, `${view}: the picture ends at ${picture.bottom}, the button begins at ${top}`);
  }
  assert.deepEqual(demo.errors, []);
});

for (const [screen, context] of Object.entries({ phone: PHONE, desk: { viewport: { width: 1350, height: 940 } } })) {
  test(`${screen}: what is painted before the page's code is there stays where it is`, async (t) => {
    const demo = await open(t, {
      hash: 'device=cpu',
      context,
      prepare: async (browser) => {
        await browser.addInitScript(() => {
          const shifts = { sum: 0 };
          Object.assign(globalThis, { shifts });
          new PerformanceObserver((list) => {
            for (const entry of list.getEntries()) shifts.sum += /** @type {PerformanceEntry & {value: number}} */ (entry).value;
          }).observe({ type: 'layout-shift', buffered: true });
        });
        await browser.route('**/www/views/generate.js', async (route) => {
          await new Promise((resolve) => setTimeout(resolve, 1000));
          await route.continue();
        });
      },
    });
    await demo.until('ready');
    const sum = await demo.page.evaluate(() => /** @type {any} */ (globalThis).shifts.sum);
    assert.ok(sum <= 0.01, `layout shift ${sum}`);
  });
}

test('the row of tabs fades where there is more of it', async (t) => {
  const demo = await open(t, { hash: 'device=cpu', context: PHONE });
  await demo.until('ready');
  const nav = demo.page.locator('#tabs');
  assert.match((await nav.getAttribute('class')) ?? '', /more-after/);
  assert.doesNotMatch((await nav.getAttribute('class')) ?? '', /more-before/);
  await demo.page.evaluate(() => (location.hash = 'view=device&device=cpu'));
  await demo.page.waitForFunction(() => document.getElementById('tabs')?.className.includes('more-before'));
});

test('an invitation opens its view at the top, with the model, the device and the seed of the visitor', async (t) => {
  const demo = await open(t, { hash: 'device=cpu&seed=77&eta=0.5&rows=7,8&columns=tau' });
  await demo.until('ready');
  const race = demo.page.getByRole('link', { name: /^See the race/ });
  await race.scrollIntoViewIfNeeded();
  await race.click();
  await demo.get('compare-run').waitFor();
  assert.equal(await demo.page.evaluate(() => scrollY), 0);
  assert.equal(await demo.get('preset-race').isChecked(), true);
  assert.equal(await demo.get('compare-canvas').count(), 2);
  assert.equal(await demo.get('seed').inputValue(), '77');
  assert.match(demo.page.url(), /device=cpu/);
  await demo.page.goBack();
  await demo.get('generate').waitFor();
  assert.equal(await demo.get('eta').inputValue(), '0.5');
  const addresses = await demo.page.locator('.invitations a').evaluateAll((links) => links.map((link) => /** @type {HTMLAnchorElement} */ (link).hash));
  for (const [i, part] of ['view=compare', 'view=interpolate', 'view=forward', 'task=stroke'].entries()) assert.ok(addresses[i].includes(part), addresses[i]);
  assert.deepEqual(demo.errors, []);
});

for (const corners of ['1,2', '1,2,3,4']) {
  test(`in a window of 1024 by 600 the frames between ${corners} stay in their card`, async (t) => {
    const demo = await open(t, { hash: `view=interpolate&device=cpu&corners=${corners}`, context: { viewport: { width: 1024, height: 600 } } });
    await demo.until('ready');
    const { card, parts } = await demo.page.evaluate(() => {
      const sides = (/** @type {Element} */ part) => {
        const { left, right } = part.getBoundingClientRect();
        return [left, right];
      };
      return {
        card: sides(/** @type {Element} */ (document.querySelector('.show'))),
        parts: [...document.querySelectorAll('.between canvas, .corner-seed')].filter((part) => part.checkVisibility()).map(sides),
      };
    });
    for (const [left, right] of parts) assert.ok(left >= card[0] && right <= card[1], `${left} to ${right} in ${card}`);
  });
}
