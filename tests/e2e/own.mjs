// Tests of one's own model in the page: every way in which it comes, and what is refused. model.test.mjs has them, so that
// they share its browser.

import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { initSync, expected_tensors as expectedTensors } from '../../pkg/ddim_web.js';
import { zip } from '../../www/ui/export/zip.js';
import { weightsOf } from '../browsers/weights.js';
import { ROOT } from './demo.mjs';
import { Elsewhere } from './elsewhere.mjs';
import { address, open } from './helpers.mjs';
import { tensorsOf } from './training.mjs';

/** @typedef {import('./demo.mjs').Demo} Demo @typedef {{name: string, mimeType: string, buffer: Buffer}} Payload */

const OWN = join(ROOT, 'tests/fixtures/own');
const LAYOUTS = join(ROOT, 'tests/fixtures/layouts');
const LINK = 'view=model&device=cpu&batch=2&steps=10&seed=11&pace=fast';
const WEIGHTS = 'diffusion_pytorch_model.safetensors';

const elsewhere = new Elsewhere('tests/fixtures/own');
/** @type {Promise<string>|undefined} */
let started;
after(async () => started && elsewhere.stop());

/** The address of the other server, which is as it should be. */
function otherOrigin() {
  started ??= elsewhere.start();
  Object.assign(elsewhere, { asked: [], faults: [], files: {} });
  return started;
}

/** @param {string} name @param {Buffer|string} contents @returns {Payload} */
const payload = (name, contents) => ({ name, mimeType: 'application/octet-stream', buffer: Buffer.from(contents) });

/** @param {string} folder @returns {Promise<string[]>} paths of its files within it */
async function filesIn(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(folder.length + 1));
}

/** @param {string} folder  of the files @param {string} [within]  what their names begin with */
async function zipped(folder, within = 'model/') {
  const entries = await Promise.all((await filesIn(folder)).map(async (name) => ({ name: `${within}${name}`, file: new Blob([await readFile(join(folder, name))]) })));
  return Buffer.from(await (await zip(entries)).arrayBuffer());
}

/** Drops files on the page, as a hand does. @param {Demo} demo @param {Payload[]} files @param {string} [target] */
async function drop(demo, files, target = 'body') {
  const data = files.map(({ name, buffer }) => ({ name, base64: buffer.toString('base64') }));
  await demo.page.evaluate(([given, where]) => {
    const dataTransfer = new DataTransfer();
    for (const { name, base64 } of given) dataTransfer.items.add(new File([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))], name));
    document.querySelector(where)?.dispatchEvent(new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer }));
  }, /** @type {const} */ ([data, target]));
}

/** Opens the dialog. @param {Demo} demo */
async function bring(demo) {
  await demo.get('model-own-card').click();
  await demo.get('own-link').waitFor();
}

/** @param {Demo} demo @param {string} link */
async function look(demo, link) {
  await bring(demo);
  await demo.get('own-link').fill(link);
  await demo.get('own-look').click();
}

/** Says yes to what was found, and waits until it is loaded. @param {Demo} demo */
async function use(demo) {
  // Who presses twice has pressed once.
  await demo.get('own-use').evaluate((/** @type {HTMLButtonElement} */ button) => (button.click(), button.click()));
  await demo.page.locator('dialog[open]').waitFor({ state: 'detached' });
  await demo.until('ready');
}

/** What the page says that it will not do. @param {Demo} demo */
async function refusal(demo) {
  const sentence = await demo.get('own-error').innerText();
  assert.ok(sentence.length <= 500 && !sentence.includes('\n'), sentence);
  await demo.get('own-no').click();
  return sentence;
}

test('five models in five layouts, brought in five ways, make what diffusers makes of them', async (t) => {
  const url = await otherOrigin();
  const expected = tensorsOf(await readFile(join(OWN, 'result.safetensors')));
  const demo = await open(t, { hash: LINK });
  await demo.until('ready');
  /** @type {Record<string, () => Promise<unknown>>} */
  const ways = {
    // The view behind the dialog has a use for pictures, and leaves this alone.
    flat: async () => {
      await demo.visit('reconstruct');
      await demo.get('model-own').click();
      await demo.get('own-link').waitFor();
      const names = await filesIn(join(OWN, 'flat'));
      await drop(demo, await Promise.all(names.map(async (name) => payload(name, await readFile(join(OWN, 'flat', name))))), 'dialog[open]');
    },
    subfolders: async () => (await bring(demo), demo.get('own-folder').setInputFiles(join(OWN, 'subfolders'))),
    bin: async () => (await bring(demo), demo.get('own-files').setInputFiles([payload('bin.zip', await zipped(join(OWN, 'bin')))])),
    sharded: async () => (await bring(demo), demo.get('own-files').setInputFiles((await filesIn(join(OWN, 'sharded'))).map((name) => join(OWN, 'sharded', name)))),
    fp16: () => look(demo, `${url}fp16/`),
  };
  for (const [name, come] of Object.entries(ways)) {
    await come();
    await use(demo);
    await demo.visit('generate');
    await demo.generate();
    const saved = { x_T: await demo.save('save', /First noise/), x_0: await demo.save('save', /Result/) };
    for (const [what, { bytes }] of Object.entries(saved)) {
      const { sample } = tensorsOf(bytes);
      const wanted = expected[`${name}.${what}`];
      assert.equal(sample.length, wanted.length, `${name}: ${what}`);
      const most = what === 'x_T' ? 0 : name === 'fp16' ? 2e-3 : 1e-4;
      const apart = Math.max(...Array.from(sample, (value, i) => Math.abs(value - wanted[i])));
      t.diagnostic(`${name}: ${what} differs by ${apart.toExponential(1)}`);
      assert.ok(apart <= most, `${name}: ${what} differs by ${apart}`);
    }
    await demo.visit('model');
  }
  // The files of a folder are named after it.
  await demo.get('model-kept').getByText('fp16, from').waitFor();
  assert.match(await demo.get('model-kept').innerText(), /subfolders, from files of this computer[^]*fp16, from 127\.0\.0\.1:\d+\/fp16/);
  assert.deepEqual(demo.errors.filter((error) => !error.includes('404')), []);
});

test('a link to a model asks first: nothing is requested from elsewhere until somebody says so', async (t) => {
  const url = await otherOrigin();
  const origin = await address();
  const demo = await open(t, { hash: `model=${encodeURIComponent(`${url}subfolders/`)}&device=cpu&steps=2&batch=1&play` });
  /** Requests to anybody but this site. */
  const foreign = () => demo.requests.filter((request) => !request.includes(` ${origin}`) && !/ (blob|data):/.test(request));
  await demo.get('own-yes').waitFor();
  await demo.until('ready');
  assert.equal(await demo.get('own-address').innerText(), `${url}subfolders/`);
  assert.deepEqual([foreign(), elsewhere.asked], [[], []]);

  await demo.get('own-no').click();
  await demo.page.waitForFunction(() => location.hash.includes('model=fashion-mnist'));
  await demo.generate();
  assert.deepEqual([foreign(), elsewhere.asked], [[], []]);

  const before = await demo.get('model').inputValue();
  const follow = async () => {
    await demo.page.evaluate((link) => (location.hash = `device=cpu&steps=2&batch=1&model=${encodeURIComponent(link)}`), `${url}subfolders?x=1`);
    await demo.get('own-yes').click();
  };
  await follow();
  await demo.get('own-facts').waitFor();
  assert.match(await demo.get('own-facts').innerText(), /16 × 16, colour[^]*28,715[^]*0\.1 MB/);
  assert.ok(!elsewhere.asked.includes(`GET subfolders/unet/${WEIGHTS}`) && elsewhere.asked.includes(`GET subfolders/unet/${WEIGHTS} bytes=0-65535`), 'of the weights only the first bytes are there by now');
  // Stopped in the middle, it goes on from there.
  elsewhere.faults = [{ path: /safetensors/, stalls: 30_000, times: 1 }];
  await demo.get('own-use').click();
  await demo.get('own-figures').getByText(/^0\.1 of 0\.1 MB/).waitFor();
  await demo.get('own-stop').click();
  await demo.page.waitForFunction(() => location.hash.includes('model=fashion-mnist'));
  await follow();
  await use(demo);
  assert.notEqual(await demo.get('model').inputValue(), before);
  await demo.page.waitForFunction((link) => decodeURIComponent(location.hash).includes(`model=${link}`), `${url}subfolders/`);
  assert.deepEqual(elsewhere.asked.filter((request) => request.startsWith(`GET subfolders/unet/${WEIGHTS}`)).map((request) => request.split(' ')[2]), ['bytes=0-65535', 'bytes=65536-', 'bytes=95536-']);

  // From now on it is here.
  elsewhere.asked = [];
  await demo.page.reload();
  await demo.until('ready');
  await demo.generate();
  assert.deepEqual(elsewhere.asked, []);
  await demo.visit('model');
  await demo.get('model-kept').getByText('subfolders, from').waitFor();
  assert.match(await demo.get('model-kept').innerText(), /subfolders, from 127\.0\.0\.1:\d+\/subfolders\s+0\.1 MB/);
  await demo.page.getByRole('button', { name: 'Delete subfolders' }).click();
  await demo.page.getByText('subfolders is deleted.', { exact: true }).waitFor();
  await demo.page.waitForFunction(() => location.hash.includes('model=fashion-mnist'));
});

test('a link that plays begins when its model is there, which keeps the first pictures that it makes', async (t) => {
  const url = await otherOrigin();
  // A computer on which memory will not do, if what its browser says is right.
  const prepare = (/** @type {import('playwright-core').BrowserContext} */ context) =>
    context.addInitScript(() => Object.defineProperty(navigator, 'deviceMemory', { get: () => 2 ** -14 }));
  const demo = await open(t, { prepare, context: { reducedMotion: 'no-preference' }, hash: `model=${encodeURIComponent(`${url}subfolders/`)}&device=cpu&storage=f32&steps=2&batch=6&pace=fast&play` });
  await demo.get('own-yes').click();
  const scarce = /^subfolders needs about \d\.\d MB of memory, and this browser says that the computer has 0\.1 MB/;
  await demo.page.getByText(scarce).waitFor();
  assert.ok(!elsewhere.asked.includes(`GET subfolders/unet/${WEIGHTS}`), 'it is said before the download');
  await demo.get('own-use').click();
  await demo.until('done');
  assert.match(await demo.status(), /^Done: 6 pictures in 2 steps/);
  assert.match((await demo.notices()).join(' '), /subfolders needs about/);
  assert.equal(await demo.page.locator('#model-name').innerText(), 'subfolders');

  /** Width and height of the picture in the list. */
  const pictured = async () => {
    await demo.visit('model');
    const picture = demo.page.getByAltText('Pictures that subfolders made');
    await picture.waitFor();
    return picture.evaluate(async (/** @type {HTMLImageElement} */ image) => (await image.decode(), [image.naturalWidth, image.naturalHeight]));
  };
  // Four of 16 × 16 with lines of one between them, as large as saved pictures are.
  assert.deepEqual(await pictured(), [1015, 1015]);
  await demo.page.reload();
  await demo.until('ready');
  assert.match((await demo.notices()).join(' '), /subfolders needs about/);
  assert.deepEqual(await pictured(), [1015, 1015]);
});

test('a model of the hub is found by its name, with only the files that are asked for', async (t) => {
  const files = (await filesIn(join(OWN, 'subfolders'))).map((path) => ({ type: 'file', path, size: 1 }));
  const sizes = await Promise.all(files.map(async (file) => ({ ...file, size: (await readFile(join(OWN, 'subfolders', file.path))).length })));
  /** @type {string[]} */
  const asked = [];
  const headers = { 'access-control-allow-origin': '*', 'access-control-expose-headers': 'Link' };
  const demo = await open(t, {
    hash: LINK,
    prepare: (context) => context.route('https://huggingface.co/**', async (route) => {
      const { pathname, search } = new URL(route.request().url());
      asked.push(pathname + search);
      if (pathname.includes('/private/')) return route.fulfill({ status: 401, headers });
      if (search === '?recursive=1') return route.fulfill({ headers: { ...headers, Link: `<https://huggingface.co${pathname}?recursive=1&cursor=x>; rel="next"` }, json: sizes.slice(0, 2) });
      if (pathname.startsWith('/api/')) return route.fulfill({ headers, json: [...sizes.slice(2), { type: 'directory', path: 'unet' }, { type: 'file', path: 'README.md', size: 1 }] });
      return route.fulfill({ headers, body: await readFile(join(OWN, 'subfolders', pathname.split('/resolve/main/')[1])) });
    }),
  });
  await demo.until('ready');
  await look(demo, 'https://huggingface.co/some.one/a-model/tree/main?library=diffusers');
  await use(demo);
  const base = '/some.one/a-model/resolve/main/';
  assert.deepEqual(asked.slice(0, 2).map((path) => path.split('?')[0]), Array(2).fill('/api/models/some.one/a-model/tree/main'));
  assert.deepEqual([...new Set(asked.slice(2))].sort(), ['model_index.json', 'scheduler/scheduler_config.json', 'unet/config.json', `unet/${WEIGHTS}`].map((path) => base + path).sort());
  assert.match(demo.page.url(), /model=some\.one\/a-model&/);
  await look(demo, 'some/private');
  await demo.get('own-no').click();
  await look(demo, 'huggingface.co/private/x');
  assert.match(await refusal(demo), /private\/x is not there, or huggingface\.co wants a login for it/);
});

test('what cannot be used is refused in one sentence, and the model that is loaded stays', async (t) => {
  const url = await otherOrigin();
  const config = await readFile(join(OWN, 'flat/config.json'), 'utf8');
  const scheduler = payload('scheduler_config.json', await readFile(join(OWN, 'flat/scheduler_config.json')));
  const weights = await readFile(join(OWN, 'flat', WEIGHTS));
  /** A .safetensors file with this header and no data. @param {object} header */
  const headed = (header) => {
    const text = Buffer.from(JSON.stringify(header));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(text.length));
    return Buffer.concat([length, text]);
  };
  const empty = { dtype: 'F32', shape: [0], data_offsets: [0, 0] };
  const archive = await zipped(join(OWN, 'flat'));
  const encrypted = Buffer.from(archive);
  for (let at = encrypted.indexOf('PK\x01\x02'); at >= 0; at = encrypted.indexOf('PK\x01\x02', at + 1)) encrypted[at + 8] |= 1;
  const nan = Buffer.from(weights);
  nan.writeFloatLE(NaN, nan.length - 4);
  /** @param {Buffer|string} bytes @param {string} [text] */
  const model = (bytes, text = config) => [payload('config.json', text), scheduler, payload(WEIGHTS, bytes)];
  /** @param {object} changes */
  const changed = (changes) => JSON.stringify({ ...JSON.parse(config), ...changes });
  /** @type {[Payload[], RegExp][]} */
  const dropped = [
    [[payload('cat.png', 'x')], /config\.json is missing/],
    [[payload('config.json', config)], /diffusion_pytorch_model\.safetensors is missing/],
    [[payload('model.safetensors', headed({ 'input_blocks.0.0.weight': empty }))], /guided-diffusion/],
    [model(headed({ 'module.init_conv.weight': empty })), /lucidrains/],
    [model(weights, changed({ _class_name: 'UNet2DConditionModel' })), /conditioned on texts/],
    [model(weights, changed({ block_out_channels: [8, 1e9] })), /block_out_channels/],
    [model(weights, changed({ block_out_channels: [8, 16] })), /wrong shape/],
    [model(weights, changed({ block_out_channels: [8192, 8192], layers_per_block: 4 })), /needs about \d+\.\d GB/],
    [model(weights, changed({ sample_size: null })), /sample_size/],
    [model('version https://git-lfs.github.com/spec/v1\noid sha256:0\n'), /Git LFS pointer/],
    [model('<!doctype html><p>Log in</p>'), /web page \(HTML\)/],
    [model(weights.subarray(0, 60_000)), /truncated or damaged/],
    [model(headed({ a: { dtype: 'F32', shape: [2.5e9], data_offsets: [0, 1e10] } })), /damaged/],
    [model(nan), /expected finite numbers, found NaN/],
    [[payload('model.zip', encrypted)], /encrypted/],
    [[payload('model.zip', archive.subarray(0, 3000))], /^Zip: .*truncated/],
    [[payload('model.zip', await zipped(join(OWN, 'flat'), '../../'))], /config\.json is missing/],
    [[payload('model.zip', await zipped(join(LAYOUTS, 'hostile')))], /system/],
  ];
  const demo = await open(t, { hash: LINK });
  await demo.until('ready');
  const loaded = () => demo.page.evaluate(() => document.querySelector('[data-testid="model-run"]')?.textContent);
  for (const [files, sentence] of dropped) {
    await drop(demo, files);
    // The last look at a file is that of the engine, which is only asked when all else is well.
    if (/finite/.test(sentence.source)) await demo.get('own-use').click();
    const told = await refusal(demo);
    assert.match(told, sentence);
    assert.equal(await loaded(), 'In use', told);
  }

  const away = `${url.replace('127.0.0.1', 'localhost')}flat/config.json`;
  // What is no address is told beside the field, which keeps it.
  await look(demo, 'banana');
  await demo.get('own-problem').getByText(/no address/).waitFor();
  await demo.get('own-link').fill('http://example.org/model');
  await demo.get('own-look').click();
  await demo.get('own-problem').getByText(/https addresses only/).waitFor();
  await demo.get('own-no').click();
  /** @type {[string, Partial<import('./elsewhere.mjs').Fault>|null, RegExp][]} */
  const linked = [
    [`${url}nothing/`, null, /no files of a model/],
    [`${url}flat/`, { path: /flat/, closed: true }, /CORS/],
    [`${url}flat/`, { path: /flat\/config/, location: away }, /CORS|no files/],
    [`${url}flat/`, { path: /flat\/config/, status: 403 }, /wants a login/],
    [`${url}flat/`, { path: /flat\/.*config/, type: 'text/html', body: '<html>' }, /no files of a model|web page/],
    [`${url}flat/${WEIGHTS}`, { path: /safetensors/, body: 'version https://git-lfs.github.com/spec/v1\n' }, /Git LFS pointer/],
    [`${url}flat/${WEIGHTS}`, { path: /safetensors/, claims: 10e9 }, /10\.0 GB/],
  ];
  for (const [link, fault, sentence] of linked) {
    elsewhere.faults = fault ? [{ path: /./, ...fault }] : [];
    // What the server says of other files is not the point.
    if (fault?.location) elsewhere.faults.push({ path: /./, closed: true });
    await look(demo, link);
    assert.match(await refusal(demo), sentence, link);
    assert.equal(await loaded(), 'In use', link);
  }
  // What it took to read all that is given back.
  const readers = () => demo.page.workers().filter((worker) => worker.url().includes('/import/'));
  for (const reader of readers()) await new Promise((ended) => (reader.once('close', ended), readers().includes(reader) || ended(null)));
  await demo.visit('generate');
  await demo.generate();
});

test('a model without a schedule asks for it, and one with classes has their names', async (t) => {
  const config = await readFile(join(ROOT, 'tests/fixtures/unet/classes.json'), 'utf8');
  initSync({ module: await readFile(join(ROOT, 'pkg/ddim_web_bg.wasm')) });
  const weights = Buffer.from(weightsOf(expectedTensors(config)));
  const names = Object.fromEntries(['ankle boot', 'bag', 'coat', 'dress', 'jumper', 'sandal', 'shirt', 'sneaker', 'top'].map((name, i) => [name, i]));
  const demo = await open(t, { hash: LINK });
  await demo.until('ready');
  await drop(demo, [payload('config.json', config), payload(WEIGHTS, weights), payload('class_labels.json', JSON.stringify({ label2id: { ...names, none: 4_294_967_294 }, null_class_id: 9 }))]);
  assert.match(await demo.get('own-facts').innerText(), /class-conditional[^]*10: ankle boot, bag/);
  await demo.get('own-beta-end').fill('many');
  await demo.get('own-use').click();
  await demo.page.getByText(/beta_end/).waitFor();
  await demo.get('own-beta-end').fill('0.03');
  await demo.get('own-timesteps').fill('500');
  await use(demo);
  assert.match(await demo.get('model-facts').innerText(), /500[^]*0\.0001 to 0\.03/);
  await demo.visit('generate');
  assert.deepEqual((await demo.get('label').locator('option').allInnerTexts()).slice(0, 3), ['ankle boot', 'bag', 'coat']);
  assert.ok(await demo.get('guidance').isVisible());
  await demo.generate();
});

test('a model that the browser has no room for is used all the same, and that is said', async (t) => {
  const demo = await open(t, {
    hash: LINK,
    prepare: (context) => context.addInitScript(() => {
      IDBObjectStore.prototype.put = () => {
        throw new DOMException('no room', 'QuotaExceededError');
      };
    }),
  });
  await demo.until('ready');
  await bring(demo);
  await demo.get('own-folder').setInputFiles(join(OWN, 'flat'));
  await use(demo);
  assert.match((await demo.notices()).join(' '), /flat is in use, but will be gone when this page is closed: the storage of this browser is full\./);
  await demo.visit('generate');
  await demo.generate();
});
