// The page and the package on Firefox's WebGPU: wgpu's own WGSL compiler, on whatever Vulkan driver there is
// (Mesa's software driver, where there is no graphics card).

import assert from 'node:assert/strict';

import { gradientsOnWebGpu } from '../e2e/training.mjs';
import { absent, address, required, tabOf, testIn } from './browsers.mjs';
import { SMALL, largestDifference } from './network.mjs';
import { Page, worstDifference } from './page.mjs';

const FIREFOX = 'Firefox with WebGPU';
const LINK = 'model=fashion-mnist&device=webgpu&steps=2&eta=0.5&seed=42&batch=2';

async function withoutAdapter() {
  const page = await Page.open(FIREFOX, LINK);
  const fault = await page.tab.evaluate(async () => {
    try {
      const adapter = await /** @type {any} */ (navigator).gpu?.requestAdapter();
      return adapter ? undefined : 'on Linux it needs a Vulkan driver, such as mesa-vulkan-drivers';
    } catch (error) {
      return String(error);
    }
  });
  if (!fault) return false;
  const reason = `${page.tab.version} finds no graphics adapter (${fault})`;
  if (required) throw new Error(reason);
  return reason;
}

const skip = absent(FIREFOX) || (await withoutAdapter());

/** @param {string} link */
async function pictures(link) {
  const page = await Page.open(FIREFOX, link);
  return { ...(await page.generate()), pixels: await page.pixels() };
}

testIn(FIREFOX, 'Firefox: the page draws on WebGPU, and a link gives identical pixels', skip, async () => {
  const { status, adapter, pixels } = await pictures(LINK);
  assert.match(status, /^Done: 2 pictures in 2 steps, /);
  assert.match(adapter, /^WebGPU\b/);
  assert.equal(pixels.length, 2);
  assert.notDeepEqual(pixels[0], pixels[1]);
  assert.deepEqual((await pictures(LINK)).pixels, pixels);
});

testIn(FIREFOX, 'Firefox: WebGPU draws what the CPU draws, to one level of 255', skip, async () => {
  const onCpu = await pictures(LINK.replace('webgpu', 'cpu'));
  assert.match(onCpu.adapter, /^CPU\b/);
  const difference = worstDifference((await pictures(LINK)).pixels, onCpu.pixels);
  assert.ok(difference <= 1, `${difference} levels`);
});

testIn(FIREFOX, 'Firefox: numbers of 16 bits give nearly the same picture, or a notice that the card lacks them', skip, async () => {
  const link = LINK.replace('steps=2', 'steps=5');
  const half = await pictures(`${link}&storage=f16`);
  const difference = worstDifference(half.pixels, (await pictures(link)).pixels);
  if (half.notices.join().includes('shader-f16')) assert.equal(difference, 0);
  else assert.ok(difference > 0 && difference <= 25, `${difference} levels`);
});

testIn(FIREFOX, 'Firefox: burn draws what the CPU draws, to one level of 255', skip, async () => {
  const link = 'model=fashion-mnist&device=webgpu&steps=1&seed=42&batch=1';
  const { adapter, notices, pixels } = await pictures(`${link}&engine=burn`);
  assert.match(adapter, /^WebGPU\b/);
  assert.deepEqual(notices, []);
  const difference = worstDifference(pixels, (await pictures(link.replace('webgpu', 'cpu'))).pixels);
  assert.ok(difference <= 1, `${difference} levels`);
});

testIn(FIREFOX, 'Firefox: left to choose, the page takes a graphics card, but not a software driver', skip, async () => {
  const { tab } = await Page.open(FIREFOX, LINK);
  const software = await tab.evaluate(async () => {
    const adapter = await /** @type {any} */ (navigator).gpu.requestAdapter();
    return Boolean(adapter.info.isFallbackAdapter || adapter.isFallbackAdapter);
  });
  const { adapter, notices } = await pictures(LINK.replace('webgpu', 'auto'));
  assert.match(adapter, software ? /^CPU\b/ : /^WebGPU\b/);
  assert.equal(/WebGPU offers only a software adapter here .* so the CPU is used\./.test(notices.join()), software);
});

for (const fixture of SMALL) {
  testIn(FIREFOX, `Firefox: the network ${fixture} answers on WebGPU as diffusers does`, skip, async () => {
    const difference = await largestDifference(FIREFOX, fixture, 'webgpu');
    assert.ok(difference <= 1e-4, `max abs error ${difference}`);
  });
}

testIn(FIREFOX, 'Firefox: training on WebGPU has the gradients of PyTorch', skip, async () => {
  const tab = await tabOf(FIREFOX);
  await tab.goto(new URL('tests/browsers/network.html', await address()).href);
  await gradientsOnWebGpu((code, given) => tab.evaluate(code, given));
});
