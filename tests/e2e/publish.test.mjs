// `ddim-web publish` and `ddim-web serve`: two small models become a site that any static host can serve, and that makes
// the pictures that the command line makes.

import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { makeSite } from '../../scripts/site.mjs';
import { open } from './helpers.mjs';
import { ROOT } from './demo.mjs';
import { ddimWeb, serveWith } from './program.mjs';

const folder = await mkdtemp(join(tmpdir(), 'publish-'));
const root = join(folder, 'host');
// Under a path of its own, as on GitHub Pages.
const site = join(root, 'some/where');
const TITLE = 'Faces & <clothes>';
// One that comes with pictures and a card, and one without anything but its three files.
const bare = join(folder, 'My Faces');
for (const file of ['config.json', 'scheduler_config.json', 'diffusion_pytorch_model.safetensors']) {
  await cp(join(ROOT, 'www/models/avatars', file), join(bare, file));
}
await ddimWeb('publish', '--quiet', bare, join(ROOT, 'www/models/fashion-mnist'), site, '--page', ROOT, '--title', TITLE,
  '--views', 'generate,compare', '--model-card', '--pictures', '2', '--steps', '2');
const server = await serveWith(root);
after(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

/** The first tensor of a .safetensors file. @param {string} file */
async function tensorOf(file) {
  const bytes = await readFile(file);
  const start = 8 + Number(bytes.readBigUInt64LE());
  const { sample } = JSON.parse(bytes.subarray(8, start).toString());
  const data = bytes.subarray(start + sample.data_offsets[0], start + sample.data_offsets[1]);
  return { shape: sample.shape, values: new Float32Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.length)) };
}

test('a published page makes the pictures that the command line makes, under any path, asks no other host, and works without a network', async (t) => {
  const demo = await open(t, { url: `${server.url}some/where/`, hash: 'device=cpu&steps=3&batch=1&seed=5' });
  const { page } = demo;
  await demo.until('ready');
  await demo.generate();
  const [pixels] = await demo.pixels();

  const saved = join(folder, 'sample.safetensors');
  await ddimWeb('sample', '--quiet', '--model', bare, '--steps', '3', '--seed', '5', '--count', '1', '--out', join(folder, 'sample.png'), '--save', saved);
  const { shape, values } = await tensorOf(saved);
  assert.deepEqual(shape, [1, 3, 32, 32]);
  let largest = 0;
  for (let at = 0; at < 1024; at++) {
    for (let channel = 0; channel < 3; channel++) {
      const level = Math.min(255, Math.max(0, (values[channel * 1024 + at] + 1) * 127.5));
      largest = Math.max(largest, Math.abs(level - pixels[4 * at + channel]));
    }
  }
  // Rounding to a level, and half of one for another order of sums.
  assert.ok(largest <= 1, `levels differ by ${largest}`);

  assert.equal(await page.title(), `Pictures out of noise · ${TITLE}`);
  assert.equal(await page.locator('h1').innerText(), TITLE);
  assert.deepEqual(await page.locator('#tabs a').allInnerTexts(), ['Generate', 'Compare']);
  assert.deepEqual(await page.locator('.invitations a strong').allInnerTexts(), ['See the race']);
  assert.equal(await page.locator('#model-card').isVisible(), false, 'there is no view with cards');
  const choices = await page.getByTestId('model').locator('option').allInnerTexts();
  assert.deepEqual(choices, ['My Faces', 'Fashion-MNIST, 32×32']);

  await page.evaluate(() => navigator.serviceWorker.ready.then(({ active }) => new Promise((resolve) => (active?.state === 'activated' ? resolve(true) : active?.addEventListener('statechange', resolve)))));
  await page.context().setOffline(true);
  await page.reload();
  await demo.until('ready');
  await demo.generate();
  assert.deepEqual((await demo.pixels())[0], pixels);
  assert.deepEqual(demo.requests.filter((line) => !/^\w+ (blob:|data:)/.test(line) && !line.includes(`${server.url}some/where/`)), []);
  assert.deepEqual(demo.errors.filter((text) => !/net::ERR_INTERNET_DISCONNECTED/.test(text)), []);
});

test('a link to a view that the site has not got is told, and leads to its first one', async (t) => {
  const demo = await open(t, { url: `${server.url}some/where/`, hash: 'view=train&device=cpu&steps=1&batch=1' });
  await demo.until('ready');
  assert.match((await demo.notices()).join(), /view=train, which is not one of generate, compare; view=generate is used instead/);
});

test('the list of its files is the one that scripts/site makes of the same page, and every model has what belongs to it', async () => {
  const page = join(folder, 'page');
  for (const part of ['index.html', 'www', 'pkg']) await cp(join(site, part), join(page, part), { recursive: true });
  await cp(join(ROOT, 'www/sw.js'), join(page, 'www/sw.js'));
  const again = join(folder, 'again');
  // Without what scripts/site alone does: style sheets in one file, and without comments.
  const { files, version } = await makeSite(again, { root: page, plain: true });
  const script = await readFile(join(site, 'sw.js'), 'utf8');
  const list = JSON.parse(script.slice('self.SITE = '.length, script.indexOf(';\n')));
  assert.deepEqual(list.files, files);
  assert.equal(list.version, version);
  assert.equal(script, await readFile(join(again, 'sw.js'), 'utf8'));

  /** @type {{id: string, path: string, samples?: {count: number}}[]} */
  const models = JSON.parse(await readFile(join(site, 'www/models/index.json'), 'utf8'));
  assert.deepEqual(models.map(({ id, path }) => [id, path]), [['my-faces', 'my-faces/'], ['fashion-mnist', 'fashion-mnist/']]);
  assert.equal(models[1].samples?.count, 12, 'what the list beside its folder says of it');
  for (const { path } of models) {
    for (const file of ['README.md', 'preview.png', 'config.json']) assert.match(files[`www/models/${path}${file}`] ?? '', /^sha256-/, path + file);
  }
  assert.match(await readFile(join(site, 'www/models/my-faces/README.md'), 'utf8'), /`UNet2DModel`, 2736099 parameters/);
});

test('a site that scripts/site wrote for another address can be published from, too', async () => {
  const made = join(folder, 'made');
  await makeSite(made, { url: 'https://example.org/old/' });
  const out = join(folder, 'out');
  await ddimWeb('publish', '--quiet', join(ROOT, 'www/models/avatars'), out, '--page', made, '--url', 'https://example.org/new');
  const html = await readFile(join(out, 'index.html'), 'utf8');
  assert.doesNotMatch(html, /example\.org\/old/);
  for (const tag of [
    '<link rel="canonical" href="https://example.org/new/">',
    '<meta property="og:image" content="https://example.org/new/www/style/card.png">',
    '<meta property="og:title" content="Avatars, 32×32">',
    '<meta name="service-worker" content="sw.js">',
  ]) assert.equal(html.split(tag).length, 2, tag);
  // Anew, with what somebody has put beside it.
  await writeFile(join(out, 'CNAME'), 'example.org');
  await ddimWeb('publish', '--quiet', join(ROOT, 'www/models/fashion-mnist'), out, '--page', made);
  assert.equal(await readFile(join(out, 'CNAME'), 'utf8'), 'example.org');
  assert.match(await readFile(join(out, 'index.html'), 'utf8'), /<h1>Fashion-MNIST, 32×32<\/h1>/);
});
