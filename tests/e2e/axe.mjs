// axe, which finds faults of accessibility, on the views of the page: as they open, and with something made and
// everything unfolded.

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

/** @typedef {import('playwright-core').Page} Page */

const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** How the page is looked at. */
export const SCHEMES = /** @type {const} */ (['light', 'dark']);
export const WIDTHS = [1280, 390];

/** Settings to look at a view with, with which it has soon made something; most views need no more than one line. @type {Record<string, string[]>} */
const SMALL = {
  generate: ['steps=2&batch=2&show=both'],
  compare: ['preset=custom&rows=2&columns=eta&across=0,1'],
  interpolate: ['steps=2&frames=3&drag=1&corners=1,2,3,4'],
  reconstruct: ['steps=2', 'task=rate', 'task=inpaint&steps=2', 'task=mix&steps=2'],
  train: ['size=8&train_steps=2'],
};

/** A short run is stopped when it has taken this long; what there is then is looked at. */
const SHORT_MS = 800;

/** What views open a dialog with, once something is made. @type {Record<string, string>} */
const DIALOGS = {
  generate: '[data-testid="canvas"]',
  compare: '[data-testid="compare-cell"]',
  reconstruct: '[data-testid="reconstruct-draw"]',
  model: '[data-testid="model-own-card"]',
};

/** The names of the views, as the page has them. @param {Page} page @returns {Promise<string[]>} */
export async function viewsOf(page) {
  await settled(page);
  return page.evaluate(async () => {
    /** @type {typeof import('../../www/state.js')} */
    const { settingOf } = await import(new URL('www/state.js', document.baseURI).href);
    const setting = settingOf('view');
    return setting.kind === 'choice' ? setting.choices.map(([name]) => name) : [];
  });
}

/** Waits until nothing is under way. @param {Page} page */
async function settled(page) {
  await page.waitForSelector('[data-testid="status"]:not([data-state="loading"], [data-state="running"])');
  await page.waitForSelector('main [aria-busy="true"]', { state: 'detached' });
}

/** Goes to a view, as a link does. @param {Page} page @param {string} view @param {string} settings */
async function visit(page, view, settings) {
  await page.evaluate((hash) => (location.hash = hash), `device=cpu&pace=fast&view=${view}&${settings}`);
  await page.waitForSelector(`main[data-view="${view}"]`);
  await settled(page);
}

/**
 * What is wrong now.
 * @param {Page} page @param {string} [within]  a selector
 * @returns {Promise<string[]>} one line for each fault
 */
async function look(page, within = 'html') {
  if (!(await page.evaluate('"axe" in globalThis'))) await page.evaluate(AXE);
  return page.evaluate(async (selector) => {
    /** @type {typeof import('axe-core')} */
    const axe = Reflect.get(globalThis, 'axe');
    const { violations } = await axe.run(selector, { resultTypes: ['violations'] });
    return violations.flatMap(({ id, help, nodes }) => nodes.map(({ target, any }) => `${id}: ${help}: ${target.join(' ')}${any[0] ? ` (${any[0].message})` : ''}`));
  }, within);
}

/** Runs what the view's button runs, unless there is nothing to run. @param {Page} page @param {boolean} short  whether it may end early */
async function run(page, short) {
  const button = page.locator('main .actions .primary');
  if (await button.isDisabled()) return;
  await button.click();
  if (short) {
    const done = await Promise.race([settled(page).then(() => true), new Promise((resolve) => setTimeout(resolve, SHORT_MS))]);
    if (!done) await page.keyboard.press('Escape');
  }
  await settled(page);
}

/** Opens what is folded, but for tables of a thousand rows, which axe takes minutes for; shorter ones of other views are built alike. @param {Page} page */
async function unfold(page) {
  await page.evaluate(() => {
    for (const details of document.querySelectorAll('main details:not([data-view="forward"] .plot-table)')) details.setAttribute('open', '');
    for (const toggle of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('main .help-toggle[aria-expanded="false"]'))) toggle.click();
  });
}

/**
 * Goes to a view, runs it, unfolds it, opens its menu and its dialog; looks at all of that, at each width.
 * @param {Page} page @param {string} view
 * @param {{short?: boolean}} [options]  whether small settings will do, and runs may end early
 * @returns {Promise<string[]>} one line for each fault
 */
export async function faultsOf(page, view, { short = false } = {}) {
  /** @type {Set<string>} */
  const faults = new Set();
  /** @param {string} when @param {string} [within] */
  const lookAtAll = async (when, within) => {
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 900 });
      for (const fault of await look(page, within)) faults.add(`${view}, ${when}, ${width} px: ${fault}`);
    }
  };
  for (const settings of (short && SMALL[view]) || ['']) {
    await visit(page, view, settings);
    await lookAtAll(`${settings} as it opens`);
    await run(page, short);
    await unfold(page);
    await lookAtAll(`${settings} after a run, unfolded`);
  }
  const menu = page.locator('main [aria-haspopup="menu"]:enabled').first();
  if (await menu.isVisible()) {
    await menu.click();
    await lookAtAll('its menu', 'main .menu');
    await page.keyboard.press('Escape');
  }
  if (view in DIALOGS) {
    await page.locator(DIALOGS[view]).first().click();
    await page.waitForSelector('dialog[open]');
    await lookAtAll('its dialog', 'dialog[open]');
    await page.keyboard.press('Escape');
  }
  return [...faults];
}
