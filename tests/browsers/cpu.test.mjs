// The page in Firefox and in WebKitGTK where neither has WebGPU: all on the CPU, beside Chromium's pictures.

import assert from 'node:assert/strict';

import { absent, testIn } from './browsers.mjs';
import { SMALL, largestDifference } from './network.mjs';
import { Page, worstDifference } from './page.mjs';

/** Noise in every step, so that the random numbers are compared as well. */
const LINK = 'model=fashion-mnist&device=cpu&steps=3&eta=0.5&seed=42&batch=2';

/** The pictures of a link. @param {import('./browsers.mjs').Name} name @param {string} link */
async function picturesOf(name, link) {
  const page = await Page.open(name, link);
  await page.generate();
  return page.pixels();
}

/** @type {Map<string, number[][]>} */
const drawn = new Map();

/** The pictures of LINK, drawn at the first call. @param {import('./browsers.mjs').Name} name */
async function pictures(name) {
  const levels = drawn.get(name) ?? (await picturesOf(name, LINK));
  drawn.set(name, levels);
  return levels;
}

for (const name of /** @type {const} */ (['Firefox without WebGPU', 'WebKitGTK'])) {
  const skip = absent(name);

  testIn(name, `${name}: the page loads and draws on the CPU`, skip, async () => {
    const page = await Page.open(name, LINK);
    const { status, adapter } = await page.generate();
    assert.match(status, /^Done: 2 pictures in 3 steps, /);
    assert.match(adapter, /^CPU\b/);
    const pictures = await page.pixels();
    assert.deepEqual(pictures.map((levels) => levels.length), [32 * 32 * 4, 32 * 32 * 4]);
    for (const levels of pictures) assert.ok(new Set(levels).size > 50, 'a picture, not a plain area');
    assert.notDeepEqual(pictures[0], pictures[1]);
  });

  testIn(name, `${name}: a link gives identical pixels, another seed gives others`, skip, async () => {
    const first = await pictures(name);
    assert.deepEqual(await picturesOf(name, LINK), first);
    assert.notDeepEqual(await picturesOf(name, LINK.replace('seed=42', 'seed=43')), first);
  });

  // Chromium's multiplications and additions are rounded once (relaxed SIMD), WebKit's twice.
  testIn(name, `${name}: a link gives Chromium's pixels to one level of 255`, skip, async () => {
    const difference = worstDifference(await pictures(name), await pictures('Chromium'));
    assert.ok(difference <= 1, `${difference} levels`);
  });

  testIn(name, `${name}: asked for WebGPU by name, the page says that there is none`, skip, async () => {
    const { status } = await (await Page.open(name, LINK.replace('cpu', 'webgpu'))).until('error');
    assert.match(status, /This browser has no WebGPU .*Choose the device Automatic or CPU instead\./);
  });

  testIn(name, `${name}: left to choose, the page takes the CPU and says why`, skip, async () => {
    const page = await Page.open(name, LINK.replace('cpu', 'auto'));
    const { adapter, notices } = await page.generate();
    assert.match(adapter, /^CPU\b/);
    assert.match(notices.join('\n'), /^This browser has no WebGPU .*The CPU is used, which is slower\./m);
    assert.deepEqual(await page.pixels(), await pictures(name));
  });

  testIn(name, `${name}: Compare and Interpolate show Generate's picture among theirs, and every view opens`, skip, async () => {
    const settings = 'model=fashion-mnist&device=cpu&steps=2&seed=3&batch=1&pace=fast';
    const page = await Page.open(name, settings);
    await page.watch();
    await page.generate();
    const [picture] = await page.pixels();

    await page.show('compare', `${settings}&preset=custom&rows=1,2&columns=eta&across=0,1`);
    await page.press('compare-run', /^Done: 4 pictures in 6 steps, /);
    assert.deepEqual((await page.pixels('compare-canvas'))[2], picture, 'S = 2, η = 0');

    await page.show('interpolate', `${settings}&corners=3,4&frames=3`);
    await page.press('interpolate-run', /^Done: 3 frames in /);
    assert.deepEqual((await page.pixels('interpolate-corner'))[0], picture, 'the corner of seed 3');
    assert.equal(new Set((await page.pixels('interpolate-frame')).map(String)).size, 3);

    await page.show('reconstruct', settings);
    await page.press('reconstruct-run', /^Reconstructed in 2 steps each way/);
    await page.show('forward', `${settings}&t=300`);
    await page.untilThereIs('[data-testid="forward-steps"] td');
    await page.show('model', settings);
    await page.untilThereIs('.view-model [aria-busy="false"]');
    await page.show('device', settings);
    await page.untilThereIs('[data-testid="device-storage"] dd');
    assert.deepEqual(await page.faults(), []);
  });

  for (const fixture of SMALL) {
    testIn(name, `${name}: the network ${fixture} answers on the CPU as diffusers does`, skip, async () => {
      const difference = await largestDifference(name, fixture, 'cpu');
      assert.ok(difference <= 1e-4, `max abs error ${difference}`);
    });
  }
}
