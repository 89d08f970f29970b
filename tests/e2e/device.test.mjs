// The choice of device, and what is said when one is missing, breaks or disappears.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { browserWith, open } from './helpers.mjs';

/** Replaces the wasm package by a module, for failures that the real one does not produce on demand. */
const packageThat = (body) => (context) =>
  context.route('**/pkg/ddim_web.js', (route) =>
    route.fulfill({
      contentType: 'text/javascript',
      body: `
        export default async function init() {}
        export const scheduler_info = () => ({ num_train_timesteps: 1000, timestep_spacing: 'leading', unknown_keys: [] });
        export class Denoiser {
          static async load(config, weights, device) { return Object.assign(new Denoiser(), { device }); }
          info() {
            return { device: this.device, adapter: 'test', parameters: 1, in_channels: 1, out_channels: 1, sample_size: [32, 32], unknown_keys: [] };
          }
          sampler(options) {
            return { total: options.steps, free() {}, next: async () => { ${body} } };
          }
        }`,
    }),
  );

test('auto without an adapter takes the CPU and says so', async (t) => {
  const demo = await open(t, { hash: 'device=auto&steps=1&batch=1' });
  await demo.until('ready');
  const notices = await demo.notices();
  assert.equal(notices.length, 1);
  assert.match(notices[0], /WebGPU.*CPU is used instead/);
  assert.match(await demo.get('adapter').innerText(), /CPU/);
  await demo.generate();
});

test('WebGPU asked for by name without an adapter is an error with a way out', async (t) => {
  const demo = await open(t, { hash: 'device=webgpu&steps=1&batch=1' });
  await demo.until('error');
  assert.match(await demo.status(), /WebGPU.*Choose the device Automatic or CPU/);
  await demo.get('device').selectOption('cpu');
  await demo.recovers('ready');
  await demo.generate();
});

test('auto leaves a software adapter alone', async (t) => {
  const demo = await open(t, { flags: 'swiftShader', hash: 'device=auto&steps=1&batch=1' });
  await demo.until('ready');
  assert.match((await demo.notices()).join(), /software adapter.*CPU is used/);
  assert.match(await demo.get('adapter').innerText(), /CPU/);
});

test('a WebGPU without adapter.info, as in older browsers, is not used, and the reason is told', async (t) => {
  const prepare = (context) =>
    context.route('**/www/device.js', async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, body: `delete GPUAdapter.prototype.info;\n${await response.text()}` });
    });
  const demo = await open(t, { flags: 'swiftShader', prepare, hash: 'device=webgpu&steps=1&batch=1' });
  await demo.until('error');
  assert.match(await demo.status(), /adapter\.info.*update the browser.*Choose the device Automatic or CPU/);
  await demo.get('device').selectOption('auto');
  await demo.recovers('ready');
  assert.match((await demo.notices()).join(), /too old.*CPU is used instead/);
  assert.match(await demo.get('adapter').innerText(), /CPU/);
  await demo.generate();
});

test('WebGPU gives the same picture as the CPU within 2 grey levels', async (t) => {
  const settings = 'steps=2&batch=1&seed=11';
  const gpu = await open(t, { flags: 'swiftShader', hash: `device=webgpu&${settings}` });
  await gpu.until('ready');
  assert.match(await gpu.get('adapter').innerText(), /WebGPU.*swiftshader/i);
  await gpu.generate();
  const cpu = await open(t, { hash: `device=cpu&${settings}` });
  await cpu.until('ready');
  await cpu.generate();
  const [[a], [b]] = [await gpu.pixels(), await cpu.pixels()];
  const worst = Math.max(...a.map((v, i) => Math.abs(v - b[i])));
  assert.ok(worst <= 2, `grey levels differ by up to ${worst}`);
  assert.ok(new Set(a).size > 10, 'the picture is not blank');
});

test('a size that no browser has the memory for is refused in words', async (t) => {
  const demo = await open(t, {
    hash: 'device=cpu&steps=1&batch=1',
    prepare: (context) =>
      context.route('**/fashion-mnist/config.json', async (route) => {
        const response = await route.fetch();
        await route.fulfill({ response, json: { ...(await response.json()), sample_size: 4096 } });
      }),
  });
  await demo.until('ready');
  await demo.get('generate').click();
  await demo.until('error');
  assert.match(await demo.status(), /too large/);
  assert.ok(demo.errors.every((text) => !text.includes('panicked')), demo.errors.join('\n'));
});

// No input is known to make the engine panic, so what a panic leaves behind is imitated:
// its text on the console, and a promise that never settles.
test('a panic, which never settles its promise, is told, and the model can be reloaded', async (t) => {
  const demo = await open(t, {
    prepare: packageThat("console.error('panicked at src/unet.rs:7:9:\\nindex out of bounds\\n\\nStack:\\n...'); return new Promise(() => {});"),
  });
  await demo.until('ready');
  await demo.get('generate').click();
  await demo.until('error');
  assert.equal(await demo.status(), 'The engine crashed (index out of bounds). Reload the model to go on.');
  await demo.page.context().unrouteAll();
  await demo.get('reload').click();
  await demo.recovers('ready');
  await demo.generate();
});

test('a graphics device lost during a run is told, and the CPU takes over when asked to', async (t) => {
  const demo = await open(t, { flags: 'swiftShader', hash: 'device=webgpu&steps=500&batch=1' });
  await demo.until('ready');
  await demo.get('generate').click();
  await demo.untilStep(1);
  const session = await (await browserWith('swiftShader')).newBrowserCDPSession();
  await session.send('Browser.crashGpuProcess');
  await demo.until('error');
  assert.match(await demo.status(), /^The graphics card stopped working for this page .* Reload the model to go on\.$/);
  assert.ok(await demo.get('reload').isVisible());
  await demo.get('device').selectOption('cpu');
  await demo.recovers('ready');
  await demo.get('steps').fill('1');
  await demo.generate();
});

test('an error of the engine is shown as it is, and the next run works', async (t) => {
  const demo = await open(t, {
    prepare: packageThat(`
      if (options.seed === 1) throw new Error('seed: 1 is not to my taste');
      return { done: true, index: 0, t: 0, x0_hat: new Float32Array(1024), x_t: new Float32Array(1024) };`),
  });
  await demo.until('ready');
  await demo.get('generate').click();
  await demo.until('error');
  assert.equal(await demo.status(), 'seed: 1 is not to my taste');
  await demo.get('seed').fill('2');
  await demo.get('generate').click();
  await demo.recovers('done');
});

test('a missing wasm package is told', async (t) => {
  for (const file of ['ddim_web.js', 'ddim_web_bg.wasm']) {
    const demo = await open(t, { prepare: (context) => context.route(`**/pkg/${file}`, (route) => route.fulfill({ status: 404, body: 'no' })) });
    await demo.until('error');
    assert.match(await demo.status(), file.endsWith('.wasm') ? /ddim_web_bg\.wasm failed.*404/ : /engine could not be started/);
  }
});

test('a browser without WebAssembly SIMD is told to be updated', async (t) => {
  const demo = await open(t, {
    prepare: (context) =>
      context.route('**/www/device.js', async (route) => {
        const response = await route.fetch();
        await route.fulfill({ response, body: `WebAssembly.validate = () => false;\n${await response.text()}` });
      }),
  });
  await demo.until('error');
  assert.match(await demo.status(), /cannot run WebAssembly with SIMD.*please use a current/);
});
