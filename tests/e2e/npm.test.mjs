// npm's package, as somebody gets it who installs it: in a project of Vite, on a page without a bundler, and in Node. The
// pictures are those of the page.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';

import { build, createServer } from 'vite';

import { makePackage } from '../../scripts/npm.mjs';
import { serve } from '../../scripts/serve.mjs';
import { ROOT } from './demo.mjs';
import { open } from './helpers.mjs';

const run = promisify(execFile);

const folder = await mkdtemp(join(tmpdir(), 'npm-'));
const app = join(folder, 'app');
await cp(join(ROOT, 'examples/vite'), app, { recursive: true });
await cp(join(ROOT, 'examples/node.mjs'), join(app, 'node.mjs'));
await mkdir(join(app, 'public'));
await cp(join(ROOT, 'www/models/avatars'), join(app, 'public/model'), { recursive: true });
await writeFile(join(app, 'package.json'), '{"private": true, "type": "module"}');
const tarball = await makePackage(folder);
await run('npm', ['install', '--offline', '--no-audit', '--no-fund', '--no-update-notifier', tarball], { cwd: app });
after(() => rm(folder, { recursive: true }));

/** What the page draws, picture by picture. @param {import('node:test').TestContext} t */
async function drawn(t) {
  const demo = await open(t, { hash: 'model=avatars&device=cpu&steps=3&batch=2&seed=7' });
  await demo.until('ready');
  await demo.generate();
  return demo.pixels();
}

/** What examples/vite draws at this address: the picture of the client, and those of the element. @param {import('node:test').TestContext} t @param {string} url */
async function found(t, url) {
  const { page, errors } = await open(t, { url, hash: '' });
  await page.waitForFunction(() => {
    const status = document.querySelector('#status')?.textContent ?? '';
    if (/^\w+: /.test(status)) throw new Error(status);
    return status === 'Done.' && document.querySelector('ddim-sampler')?.getAttribute('data-state') === 'done';
  });
  const pixels = await page.evaluate(() => {
    const element = document.querySelector('ddim-sampler')?.shadowRoot?.querySelectorAll('canvas') ?? [];
    return [.../** @type {NodeListOf<HTMLCanvasElement>} */ (document.querySelectorAll('#picture')), ...element].map((canvas) => Array.from(canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height).data ?? []));
  });
  assert.deepEqual(errors, []);
  return pixels;
}

test('its types hold where everything is strict, without the types of WebGPU', async () => {
  await writeFile(join(app, 'all.ts'), `
    import { Client, Failure } from 'ddim-web';
    import { Trainer } from 'ddim-web/trainer';
    import { loadFigures } from 'ddim-web/figures';
    import init, { Denoiser, type Step } from 'ddim-web/pkg/cpu/ddim_web.js';
    import type { DdimSampler } from 'ddim-web/element';
    export const sampler: DdimSampler = document.createElement('ddim-sampler');
    sampler.steps = 20;
    sampler.addEventListener('ddim-step', ({ detail }) => detail.index + detail.t);
    export const kind: string = new Failure('options', '').kind;
    export const images: Float32Array | undefined = (await new Client(() => {}).sample({ batch: 1 }, () => {}).ended).values;
    export const trainer = Trainer.create({ config: '', scheduler: '', images: new Uint8Array() }, (event) => event.type === 'step' && event.loss.toFixed(3));
    export const levels: object = await loadFigures();
    export const step: Step | null = init instanceof Function && Denoiser ? null : null;
    // @ts-expect-error there is no such device
    new Client(() => {}).load(new URL('https://example.org'), { device: 'tpu' });
    // @ts-expect-error nor such a pace
    sampler.pace = 'slow';
  `);
  const options = { strict: true, exactOptionalPropertyTypes: true, target: 'es2022', module: 'esnext', moduleResolution: 'bundler', lib: ['es2023', 'dom', 'dom.iterable'], types: [], noEmit: true };
  await writeFile(join(app, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['main.ts', 'all.ts'] }));
  await run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', app]).catch(({ stdout }) => assert.fail(stdout));
});

test('a project of Vite draws what the page draws: built, under a path of its own, and while it is developed', async (t) => {
  const wanted = await drawn(t);
  await build({ root: app, base: './', logLevel: 'silent' });
  const host = await serve({ root: join(app, 'dist'), base: '/some/where/' });
  t.after(() => host.close());
  const [first, ...element] = await found(t, host.url);
  assert.deepEqual([first, element], [wanted[0], wanted]);

  const server = await createServer({ root: app, logLevel: 'silent', server: { port: 0 } });
  await server.listen();
  t.after(() => server.close());
  const [address] = server.resolvedUrls?.local ?? [];
  assert.deepEqual((await found(t, address))[0], wanted[0]);
});

/** What the package finds in this Node. */
const { simdSupport } = await import('../../www/engine/package.js');

test('a page without a bundler draws what the page draws, by an import map; Node draws and trains to the bit what the same package does in a browser', async (t) => {
  const wanted = await drawn(t);
  const html = (await readFile(join(app, 'index.html'), 'utf8')).replace('<script type="module" src="/main.ts"></script>', `
    <script type="importmap">{ "imports": { "ddim-web": "./node_modules/ddim-web/npm/index.js", "ddim-web/": "./node_modules/ddim-web/npm/" } }</script>
    <script type="module">${(await readFile(join(ROOT, 'examples/vite/main.ts'), 'utf8')).replaceAll(/<HTML\w+>|(?<=\))!/g, '').replace('ddim-web/element', 'ddim-web/element.js')}</script>`);
  await writeFile(join(app, 'plain.html'), html.replace('src="model/"', 'src="public/model/"').replace("'model/'", "'public/model/'"));
  const host = await serve({ root: app, base: '/some/where/' });
  t.after(() => host.close());
  const [first, ...element] = await found(t, `${host.url}plain.html`);
  assert.deepEqual([first, element], [wanted[0], wanted]);

  const { stdout, stderr } = await run(process.execPath, ['node.mjs', 'public/model', 'picture.ppm', '3', '7'], { cwd: app });
  assert.match(stdout, /picture\.ppm: 32×32, on SIMD128/);
  assert.match(stderr, /step 3 of 3, t = 0/);
  const ppm = await readFile(join(app, 'picture.ppm'));
  const head = 'P6 32 32 255\n';
  assert.equal(ppm.toString('latin1', 0, head.length), head);

  const { page } = await open(t, { url: `${host.url}plain.html`, hash: '' });
  const training = { seed: 3, batch: 2, images: Array.from({ length: 2 * 3072 }, (_, i) => (i * i) >> 9) };
  const browser = await page.evaluate(async ([relaxed, { images, ...options }]) => {
    /** @param {string} folder @param {string} name */
    const at = (folder, name) => new URL(`node_modules/ddim-web/${folder}${name}`, location.href).href;
    const files = await Promise.all(['config.json', 'scheduler_config.json'].map(async (name) => (await fetch(`public/model/${name}`)).text()));
    const weights = new Uint8Array(await (await fetch('public/model/diffusion_pytorch_model.safetensors')).arrayBuffer());
    const [config, scheduler] = files;
    /** @type {typeof import('../../pkg/cpu/ddim_web.js')} */
    const cpu = await import(at(`pkg/cpu/${relaxed ? 'relaxed/' : ''}`, 'ddim_web.js'));
    await cpu.default();
    const sampler = (await cpu.Denoiser.load(config, weights, 'cpu')).sampler({ scheduler, steps: 3, seed: 7, batch: 1 });
    let step = await sampler.next();
    while (!step.done) step = await sampler.next();
    /** @type {typeof import('../../pkg/training/ddim_web.js')} */
    const learning = await import(at(`pkg/training/cpu/${relaxed ? 'relaxed/' : ''}`, 'ddim_web.js'));
    await learning.default();
    const trainer = await learning.Trainer.create({ config, scheduler, images: Uint8Array.from(images), device: 'cpu', ...options });
    await trainer.step();
    return { image: Array.from(new Uint8ClampedArray(Array.from(step.x_t, (v) => (v + 1) * 127.5))), loss: (await trainer.step()).loss };
  }, /** @type {const} */ ([simdSupport().relaxed, training]));
  const planes = Array.from({ length: 3072 }, (_, i) => ppm[head.length + (i % 1024) * 3 + Math.floor(i / 1024)]);
  assert.deepEqual(planes, browser.image);

  await writeFile(join(app, 'train.mjs'), `
    import { readFile } from 'node:fs/promises';
    import { Trainer } from 'ddim-web/trainer';
    const text = (name) => readFile(new URL('public/model/' + name, import.meta.url), 'utf8');
    const { images, ...options } = ${JSON.stringify(training)};
    const trainer = await Trainer.create({ config: await text('config.json'), scheduler: await text('scheduler_config.json'), images: Uint8Array.from(images), workers: 2, device: 'cpu', ...options }, () => {});
    await trainer.step();
    console.log(trainer.info.workers, (await trainer.step()).loss);
  `);
  assert.equal((await run(process.execPath, ['train.mjs'], { cwd: app })).stdout, `2 ${browser.loss}\n`);
});

test('what is wrong is one sentence in Node too, and the program ends', async () => {
  const failed = await run(process.execPath, ['node.mjs', 'public', 'none.ppm'], { cwd: app }).then(() => assert.fail('it drew'), (error) => error);
  assert.deepEqual([failed.code, failed.stderr.trim().split('\n').length], [1, 1]);
  assert.match(failed.stderr, /^The download of config\.json failed: the file is not there \(HTTP 404\), at file:/);
});
