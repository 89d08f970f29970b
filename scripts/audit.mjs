// Whether a published page keeps the bars: what scripts/audit does. The site is served as GitHub Pages does it; what a
// first visit downloads is counted, and it is looked at by Lighthouse several times as a desktop and as a phone, and by axe
// in every view, in light and dark, wide and narrow.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import lighthouse from 'lighthouse';
import desktop from 'lighthouse/core/config/desktop-config.js';
import puppeteer from 'puppeteer-core';

import { PATIENCE, launch } from '../tests/e2e/demo.mjs';
import { SCHEMES, faultsOf, viewsOf } from '../tests/e2e/axe.mjs';
import { lookAtBytes } from './bytes.mjs';
import { serve } from './serve.mjs';
import { makeSite } from './site.mjs';

/** Scores from 0 to 100, at least. */
const BARS = { performance: 95, accessibility: 100, 'best-practices': 100 };

/** Cumulative layout shift, at most. */
const SHIFT = 0.01;

/** What GitHub Pages says about caching. */
const HEADERS = { 'Cache-Control': 'max-age=600' };

/** @param {number[]} values */
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

/** @typedef {Record<'performance'|'accessibility'|'best-practices'|'shift'|'fcp'|'lcp'|'blocking'|'index', number>} Figures */

/** One visit of a browser that has never been here. @param {string} url @param {'desktop'|'mobile'} preset */
async function visit(url, preset) {
  const browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--disable-features=WebGPU'],
  });
  try {
    const flags = /** @type {const} */ ({ port: Number(new URL(browser.wsEndpoint()).port), logLevel: 'silent', onlyCategories: Object.keys(BARS) });
    const result = await lighthouse(url, { ...flags, onlyCategories: [...flags.onlyCategories] }, preset === 'desktop' ? desktop : undefined);
    if (!result || result.lhr.runtimeError) throw new Error(`Lighthouse could not look at ${url}: ${result?.lhr.runtimeError?.message ?? 'no result'}`);
    return result.lhr;
  } finally {
    await browser.close();
  }
}

/** @param {import('lighthouse').Result} lhr @returns {Figures} */
function figuresOf({ categories, audits }) {
  /** @param {string} id */
  const score = (id) => Math.round(100 * (categories[id].score ?? 0));
  /** @param {string} id */
  const number = (id) => audits[id].numericValue ?? NaN;
  return {
    performance: score('performance'),
    accessibility: score('accessibility'),
    'best-practices': score('best-practices'),
    shift: number('cumulative-layout-shift'),
    fcp: number('first-contentful-paint'),
    lcp: number('largest-contentful-paint'),
    blocking: number('total-blocking-time'),
    index: number('speed-index'),
  };
}

/** What Lighthouse found to be wrong. @param {import('lighthouse').Result} lhr @returns {string[]} */
function complaintsOf({ audits, categories }) {
  const relevant = new Set(Object.values(categories).flatMap(({ auditRefs }) => auditRefs.map(({ id }) => id)));
  return Object.values(audits)
    .filter(({ id, score, scoreDisplayMode }) => relevant.has(id) && score !== null && score < 0.9 && scoreDisplayMode !== 'informative')
    .map(({ id, title, displayValue }) => `  ${id}: ${title}${displayValue ? ` (${displayValue})` : ''}`);
}

/** @param {string} url @param {number} runs @returns {Promise<boolean>} whether the bars are kept */
async function lookWithLighthouse(url, runs) {
  let good = true;
  for (const preset of /** @type {const} */ (['desktop', 'mobile'])) {
    const results = [];
    for (let i = 0; i < runs; i++) results.push(await visit(url, preset));
    const all = results.map(figuresOf);
    /** @param {keyof Figures} key */
    const figure = (key) => median(all.map((figures) => figures[key]));
    const missed = /** @type {(keyof typeof BARS)[]} */ (Object.keys(BARS)).filter((key) => figure(key) < BARS[key]);
    const kept = missed.length === 0 && figure('shift') <= SHIFT;
    good &&= kept;
    console.log(
      `${preset.padEnd(8)} ${kept ? 'ok    ' : 'MISSED'} performance ${figure('performance')}, accessibility ${figure('accessibility')}, best practices ${figure('best-practices')}, ` +
        `layout shift ${figure('shift').toFixed(3)} | first paint ${Math.round(figure('fcp'))} ms, largest ${Math.round(figure('lcp'))} ms, blocked ${Math.round(figure('blocking'))} ms, speed index ${Math.round(figure('index'))} ms`,
    );
    for (const line of complaintsOf(results[0])) console.log(line);
  }
  return good;
}

/** @param {string} url @returns {Promise<boolean>} */
async function lookWithAxe(url) {
  let good = true;
  const browser = await launch('noWebGpu');
  try {
    for (const scheme of SCHEMES) {
      const context = await browser.newContext({ colorScheme: scheme, reducedMotion: 'reduce' });
      const page = await context.newPage();
      page.setDefaultTimeout(PATIENCE);
      await page.goto(`${url}#device=cpu`);
      for (const view of await viewsOf(page)) {
        const faults = await faultsOf(page, view);
        good &&= faults.length === 0;
        console.log(`axe      ${faults.length === 0 ? 'ok    ' : 'MISSED'} ${view}, ${scheme}`);
        for (const fault of faults) console.log(`  ${fault}`);
      }
      await context.close();
    }
  } finally {
    await browser.close();
  }
  return good;
}

const { values } = parseArgs({ options: { runs: { type: 'string', default: '3' }, hash: { type: 'string', default: '' }, only: { type: 'string' } } });
const folder = await mkdtemp(join(tmpdir(), 'audit-'));
const site = join(folder, 'site');
await makeSite(site);
const server = await serve({ root: site, base: '/ddim-web/', headers: HEADERS, gzip: true });
let good = true;
try {
  const { only } = values;
  if (!only || only === 'bytes') good = (await lookAtBytes(server.url, site)) && good;
  if (!only || only === 'lighthouse') good = (await lookWithLighthouse(`${server.url}${values.hash && `#${values.hash}`}`, Number(values.runs))) && good;
  if (!only || only === 'axe') good = (await lookWithAxe(server.url)) && good;
} finally {
  await server.close();
  await rm(folder, { recursive: true });
}
process.exit(good ? 0 : 1);
