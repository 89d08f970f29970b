// Runs the benchmark's cases in headless Chromium, one browser per case so that none profits from another's caches,
// and prints one JSON line for each. scripts/bench sets everything up and calls this.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { chromium } from 'playwright-core';
import { serve } from '../../scripts/serve.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const ARCHITECTURES = ['small', 'cifar10-32'];
const DEVICES = ['webgpu', 'cpu'];
const CASE_TIMEOUT_MS = 20 * 60_000;
const THREADS = availableParallelism();

function wrongUsage(message) {
  console.error(`bench: ${message} (see --help)`);
  process.exit(2);
}

function readOptions() {
  const string = { type: 'string' };
  const boolean = { type: 'boolean', default: false };
  try {
    const { values } = parseArgs({
      options: { runs: { ...string, default: '5' }, device: string, arch: string, gpu: boolean, peers: boolean },
    });
    const runs = Number(values.runs);
    if (!Number.isInteger(runs) || runs < 1) wrongUsage(`--runs must be a whole number above 0, not ${values.runs}`);
    const oneOf = (name, all) => {
      if (values[name] === undefined) return all;
      if (!all.includes(values[name])) wrongUsage(`--${name} must be ${all.join(' or ')}, not ${values[name]}`);
      return [values[name]];
    };
    return { ...values, runs, devices: oneOf('device', DEVICES), architectures: oneOf('arch', ARCHITECTURES) };
  } catch (error) {
    return wrongUsage(error.message);
  }
}

/** Calls `run(parameters)` of one of the case modules in a page of its own. */
async function inBrowser(module, parameters, { url, gpu }) {
  const browser = await chromium.launch({
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
  try {
    const page = await browser.newPage();
    await page.goto(`${url}benches/browser/index.html`);
    const problem = new Promise((_, reject) => {
      // A panic in WebAssembly leaves the promise of its call unsettled.
      page.on('pageerror', reject);
      page.on('crash', () => reject(new Error('the page crashed')));
      setTimeout(() => reject(new Error(`no result after ${CASE_TIMEOUT_MS / 60_000} minutes`)), CASE_TIMEOUT_MS).unref();
    });
    const work = page.evaluate(async ([path, values]) => (await import(path)).run(values), [`${url}${module}`, parameters]);
    return { browser: browser.version(), ...(await Promise.race([work, problem])) };
  } finally {
    await browser.close();
  }
}

async function pytorch({ architecture, runs }) {
  const script = fileURLToPath(new URL('../peers/pytorch.py', import.meta.url));
  const { stdout } = await promisify(execFile)(process.env.PEERS_PYTHON, [script, architecture, String(runs), String(THREADS)]);
  return JSON.parse(stdout);
}

/** The cases of one architecture: what is measured, and how. */
function cases({ devices, peers }, architecture, config, sites) {
  const ours = (device) => ({
    engine: 'ddim-web',
    device,
    threads: 1,
    run: (p) => inBrowser('benches/browser/ddim-web.js', { ...p, config, device }, sites.plain),
  });
  // Threads of WebAssembly need the isolation headers; ddim-web asks for none, so one thread is the fair comparison.
  const onnx = (device, threads) => ({
    engine: 'onnxruntime-web',
    device,
    threads,
    run: (p) => inBrowser('benches/peers/onnxruntime-web.js', { ...p, config, device, threads }, sites.isolated),
  });
  const list = devices.map(ours);
  if (peers) {
    if (devices.includes('webgpu')) list.push(onnx('webgpu', 1));
    if (devices.includes('cpu')) {
      for (const threads of new Set([1, THREADS])) list.push(onnx('cpu', threads));
      list.push({ engine: 'pytorch', device: 'cpu', threads: THREADS, run: pytorch });
    }
  }
  return list.map((entry) => ({ ...entry, architecture }));
}

function transferSize() {
  const names = ['ddim_web_bg.wasm', 'ddim_web.js'];
  const files = names.map((name) => readFileSync(new URL(`../../pkg/${name}`, import.meta.url)));
  const sum = (sizes) => sizes.reduce((a, b) => a + b, 0);
  return {
    case: 'transfer',
    files: names,
    raw_bytes: sum(files.map((file) => file.length)),
    gzip_bytes: sum(files.map((file) => gzipSync(file, { level: 9 }).length)),
  };
}

const round = (value) => (value === undefined ? undefined : Math.round(value * 100) / 100);

/** The line of a case: fields without a value in this case are left out. */
function line({ engine, device, threads, architecture }, runs, r) {
  return {
    case: 'forward',
    engine,
    device,
    threads,
    architecture,
    batch: 1,
    runs,
    min_ms: round(r.minMs),
    median_ms: round(r.medianMs),
    ...(device === 'webgpu' && { dispatches: round(r.dispatches), submits: round(r.submits) }),
    init_ms: round(r.initMs),
    load_ms: round(r.loadMs),
    first_forward_ms: round(r.firstForwardMs),
    first_result_ms: r.initMs === undefined ? undefined : round(r.initMs + r.loadMs + r.firstForwardMs),
    max_abs_diff: r.maxAbsDiff,
    adapter: r.adapter,
    parameters: r.parameters,
    version: r.version,
    browser: r.browser,
  };
}

/** Peers beside ddim-web on the same device; above 1 the peer is that many times faster. */
function ratioTable(lines) {
  const rows = [['architecture', 'device', 'peer', 'threads', 'peer ms', 'ddim-web ms', 'ddim-web / peer']];
  for (const peer of lines.filter((l) => l.engine !== 'ddim-web')) {
    const own = lines.find(
      (l) => l.engine === 'ddim-web' && l.architecture === peer.architecture && l.device === peer.device,
    );
    if (!own) continue;
    const ratio = (own.median_ms / peer.median_ms).toFixed(2);
    rows.push([peer.architecture, peer.device, peer.engine, peer.threads, peer.median_ms, own.median_ms, ratio].map(String));
  }
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column])).join('  ').trimEnd()).join('\n');
}

const options = readOptions();
const plain = await serve({ root: ROOT });
const isolated = await serve({
  root: ROOT,
  headers: { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' },
});
const sites = { plain: { url: plain.url, gpu: options.gpu }, isolated: { url: isolated.url, gpu: options.gpu } };

console.log(JSON.stringify(transferSize()));
const lines = [];
let failures = 0;
for (const architecture of options.architectures) {
  const config = JSON.parse(readFileSync(new URL(`../architectures/${architecture}.json`, import.meta.url), 'utf8'));
  for (const entry of cases(options, architecture, config, sites)) {
    const name = `${architecture}, ${entry.engine} on ${entry.device}, threads: ${entry.threads}`;
    console.error(`bench: ${name}`);
    try {
      const result = await entry.run({ architecture, runs: options.runs, batch: 1 });
      lines.push(line(entry, options.runs, result));
      console.log(JSON.stringify(lines.at(-1)));
    } catch (error) {
      failures++;
      console.error(`bench: ${name}: ${error.message.split('\n')[0]}`);
    }
  }
}
if (options.peers && lines.some((l) => l.engine === 'ddim-web')) console.error(`\nMedian of a forward pass, batch 1:\n${ratioTable(lines)}`);
await Promise.all([plain.close(), isolated.close()]);
process.exitCode = failures ? 1 : 0;
