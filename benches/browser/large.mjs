// A large network with random weights in headless Chromium, as the page loads it: how long it loads from the browser's
// cache, what memory the page's process takes, and how long a step is. Not a part of CI: it takes minutes and gigabytes.
//
//     node benches/browser/large.mjs [--arch celebahq-256|butterflies-128] [--file f32|f16] [--storage f32|f16]
//         [--device cpu|webgpu] [--limits all|default] [--steps 2] [--folder DIR]
//
// The model is written to --folder (default: one of the system's for temporary files) and stays there. One JSON line.
// With --limits default a graphics card's buffers are no larger than WebGPU promises everywhere (128 MiB in one binding).
// Memory is that of Linux: what the page's process had in use at once at most (VmHWM), and what it has in use, after the
// model was loaded from the cache and at the end. Of every step but the first there is `stepMs`, what the engine took;
// `pictureMs`, what there is besides until its pictures are with the page, as the view Generate asks for them; and
// `paintMs`, what painting both of them takes there.

import { createWriteStream } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { chromium } from 'playwright-core';

import { serve } from '../../scripts/serve.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const WEIGHTS = 'diffusion_pytorch_model.safetensors';
const MIB = 1 << 20;

const { values } = parseArgs({
  options: {
    arch: { type: 'string', default: 'celebahq-256' },
    file: { type: 'string', default: 'f32' },
    storage: { type: 'string', default: 'f32' },
    device: { type: 'string', default: 'cpu' },
    limits: { type: 'string', default: 'all' },
    steps: { type: 'string', default: '2' },
    folder: { type: 'string', default: join(tmpdir(), 'ddim-web-large') },
  },
});
const { arch, file, storage, device, limits } = values;
const steps = Number(values.steps);

/** A float as the nearest of 16 bits, towards zero; of values below 2 that is near enough for random weights. @param {number} value */
function half(value) {
  const [bits] = new Uint32Array(new Float32Array([value]).buffer);
  const exponent = ((bits >> 23) & 255) - 112;
  return exponent <= 0 ? (bits >> 16) & 0x8000 : ((bits >> 16) & 0x8000) | (exponent << 10) | ((bits >> 13) & 1023);
}

/** Writes the tensors that the network needs, with values of the size that PyTorch initialises with. @param {string} path @param {string} config */
async function writeWeights(path, config) {
  const { default: init, expected_tensors: expectedTensors } = await import(new URL('../../pkg/cpu/ddim_web.js', import.meta.url).href);
  await init({ module_or_path: await readFile(join(ROOT, 'pkg/cpu/ddim_web_bg.wasm')) });
  /** @type {{name: string, shape: number[]}[]} */
  const tensors = expectedTensors(config);
  const size = file === 'f16' ? 2 : 4;
  /** @type {Record<string, object>} */
  const header = {};
  let offset = 0;
  for (const { name, shape } of tensors) {
    const end = offset + size * shape.reduce((a, b) => a * b, 1);
    header[name] = { dtype: file === 'f16' ? 'F16' : 'F32', shape, data_offsets: [offset, end] };
    offset = end;
  }
  let json = JSON.stringify(header);
  json += ' '.repeat(-json.length & 7);
  const out = createWriteStream(path);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  out.write(length);
  out.write(json);
  let state = 1;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state / 2 ** 31;
  };
  for (const { name, shape } of tensors) {
    const count = shape.reduce((a, b) => a * b, 1);
    const mean = name.includes('norm') && name.endsWith('.weight') ? 1 : 0;
    const bound = 1 / Math.sqrt(shape.length > 1 ? count / shape[0] : 1e4);
    const numbers = file === 'f16' ? new Uint16Array(count) : new Float32Array(count);
    for (let i = 0; i < count; i++) {
      const value = mean + bound * random();
      numbers[i] = file === 'f16' ? half(value) : value;
    }
    if (!out.write(Buffer.from(numbers.buffer))) await new Promise((done) => out.once('drain', () => done(undefined)));
  }
  await new Promise((done) => out.end(() => done(undefined)));
}

const folder = join(values.folder, `${arch}-${file}`);
await mkdir(folder, { recursive: true });
await cp(new URL(`../architectures/${arch}.json`, import.meta.url), join(folder, 'config.json'));
await writeFile(join(folder, 'scheduler_config.json'), JSON.stringify({ _class_name: 'DDPMScheduler', num_train_timesteps: 1000 }));
if (!(await stat(join(folder, WEIGHTS)).catch(() => null))) {
  console.error(`large: writing ${folder}`);
  await writeWeights(join(folder, WEIGHTS), await readFile(join(folder, 'config.json'), 'utf8'));
}

const [site, models] = await Promise.all([serve({ root: ROOT }), serve({ root: folder, headers: { 'Access-Control-Allow-Origin': '*', 'Access-Control-Expose-Headers': '*' } })]);
// A profile on the disk: one in memory has no room in its cache for a file of this size.
const profile = await mkdtemp(join(tmpdir(), 'ddim-web-large-'));
const context = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--no-first-run', ...(device === 'webgpu' ? ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'] : [])],
});

if (limits === 'default') {
  // The worker asks for the device, where a page's own scripts do not reach.
  await context.route('**/www/engine/worker.js', async (route) => {
    const response = await route.fetch();
    const ask = `const request = GPUAdapter.prototype.requestDevice;
      GPUAdapter.prototype.requestDevice = function (descriptor) {
        const { maxBufferSize, maxStorageBufferBindingSize, ...requiredLimits } = descriptor.requiredLimits;
        return request.call(this, { ...descriptor, requiredLimits });
      };\n`;
    await route.fulfill({ response, body: ask + (await response.text()) });
  });
}

/** Ids of the processes of pages. */
async function renderers() {
  const session = await /** @type {import('playwright-core').Browser} */ (context.browser()).newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  return processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => id);
}

/** MiB in use now, and the most at once since the page was opened, of the process that has the most. */
async function memory() {
  const all = await Promise.all(
    (await renderers()).map(async (id) => {
      const status = await readFile(`/proc/${id}/status`, 'utf8').catch(() => '');
      const of = (/** @type {string} */ name) => Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024);
      return { mib: of('VmRSS'), mostMib: of('VmHWM') };
    }),
  );
  return all.reduce((a, b) => (b.mostMib > a.mostMib ? b : a));
}

/** Of a picture. @param {{out_channels: number, sample_size: number}} config */
const shapeOf = ({ out_channels: channels, sample_size: side }) => ({ channels, height: side, width: side });

/** Opens a page of its own, loads the model and makes `steps` steps. @param {number} steps */
async function visit(steps) {
  const page = await context.newPage();
  page.on('pageerror', (error) => console.error(`large: ${error.message}`));
  await page.goto(`${site.url}benches/browser/index.html`);
  const loaded = await page.evaluate(
    async ({ client: module, model, device, storage }) => {
      const { Client } = await import(module);
      const client = new Client(() => {});
      Object.assign(globalThis, { client });
      const start = performance.now();
      const { info, storage: stored } = await client.load(new URL(model), { device, engine: 'plan', storage });
      return { loadMs: Math.round(performance.now() - start), device: info.device, adapter: info.adapter, parameters: info.parameters, storage: stored };
    },
    { client: `${site.url}www/engine/client.js`, model: models.url, device, storage },
  );
  const afterLoading = await memory();
  const times = await page.evaluate(
    async ({ pixels: module, shape, steps }) => {
      /** @type {{stepMs: number[], pictureMs: number[], paintMs: number[]}} */
      const times = { stepMs: [], pictureMs: [], paintMs: [] };
      if (steps === 0) return times;
      const { client } = /** @type {any} */ (globalThis);
      const { paint } = await import(module);
      const canvases = [0, 1].map(() => document.body.appendChild(document.createElement('canvas')));
      const rounded = (/** @type {number} */ ms) => Math.round(10 * ms) / 10;
      let before = 0;
      /** @param {any} event */
      const hear = (event) => {
        if (event.type !== 'step') return;
        const now = performance.now();
        times.stepMs.push(Math.round(event.ms));
        if (before > 0) times.pictureMs.push(rounded(now - before - event.ms));
        before = now;
        [event.x0, event.xt].forEach((levels, i) => paint(canvases[i], levels, 0, shape));
        times.paintMs.push(rounded(performance.now() - now));
      };
      await client.sample({ batch: 1, steps, seed: 0 }, hear, { dissect: true }).ended;
      return times;
    },
    { pixels: `${site.url}www/ui/pixels.js`, shape: shapeOf(JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'))), steps },
  );
  const atTheEnd = await memory();
  await page.close();
  return { ...loaded, ...times, afterLoading, atTheEnd };
}

try {
  console.error('large: the first visit, which fills the cache');
  const { loadMs: firstLoadMs } = await visit(0);
  console.error('large: the second one');
  console.log(JSON.stringify({ case: 'large', arch, file, firstLoadMs, ...(await visit(steps)) }));
} finally {
  await context.close();
  await Promise.all([site.close(), models.close(), rm(profile, { recursive: true })]);
}
