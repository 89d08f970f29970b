// Equations: set in the page's own font, which is fetched where one is on show, and has every sign that is written.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { TERMS } from '../../www/ui/terms.js';
import { open } from './helpers.mjs';

const FONT = '/www/style/math/math.woff2';

/** The fonts that the browser took for the equations on show, with how many signs. @param {import('./demo.mjs').Demo} demo */
async function fontsOf({ page }) {
  await page.evaluate(() => document.fonts.ready);
  const protocol = await page.context().newCDPSession(page);
  await protocol.send('DOM.enable');
  await protocol.send('CSS.enable');
  const { root } = await protocol.send('DOM.getDocument');
  const { nodeIds } = await protocol.send('DOM.querySelectorAll', { nodeId: root.nodeId, selector: 'math *' });
  /** @type {Map<string, number>} */
  const fonts = new Map();
  for (const nodeId of nodeIds) {
    const taken = await protocol.send('CSS.getPlatformFontsForNode', { nodeId });
    for (const { familyName, isCustomFont, glyphCount } of taken.fonts) {
      const name = isCustomFont ? 'ours' : familyName;
      fonts.set(name, (fonts.get(name) ?? 0) + glyphCount);
    }
  }
  return fonts;
}

test('the font of equations is fetched where one is on show, and nowhere else', async (t) => {
  /** @type {string[]} */
  const asked = [];
  const demo = await open(t, {
    prepare: async (context) => {
      context.on('request', (request) => request.url().endsWith(FONT) && asked.push(request.url()));
    },
  });
  await demo.until('ready');
  assert.equal(asked.length, 0);
  await demo.get('dissect').locator('summary').click();
  await demo.page.waitForFunction(() => [...document.fonts].some(({ family, status }) => family.includes('ddim math') && status === 'loaded'));
  assert.equal(asked.length, 1);
  assert.deepEqual(demo.errors, []);
});

test('every sign of every term is in it', async (t) => {
  const demo = await open(t);
  await demo.until('ready');
  await demo.page.evaluate(async () => {
    const address = new URL('www/ui/terms.js', document.baseURI).href;
    const { TERMS, equation } = await import(address);
    const terms = /** @type {import('../../www/ui/terms.js').Term[]} */ (Object.values(TERMS));
    document.body.replaceChildren(...terms.map(({ math }) => equation(math)));
  });
  const fonts = await fontsOf(demo);
  assert.deepEqual([...fonts.keys()], ['ours']);
  assert.ok((fonts.get('ours') ?? 0) > 100);
});

test('every term has a sentence, an equation, and the place in a paper where it is from', () => {
  for (const [name, { sentence, math, source }] of Object.entries(TERMS)) {
    assert.match(sentence, /^[A-Z].{20,}\.$/, name);
    assert.match(math, /<m(row|sqrt|sub)/, name);
    assert.match(source, /^(DDPM|DDIM|.* (19|20)\d\d), (eqs?\.|section|lemma|figure) ?\d/, name);
  }
});

/** How far the page has jumped so far, as the browser measures it. @param {import('./demo.mjs').Demo} demo @returns {Promise<number>} */
const shiftOf = ({ page }) =>
  page.evaluate(
    () =>
      new Promise((resolve) => {
        const seen = (/** @type {PerformanceObserverEntryList} */ list) =>
          resolve(list.getEntries().reduce((sum, entry) => sum + /** @type {PerformanceEntry & {value: number}} */ (entry).value, 0));
        new PerformanceObserver(seen).observe({ type: 'layout-shift', buffered: true });
        setTimeout(() => resolve(0), 500);
      }),
  );

for (const view of ['forward', 'interpolate', 'model']) {
  test(`every sign of the equations of ${view} is in it, and its coming moves next to nothing`, async (t) => {
    /** @type {() => void} */
    let send = () => {};
    const wanted = new Promise((resolve) => (send = () => resolve(undefined)));
    const demo = await open(t, {
      hash: `view=${view}&device=cpu`,
      prepare: (context) =>
        context.route(`**${FONT}`, async (route) => {
          await wanted;
          await route.continue();
        }),
    });
    await demo.until('ready');
    // What the view builds after that has its place first.
    let before = NaN;
    for (let now = 0; now !== before; now = await shiftOf(demo)) {
      before = now;
      await demo.page.waitForTimeout(300);
    }
    send();
    assert.deepEqual([...(await fontsOf(demo)).keys()], ['ours']);
    await demo.page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
    const shift = (await shiftOf(demo)) - before;
    assert.ok(shift <= 0.01, `shift ${shift}`);
  });
}
