// The page in Firefox and in WebKitGTK where neither has WebGPU: all on the CPU, beside Chromium's pictures.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { absent } from './browsers.mjs';
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

/** @type {Map<string, Promise<number[][]>>} */
const drawn = new Map();

/** The pictures of LINK, drawn at the first call. @param {import('./browsers.mjs').Name} name */
function pictures(name) {
  const promise = drawn.get(name) ?? picturesOf(name, LINK);
  drawn.set(name, promise);
  return promise;
}

for (const name of /** @type {const} */ (['Firefox without WebGPU', 'WebKitGTK'])) {
  const skip = absent(name);

  test(`${name}: the page loads and draws on the CPU`, { skip }, async () => {
    const page = await Page.open(name, LINK);
    const { status, adapter } = await page.generate();
    assert.match(status, /^Done: 2 pictures in 3 steps, /);
    assert.match(adapter, /^CPU\b/);
    const pictures = await page.pixels();
    assert.deepEqual(pictures.map((levels) => levels.length), [32 * 32 * 4, 32 * 32 * 4]);
    for (const levels of pictures) assert.ok(new Set(levels).size > 50, 'a picture, not a plain area');
    assert.notDeepEqual(pictures[0], pictures[1]);
  });

  test(`${name}: a link gives identical pixels, another seed gives others`, { skip }, async () => {
    const first = await pictures(name);
    assert.deepEqual(await picturesOf(name, LINK), first);
    assert.notDeepEqual(await picturesOf(name, LINK.replace('seed=42', 'seed=43')), first);
  });

  // Chromium's multiplications and additions are rounded once (relaxed SIMD), WebKit's twice.
  test(`${name}: a link gives Chromium's pixels to one level of 255`, { skip }, async () => {
    const difference = worstDifference(await pictures(name), await pictures('Chromium'));
    assert.ok(difference <= 1, `${difference} levels`);
  });

  test(`${name}: asked for WebGPU by name, the page says that there is none`, { skip }, async () => {
    const { status } = await (await Page.open(name, LINK.replace('cpu', 'webgpu'))).until('error');
    assert.match(status, /This browser has no WebGPU .*Choose the device Automatic or CPU instead\./);
  });

  test(`${name}: left to choose, the page takes the CPU and says why`, { skip }, async () => {
    const page = await Page.open(name, LINK.replace('cpu', 'auto'));
    const { adapter, notices } = await page.generate();
    assert.match(adapter, /^CPU\b/);
    assert.match(notices.join('\n'), /^This browser has no WebGPU .*The CPU is used instead/m);
    assert.deepEqual(await page.pixels(), await pictures(name));
  });

  for (const fixture of SMALL) {
    test(`${name}: the network ${fixture} answers on the CPU as diffusers does`, { skip }, async () => {
      const difference = await largestDifference(name, fixture, 'cpu');
      assert.ok(difference <= 1e-4, `max abs error ${difference}`);
    });
  }
}
