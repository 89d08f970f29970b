// The choice of device, and what is said when one is missing, breaks or disappears.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { PACKAGE_SCRIPTS, PACKAGE_WASM, before, browserWith, open, packageThat } from './helpers.mjs';

/** @typedef {import('./demo.mjs').Demo} Demo */

test('auto without an adapter takes the CPU and says so', async (t) => {
  const demo = await open(t, { hash: 'device=auto&steps=1&batch=1' });
  await demo.until('ready');
  const notices = await demo.notices();
  assert.equal(notices.length, 1);
  assert.match(notices[0], /WebGPU.*CPU is used, which is slower/);
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

for (const [what, code] of [
  ['no adapter.info, as in older browsers', 'delete GPUAdapter.prototype.info;'],
  ['an adapter.info without its texts', "for (const text of ['vendor', 'architecture', 'device', 'description']) delete GPUAdapterInfo.prototype[text];"],
]) {
  test(`a WebGPU with ${what}, is used all the same`, async (t) => {
    const demo = await open(t, { flags: 'swiftShader', prepare: before(`if (self.GPUAdapter) { ${code} }`), hash: 'device=webgpu&steps=1&batch=1' });
    await demo.until('ready');
    assert.deepEqual(await demo.notices(), []);
    assert.equal(await demo.get('adapter').innerText(), 'WebGPU · unnamed adapter');
    await demo.generate();
    assert.ok(new Set((await demo.pixels())[0]).size > 10, 'the picture is not blank');
    assert.deepEqual(demo.errors, []);
  });
}

/** The largest difference between the first pictures of two. @param {number[][]} a @param {number[][]} b */
const worstDifference = ([a], [b]) => Math.max(...a.map((level, i) => Math.abs(level - b[i])));

for (const engine of ['plan', 'burn']) {
  test(`WebGPU with the engine ${engine} gives the same picture as the CPU within 2 grey levels`, async (t) => {
    const settings = 'steps=2&batch=1&seed=11';
    const gpu = await open(t, { flags: 'swiftShader', hash: `device=webgpu&engine=${engine}&${settings}` });
    await gpu.until('ready');
    assert.match(await gpu.get('adapter').innerText(), /WebGPU.*swiftshader/i);
    await gpu.generate();
    const cpu = await open(t, { hash: `device=cpu&${settings}` });
    await cpu.until('ready');
    await cpu.generate();
    const [a, b] = [await gpu.pixels(), await cpu.pixels()];
    assert.ok(worstDifference(a, b) <= 2, `grey levels differ by up to ${worstDifference(a, b)}`);
    assert.ok(new Set(a[0]).size > 10, 'the picture is not blank');
  });
}

test('numbers of 16 bits give nearly the same picture, or a notice that the card lacks them', async (t) => {
  const settings = 'device=webgpu&steps=5&batch=1&seed=11';
  const half = await open(t, { flags: 'swiftShader', hash: `storage=f16&${settings}` });
  await half.until('ready');
  await half.generate();
  const full = await open(t, { flags: 'swiftShader', hash: settings });
  await full.until('ready');
  await full.generate();
  const worst = worstDifference(await half.pixels(), await full.pixels());
  const notices = (await half.notices()).join(' ');
  if (notices.includes('shader-f16')) assert.equal(worst, 0);
  else assert.ok(worst > 0 && worst <= 25, `grey levels differ by up to ${worst}`);
});

test('what was measured on a graphics card is handed back on the next visit, and nonsense there does no harm', async (t) => {
  const demo = await open(t, { flags: 'swiftShader', hash: 'device=webgpu&steps=2&batch=1&seed=11' });
  await demo.until('ready');
  await demo.generate();
  const first = await demo.pixels();
  const adapter = await demo.page.evaluate(async () => {
    const { findAdapter } = await import(new URL('www/engine/device.js', location.href).href);
    return (await findAdapter('webgpu', navigator.gpu, 'plan')).adapter;
  });
  // Of the first, where it was kept before the project's name was part of the key.
  for (const [key, kept] of [[`tuning ${adapter}`, 'large=b64x64 small=b16x32'], [`ddim-web tuning ${adapter}`, 'no tuning at all']]) {
    await demo.page.evaluate(([name, tuning]) => {
      localStorage.clear();
      localStorage.setItem(name, tuning);
    }, [key, kept]);
    await demo.page.reload();
    await demo.until('ready');
    await demo.generate();
    assert.ok(worstDifference(await demo.pixels(), first) <= 1, kept);
    assert.deepEqual(await demo.page.evaluate(() => Object.keys(localStorage)), [`ddim-web tuning ${adapter}`]);
  }
  assert.deepEqual(demo.errors, []);
});

test('burn is downloaded only when it is selected, and gives the same picture on the CPU within 2 grey levels', async (t) => {
  const demo = await open(t, { hash: 'device=cpu&steps=2&batch=1&seed=11' });
  await demo.until('ready');
  await demo.generate();
  const plan = await demo.pixels();
  assert.deepEqual(demo.requests.filter((request) => request.includes('/burn/')), []);
  await demo.get('engine').selectOption('burn');
  await demo.until('ready');
  assert.match(demo.page.url(), /engine=burn/);
  assert.equal(demo.requests.filter((request) => request.endsWith('/burn/ddim_web_bg.wasm')).length, 1);
  await demo.generate();
  const burn = await demo.pixels();
  assert.notDeepEqual(await demo.get('adapter').innerText(), '');
  assert.ok(worstDifference(plan, burn) <= 2, `grey levels differ by up to ${worstDifference(plan, burn)}`);
});

/** The folders of the packages that a page has downloaded. @param {Demo} demo */
const packagesOf = (demo) => demo.requests.flatMap((request) => request.match(/(?<=\/pkg\/).*(?=ddim_web_bg\.wasm$)/) ?? []);

/** A software adapter passes for a graphics card, of which `GPUAdapter.prototype` has what `code` gives it. */
const cardThat = (code = '') => before(`if (typeof GPUAdapter !== 'undefined') {
  Object.defineProperty(GPUAdapter.prototype, 'info', { get: () => ({ vendor: 'some', architecture: 'card', device: '', description: '' }) });
  ${code}
}`);

test('whoever has a graphics card downloads the package for it and no other, and the CPU takes over with its own', async (t) => {
  const hash = 'device=auto&steps=1&batch=1';
  const card = await open(t, { flags: 'swiftShader', hash, prepare: cardThat() });
  await card.until('ready');
  assert.match(await card.get('adapter').innerText(), /WebGPU.*some card/);
  assert.deepEqual(packagesOf(card), ['webgpu/']);
  await card.generate();
  assert.deepEqual(packagesOf(card), ['webgpu/']);

  const refusing = cardThat("GPUAdapter.prototype.requestDevice = async () => { throw new Error('out of chips'); };");
  const fallen = await open(t, { flags: 'swiftShader', hash, prepare: refusing });
  await fallen.until('ready');
  assert.deepEqual(packagesOf(fallen), ['webgpu/', 'cpu/relaxed/']);
  const notices = (await fallen.notices()).join(' ');
  assert.match(notices, /The graphics card could not take the model \(.*out of chips.*\), so the CPU is used\./);
  await fallen.generate();
  assert.doesNotMatch(await fallen.get('adapter').innerText(), /WebGPU/);
  assert.deepEqual(packagesOf(fallen), ['webgpu/', 'cpu/relaxed/'], 'its other workers have what the first one has');

  // Asked for by name, it is not replaced.
  const named = await open(t, { flags: 'swiftShader', hash: 'device=webgpu&steps=1&batch=1', prepare: refusing });
  await named.until('error');
  assert.match(await named.status(), /out of chips/);
  assert.deepEqual(packagesOf(named), ['webgpu/']);
});

test('the package with relaxed SIMD is for browsers that have it, and the pictures are the same within 1 grey level', async (t) => {
  const relaxed = await open(t, { hash: 'device=cpu&steps=2&batch=1&seed=11' });
  await relaxed.until('ready');
  const plain = await open(t, {
    hash: 'device=cpu&steps=2&batch=1&seed=11',
    // The opcode of f32x4.relaxed_madd is 0xfd 0x105, written 253, 133, 2.
    prepare: before('const { validate } = WebAssembly; WebAssembly.validate = (bytes) => !bytes.join().includes("253,133,2") && validate(bytes);'),
  });
  await plain.until('ready');
  assert.deepEqual(packagesOf(relaxed), ['cpu/relaxed/']);
  assert.deepEqual(packagesOf(plain), ['cpu/']);
  await relaxed.generate();
  await plain.generate();
  const worst = worstDifference(await relaxed.pixels(), await plain.pixels());
  assert.ok(worst <= 1, `grey levels differ by up to ${worst}`);
});

/** @typedef {{figures: string, status: string|null|undefined, value: number, max: number}} Kernels  what the page says of them */

test('compiling kernels for the graphics card is shown, kernel by kernel', async (t) => {
  const demo = await open(t, {
    flags: 'swiftShader',
    hash: 'device=webgpu&steps=1&batch=1',
    prepare: (context) =>
      context.addInitScript(() => {
        /** @type {Kernels[]} */
        const kernels = [];
        Object.assign(globalThis, { kernels });
        new MutationObserver(() => {
          /** @param {string} id */
          const find = (id) => document.querySelector(`[data-testid="${id}"]`);
          const figures = find('figures')?.textContent ?? '';
          if (!/kernels$/.test(figures) || kernels.at(-1)?.figures === figures) return;
          const { value, max } = /** @type {HTMLProgressElement} */ (find('progress'));
          kernels.push({ figures, status: find('status')?.textContent, value, max });
        }).observe(document, { subtree: true, childList: true, characterData: true });
      }),
  });
  await demo.until('ready');
  /** @type {Kernels[]} */
  const kernels = await demo.page.evaluate('kernels');
  const { max: total } = kernels[0];
  assert.ok(total > 5, `${total} kernels`);
  assert.deepEqual(kernels.at(-1), { figures: `${total} of ${total} kernels`, status: 'Preparing the graphics card…', value: total, max: total });
  for (let i = 1; i < kernels.length; i++) assert.ok(kernels[i].value > kernels[i - 1].value);
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

// No input is known to make the engine panic, so what a panic leaves behind is imitated: the listener hears of it, and
// a promise never settles. That the real package tells the listener is tested in tests/web.
test('a panic, which never settles its promise, is told, and another instance takes the place of that one', async (t) => {
  const broken = "if (globalThis.broken) throw new Error('asked again'); if (options.steps === 7) { globalThis.broken = true; panic('index out of bounds'); await new Promise(() => {}); }";
  const demo = await open(t, { hash: 'device=cpu&steps=7&batch=1', prepare: packageThat(broken) });
  await demo.until('ready');
  await demo.get('generate').click();
  await demo.until('error');
  assert.equal(await demo.status(), 'The engine crashed (index out of bounds); a new one takes its place for the next run.');
  assert.ok(await demo.get('reload').isHidden());
  await demo.get('steps').fill('2');
  await demo.get('generate').click();
  await demo.recovers('done');
});

for (const [what, trap] of [
  ['a trap', "throw new WebAssembly.RuntimeError('unreachable')"],
  ['a panic', "panic('unreachable'); await new Promise(() => {})"],
]) {
  test(`${what} on the graphics card: on Automatic the model is loaded on the CPU by another instance`, async (t) => {
    const loading = `if (globalThis.broken) throw new Error('asked again'); if (device === 'webgpu') { globalThis.broken = true; ${trap}; }`;
    const demo = await open(t, {
      flags: 'swiftShader',
      hash: 'device=auto&steps=2&batch=1',
      prepare: async (context) => void (await cardThat()(context), await packageThat('', loading)(context)),
    });
    await demo.until('ready');
    assert.match((await demo.notices()).join(), /^The graphics card could not take the model \(it stopped without a word, as it does without memory\), so the CPU is used\.\s/);
    await demo.generate();
    assert.equal(demo.page.workers().length, 1);
  });
}

test('burn: a graphics device lost during a run is told, and the CPU takes over when asked to', async (t) => {
  const demo = await open(t, { flags: 'swiftShader', hash: 'device=webgpu&engine=burn&steps=500&batch=1' });
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
  await demo.get('engine').selectOption('plan');
  await demo.until('ready');
  await demo.get('steps').fill('1');
  await demo.generate();
});

/** Lets a test end the worker's graphics device, as a driver does that starts anew. */
const destructible = before(`
  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = async function (...args) {
    const device = await requestDevice.apply(this, args);
    new BroadcastChannel('destroy').onmessage = () => device.destroy();
    return device;
  };`);

/** @param {Demo} demo */
const destroyDevice = (demo) => demo.page.evaluate(() => new BroadcastChannel('destroy').postMessage(null));

test('a run survives the loss of the graphics device, during it or before it, with the same picture', async (t) => {
  const demo = await open(t, { flags: 'swiftShader', prepare: destructible, hash: 'device=webgpu&steps=6&eta=0.5&batch=1&seed=3' });
  const lostNotice = async () => (await demo.notices()).map((text) => text.replace(/\s*×$/, '')).filter((text) => text.includes('lost'));
  await demo.until('ready');
  await demo.generate();
  const undisturbed = await demo.pixels();
  assert.deepEqual(await lostNotice(), []);

  await demo.broadcastAt(2, 'destroy', 'now');
  await demo.generate();
  assert.deepEqual(await lostNotice(), ['The graphics card was lost and found again; the pictures went on from the last step.']);
  assert.ok(worstDifference(await demo.pixels(), undisturbed) <= 1);

  await demo.generate();
  assert.deepEqual(await lostNotice(), [], 'the new device lasts');

  await destroyDevice(demo);
  await demo.generate();
  assert.deepEqual(await lostNotice(), ['The graphics card was lost and found again.']);
  assert.ok(worstDifference(await demo.pixels(), undisturbed) <= 1);
  assert.deepEqual(demo.errors, []);
});

test('a graphics card that stays away is told, and is used again once it is back', async (t) => {
  const prepare = before(`
    const { requestAdapter } = GPU.prototype;
    let device;
    let gone = false;
    GPU.prototype.requestAdapter = async function (...args) {
      const adapter = await requestAdapter.apply(this, args);
      const { requestDevice } = adapter;
      adapter.requestDevice = async (...args) => (device = await requestDevice.apply(adapter, args));
      return gone ? null : adapter;
    };
    new BroadcastChannel('card').onmessage = ({ data }) => {
      gone = data === 'gone';
      if (gone) device?.destroy();
    };`);
  const demo = await open(t, { flags: 'swiftShader', prepare, hash: 'device=webgpu&steps=4&batch=1' });
  await demo.until('ready');
  await demo.broadcastAt(1, 'card', 'gone');
  await demo.get('generate').click();
  const sentence = 'the GPU was lost and could not be found again (no adapter found); try once more, or choose the CPU';
  await demo.until('error');
  assert.equal(await demo.status(), sentence);
  await demo.get('generate').click();
  await demo.until('error');
  assert.equal(await demo.status(), sentence);
  await demo.page.evaluate(() => new BroadcastChannel('card').postMessage('back'));
  await demo.get('generate').click();
  await demo.recovers('done');
});

test('a graphics card that refuses does not cost another download of the weights', async (t) => {
  const demo = await open(t, {
    flags: 'swiftShader',
    prepare: before("GPUAdapter.prototype.requestDevice = () => Promise.reject(new DOMException('not today', 'OperationError'));"),
  });
  await demo.until('ready');
  await demo.get('device').selectOption('webgpu');
  await demo.until('error');
  assert.match(await demo.status(), /^The model could not be loaded \(GPU: .*not today.*\)\.$/);
  await demo.get('device').selectOption('cpu');
  await demo.recovers('ready');
  await demo.generate();
  assert.equal(demo.requests.filter((request) => /^GET .*\.safetensors$/.test(request)).length, 1);
});

test('an error of the engine is shown as it is, and the next run works', async (t) => {
  const demo = await open(t, {
    prepare: packageThat(`
      if (options.seed === 1) throw new Error('seed: 1 is not to my taste');`),
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
  for (const file of [PACKAGE_SCRIPTS, PACKAGE_WASM]) {
    const demo = await open(t, { prepare: (context) => context.route(file, (route) => route.fulfill({ status: 404, body: 'no' })) });
    await demo.until('error');
    assert.match(await demo.status(), file === PACKAGE_WASM ? /ddim_web_bg\.wasm failed.*404/ : /engine could not be started/);
  }
});

test('a server that does not know what a .wasm file is will do', async (t) => {
  const demo = await open(t, {
    prepare: (context) =>
      context.route(PACKAGE_WASM, async (route) => route.fulfill({ response: await route.fetch(), contentType: 'application/octet-stream' })),
  });
  await demo.until('ready');
  await demo.generate();
});

test('a browser without WebAssembly SIMD is told to be updated', async (t) => {
  const demo = await open(t, { prepare: before('WebAssembly.validate = () => false;') });
  await demo.until('error');
  assert.match(await demo.status(), /cannot run WebAssembly with SIMD.*please use a current/);
});
