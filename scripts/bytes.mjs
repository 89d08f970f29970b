// What a first visit downloads until its first picture is there, computed on either device, compressed as static hosts do.

import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { gzipSync } from 'node:zlib';

import { PATIENCE, launch } from '../tests/e2e/demo.mjs';

/** Of everything but weights and images, at most. */
const BAR = 300_000;

/** What is measured apart: it depends on the model. */
const APART = /\.(safetensors|png|svg)$/;

/** @param {string} path @returns {string} the line of the table that it belongs to */
function kindOf(path) {
  const kind = extname(path).slice(1);
  return path.startsWith('pkg/') ? `${kind} of the engine` : kind;
}

/** Where the picture is made: with which browser, and with what after the page's address. */
const DEVICES = /** @type {const} */ ({ 'the CPU': ['noWebGpu', ''], WebGPU: ['swiftShader', '#device=webgpu&steps=2&batch=1'] });

/**
 * Opens the page for the first time.
 * @param {string} url @param {'noWebGpu'|'swiftShader'} flags @param {string} hash
 * @returns {Promise<string[]>} the paths that it asked for until its first picture was there
 */
async function pathsUntilPicture(url, flags, hash) {
  const browser = await launch(flags);
  try {
    // It fetches the rest of the site, at some time of its own.
    const context = await browser.newContext({ serviceWorkers: 'block' });
    /** @type {Set<string>} */
    const asked = new Set();
    context.on('request', (request) => asked.add(request.url()));
    const page = await context.newPage();
    await page.goto(url + hash);
    // With settings the page begins when it is told to.
    if (hash) await page.click('body:has([data-testid="status"][data-state="ready"]) [data-testid="generate"]', { timeout: PATIENCE });
    await page.waitForFunction(() => Number(document.querySelector('[data-testid="status"]')?.getAttribute('data-step')) >= 1, null, { timeout: PATIENCE });
    return [...asked].filter((address) => address.startsWith(url)).map((address) => new URL(address).pathname.slice(new URL(url).pathname.length) || 'index.html');
  } finally {
    await browser.close();
  }
}

/** @param {string} url @param {string} folder  what is served there @returns {Promise<boolean>} whether the bar is kept on both devices */
export async function lookAtBytes(url, folder) {
  let kept = true;
  for (const [device, [flags, hash]] of Object.entries(DEVICES)) kept = (await tell(device, folder, await pathsUntilPicture(url, flags, hash))) && kept;
  return kept;
}

/** @param {string} device @param {string} folder @param {string[]} paths @returns {Promise<boolean>} whether the bar is kept */
async function tell(device, folder, paths) {
  /** @type {Map<string, {files: number, plain: number, gzip: number}>} */
  const kinds = new Map();
  for (const path of new Set(paths)) {
    const data = await readFile(join(folder, path));
    const kind = kindOf(path);
    const { files, plain, gzip } = kinds.get(kind) ?? { files: 0, plain: 0, gzip: 0 };
    kinds.set(kind, { files: files + 1, plain: plain + data.length, gzip: gzip + (APART.test(path) ? data : gzipSync(data)).length });
  }
  /** @param {string} name @param {{files: number, plain: number, gzip: number}} sizes */
  const line = (name, { files, plain, gzip }) => console.log(`  ${name.padEnd(20)}${String(files).padStart(6)}${String(plain).padStart(10)}${String(gzip).padStart(10)}`);
  const rows = [...kinds].sort(([, a], [, b]) => b.gzip - a.gzip);
  const counted = rows.filter(([kind]) => !APART.test(`.${kind}`));
  const total = counted.reduce((sum, [, { gzip }]) => sum + gzip, 0);
  const kept = total <= BAR;
  console.log(`bytes    ${kept ? 'ok    ' : 'MISSED'} ${total} of ${BAR} until the first picture on ${device}, apart from weights and images`);
  console.log(`  ${''.padEnd(20)}${'files'.padStart(6)}${'plain'.padStart(10)}${'gzip'.padStart(10)}`);
  for (const [kind, sizes] of counted) line(kind, sizes);
  for (const [kind, sizes] of rows) if (APART.test(`.${kind}`)) line(`(${kind})`, sizes);
  return kept;
}
