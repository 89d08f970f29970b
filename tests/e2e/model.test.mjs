// The view `model`: the list, cards from anybody, what the files say, and what the browser keeps.

import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { frontMatter } from '../../www/views/model/markdown.js';
import { ROOT } from './demo.mjs';
import { address, cores, open } from './helpers.mjs';
import './own.mjs';

const FILE = 'diffusion_pytorch_model.safetensors';
const LINK = 'view=model&device=cpu&batch=2&steps=2';
const CARD = '**/fashion-mnist/README.md';

/** @param {import('./demo.mjs').Demo} demo */
const readme = (demo) => demo.page.locator('[aria-busy="false"] [data-testid="model-readme"]');

/** The value of a fact. @param {import('./demo.mjs').Demo} demo @param {string} name */
const fact = (demo, name) => demo.get('model-facts').locator('div', { has: demo.page.locator('dt', { hasText: new RegExp(`^${name}`) }) }).locator('dd').first().innerText();

/** @param {import('./demo.mjs').Demo} demo @param {(text: string) => boolean} good */
async function saysKept(demo, good) {
  for (;;) {
    const text = await demo.get('model-kept-total').innerText();
    if (good(text)) return text;
    await demo.page.waitForTimeout(20);
  }
}

test('one can read of a model before its weights are downloaded, and then use it', async (t) => {
  const demo = await open(t, { hash: `${LINK}&card=avatars` });
  await demo.until('ready');
  await readme(demo).getByRole('heading', { name: 'avatars' }).waitFor();
  assert.ok(await demo.get('model-option-avatars').isChecked());
  assert.match(await fact(demo, 'Pictures'), /^32 × 32, colour$/);
  assert.match(await fact(demo, 'Parameters'), /once it is loaded/);
  const { size } = await stat(join(ROOT, 'www/models/avatars', FILE));
  assert.equal(await fact(demo, 'Weights'), `${(size / 1e6).toFixed(1)} MB`);
  assert.deepEqual(demo.requests.filter((request) => request.startsWith('GET') && request.endsWith(`avatars/${FILE}`)), []);

  await demo.get('model-run').click();
  await demo.page.getByText('In use', { exact: true }).waitFor();
  const config = JSON.parse(await readFile(join(ROOT, 'www/models/avatars/scheduler_config.json'), 'utf8'));
  assert.equal(await fact(demo, 'Parameters'), '2,736,099', 'as its card says');
  assert.equal(await fact(demo, 'Noise levels'), String(config.num_train_timesteps));
  assert.equal(await fact(demo, 'It predicts'), 'the velocity v');
  assert.match(demo.page.url(), /view=model&model=avatars&.*card=chosen$/);
  assert.deepEqual(demo.errors, []);
});

test('the lines about the model lead to its card', async (t) => {
  const demo = await open(t, { hash: 'device=cpu&model=avatars' });
  await demo.until('ready');
  await demo.page.getByRole('link', { name: 'How it was trained' }).click();
  await readme(demo).getByRole('heading', { name: 'Training' }).waitFor();
  assert.match(demo.page.url(), /view=model&model=avatars/);
});

test('a card from anybody has no power: no HTML, no script, no address but http(s) and its folder', async (t) => {
  const body = `---
license: mit
tags:
- faces
- small
nested:
  deep: {a: 1}
---
# Hello <b onclick="evil()">bold</b> &amp; more

<script>globalThis.evil = 1</script>
<img src="x" onerror="globalThis.evil = 1"><style>body { display: none }</style>

[a](javascript:globalThis.evil=1) [b](../../../index.html) [c](data:text/html,x) [d](%2e%2e/%2e%2e/x) [e](#top) [f](..%2fx)
[good](https://example.com/a?b=1&c=2) [near](config.json) <https://example.org>

![outside](../avatars/preview.png) ![far](https://example.com/x.png) ![own](preview.png) ![data](data:image/png;base64,AAAA)

| a | b |
| --- | ---: |
| 1 | <i>2</i> |
`;
  const demo = await open(t, { hash: LINK, prepare: (context) => context.route(CARD, (route) => route.fulfill({ body, contentType: 'text/markdown' })) });
  await demo.until('ready');
  const card = readme(demo);
  await card.getByRole('heading', { name: 'Hello bold & more' }).waitFor();
  const links = await card.locator('a').evaluateAll((all) => all.map((a) => [a.getAttribute('href'), a.getAttribute('rel')]));
  const folder = `${await address()}www/models/fashion-mnist/`;
  assert.deepEqual(links, [
    ['https://example.com/a?b=1&c=2', 'noreferrer'],
    [`${folder}config.json`, 'noreferrer'],
    ['https://example.org/', 'noreferrer'],
  ]);
  assert.deepEqual(await card.locator('img').evaluateAll((all) => all.map((img) => img.getAttribute('src'))), [`${folder}preview.png`]);
  assert.equal(await card.locator('script, style, b, i, [onclick], [onerror], [style]').count(), 0);
  assert.deepEqual(await card.locator('.front-matter tr').allInnerTexts(), ['license\tmit', 'tags\tfaces, small']);
  assert.deepEqual(await card.locator('.scroller td').allInnerTexts(), ['1', '2']);
  assert.equal(await demo.page.evaluate("'evil' in globalThis"), false);
  assert.deepEqual(demo.requests.filter((request) => /example\.(com|org)/.test(request)), []);
  assert.deepEqual(demo.errors, []);
});

test('what stands before a card is read as far as it is plain', () => {
  assert.deepEqual(frontMatter('# none'), { facts: [], rest: '# none' });
  const text = '---\nlicense: "mit"\ntags: [a, b]\nmodel-index:\n- name: x\n  results:\n   - 1\nlanguage:\n- en\n---\n\nrest';
  assert.deepEqual(frontMatter(text), { facts: [['license', 'mit'], ['tags', 'a, b'], ['language', 'en']], rest: '\nrest' });
  assert.deepEqual(frontMatter('---\nno end'), { facts: [], rest: '---\nno end' });
});

test('a card that is missing, a web page, endless or bottomless, and broken files, are told in a sentence each', async (t) => {
  /** @type {[{status?: number, body: string}, RegExp][]} */
  const cards = [
    [{ status: 404, body: 'no' }, /Nobody has written a card/],
    [{ status: 500, body: 'no' }, /could not be had \(HTTP 500\)/],
    [{ body: '\n<!doctype html><p>app' }, /sent a web page/],
    [{ body: 'x'.repeat(300_000) }, /too long to be shown here/],
    [{ body: `${'> '.repeat(20_000)}deep` }, /could not be typeset|deep/],
  ];
  let answer = cards[0][0];
  const demo = await open(t, {
    hash: LINK,
    prepare: async (context) => {
      await context.route(CARD, (route) => route.fulfill(answer));
      await context.route('**/avatars/config.json', (route) => route.fulfill({ body: '<html>' }));
    },
  });
  for (const [given, sentence] of cards) {
    answer = given;
    await demo.page.reload();
    await demo.until('ready');
    assert.match(await readme(demo).innerText(), sentence);
  }
  await demo.get('model-option-avatars').check();
  await demo.get('model-facts').getByText(/config\.json is not valid JSON but a web page/).waitFor();
  await demo.get('model-run').click();
  await demo.until('error');
  assert.equal(await demo.get('model-run').innerText(), 'Load this model');
});

test('what the browser keeps has its size and can be deleted, and a model in use goes on without', async (t) => {
  const demo = await open(t, { hash: LINK, prepare: cores(2) });
  await demo.until('ready');
  // From now on its weights come from the copy that is deleted.
  await demo.page.reload();
  await demo.until('ready');
  await demo.get('model-option-avatars').check();
  await demo.get('model-run').click();
  await saysKept(demo, (text) => text.startsWith('2 models'));
  await demo.get('model-option-fashion-mnist').check();
  await demo.get('model-run').click();
  await demo.page.getByText('In use', { exact: true }).waitFor();
  const sizes = await Promise.all(['fashion-mnist', 'avatars'].map(async (name) => (await stat(join(ROOT, 'www/models', name, FILE))).size));
  assert.equal(await demo.get('model-kept-total').innerText(), `2 models, ${((sizes[0] + sizes[1]) / 1e6).toFixed(1)} MB in all.`);

  await demo.page.getByRole('button', { name: 'Delete Avatars, 32×32' }).click();
  await saysKept(demo, (text) => text.startsWith('1 model,'));
  assert.equal(await demo.get('model-kept-said').innerText(), 'Deleted.');
  await demo.get('model-forget').click();
  await saysKept(demo, (text) => text === 'Nothing at present.');
  assert.match(await demo.get('model-kept-said').innerText(), /^Deleted\. Fashion-MNIST, 32×32 is in use and stays so until/);
  const copies = await demo.page.evaluate(async () => (await Promise.all((await caches.keys()).map(async (name) => (await caches.open(name)).keys()))).flat().length);
  assert.equal(copies, 0);

  // A second worker is made for two pictures, and reads the weights only now.
  await demo.visit('generate');
  await demo.generate();
  assert.match(await demo.get('adapter').innerText(), /2 cores/);
});

test('nonsense in the link is named, and a model that is chosen elsewhere is shown', async (t) => {
  const demo = await open(t, { hash: `${LINK}&card=%3Cb%3E&model=avatars` });
  await demo.until('ready');
  assert.deepEqual((await demo.notices()).filter((text) => text.includes('card=<b>')).length, 1);
  assert.ok(await demo.get('model-option-avatars').isChecked());
  await demo.page.evaluate(() => (location.hash = location.hash.replace('model=avatars', 'model=fashion-mnist')));
  await readme(demo).getByRole('heading', { name: 'fashion-mnist' }).waitFor();
  assert.ok(await demo.get('model-option-fashion-mnist').isChecked());
});
