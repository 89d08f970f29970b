// Films, made by the page in its own worker and shown by the browser's decoders: every frame has the pixels and the
// time that it should have.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { address, open } from './helpers.mjs';

/** @typedef {import('../../www/ui/export/film.js').Film} Film */

/**
 * The demo's own page, for its policy, with modules instead of an engine.
 * @param {import('node:test').TestContext} t
 */
async function quietPage(t) {
  const demo = await open(t, { prepare: (context) => context.route('**/www/main.js', (route) => route.fulfill({ contentType: 'text/javascript', body: '' })) });
  return demo;
}

/** In the page: a film of noise that turns into stripes, and what is decoded of it. @param {{format: Film['format'], channels: number, count: number, length: number, size: number}} asked */
async function filmAndFrames({ format, channels, count, length, size }) {
  /** @type {typeof import('../../www/ui/export/film.js')} */
  const { makeFilm } = await import(new URL('www/ui/export/film.js', location.href).href);
  /** @type {typeof import('../../www/ui/export/sheet.js')} */
  const sheets = await import(new URL('www/ui/export/sheet.js', location.href).href);
  const shape = { channels, height: size, width: size };
  const frames = Array.from({ length }, (_, n) =>
    Uint8ClampedArray.from({ length: count * channels * size * size }, (_, i) => {
      const part = n / Math.max(1, length - 1);
      return part * (i % 256) + (1 - part) * 255 * Math.random();
    }),
  );
  const parts = /** @type {number[]} */ ([]);
  const credit = { link: `${location.href}&x=1`, title: 'Test', author: 'Zoë', copyright: 'CC BY 4.0' };
  const blob = await makeFilm({ format, frames, shape, credit, delay: 50, hold: 1000, onProgress: (part) => parts.push(part) });

  const layout = sheets.layoutOf(count, shape, Math.ceil(Math.sqrt(count)), 512);
  const decoder = new ImageDecoder({ data: blob.stream(), type: blob.type });
  await decoder.completed;
  const track = decoder.tracks.selectedTrack;
  let [worst, squares, values, width, height] = [0, 0, 0, 0, 0];
  const times = [];
  for (let i = 0; i < (track?.frameCount ?? 0); i++) {
    const { image } = await decoder.decode({ frameIndex: i });
    ({ displayWidth: width, displayHeight: height } = image);
    times.push((image.duration ?? 0) / 1000);
    const seen = new Uint8Array(4 * width * height);
    await image.copyTo(seen, { format: 'RGBA' });
    image.close();
    const wanted = sheets.toRgba(sheets.magnify(sheets.compose(frames[i], shape, layout), channels, layout), channels);
    for (let k = 0; k < wanted.length; k++) {
      const off = Math.abs(wanted[k] - seen[k]);
      if (off > worst) worst = off;
      if (i === length - 1 && k % 4 < 3) {
        squares += off * off;
        values++;
      }
    }
  }
  return { type: blob.type, bytes: blob.size, repeats: track?.repetitionCount, width, height, times, worst, psnr: 10 * Math.log10(255 ** 2 / (squares / values)), parts, text: await blob.text() };
}

for (const [format, channels, type] of /** @type {[Film['format'], number, string][]} */ ([
  ['png', 1, 'image/png'],
  ['png', 3, 'image/png'],
  ['gif', 1, 'image/gif'],
  ['gif', 3, 'image/gif'],
  ['webp', 3, 'image/webp'],
])) {
  test(`${format} with ${channels === 1 ? 'grey' : 'coloured'} pictures shows every frame for its time, and carries the link`, async (t) => {
    const { page, errors } = await quietPage(t);
    const film = await page.evaluate(filmAndFrames, { format, channels, count: 5, length: 6, size: 16 });
    assert.deepEqual([film.type, film.repeats], [type, Infinity]);
    assert.deepEqual([film.width, film.height], [52 * 9, 35 * 9]);
    assert.deepEqual(film.times, [50, 50, 50, 50, 50, 1000]);
    if (format === 'gif' && channels === 3) assert.ok(film.psnr > 28, `the last frame of a GIF with 256 colours: ${film.psnr.toFixed(1)} dB`);
    else assert.equal(film.worst, 0, 'every pixel is exact');
    const link = `${page.url()}&x=1`;
    assert.ok(film.text.includes(format === 'webp' ? link.replaceAll('&', '&amp;') : link), 'the link');
    assert.deepEqual(film.parts.at(-1), 1);
    assert.deepEqual(errors, []);
  });
}

test('a film that nobody waits for any more ends, before and during its making', async (t) => {
  const { page } = await quietPage(t);
  const reasons = await page.evaluate(async () => {
    /** @type {typeof import('../../www/ui/export/film.js')} */
    const { makeFilm } = await import(new URL('www/ui/export/film.js', location.href).href);
    const shape = { channels: 1, height: 64, width: 64 };
    const frames = Array.from({ length: 100 }, () => new Uint8ClampedArray(16 * 64 * 64).map(() => 255 * Math.random()));
    /** @param {AbortSignal} signal @param {() => void} [onProgress] */
    const end = (signal, onProgress) => makeFilm({ format: 'png', frames, shape, credit: { link: '' }, signal, onProgress }).then(() => 'made', ({ name }) => name);
    const during = new AbortController();
    return [await end(AbortSignal.abort()), await end(during.signal, () => during.abort())];
  });
  assert.deepEqual(reasons, ['AbortError', 'AbortError']);
});

test('making a film of the most frames keeps nothing else waiting', async (t) => {
  const { page } = await quietPage(t);
  const measure = () =>
    page.evaluate(async () => {
      /** @type {typeof import('../../www/ui/export/film.js')} */
      const { makeFilm, MOST_FRAMES } = await import(new URL('www/ui/export/film.js', location.href).href);
      const shape = { channels: 1, height: 64, width: 64 };
      const frames = Array.from({ length: MOST_FRAMES }, (_, n) => new Uint8ClampedArray(16 * 64 * 64).fill(n));
      let longest = 0;
      const observer = new PerformanceObserver((list) => {
        for (const { duration } of list.getEntries()) longest = Math.max(longest, duration);
      });
      await new Promise((resolve) => setTimeout(resolve, 100));
      observer.observe({ type: 'longtask' });
      await makeFilm({ format: 'gif', frames, shape, credit: { link: '' } });
      await new Promise((resolve) => setTimeout(resolve, 100));
      observer.disconnect();
      return longest;
    });
  // The browser reports what takes longer than 50 ms, and on a busy machine anything may do so once.
  const longest = [await measure(), await measure(), await measure()];
  assert.equal(Math.min(...longest), 0, `${longest} ms`);
});

test('the system’s sheet is given the film where it takes files, the link alone where it does not, and else the link is copied', async (t) => {
  const { page } = await quietPage(t);
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'], { origin: new URL(await address()).origin });
  const got = await page.evaluate(async () => {
    /** @type {typeof import('../../www/ui/export/share.js')} */
    const { canShare, share } = await import(new URL('www/ui/export/share.js', location.href).href);
    const url = 'https://example.org/#seed=1';
    const shared = { title: 'T', text: 'x', url, files: [new File(['GIF89a'], 'film.gif', { type: 'image/gif' })] };
    /** @type {(ShareData|undefined)[]} */
    const sheets = [];
    /** @param {boolean} takesFiles @param {string} [refusal] */
    const sheet = (takesFiles, refusal) =>
      Object.assign(navigator, {
        canShare: () => takesFiles,
        share: async (/** @type {ShareData} */ data) => {
          if (refusal) throw new DOMException('', refusal);
          sheets.push(data);
        },
      });
    sheet(true);
    const ends = [canShare(shared.files), await share(shared)];
    sheet(false);
    ends.push(canShare(shared.files), await share(shared));
    sheet(true, 'AbortError');
    ends.push(await share(shared));
    sheet(true, 'NotAllowedError');
    ends.push(await share(shared), (await navigator.clipboard.readText()) === url);
    Object.assign(navigator, { share: undefined });
    ends.push(canShare(), await share(shared));
    return { ends, files: sheets.map((data) => data?.files?.length ?? 0), urls: sheets.map((data) => data?.url) };
  });
  assert.deepEqual(got.ends, [true, 'shared', false, 'shared', 'dismissed', 'copied', true, false, 'copied']);
  assert.deepEqual(got.files, [1, 0]);
  assert.deepEqual(got.urls, ['https://example.org/#seed=1', 'https://example.org/#seed=1']);
});
