// The view Reconstruct: a picture to its noise and back, edited, compressed and mixed; and the pictures that people bring.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { Fit, crop } from '../../www/ui/picture/fit.js';
import { readHeader } from '../../www/ui/picture/header.js';
import { knownPixels, maskText, readMask } from '../../www/views/reconstruct/mask.js';
import { open, sharedIn, sheet } from './helpers.mjs';
import { GIF, chunk, file, png } from './pictures.mjs';

/** @typedef {import('./demo.mjs').Demo} Demo */

const VIEW = 'view=reconstruct&device=cpu';
const FIXTURES = new URL('../fixtures/pictures/', import.meta.url);

/** The levels of a cell's pictures, red alone. @param {Demo} demo @param {string} name @returns {Promise<number[][]>} */
const cell = (demo, name) =>
  demo.page.evaluate(
    (of) =>
      [...document.querySelectorAll(`[data-cell="${of}"] canvas[data-testid="reconstruct-canvas"]`)].map((found) => {
        const canvas = /** @type {HTMLCanvasElement} */ (found);
        const { data } = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d')).getImageData(0, 0, canvas.width, canvas.height);
        return Array.from(data).filter((_, i) => i % 4 === 0);
      }),
    name,
  );

/** @param {Demo} demo */
async function run(demo) {
  await demo.press('reconstruct-run');
  return demo.until('done');
}

/** Waits until the picture on show is another one, or is there. @param {Demo} demo @param {RegExp} remark */
const untilRemark = (demo, remark) =>
  demo.page.waitForFunction(
    (source) => new RegExp(source).test(document.querySelector('[data-testid="reconstruct-remark"]')?.textContent ?? ''),
    remark.source,
    { polling: 20 },
  );

/** @param {string} name */
const fixture = (name) => readFile(new URL(name, FIXTURES));

/** @param {Demo} demo @param {number} [count] */
async function untilNotice(demo, count = 1) {
  await demo.page.waitForFunction((n) => document.querySelectorAll('[data-testid="notice"]').length >= n, count, { polling: 20 });
  return (await demo.notices()).map((notice) => notice.replace(/\s*×$/, '')).join(' | ');
}

test('nothing touched: sample 0 goes to noise and comes back, with its numbers', async (t) => {
  const demo = await open(t, { hash: VIEW, prepare: sheet });
  await demo.until('ready');
  await run(demo);
  assert.match(await demo.status(), /^Reconstructed in 20 steps each way; error 0\.0\d+\.$/);
  const [[picture], [noise], [back]] = await Promise.all(['picture', 'noise', 'back'].map((name) => cell(demo, name)));
  assert.ok(new Set(picture).size > 50);
  assert.notDeepEqual(noise, picture);
  const meanDistance = picture.reduce((sum, level, i) => sum + Math.abs(level - back[i]), 0) / picture.length;
  assert.ok(meanDistance > 0 && meanDistance < 20, `${meanDistance} levels on average`);
  assert.deepEqual((await sharedIn(demo, 'reconstruct-share')).files.map(({ name }) => name), ['fashion-mnist-seed1-reconstruct-encode.png']);
  const saved = await demo.save('reconstruct-save', 'Film, exact');
  assert.equal(saved.name, 'fashion-mnist-seed1-reconstruct-encode-film.png');
  // Alone on its sheet, magnified to 512 pixels at most, with one white pixel round it.
  const frames = await demo.film(saved.bytes, 'image/png', { left: 15, top: 15, scale: 15 });
  assert.equal(frames.length, 40, 'to noise and back');
  assert.deepEqual([frames[19], frames[39]], [noise, back]);
  const table = await demo.get('reconstruct-statistics').innerText();
  assert.equal(table.match(/−?\d+\.\d{3}/g)?.length, 14, 'seven numbers of x_T and seven of drawn noise');
  assert.deepEqual(demo.errors, []);
});

test('the error is that of the terminal, and the curve has a point for each S', async (t) => {
  // ddim-web evaluate --model www/models/fashion-mnist --data /usr/share/datasets/fashion-mnist --out OUT
  //   --reconstruction --steps 4 10 20 --images 1; `errors` in OUT/cells/
  const TERMINAL = { 4: 0.0017333677982250204, 20: 0.00047636636480970283 };
  const demo = await open(t, { hash: `${VIEW}&tau=paper-linear&steps=4` });
  await demo.until('ready');
  for (const [steps, expected] of Object.entries(TERMINAL)) {
    await demo.get('steps').fill(steps);
    await run(demo);
    const error = Number(await demo.get('reconstruct-error').innerText());
    assert.ok(Math.abs(error - expected) < 1e-4, `S = ${steps}: ${error} instead of ${expected}`);
  }
  await demo.get('reconstruct-error-plot').locator('summary').click();
  const rows = () => demo.get('reconstruct-error-plot').locator('tbody tr').allInnerTexts();
  await demo.page.waitForFunction(() => document.querySelectorAll('[data-testid="reconstruct-error-plot"] tbody tr').length === 5);
  const [four, ten, twenty] = (await rows()).map((row) => row.split('\t'));
  assert.deepEqual([four[0], ten[0], twenty[0]], ['4', '10', '20']);
  assert.deepEqual([ten[1], ten[2], twenty[2]], ['', '0.014', '0.0065'], 'not measured yet, and the paper’s');
  assert.ok(Math.abs(Number(twenty[1]) - TERMINAL[20]) < 1e-4);
});

test('the bits are those of the terminal’s bound', async (t) => {
  // ddim-web evaluate … --bound --images 1 --bound-terms 40 --seed 0; prior and share × bits of the held-out side added up
  const TERMINAL = 1.9743982587976452;
  const demo = await open(t, { hash: `${VIEW}&task=rate&seed=0` });
  await demo.until('ready');
  await run(demo);
  assert.equal(await demo.get('reconstruct-bits').innerText(), TERMINAL.toFixed(2));
});

test('filling a hole keeps what is known; a link fills it with the same pixels; stop ends it', async (t) => {
  const demo = await open(t, { hash: `${VIEW}&task=inpaint&mask=left&steps=6&eta=1&batch=2&picture=3&seed=5`, context: { permissions: ['clipboard-read', 'clipboard-write'] } });
  await demo.until('ready');
  await run(demo);
  const [[picture], draws] = await Promise.all([cell(demo, 'picture'), cell(demo, 'draws')]);
  assert.equal(draws.length, 2);
  const half = (/** @type {number[]} */ levels, /** @type {boolean} */ left) => levels.filter((_, i) => i % 32 < 16 === left);
  for (const draw of draws) assert.deepEqual(half(draw, false), half(picture, false));
  assert.notDeepEqual(half(draws[0], true), half(draws[1], true));

  await demo.get('reconstruct-copy').click();
  await demo.get('steps').fill('1000');
  await demo.get('reconstruct-run').click();
  await demo.untilStep(2);
  await demo.get('reconstruct-stop').click();
  await demo.until('stopped');

  const link = await demo.page.evaluate(() => navigator.clipboard.readText());
  await demo.page.goto('about:blank');
  await demo.page.goto(link);
  await demo.until('ready');
  await run(demo);
  assert.deepEqual(await cell(demo, 'draws'), draws);
});

test('a sketch: little noise keeps the picture, much noise makes another', async (t) => {
  const demo = await open(t, { hash: `${VIEW}&task=stroke&t0=20&steps=50&batch=1` });
  await demo.until('ready');
  await run(demo);
  const [[picture], [near]] = await Promise.all([cell(demo, 'picture'), cell(demo, 'draws')]);
  const distance = (/** @type {number[]} */ a) => a.reduce((sum, level, i) => sum + Math.abs(level - picture[i]), 0) / a.length;
  assert.ok(distance(near) < 10, `${distance(near)} levels`);
  await demo.get('t0').fill('900');
  await demo.get('steps').fill('5');
  await run(demo);
  const [[far], [noisy]] = await Promise.all([cell(demo, 'draws'), cell(demo, 'noisy')]);
  assert.ok(distance(far) > 2 * distance(near));
  assert.ok(distance(noisy) > 40, 'x_t is noise');
  await demo.get('t0').fill('1000');
  await demo.get('reconstruct-run').click();
  await demo.until('error');
  assert.match(await demo.status(), /^Noise up to \(t₀\) must be a whole number from 0 to 999/);
});

test('a mixture begins at the one picture, ends at the other, and follows the slider', async (t) => {
  const demo = await open(t, { hash: `${VIEW}&task=mix&steps=5&lambda=0&picture=0&other=2` });
  await demo.until('ready');
  await run(demo);
  const [start] = await cell(demo, 'mixed');
  await demo.slide('lambda-slider', 1);
  await demo.page.waitForFunction(() => document.querySelector('[data-testid="status"]')?.textContent === 'Mixed: λ = 1, 5 steps.', undefined, { polling: 20 });
  const [end] = await cell(demo, 'mixed');
  await demo.get('reconstruct-task-encode').check();
  await run(demo);
  const [[first], [[second]]] = [await cell(demo, 'back'), await (async () => {
    await demo.get('reconstruct-sample-2').click();
    await run(demo);
    return [await cell(demo, 'back')];
  })()];
  const worst = (/** @type {number[]} */ a, /** @type {number[]} */ b) => Math.max(...a.map((level, i) => Math.abs(level - b[i])));
  assert.ok(worst(start, first) <= 1 && worst(end, second) <= 1);
  assert.ok(worst(start, end) > 50);
});

test('nonsense in the link is named once each, and the view works; another picture ends the run', async (t) => {
  const demo = await open(t, { hash: `${VIEW}&task=fly&picture=99&mask=zz&other=98&t0=-1&lambda=7&steps=1000` });
  await demo.until('ready');
  const said = await untilNotice(demo, 3);
  for (const part of ['task=fly', 'mask=zz', 't0=-1', 'lambda=7', 'There is no sample 99', 'There is no sample 98']) assert.equal(said.split(part).length, 2, `${part} in ${said}`);
  await demo.get('reconstruct-run').click();
  await demo.untilStep(2);
  await demo.get('reconstruct-sample-4').click();
  await demo.until('stopped');
  await demo.get('steps').fill('2');
  await run(demo);
  assert.deepEqual(demo.errors, []);
});

// Pictures that people bring

test('what is no picture is refused in one sentence, and the picture on show stays', async (t) => {
  const demo = await open(t, { hash: VIEW });
  await demo.until('ready');
  await untilRemark(demo, /^Sample 0/);
  const before = await cell(demo, 'picture');
  const good = png(4, 4, { row: Buffer.alloc(4, 200) });
  /** @type {[ReturnType<typeof file>, RegExp][]} */
  const cases = [
    [file('a.png', '<!doctype html><html><body>Hello</body></html>'), /^“a\.png” is a text in HTML or XML, no picture\.$/],
    [file('a.svg', '<?xml version="1.0"?><!-- x --><svg xmlns="http://www.w3.org/2000/svg"/>'), /is an SVG drawing/],
    [file('a.png', ''), /^“a\.png” is empty: it has 0 bytes\.$/],
    [file('a.jpg', await readFile(new URL('truncated.jpg', FIXTURES))), /is cut off: the end of the picture is missing/],
    [file('a.png', good.subarray(0, good.length - 9)), /is cut off/],
    [file('a.png', png(10_000, 10_000, { row: Buffer.alloc(1) })), /has 10000 × 10000 pixels, 100 million; at most 67 million are read/],
    [file('a.png', png(0, 4, { row: Buffer.alloc(0) })), /is damaged: it says that it is 0 × 4/],
    [file('a.png', Buffer.concat([good.subarray(0, 41), Buffer.alloc(6), good.subarray(47)])), /is damaged, or a kind of PNG that this browser cannot read/],
    [file('a.doc', 'just a text'), /is no picture that can be read; PNG, JPEG/],
    [file('x'.repeat(300), 'just a text'), /^“x{24}…x{12}” is no picture/],
    [file('a.heic', await fixture('halves.heic')), /^“a\.heic” is a HEIC picture, which this browser cannot read; PNG, JPEG/],
    [file('b.heic', (await fixture('halves.heic')).subarray(0, 430)), /^“b\.heic” is cut off/],
    [file('b.webp', Buffer.concat([(await fixture('lossless.webp')).subarray(0, 20), Buffer.alloc(26)])), /^“b\.webp” is damaged, or a kind of WEBP/],
    [file('c.webp', Buffer.from('RIFF\x08\x00\x00\x00WEBPVP8 ', 'latin1')), /^“c\.webp” is damaged/],
    [file('c.avif', Buffer.concat([(await fixture('halves.avif')).subarray(0, 32), Buffer.alloc(279)])), /^“c\.avif” is damaged, or a kind of AVIF/],
  ];
  // Cut anywhere, but for the last byte of an odd length, which fills it up.
  for (const name of ['lossless.webp', 'lossy.webp', 'alpha.webp', 'animated.webp', 'halves.avif', 'animated.avif']) {
    const whole = await fixture(name);
    for (const part of [0.3, 0.6, 0.95]) cases.push([file(`${part}${name}`, whole.subarray(0, Math.floor(part * whole.length))), new RegExp(`^“${part}${name}” is (cut off|damaged)`)]);
  }
  for (const [bad, sentence] of cases) {
    await demo.get('reconstruct-files').setInputFiles(bad);
    await demo.page.waitForFunction(
      (source) => [...document.querySelectorAll('[data-testid="notice"]')].some((notice) => new RegExp(source).test(notice.textContent ?? '')),
      sentence.source.replace('$', ''),
      { polling: 20 },
    );
    const notices = await demo.notices();
    assert.equal(notices.length, 1, notices.join(' | '));
    assert.ok(notices[0].length < 300);
  }
  assert.deepEqual(await cell(demo, 'picture'), before);
  assert.deepEqual(demo.errors, []);
});

test('pictures of every kind arrive as they look: turned, on white, in grey, the first frame', async (t) => {
  const demo = await open(t, { hash: VIEW });
  await demo.until('ready');
  const at = async (/** @type {number} */ x, /** @type {number} */ y) => (await cell(demo, 'picture'))[0][y * 32 + x];
  /** @param {ReturnType<typeof file>} picture @param {RegExp} remark */
  const take = async (picture, remark) => {
    await demo.get('reconstruct-sample-1').click();
    await untilRemark(demo, /^Sample 1/);
    await demo.get('reconstruct-files').setInputFiles(picture);
    await untilRemark(demo, remark);
    assert.deepEqual(await demo.notices(), []);
  };
  const near = (/** @type {number} */ found, /** @type {number} */ expected) => assert.ok(Math.abs(found - expected) <= 3, `${found} instead of ${expected}`);

  // Pillow's ImageOps.exif_transpose, and its colours in the weights of ITU-R BT.709.
  await take(file('exif6.jpg', await readFile(new URL('exif6.jpg', FIXTURES))), /^In grey/);
  for (const [x, y, level] of [[28, 4, 26], [4, 4, 174], [28, 28, 75], [4, 28, 223]]) near(await at(x, y), level);
  await take(file('alpha.png', await readFile(new URL('rgba-hidden-magenta.png', FIXTURES))), /^In grey/);
  assert.equal(await at(4, 4), 255, 'what is transparent is white, whatever colour it hides');
  await take(file('cmyk.jpg', await readFile(new URL('cmyk.jpg', FIXTURES))), /^Scaled to 32 × 32, in grey/);
  near(await at(4, 4), 54);
  for (const [name, remark, left, right] of /** @type {[string, RegExp, number, number][]} */ ([
    ['lossless.webp', /^Scaled/, 0, 255],
    ['lossy.webp', /^Scaled/, 0, 255],
    ['alpha.webp', /^Scaled/, 255, 0],
    ['animated.webp', /^First frame of an animation, scaled/, 0, 255],
    ['halves.avif', /^Scaled/, 0, 255],
    ['animated.avif', /^First frame of an animation, scaled/, 0, 255],
  ])) {
    await take(file(name, await fixture(name)), remark);
    near(await at(7, 16), left);
    near(await at(24, 16), right);
  }
  await take(file('deep.png', png(4, 4, { depth: 16, row: Buffer.from('8000800080008000', 'hex') })), /^Scaled/);
  near(await at(9, 9), 128);
  await take(file('palette.png', png(2, 2, { type: 3, row: Buffer.of(0, 1), more: [chunk('PLTE', Buffer.of(255, 255, 255, 0, 0, 0))] })), /^Scaled/);
  assert.deepEqual([await at(15, 3), await at(16, 3)], [255, 0]);
  await take(file('one.png', png(1, 1, { row: Buffer.of(77) })), /^Scaled/);
  assert.deepEqual(new Set((await cell(demo, 'picture'))[0]), new Set([77]));
  await take(file('two.gif', GIF), /^First frame of an animation, scaled/);
  await take(file('wide.png', png(100, 40, { row: Buffer.from(Array.from({ length: 100 }, (_, x) => (x >= 30 && x < 70 ? 255 : 0))) })), /^Cut to the middle 40 × 40 of 100 × 40 pixels, scaled to 32 × 32, in grey\.$/);
  assert.deepEqual(new Set((await cell(demo, 'picture'))[0]), new Set([255]));

  await demo.get('steps').fill('2');
  await run(demo);
  await demo.get('reconstruct-copy').click();
  assert.match(await untilNotice(demo), /not your own picture|did not allow copying/);
});

test('without samples one can still draw; the drawing follows to a model in colour', async (t) => {
  const demo = await open(t, { hash: `${VIEW}&steps=2`, prepare: (context) => context.route('**/samples.png', (route) => route.fulfill({ status: 404, body: '' })) });
  await demo.until('ready');
  assert.match(await untilNotice(demo), /^The samples of Fashion-MNIST, 32×32 could not be loaded \(the server answers 404\); drop or draw a picture instead\.$/);
  await demo.get('reconstruct-run').click();
  await demo.page.waitForFunction(() => /There is no picture yet/.test(document.querySelector('[data-testid="notice"]')?.textContent ?? ''));
  await demo.get('reconstruct-draw').click();
  const pad = demo.get('reconstruct-pad');
  await pad.click();
  await pad.press('ArrowDown');
  await pad.press(' ');
  for (let i = 0; i < 5; i++) await pad.press('ArrowRight');
  await pad.press(' ');
  await demo.get('reconstruct-pad-use').click();
  await untilRemark(demo, /^Drawn, scaled to 32 × 32, in grey\.$/);
  const [drawn] = await cell(demo, 'picture');
  assert.deepEqual([drawn[0], drawn[17 * 32 + 16], drawn[17 * 32 + 20], drawn[17 * 32 + 26]], [0, 255, 255, 0], 'a dot in the middle and a stroke to its right');
  // Its keys are none of the view behind it, which it does not outlive.
  await demo.get('reconstruct-draw').click();
  await pad.press('Control+Enter');
  assert.equal(await demo.get('status').getAttribute('data-state'), 'ready');
  await demo.page.evaluate(() => (location.hash = location.hash.replace(/view=\w+/, 'view=model')));
  await demo.shows('model');
  await demo.visit('reconstruct');
  await demo.get('reconstruct-draw').click();
  await demo.get('reconstruct-pad-close').click();
  assert.deepEqual(demo.errors.filter((error) => !error.includes('404')), []);
  await run(demo);
  await demo.get('model').selectOption('avatars');
  await untilRemark(demo, /^Drawn, scaled to 32 × 32\.$/);
  assert.equal((await cell(demo, 'picture'))[0][17 * 32 + 20], 255);
});

test('dropped: the first of many, no folder; pasted: a picture, no text; in other views: a word where it belongs', async (t) => {
  const demo = await open(t, { hash: VIEW });
  await demo.until('ready');
  const bytes = [...png(32, 32, { row: Buffer.alloc(32, 99) })];
  /** @param {'drop'|'paste'} type @param {number} count @param {string} [text] */
  const bring = (type, count, text) =>
    demo.page.evaluate(
      (what) => {
        const data = new DataTransfer();
        for (let i = 0; i < what.count; i++) data.items.add(new File([new Uint8Array(what.bytes)], `${i}.png`, { type: 'image/png' }));
        if (what.text) data.setData('text/plain', what.text);
        const event = what.type === 'drop' ? new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }) : new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true });
        document.body.dispatchEvent(event);
      },
      { type, count, text, bytes },
    );
  await bring('drop', 10_000);
  await untilRemark(demo, /^The first of 10,000 files, in grey\.$/);
  assert.deepEqual(new Set((await cell(demo, 'picture'))[0]), new Set([99]));
  await demo.get('reconstruct-sample-0').click();
  await bring('paste', 1);
  await untilRemark(demo, /^In grey\.$/);
  await bring('paste', 0, 'words');
  assert.match(await untilNotice(demo), /^The clipboard holds no picture \(only text\/plain\); copy one first\.$/);
  await bring('drop', 0, 'words');
  assert.match(await untilNotice(demo), /What was dropped is no file/);
  await demo.page.evaluate(() => {
    const event = new DragEvent('drop', { bubbles: true, cancelable: true });
    Object.defineProperty(event, 'dataTransfer', { value: { files: [new File([], 'folder')], items: [{ webkitGetAsEntry: () => ({ isDirectory: true }) }] } });
    document.body.dispatchEvent(event);
  });
  assert.match(await untilNotice(demo), /A folder was dropped/);
  assert.deepEqual(new Set((await cell(demo, 'picture'))[0]), new Set([99]));
  // Where it is no use it is not taken for a model that lacks its files.
  await demo.visit('compare');
  await bring('drop', 1);
  await demo.page.locator('[data-testid="notice"]', { hasText: 'This view has no use for a picture; drop it in Reconstruct or Interpolate or Train.' }).waitFor();
  assert.equal(await demo.page.locator('dialog[open]').count(), 0);
});

test('a hole as text and as cells is one and the same; the sampler is told what is known', () => {
  for (const name of ['left', 'centre', 'right', 'top']) assert.equal(maskText(readMask(name)), name);
  const drawn = `8001${'0'.repeat(56)}f00e`;
  const cells = readMask(drawn);
  assert.equal(maskText(cells), drawn);
  assert.deepEqual([cells[0], cells[1], cells[15], cells[240], cells[244], cells[252], cells[255]], [true, false, true, true, false, true, false]);
  const known = knownPixels(readMask('left'), { height: 8, width: 32 });
  assert.deepEqual([known[0], known[15], known[16], known[31], known.length], [0, 0, 1, 1, 256]);
});

test('a picture is averaged over areas: the mean stays, however large it was', () => {
  const shape = { channels: 3, height: 2, width: 2 };
  assert.deepEqual(crop({ width: 7, height: 5 }, shape), { left: 1, top: 0, width: 5, height: 5 });
  const fit = new Fit({ width: 3, height: 3 }, shape);
  for (let y = 0; y < 3; y++) fit.add(Uint8ClampedArray.from([0, 90, 180].flatMap((level) => [level, 10, 200, 255])), y);
  // Of three columns each of the two gets one and a half.
  assert.deepEqual([...fit.finish()], [30, 150, 30, 150, ...Array(4).fill(10), ...Array(4).fill(200)]);
  const grey = new Fit({ width: 1, height: 1 }, { channels: 1, height: 1, width: 1 });
  grey.add(Uint8ClampedArray.of(255, 0, 0, 255), 0);
  assert.deepEqual([...grey.finish()], [54]);
});

test('no header makes its reader fail, whatever its bytes', () => {
  const starts = ['\x89PNG\r\n\x1a\n', '\xff\xd8\xff\xe0', 'GIF89a', 'RIFF\x00\x00\x00\x00WEBPVP8 ', 'RIFF\x00\x00\x00\x00WEBPVP8X', 'BM', '\x00\x00\x00\x18ftypavif', '<', ''];
  let seed = 7;
  for (const start of starts) {
    for (let length = 0; length < 200; length++) {
      const rest = Array.from({ length }, () => (seed = (seed * 48_271) % 2_147_483_647) & 255);
      const { size } = readHeader(Uint8Array.from([...Buffer.from(start, 'latin1'), ...rest]));
      assert.ok(size === null || (size.width >= 0 && size.height >= 0));
    }
  }
});
