// Runs the benchmark's cases, those of the browser in headless Chromium, one browser per case so that none profits from
// another's caches, and prints one JSON line for each. scripts/bench sets everything up and calls this.
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { serve } from '../../scripts/serve.mjs';
import { forwardCases, LARGE, memoryCases, stepCases, trainCases } from './cases.mjs';
import { firstPicture } from './page.mjs';
import { line, ratioTable, transferSizes } from './report.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const ARCHITECTURES = ['small', 'cifar10-32', 'published', ...LARGE];

/** Those that forward passes are measured of unless somebody asks for another one. */
const SAMPLED = ['small', 'cifar10-32'];

/** Those that are measured at all unless somebody asks for another one. */
const USUAL = ARCHITECTURES.filter((name) => !LARGE.includes(name));

const DEVICES = ['webgpu', 'cpu', 'native', 'native-gpu'];
const CASES = ['transfer', 'forward', 'step', 'memory', 'page', 'train'];
const CASE_TIMEOUT_MS = 20 * 60_000;

/** @param {string} message @returns {never} */
function wrongUsage(message) {
  console.error(`bench: ${message} (see --help)`);
  process.exit(2);
}

/** The command line as it is written. */
function read() {
  const string = /** @type {const} */ ({ type: 'string' });
  const boolean = /** @type {const} */ ({ type: 'boolean', default: false });
  const several = /** @type {const} */ ({ type: 'string', multiple: true });
  try {
    return parseArgs({
      options: { runs: { ...string, default: '5' }, device: several, arch: several, case: several, gpu: boolean, peers: boolean },
    }).values;
  } catch (error) {
    return wrongUsage(error instanceof Error ? error.message : String(error));
  }
}

function readOptions() {
  const { runs: written, gpu, peers, ...values } = read();
  const runs = Number(written);
  if (!Number.isInteger(runs) || runs < 1) wrongUsage(`--runs must be a whole number above 0, not ${written}`);
  /** @param {'device'|'arch'|'case'} name @param {string[]} all @param {string[]} [usual] */
  const someOf = (name, all, usual = all) => {
    const wrong = values[name]?.find((value) => !all.includes(value));
    if (wrong !== undefined) wrongUsage(`--${name} must be ${all.join(' or ')}, not ${wrong}`);
    return values[name] ?? usual;
  };
  return {
    runs,
    gpu,
    peers,
    devices: someOf('device', DEVICES, gpu ? DEVICES : ['webgpu', 'cpu', 'native']),
    architectures: someOf('arch', ARCHITECTURES, USUAL),
    /** Whether somebody asked for an architecture. */
    named: values.arch !== undefined,
    cases: someOf('case', CASES),
  };
}

/** @typedef {import('./cases.mjs').Site} Site */

/** @param {boolean} gpu */
function launch(gpu) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--enable-unsafe-webgpu',
      ...(gpu ? [] : ['--use-webgpu-adapter=swiftshader']),
    ],
  });
}

/** Calls `run(parameters)` of one of the case modules in a page of its own. @param {string} module @param {object} parameters @param {Site} site */
async function inBrowser(module, parameters, { url, gpu }) {
  const browser = await launch(gpu);
  try {
    const page = await browser.newPage();
    await page.goto(`${url}benches/browser/index.html`);
    const problem = new Promise((_, reject) => {
      // A panic in WebAssembly leaves the promise of its call unsettled.
      page.on('pageerror', reject);
      page.on('crash', () => reject(new Error('the page crashed')));
      setTimeout(() => reject(new Error(`no result after ${CASE_TIMEOUT_MS / 60_000} minutes`)), CASE_TIMEOUT_MS).unref();
    });
    const work = page.evaluate(async ({ path, values }) => (await import(path)).run(values), { path: `${url}${module}`, values: parameters });
    return { browser: browser.version(), ...(await Promise.race([work, problem])) };
  } finally {
    await browser.close();
  }
}

/** The page itself, from navigation to the first guess. @param {Site} site @returns {import('./cases.mjs').Case} */
const pageCase = ({ url, gpu }) => ({
  case: 'page',
  engine: 'ddim-web',
  device: 'cpu',
  run: async (runs) => {
    const browser = await launch(gpu);
    try {
      const { adapter, firstMs } = await firstPicture(browser, { url, runs });
      const sorted = firstMs.toSorted((a, b) => a - b);
      return { adapter, minMs: sorted[0], medianMs: sorted[sorted.length >> 1] };
    } finally {
      await browser.close();
    }
  },
});

const options = readOptions();
const plain = await serve({ root: ROOT });
const isolated = await serve({
  root: ROOT,
  headers: { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' },
});
const sites = { plain: { url: plain.url, gpu: options.gpu }, isolated: { url: isolated.url, gpu: options.gpu } };

if (options.cases.includes('transfer')) for (const size of transferSizes()) console.log(JSON.stringify(size));
const entries = [];
for (const architecture of options.architectures) {
  const config = JSON.parse(readFileSync(new URL(`../architectures/${architecture}.json`, import.meta.url), 'utf8'));
  const parts = { architecture, config, peers: options.peers, threads: availableParallelism(), sites, inBrowser };
  if (options.named || SAMPLED.includes(architecture)) entries.push(...forwardCases(parts), ...stepCases(parts));
  if (!LARGE.includes(architecture)) entries.push(...trainCases(parts));
}
entries.push(...memoryCases({ sites, inBrowser }), pageCase(sites.plain));

const lines = [];
let failures = 0;
for (const entry of entries.filter((e) => options.cases.includes(e.case) && options.devices.includes(e.device))) {
  const { run, ...about } = entry;
  const name = Object.entries(about).map(([key, value]) => (key === 'batch' || key === 'threads' ? `${key} ${value}` : value)).join(', ');
  console.error(`bench: ${name}`);
  try {
    lines.push(line(entry, await run(options.runs), options.runs));
    console.log(JSON.stringify(lines.at(-1)));
  } catch (error) {
    failures++;
    console.error(`bench: ${name}: ${String(error instanceof Error ? error.message : error).split('\n')[0]}`);
  }
}
const forwards = lines.filter((l) => l.case === 'forward');
if (forwards.some((l) => l.engine !== 'ddim-web')) console.error(`\nMedian of a forward pass:\n${ratioTable(forwards)}`);
const trained = lines.filter((l) => l.case === 'train');
if (trained.some((l) => l.engine !== 'ddim-web')) console.error(`\nMedian of a training step:\n${ratioTable(trained)}`);
await Promise.all([plain.close(), isolated.close()]);
process.exitCode = failures ? 1 : 0;
