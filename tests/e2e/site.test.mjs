// "Download as a page": what the page packs of a model is what `ddim-web publish` writes, file for file.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { serve } from '../../scripts/serve.mjs';
import { makeSite } from '../../scripts/site.mjs';
import { ROOT } from './demo.mjs';
import { open } from './helpers.mjs';
import { ddimWeb } from './program.mjs';
import { isPublished } from './zips.mjs';

const folder = await mkdtemp(join(tmpdir(), 'site-'));
const site = join(folder, 'site');
await makeSite(site);
const server = await serve({ root: site, base: '/some/where/' });
after(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

const HASH = 'view=model&card=avatars&device=cpu&steps=2&batch=1';

test('a shipped model of a published page is packed as `ddim-web publish` packs it', async (t) => {
  const demo = await open(t, { url: server.url, hash: HASH });
  await demo.until('ready');
  const [saved] = await Promise.all([demo.page.waitForEvent('download'), demo.get('model-page').click()]);
  assert.equal(saved.suggestedFilename(), 'avatars-page.zip');
  const out = join(folder, 'out');
  await ddimWeb('publish', '--quiet', join(ROOT, 'www/models/avatars'), out, '--page', site);
  await isPublished(demo.page, await readFile(await saved.path()), 'avatars/', out);
  assert.match(await demo.get('model-page-said').innerText(), /^avatars-page\.zip, \d+\.\d MB: unpack it/);
  assert.deepEqual(demo.errors, []);
});

test('it can be ended, and says which file could not be had or is another one', async (t) => {
  let how = 'wait';
  /** @type {(value?: unknown) => void} */
  let asked = () => {};
  const demo = await open(t, {
    url: server.url,
    hash: HASH,
    context: { serviceWorkers: 'block' },
    prepare: (context) =>
      context.route('**/pkg/webgpu/ddim_web.js', async (route) => {
        asked();
        if (how === 'fail') await route.abort();
        else if (how === 'change') await route.fulfill({ body: 'changed', contentType: 'text/javascript' });
      }),
  });
  await demo.until('ready');
  const button = demo.get('model-page');
  const said = demo.get('model-page-said');
  const waits = new Promise((resolve) => (asked = resolve));
  await button.click();
  await waits;
  assert.equal(await button.innerText(), 'Cancel');
  await button.click();
  await demo.page.waitForFunction(() => document.querySelector('[data-testid="model-page"]')?.textContent === 'Download as a page');
  assert.equal(await said.innerText(), '');
  for (const [kind, sentence] of /** @type {const} */ ([['fail', /^The page could not be made \(The download of ddim_web\.js failed; check/], ['change', /^The page could not be made \(pkg\/webgpu\/ddim_web\.js is not the file that this page lists/]])) {
    how = kind;
    await button.click();
    await demo.page.waitForFunction((pattern) => new RegExp(pattern).test(document.querySelector('[data-testid="model-page-said"]')?.textContent ?? ''), sentence.source);
    assert.equal(await button.innerText(), 'Download as a page');
  }
});
