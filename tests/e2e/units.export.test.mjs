// What leaves the page, without a browser: text in pictures, and how frames are laid out. That the films show what they
// should is tested with a browser's own decoders, in export.test.mjs.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32, inflateSync } from 'node:zlib';

import { encodeApng } from '../../www/ui/export/apng.js';
import { textOf, xmpOf } from '../../www/ui/export/credit.js';
import { framesOf } from '../../www/ui/export/film.js';
import { encodeGif } from '../../www/ui/export/gif.js';
import { withCredit } from '../../www/ui/export/png.js';
import { compose, layoutOf, magnify } from '../../www/ui/export/sheet.js';

const CREDIT = { link: 'https://example.org/#seed=1&steps=5', title: 'Faces', author: 'Zoë Łuk', copyright: 'CC BY 4.0 <see card>' };

/** A PNG of one grey pixel. */
const PIXEL = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==', 'base64');

/** @param {Blob} blob @returns {Promise<{name: string, data: Buffer}[]>} the chunks, whose checksums are right */
async function chunksOf(blob) {
  const file = Buffer.from(await blob.arrayBuffer());
  const chunks = [];
  for (let at = 8; at < file.length; ) {
    const end = at + 8 + file.readUInt32BE(at);
    assert.equal(file.readUInt32BE(end), crc32(file.subarray(at + 4, end)), 'checksum');
    chunks.push({ name: file.toString('latin1', at + 4, at + 8), data: file.subarray(at + 8, end) });
    at = end + 4;
  }
  return chunks;
}

/** @param {{name: string, data: Buffer}[]} chunks */
function textsOf(chunks) {
  return Object.fromEntries(
    chunks.flatMap(({ name, data }) => {
      const end = data.indexOf(0);
      const keyword = data.toString('latin1', 0, end);
      if (name === 'tEXt') return [[keyword, data.toString('latin1', end + 1)]];
      if (name === 'iTXt') return [[keyword, data.toString('utf8', end + 5)]];
      return [];
    }),
  );
}

const TEXTS = { Title: 'Faces', Author: 'Zoë Łuk', Copyright: CREDIT.copyright, Software: 'ddim-web', Source: CREDIT.link };

test('a PNG keeps its picture and says where it comes from, in whatever letters', async () => {
  const chunks = await chunksOf(await withCredit(new Blob([PIXEL]), CREDIT));
  assert.deepEqual(textsOf(chunks), TEXTS);
  assert.deepEqual(
    chunks.map(({ name }) => name),
    ['IHDR', 'tEXt', 'iTXt', 'tEXt', 'tEXt', 'tEXt', 'IDAT', 'IEND'],
  );
  await assert.rejects(withCredit(new Blob(['<html>']), CREDIT), /another kind of picture than PNG/);
});

test('a credit without author and terms leaves them out; XMP holds what XML would take for its own', () => {
  assert.equal(textOf({ link: 'https://example.org/' }), 'Software: ddim-web\nSource: https://example.org/');
  assert.match(xmpOf(CREDIT), /<dc:rights>.*CC BY 4\.0 &lt;see card&gt;.*<dc:source>https:\/\/example\.org\/#seed=1&amp;steps=5</);
  assert.doesNotMatch(xmpOf({ link: '' }), /dc:creator|dc:rights|dc:title/);
});

test('pictures stand side by side on white, magnified by the largest whole number that fits', () => {
  const shape = { channels: 1, height: 1, width: 2 };
  const layout = layoutOf(3, shape, 2, 16);
  assert.deepEqual(layout, { columns: 2, across: 7, down: 5, scale: 2 });
  const sheet = compose(Uint8ClampedArray.of(1, 2, 3, 4, 5, 6), shape, layout);
  const w = 255;
  assert.deepEqual([...sheet], [w, w, w, w, w, w, w, w, 1, 2, w, 3, 4, w, w, w, w, w, w, w, w, w, 5, 6, w, w, w, w, w, w, w, w, w, w, w]);
  assert.deepEqual([...magnify(sheet, 1, layout).subarray(14 * 2, 14 * 3)], [w, w, 1, 1, 2, 2, w, w, 3, 3, 4, 4, w, w]);
  assert.equal(layoutOf(3, shape, 2, 1).scale, 1, 'never smaller than it is');

  const colour = { channels: 3, height: 1, width: 1 };
  const one = layoutOf(1, colour, 1, 3);
  assert.deepEqual([...compose(Uint8ClampedArray.of(7, 8, 9), colour, one)].slice(12, 15), [7, 8, 9]);
});

test('of a long run a film takes frames at even distances, with both ends', () => {
  assert.deepEqual(framesOf(3), [0, 1, 2]);
  assert.deepEqual(framesOf(1000, 5), [0, 250, 500, 749, 999]);
});

/** A film of two frames of one picture. @param {number} channels */
function twoFrames(channels) {
  const layout = layoutOf(1, { channels, height: 2, width: 2 }, 1, 8);
  const frames = [0, 1].map((n) => Uint8Array.from({ length: layout.across * layout.down * channels }, (_, i) => 90 * n + 7 * i));
  let done = 0;
  return { sheets: { frames, channels, layout, delays: [80, 70_000], credit: CREDIT, onFrame: () => done++ }, count: () => done };
}

test('an animated PNG repeats for ever, numbers its chunks and caps what no file can say', async () => {
  for (const channels of [1, 3]) {
    const { sheets, count } = twoFrames(channels);
    const chunks = await chunksOf(await encodeApng(sheets));
    assert.equal(count(), 2);
    assert.deepEqual(textsOf(chunks), TEXTS);
    const [control, first, , second, data] = chunks.filter(({ name }) => ['acTL', 'fcTL', 'IDAT', 'fdAT'].includes(name));
    assert.deepEqual([...control.data], [0, 0, 0, 2, 0, 0, 0, 0]);
    assert.deepEqual([first, second, data].map(({ data }) => data.readUInt32BE(0)), [0, 1, 2]);
    assert.deepEqual([first, second].map(({ data }) => data.readUInt16BE(20)), [80, 65_535]);
    assert.equal(inflateSync(data.data.subarray(4)).length, 8 * (1 + 8 * channels));
  }
});

test('a GIF has its comment before the first picture', async () => {
  for (const channels of [1, 3]) {
    const blob = await encodeGif(twoFrames(channels).sheets);
    const file = Buffer.from(await blob.arrayBuffer());
    const start = 13 + 3 * 2 ** ((file[10] & 7) + 1) + 19;
    assert.equal(file.toString('latin1', start - 16, start - 5), 'NETSCAPE2.0');
    assert.deepEqual([...file.subarray(start, start + 2)], [0x21, 0xfe]);
    assert.equal(file.toString('utf8', start + 3, start + 3 + file[start + 2]), textOf(CREDIT));
  }
});
