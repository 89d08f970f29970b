// The plot that views share, on a page of its own: what it draws, says and holds.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { open } from './helpers.mjs';

/** Puts a plot with two lines on the page. @param {import('./demo.mjs').Demo} demo @param {object} [more] */
const draw = (demo, more = {}) =>
  demo.page.evaluate(async (extra) => {
    const address = new URL('www/ui/plot.js', document.baseURI).href;
    const { Plot } = await import(address);
    const series = [
      { label: 'up', values: [1, 10, 100, 1000], colour: '--x0' },
      { label: 'down', values: [4, 3, 0, null], colour: '--xt' },
    ];
    const place = document.createElement('div');
    document.querySelector('main')?.replaceChildren(place);
    const plot = new Plot(place, { title: 'Two lines', x: { label: 'time', values: [0, 1, 2, 3] }, series, log: 'y', marks: [1, 3], marksLabel: 'visited', ...extra }, 'plot');
    Object.assign(globalThis, { plot });
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  }, more);

/** The colours of the pixels of the canvas, with how often each is there. @param {import('./demo.mjs').Demo} demo */
const inks = (demo) =>
  demo.page.evaluate(() => {
    const canvas = /** @type {HTMLCanvasElement} */ (document.querySelector('.plot canvas'));
    const { data } = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d')).getImageData(0, 0, canvas.width, canvas.height);
    /** @type {Record<string, number>} */
    const counts = {};
    for (let i = 0; i < data.length; i += 4) if (data[i + 3] === 255) counts[`${data[i]},${data[i + 1]},${data[i + 2]}`] = (counts[`${data[i]},${data[i + 1]},${data[i + 2]}`] ?? 0) + 1;
    return counts;
  });

test('a plot names itself and its lines, tells them apart without colour, and breaks no rule of the page', async (t) => {
  const demo = await open(t);
  await demo.until('ready');
  await draw(demo);
  const chart = demo.page.locator('.plot-chart');
  assert.match((await chart.getAttribute('aria-label')) ?? '', /^Two lines\. Lines over time: up, down\./);
  assert.deepEqual(await demo.page.locator('.plot-legend li').allInnerTexts(), ['up', 'down', '|||\nvisited', '↔\ntime']);
  const dashes = await demo.page.locator('.plot-legend line').evaluateAll((lines) => lines.map((line) => line.getAttribute('stroke-dasharray')));
  assert.equal(new Set(dashes).size, 2);
  assert.deepEqual(demo.errors, []);
});

test('it takes the colours of the scheme, and those of the other one when that changes', async (t) => {
  const demo = await open(t, { context: { colorScheme: 'light' } });
  await demo.until('ready');
  await draw(demo);
  const light = await inks(demo);
  assert.ok(light['13,110,117'] > 100, 'x̂₀ as on light');
  await demo.page.emulateMedia({ colorScheme: 'dark' });
  let dark = light;
  // A busy browser takes its time to notice.
  for (let i = 0; i < 100 && !(dark['86,199,191'] > 100); i++) {
    await demo.page.waitForTimeout(50);
    dark = await inks(demo);
  }
  assert.ok(dark['86,199,191'] > 100, 'x̂₀ as on dark');
  assert.equal(dark['13,110,117'] ?? 0, 0);
});

test('the table holds every number of the lines, and follows them', async (t) => {
  const demo = await open(t, { context: { permissions: ['clipboard-read', 'clipboard-write'] } });
  await demo.until('ready');
  await draw(demo);
  await demo.page.locator('.plot-table summary').click();
  await demo.page.locator('.plot-table td').first().waitFor();
  const rows = () => demo.page.locator('.plot-table tr').evaluateAll((found) => found.map((row) => [...row.children].map((cell) => cell.textContent)));
  assert.deepEqual(await rows(), [['time', 'up', 'down'], ['0', '1', '4'], ['1', '10', '3'], ['2', '100', '0'], ['3', '1000', '']]);
  await demo.page.evaluate('plot.update({ x: { label: "time", values: [5] }, series: [{ label: "up", values: [1 / 3] }] })');
  await demo.page.waitForFunction(() => document.querySelectorAll('.plot-table td').length === 2);
  assert.deepEqual(await rows(), [['time', 'up'], ['5', '0.3333333']]);
  await demo.page.locator('.table-copy').click();
  await demo.page.getByText('Copied', { exact: true }).waitFor();
  assert.equal(await demo.page.evaluate('navigator.clipboard.readText()'), `time\tup\n5\t${1 / 3}`);
});

test('it takes the width of its place without moving what is below, the pointer reads the nearest values, and the line for the present stands at its own', async (t) => {
  const demo = await open(t);
  await demo.until('ready');
  await draw(demo);
  const box = () => demo.page.locator('.plot-chart').boundingBox();
  const before = await box();
  await demo.page.setViewportSize({ width: 500, height: 700 });
  await demo.page.waitForTimeout(100);
  const after = await box();
  assert.equal(after?.height, before?.height);
  const canvas = await demo.page.locator('.plot canvas').boundingBox();
  assert.equal(canvas?.width, after?.width);
  await demo.page.locator('.plot .u-over').hover({ position: { x: 2, y: 50 } });
  assert.deepEqual((await demo.page.locator('.plot-value').allInnerTexts()).map((text) => text.trim()), ['1', '4', '0']);

  /** Which part of the plot's width lies left of the line. */
  const here = () =>
    demo.page.evaluate(async () => {
      await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
      const over = /** @type {HTMLElement} */ (document.querySelector('.plot .u-over')).getBoundingClientRect();
      const line = /** @type {HTMLElement} */ (document.querySelector('.plot-here')).getBoundingClientRect();
      return line.width && (line.left + line.width / 2 - over.left) / over.width;
    });
  const near = (/** @type {number} */ found, /** @type {number} */ expected) => assert.ok(Math.abs(found - expected) < 0.01, `${found} instead of ${expected}`);
  await demo.page.evaluate('plot.at(2)');
  near(await here(), 2 / 3);
  // The same lines, with numbers that need a longer axis and more room beside it.
  await demo.page.evaluate('plot.update({ x: { label: "time", values: [0, 8] }, series: [{ label: "up", values: [1e-9, 1e9], colour: "--x0" }, { label: "down", values: [1, 2], colour: "--xt" }] })');
  near(await here(), 2 / 8);
  await demo.page.setViewportSize({ width: 900, height: 700 });
  near(await here(), 2 / 8);
  await demo.page.evaluate('plot.update({ x: { label: "time", values: [] }, series: [] })');
  assert.equal(await here(), 0, 'it is nowhere where there are no numbers');
  assert.deepEqual(demo.errors, []);
});
