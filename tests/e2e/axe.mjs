// axe, which finds faults of accessibility, on the views of the page.

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

/** @typedef {import('playwright-core').Page} Page */

const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** How the page is looked at. @type {{scheme: 'light'|'dark', width: number}[]} */
export const SCREENS = [
  { scheme: 'light', width: 1280 },
  { scheme: 'dark', width: 1280 },
  { scheme: 'light', width: 390 },
  { scheme: 'dark', width: 390 },
];

/** The names of the views, as the page has them. @param {Page} page @returns {Promise<string[]>} */
export async function viewsOf(page) {
  await page.waitForSelector('[data-testid="status"]:not([data-state="loading"])');
  return page.evaluate(async () => {
    /** @type {typeof import('../../www/state.js')} */
    const { settingOf } = await import(new URL('www/state.js', document.baseURI).href);
    const setting = settingOf('view');
    return setting.kind === 'choice' ? setting.choices.map(([name]) => name) : [];
  });
}

/** Goes to a view and looks. @param {Page} page @param {string} view @returns {Promise<string[]>} one line for each fault */
export async function faultsOf(page, view) {
  await page.evaluate((name) => {
    const hash = new URLSearchParams(location.hash.slice(1));
    hash.set('view', name);
    location.hash = hash.toString();
  }, view);
  await page.waitForSelector(`main[data-view="${view}"]`);
  await page.waitForSelector('[data-testid="status"]:not([data-state="loading"])');
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    /** @type {typeof import('axe-core')} */
    const axe = Reflect.get(globalThis, 'axe');
    const { violations } = await axe.run(document);
    return violations.flatMap(({ id, help, nodes }) => nodes.map(({ target, any }) => `${id}: ${help}: ${target.join(' ')}${any[0] ? ` (${any[0].message})` : ''}`));
  });
}
