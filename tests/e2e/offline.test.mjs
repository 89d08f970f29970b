// A published site: what scripts/site writes, that it works without a network after one visit, and that an update never
// mixes old and new files.

import assert from 'node:assert/strict';
import { appendFile, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { serve } from '../../scripts/serve.mjs';
import { makeSite } from '../../scripts/site.mjs';
import { open } from './helpers.mjs';

const folder = await mkdtemp(join(tmpdir(), 'site-'));
after(() => rm(folder, { recursive: true }));

/** A published site of its own. @param {import('node:test').TestContext} t @param {string} name @param {string} [url] */
async function published(t, name, url) {
  const out = join(folder, name);
  const { files } = await makeSite(out, { url });
  // As on GitHub Pages.
  const server = await serve({ root: out, base: '/diffusion/', headers: { 'Cache-Control': 'max-age=600' }, gzip: true });
  t.after(() => server.close());
  return { out, files, server };
}

/** Waits until the page's service worker has kept everything. @param {import('playwright-core').Page} page */
const kept = (page) => page.evaluate(() => navigator.serviceWorker.ready.then(({ active }) => new Promise((resolve) => (active?.state === 'activated' ? resolve(true) : active?.addEventListener('statechange', resolve)))));

/** What a page has at a path. @param {import('playwright-core').Page} page @param {string} path */
const textAt = (page, path) => page.evaluate(async (asked) => (await fetch(new URL(asked, document.baseURI))).text(), path);

test('the site has absolute addresses for whoever shows a link, its service worker, and the checksum of every file that the page asks for', async (t) => {
  const { out, files } = await published(t, 'written', 'https://example.org/diffusion');
  const html = await readFile(join(out, 'index.html'), 'utf8');
  for (const tag of [
    '<meta property="og:image" content="https://example.org/diffusion/www/style/card.png">',
    '<meta name="twitter:image" content="https://example.org/diffusion/www/style/card.png">',
    '<meta property="og:url" content="https://example.org/diffusion/">',
    '<link rel="canonical" href="https://example.org/diffusion/">',
    '<meta name="service-worker" content="sw.js">',
  ]) assert.equal(html.split(tag).length, 2, tag);
  for (const [, path] of html.matchAll(/<(?:script|link)[^>]* (?:src|href)="(www[^"]*)"/g)) assert.match(files[path] ?? '', /^sha256-/, path);
  assert.ok(!('sw.js' in files) && !Object.keys(files).some((path) => path.endsWith('.safetensors')));
  assert.deepEqual((await readdir(out)).sort(), ['index.html', 'pkg', 'sw.js', 'www']);
  assert.ok(!(await readdir(join(out, 'www'))).includes('sw.js'), 'which works at the top only');

  const manifest = JSON.parse(await readFile(join(out, 'www/manifest.webmanifest'), 'utf8'));
  for (const { src } of manifest.icons) assert.match(files[`www/${src}`] ?? '', /^sha256-/, src);

  const { version } = await makeSite(out);
  assert.equal((await makeSite(out)).version, version, 'the same files are the same version');
  await mkdir(join(folder, 'taken'));
  await writeFile(join(folder, 'taken/index.html'), '');
  await assert.rejects(makeSite(join(folder, 'taken')), /holds something else; name a new folder/);
});

test('after one visit the page works without a network: it opens, loads its model and makes pictures', async (t) => {
  const { server } = await published(t, 'offline');
  const demo = await open(t, { url: server.url });
  await demo.until('ready');
  const online = await demo.generate().then(() => demo.pixels());
  await kept(demo.page);
  await server.close();
  await demo.page.context().setOffline(true);
  await demo.page.reload();
  await demo.until('ready');
  await demo.generate();
  assert.deepEqual(await demo.pixels(), online);
  assert.deepEqual(demo.errors.filter((text) => !/net::ERR_INTERNET_DISCONNECTED/.test(text)), []);
});

test('an update is told, waits for a reload, and leaves an open page and its workers with the files that they began with', async (t) => {
  const { out, server } = await published(t, 'updated');
  const demo = await open(t, { url: server.url });
  const { page } = demo;
  await demo.until('ready');
  await kept(page);
  await page.reload();
  await demo.until('ready');
  assert.deepEqual(await demo.notices(), [], 'the first version is no news');

  const root = join(folder, 'changed');
  await makeSite(root);
  await writeFile(join(root, 'www/sw.js'), (await readFile(join(root, 'sw.js'), 'utf8')).replace(/^self\.SITE.*\n/, ''));
  for (const file of ['www/main.js', 'www/engine/levels.js']) await appendFile(join(root, file), '\nglobalThis.age = "new";\n');
  await rm(join(root, 'www/ui/export/gif.js'));
  await makeSite(out, { root });

  await page.evaluate(() => navigator.serviceWorker.getRegistration().then((registration) => registration?.update()));
  await page.getByTestId('notice').waitFor();
  assert.match((await demo.notices())[0], /^A new version of this page is here\./);
  const inWorker = () =>
    page.evaluate(
      (path) =>
        new Promise((resolve) => {
          const worker = new Worker(new URL('www/ui/export/worker.js', document.baseURI), { type: 'module' });
          worker.onerror = () => resolve('failed');
          worker.onmessage = ({ data }) => resolve('blob' in data ? 'made' : data);
          worker.postMessage({ format: 'gif', shape: { channels: 1, height: 1, width: 1 }, columns: 1, longest: 8, delays: [80], credit: { link: path } });
          worker.postMessage(new Uint8ClampedArray(1));
        }),
      'x',
    );
  assert.ok(!(await textAt(page, 'www/main.js')).includes('"new"'), 'an old file, that was changed');
  assert.match(await textAt(page, 'www/ui/export/gif.js'), /gifenc/, 'an old file, that is no more');
  assert.notEqual(await inWorker(), 'failed', 'a worker that the old page starts now');

  await page.getByTestId('notice-do').click();
  await page.waitForFunction(() => !document.querySelector('[data-testid="notice"]'));
  await demo.until('ready');
  assert.ok((await textAt(page, 'www/main.js')).includes('"new"'));
  assert.ok((await textAt(page, 'www/engine/levels.js')).includes('"new"'));
  await demo.generate();
});

test('where what was kept is damaged and the site has changed, the page comes from the network, all of it', async (t) => {
  const { out, server } = await published(t, 'damaged');
  const demo = await open(t, { url: server.url });
  const { page } = demo;
  await demo.until('ready');
  await kept(page);
  const damaged = await page.evaluate(async () => {
    const names = (await caches.keys()).filter((name) => name.startsWith('ddim-web-site '));
    for (const name of names) {
      const cache = await caches.open(name);
      for (const key of await cache.keys()) if (new URL(key.url).searchParams.has('hash')) await cache.delete(key);
    }
    return names.length;
  });
  assert.equal(damaged, 1);
  for (const file of ['index.html', 'www/main.js']) await appendFile(join(out, file), '\n');
  await page.reload();
  await demo.until('ready');
  await demo.generate();
  assert.deepEqual(await demo.notices(), []);
});

test('a page that is served from the repository has no service worker, and one whose site has lost it gets rid of it', async (t) => {
  const plain = await open(t);
  await plain.until('ready');
  assert.equal(await plain.page.evaluate(() => navigator.serviceWorker.getRegistrations().then(({ length }) => length)), 0);

  const { out, server } = await published(t, 'lost');
  const demo = await open(t, { url: server.url });
  await demo.until('ready');
  await kept(demo.page);
  await rm(join(out, 'sw.js'));
  await demo.page.reload();
  await demo.until('ready');
  await demo.page.waitForFunction(() => navigator.serviceWorker.getRegistrations().then(({ length }) => length === 0));
});

test('a browser that allows no service worker shows the page without a word', async (t) => {
  const { server } = await published(t, 'refused');
  const demo = await open(t, { url: server.url, context: { serviceWorkers: 'block' } });
  await demo.until('ready');
  await demo.generate();
  assert.deepEqual([demo.errors, await demo.notices()], [[], []]);
});
