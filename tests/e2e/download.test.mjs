// Downloads of one's own models, and the addresses that they come from, without a browser: what the page does with servers
// that break off, stall, lie or refuse.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';

import { listOf, readAddress, urlOf } from '../../www/import/address.js';
import { Download } from '../../www/import/download.js';
import { ROOT } from './demo.mjs';
import { Elsewhere } from './elsewhere.mjs';

const FILE = 'unet/diffusion_pytorch_model.safetensors';
const other = new Elsewhere('tests/fixtures/own/subfolders');
let url = '';
/** @type {Buffer} */
let bytes;

before(async () => {
  url = await other.start();
  bytes = await readFile(join(ROOT, 'tests/fixtures/own/subfolders', FILE));
});
after(() => other.stop());
beforeEach(() => Object.assign(other, { asked: [], faults: [] }));

const { signal } = new AbortController();
const download = (stall = 2000) => new Download(new URL(url + FILE), FILE, { stall, waits: [1, 1] });
/** @param {Blob} blob */
const same = async (blob) => Buffer.from(await blob.arrayBuffer()).equals(bytes);

test('the first bytes come alone, and the rest after them', async () => {
  const file = download();
  assert.deepEqual(Buffer.from(await file.start(100, signal)), bytes.subarray(0, 100));
  assert.equal(file.size, bytes.length, 'its size is known then');
  /** @type {number[]} */
  const told = [];
  assert.ok(await same(await file.whole((have, size) => (assert.equal(size, bytes.length), told.push(have)), signal)));
  assert.deepEqual(other.asked, [`GET ${FILE} bytes=0-99`, `GET ${FILE} bytes=100-`]);
  assert.equal(told.at(-1), bytes.length);
  assert.ok(await same(await file.whole(() => assert.fail('there is nothing left to be told'), signal)));
});

test('a connection that breaks, stalls or ends early goes on where it was', async () => {
  for (const fault of [{ breaks: 50_000 }, { stalls: 50_000 }, { ends: 50_000 }]) {
    Object.assign(other, { asked: [], faults: [] });
    const file = download(300);
    await file.start(100, signal);
    other.faults = [{ path: /./, times: 1, ...fault }];
    assert.ok(await same(await file.whole(() => {}, signal)), JSON.stringify(fault));
    assert.match(other.asked[2], /bytes=[1-9]\d{3,}-$/, JSON.stringify(fault));
  }
});

test('a server that knows nothing of parts sends all of it again', async () => {
  other.faults = [{ path: /./, whole: true, breaks: 50_000, times: 1 }, { path: /./, whole: true }];
  assert.ok(await same(await download().whole(() => {}, signal)));
});

test('where parts cannot be asked for, the whole is read as far as it is wanted', async () => {
  other.faults = [{ path: /./, closedInParts: true }];
  const file = download();
  assert.deepEqual(Buffer.from(await file.start(100, signal)), bytes.subarray(0, 100));
  assert.ok(await same(await file.whole(() => {}, signal)));
  assert.deepEqual(other.asked, [`GET ${FILE} bytes=0-99`, `GET ${FILE}`, `GET ${FILE}`]);
});

test('what was stopped goes on from there, unless the file is another one', async () => {
  for (const [etag, range] of [['"1"', /bytes=[1-9]\d*-$/], ['"2"', /safetensors$/]]) {
    Object.assign(other, { asked: [], faults: [{ path: /./, times: 1, stalls: 50_000 }] });
    const file = download(10_000);
    const stop = new AbortController();
    await assert.rejects(file.whole((have) => have > 0 && stop.abort(), stop.signal));
    assert.ok(file.have > 0);
    other.faults = [{ path: /./, etag: String(etag) }];
    assert.ok(await same(await file.whole(() => {}, signal)));
    assert.match(other.asked.at(-1) ?? '', /** @type {RegExp} */ (range));
  }
});

test('what cannot be had is refused in one sentence', async () => {
  /** @type {[Partial<import('./elsewhere.mjs').Fault>, RegExp][]} */
  const cases = [
    [{ status: 401 }, /wants a login for it \(HTTP 401\)/],
    [{ status: 403 }, /wants a login for it \(HTTP 403\)/],
    [{ status: 404 }, /it is not there \(HTTP 404\)/],
    [{ status: 429 }, /too many requests/],
    [{ status: 503 }, /a fault of its own \(HTTP 503\)/],
    [{ type: 'text/html', body: '<!doctype html>' }, /sent a web page/],
    [{ claims: 10e9, whole: true, breaks: 10 }, /has 10\.0 GB; a page can hold 4 GB/],
    [{ ends: 0 }, /ended early, after 0\.0 of 0\.1 MB/],
    [{ breaks: 0 }, /broke off after 0\.0/],
    [{ location: 'http://127.0.0.1:9/' }, /could not be read from .*CORS/],
  ];
  for (const [fault, sentence] of cases) {
    other.faults = [{ path: /./, ...fault }];
    await assert.rejects(download().start(500_000, signal), ({ message }) => {
      assert.match(message, sentence, JSON.stringify(fault));
      assert.ok(message.length <= 500 && !message.includes('\n'));
      return true;
    });
  }
});

test('an address of the hub has one spelling, however it is written', () => {
  const plain = ['google/ddpm-cifar10-32', ' https://huggingface.co/google/ddpm-cifar10-32/ ', 'huggingface.co/google/ddpm-cifar10-32', 'https://hf.co/google/ddpm-cifar10-32?library=diffusers#usage',
    'https://huggingface.co/google/ddpm-cifar10-32/tree/main', 'https://huggingface.co/google/ddpm-cifar10-32/blob/main/README.md', 'https://huggingface.co/google/ddpm-cifar10-32/resolve/main/config.json?download=true', 'hf://google/ddpm-cifar10-32', 'https://huggingface.co/google/ddpm-cifar10-32/discussions/3'];
  for (const text of plain) assert.equal(readAddress(text).id, plain[0], text);
  const longer = {
    'owner/name@v1.0': 'https://huggingface.co/owner/name/tree/v1.0',
    'https://huggingface.co/owner/name/tree/refs%2Fpr%2F2': 'https://huggingface.co/owner/name/tree/refs/pr/2',
    'https://huggingface.co/owner/name/blob/refs/pr/2/unet/config.json': 'https://huggingface.co/owner/name/tree/refs/pr/2/unet',
    'https://huggingface.co/owner/name/tree/main/unet?x=1': 'https://huggingface.co/owner/name/tree/main/unet',
    'https://huggingface.co/owner/name/blob/main/unet/model.fp16.safetensors?download=true': 'https://huggingface.co/owner/name/blob/main/unet/model.fp16.safetensors',
    'https://example.org/models/cats': 'https://example.org/models/cats/',
    'https://example.org/models/cats/config.json?v=2': 'https://example.org/models/cats/',
    'https://example.org/cats.zip?sig=a%2Fb#top': 'https://example.org/cats.zip?sig=a%2Fb',
    'example.org/a%20b/x.bin': 'https://example.org/a%20b/x.bin',
    'http://localhost:8000/out': 'http://localhost:8000/out/',
  };
  for (const [text, id] of Object.entries(longer)) {
    assert.equal(readAddress(text).id, id, text);
    assert.equal(readAddress(id).id, id, 'what it is written as is read as the same');
  }
  const hub = readAddress('https://huggingface.co/owner/name/tree/refs%2Fpr%2F2');
  assert.equal(urlOf(hub, 'unet/a b.bin').href, 'https://huggingface.co/owner/name/resolve/refs%2Fpr%2F2/unet/a%20b.bin');
  assert.equal(listOf(/** @type {{repo: string, revision: string}} */ (hub.hub)).href, 'https://huggingface.co/api/models/owner/name/tree/refs%2Fpr%2F2?recursive=1');
});

test('whatever somebody writes is an address, with one spelling, or refused in a sentence', () => {
  const cases = Number(process.env.FUZZ_CASES ?? 20_000);
  const parts = ['https://', 'http://', 'hf://', 'huggingface.co', 'hf.co', 'localhost:80', '127.0.0.1', 'example.org', '/', '//', '..', '%2e%2e', '%2F', '%', '@', ':', '?', '#', '&', 'a', 'B.c', '-', ' ', '\n', '\\', 'é', '😀', '\ud800', 'tree', 'blob', 'resolve', 'main', 'refs/pr/1', 'datasets', 'api/models', 'model.zip', 'x.safetensors', 'config.json', '[::1]', 'x'.repeat(300)];
  let state = 1;
  const draw = (/** @type {number} */ most) => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) % most;
  let read = 0;
  for (let i = 0; i < cases; i++) {
    const text = Array.from({ length: 1 + draw(8) }, () => parts[draw(parts.length)] + (draw(2) ? '/' : '')).join('');
    try {
      const found = readAddress(text);
      read += 1;
      assert.deepEqual(readAddress(found.id), found, text);
      const url = urlOf(found, 'unet/config.json');
      assert.ok(url.protocol === 'https:' || ['localhost', '127.0.0.1'].includes(url.hostname), text);
      if (found.hub) assert.equal(url.origin, 'https://huggingface.co', text);
    } catch (error) {
      if (error instanceof assert.AssertionError || !(error instanceof Error)) throw error;
      assert.equal(error.constructor, Error, `${text}: ${error.stack}`);
      assert.match(error.message, /^[A-Z].{10,498}[.]$/, text);
    }
  }
  assert.ok(read > cases / 10, `${read} were read`);
});

test('what is no address of a model is refused in one sentence', () => {
  /** @type {[string, RegExp][]} */
  const cases = [
    ['', /no address yet/],
    ['   ', /no address yet/],
    ['banana', /no address/],
    ['https://', /no address/],
    ['http://example.org/model/', /https addresses only/],
    ['javascript:alert(1)', /no address/],
    ['file:///etc/passwd', /https addresses only/],
    ['https://me:secret@example.org/', /a password/],
    ['https://huggingface.co/', /names no model/],
    ['https://huggingface.co/../../api', /its interface/],
    ['https://huggingface.co/datasets/owner/name', /a data set/],
    ['https://huggingface.co/spaces/owner/name', /a Space/],
    [`https://example.org/${'x'.repeat(3000)}`, /at most 2000/],
  ];
  for (const [text, sentence] of cases) assert.throws(() => readAddress(text), ({ message }) => sentence.test(message), text);
});
