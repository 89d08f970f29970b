// The page around the pictures: origin, sub-path, hash, keyboard, narrow screens.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';

import { serve } from '../../scripts/serve.mjs';
import { ROOT } from './demo.mjs';
import { address, open } from './helpers.mjs';

test('a run causes no console error and no request to another origin', async (t) => {
  const demo = await open(t, { hash: '' });
  await demo.until('ready');
  await demo.get('steps').fill('1');
  await demo.get('batch').fill('1');
  await demo.generate();
  await demo.page.getByRole('heading', { name: 'What am I looking at?' }).scrollIntoViewIfNeeded();
  await demo.page.waitForLoadState('networkidle');
  assert.deepEqual(demo.errors, []);
  const { origin } = new URL(await address());
  assert.deepEqual(demo.requests.filter((request) => !request.split(' ')[1].startsWith(`${origin}/`) && !request.includes(' blob:')), []);
});

test('a visit fetches every file once, but for what the page shares with its worker', async (t) => {
  const demo = await open(t);
  await demo.until('ready');
  await demo.generate();
  const files = demo.requests.map((request) => request.replace(/^.*\//, '')).filter((file) => file !== 'favicon.svg');
  const twice = files.filter((file, i) => files.indexOf(file) !== i);
  assert.deepEqual(twice, ['errors.js']);
});

test('the page works under a sub-path', async (t) => {
  const server = await serve({ root: ROOT, base: '/some/name/' });
  t.after(server.close);
  const demo = await open(t, { url: server.url });
  await demo.until('ready');
  await demo.generate();
  assert.deepEqual(demo.errors, []);
});

test('nonsense in the hash is named in a notice, replaced by the default, and does no harm', async (t) => {
  const demo = await open(t, { hash: 'steps=0&eta=NaN&tau=banana&seed=-1&batch=99&device=abacus&show=neither&view=%E0%A4%A&frobnicate=1' });
  await demo.until('ready');
  const notice = String((await demo.notices()).find((text) => text.includes('The link says')));
  for (const named of ['steps=0', 'eta=NaN', 'tau=banana', 'seed=-1', 'batch=99', 'device=abacus', 'show=neither', 'view=']) {
    assert.ok(notice.includes(named), `${named} is not named in: ${notice}`);
  }
  assert.ok(!notice.includes('frobnicate'), 'unknown keys are ignored');
  assert.equal(new URL(demo.page.url()).hash, '#view=generate&model=fashion-mnist&device=auto&steps=20&eta=0&tau=model&method=ddim&seed=1&batch=4&engine=plan&storage=f32&label=0&guidance=0&show=x0&pace=fast');
  await demo.get('steps').fill('1');
  await demo.get('batch').fill('1');
  await demo.generate();
});

test('a hash changed by hand moves the controls, and a good one clears the notice', async (t) => {
  const demo = await open(t, { hash: 'device=cpu&steps=abc' });
  await demo.until('ready');
  assert.equal((await demo.notices()).filter((text) => text.includes('steps=abc')).length, 1);
  await demo.page.evaluate(() => (location.hash = 'device=cpu&steps=7&eta=0.25&tau=quad&seed=9&batch=2&show=xt'));
  await demo.holds('steps', '7');
  assert.equal(await demo.get('eta').inputValue(), '0.25');
  assert.equal(await demo.get('tau').inputValue(), 'quad');
  assert.equal(await demo.get('seed').inputValue(), '9');
  assert.equal(await demo.get('batch').inputValue(), '2');
  assert.ok(await demo.get('show-xt').isChecked());
  assert.deepEqual(await demo.notices(), []);
});

test('an old link, in which view chose between x̂₀ and x_t, is read as it was meant', async (t) => {
  const demo = await open(t, { hash: 'device=cpu&steps=2&batch=1&view=xt' });
  await demo.until('ready');
  assert.deepEqual(await demo.notices(), []);
  assert.ok(await demo.get('show-xt').isChecked());
  assert.match(demo.page.url(), /#view=generate&.*&show=xt&pace=fast$/);
});

test('a second view is one file and one line of main.js, and each keeps what it has while the other is on show', async (t) => {
  const other = `
    export function mount(root, session) {
      root.innerHTML = '<button type="button" data-testid="other-run">Go</button><div data-slot="status"></div>';
      const run = () => session.perform({
        text: 'Going…',
        work: async (task) => {
          const run = task.sample({ steps: 2, batch: 1, seed: 3 }, { onStep: ({ index }) => session.report({ step: index + 1 }) });
          await run.ended;
          await new Promise((resolve) => (globalThis.endOther = resolve));
          return 'Gone ' + run.total + ' steps.';
        },
      }).ended;
      root.querySelector('button').addEventListener('click', run);
      return { run, stop: () => session.stop() };
    }`;
  const demo = await open(t, {
    prepare: async (context) => {
      await context.route('**/www/views/other.js', (route) => route.fulfill({ contentType: 'text/javascript', body: other }));
      await context.route('**/www/main.js', async (route) => {
        const response = await route.fetch();
        const script = await response.text();
        const body = script.replace(/const VIEWS = \{\n.*/, `$&\n  other: { tab: 'Other', title: 'Another view', load: () => import('./views/other.js') },`);
        assert.notEqual(body, script);
        await route.fulfill({ response, body });
      });
    },
  });
  await demo.until('ready');
  await demo.generate();
  const pictures = await demo.pixels();
  const made = await demo.status();

  const show = (/** @type {string} */ view) => demo.page.evaluate((name) => (location.hash = location.hash.replace(/view=\w+/, `view=${name}`)), view);
  await show('other');
  await demo.get('other-run').waitFor();
  assert.equal(await demo.get('generate').count(), 0);
  assert.equal(await demo.get('status').count(), 1);
  await demo.get('other-run').click();
  await demo.page.waitForFunction(() => 'endOther' in globalThis);
  assert.equal(await demo.status(), 'Going…');
  await show('generate');
  await demo.get('generate').waitFor();
  assert.equal(await demo.status(), 'Other: Going…');
  assert.ok(await demo.get('generate').isDisabled());
  await demo.page.evaluate(() => /** @type {any} */ (globalThis).endOther());
  await demo.page.waitForFunction(() => document.body.dataset.state === 'done');
  assert.equal(await demo.status(), 'Other: Gone 2 steps.');
  await show('other');
  await demo.get('other-run').waitFor();
  assert.equal(await demo.status(), 'Gone 2 steps.');
  assert.equal(await demo.get('status').getAttribute('data-state'), 'done');
  assert.equal(await demo.get('status').getAttribute('data-step'), '2');

  await show('generate');
  await demo.get('generate').waitFor();
  assert.equal(await demo.get('other-run').count(), 0);
  assert.equal(await demo.status(), made, 'each view says what came of its own work');
  assert.deepEqual(await demo.pixels(), pictures);
  await demo.generate();
  assert.deepEqual(demo.errors, []);
});

test('a field that holds nonsense is named, and nothing runs until it is put right', async (t) => {
  const demo = await open(t);
  await demo.until('ready');
  for (const [key, text, expected] of [
    ['steps', '0', 'a whole number from 1 to 1000'],
    ['steps', '1001', 'a whole number from 1 to 1000'],
    ['eta', '-1', 'a number from 0 to 1'],
    ['eta', 'NaN', 'a number from 0 to 1'],
    ['seed', '1.5', 'a whole number from 0 to 9007199254740991'],
    ['batch', '', 'a whole number from 1 to 16'],
  ]) {
    const good = await demo.get(key).inputValue();
    await demo.get(key).fill(text);
    await demo.get('generate').click();
    await demo.until('error');
    const status = await demo.status();
    assert.ok(status.includes(expected), `${key}=${text}: ${status}`);
    assert.equal(await demo.get(key).getAttribute('aria-invalid'), 'true');
    assert.ok(await demo.get(key).evaluate((field) => field === document.activeElement));
    await demo.get(key).fill(good);
  }
  await demo.get('generate').click();
  await demo.recovers('done');
});

test('Ctrl+Enter runs and Escape stops', async (t) => {
  const demo = await open(t, { hash: 'device=cpu&steps=1000&batch=1' });
  await demo.until('ready');
  await demo.get('seed').press('Control+Enter');
  await demo.untilStep(1);
  await demo.page.keyboard.press('Escape');
  await demo.until('stopped');
});

test('another device during a run ends it and loads anew', async (t) => {
  const demo = await open(t, { hash: 'device=cpu&steps=500&batch=1' });
  await demo.until('ready');
  await demo.get('generate').click();
  await demo.untilStep(1);
  await demo.get('device').selectOption('auto');
  await demo.until('ready');
  await demo.get('steps').fill('1');
  await demo.generate();
});

for (const width of [360, 390]) {
  test(`nothing is wider than a screen of ${width} pixels, and the buttons are in sight`, async (t) => {
    const demo = await open(t, { hash: 'steps=1&batch=16&eta=2', context: { viewport: { width, height: 740 } } });
    await demo.until('ready');
    await demo.generate();
    for (const toggle of await demo.page.getByRole('button', { name: /^What is/ }).all()) await toggle.click();
    const [content, screen] = await demo.page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(content <= screen, `${content} > ${screen}`);
    await demo.page.evaluate(() => scrollTo(0, 0));
    const box = await demo.get('generate').boundingBox();
    assert.ok(box && box.y + box.height <= 740);
  });
}

test('every control has a label and a help text', async (t) => {
  const demo = await open(t);
  await demo.until('ready');
  for (const field of await demo.get('controls').locator('select, input').all()) {
    const name = await field.evaluate((node) => node.getAttribute('aria-label') ?? /** @type {HTMLInputElement} */ (node).labels?.[0]?.textContent ?? '');
    assert.notEqual(name, '', await field.evaluate((node) => node.outerHTML));
  }
  const asked = () => demo.requests.filter((request) => request.endsWith('/settings/help.js')).length;
  assert.equal(asked(), 0, 'the first picture does without');
  const help = demo.page.locator('#help-eta');
  assert.ok(!(await help.isVisible()));
  await demo.page.getByRole('button', { name: 'What is “Fresh noise”?' }).click();
  await demo.page.locator('#help-eta math').waitFor();
  assert.match(await help.innerText(), /^How much new noise is added after each step\..*DDIM, eq\. 16$/s);
  // Once somebody is among them, every field is described, opened or not.
  const described = await demo.get('controls').locator('select, input:not([type="range"])').evaluateAll((fields) => fields.map((field) => document.getElementById((field.getAttribute('aria-describedby') ?? '').split(' ')[0])?.textContent ?? ''));
  assert.ok(described.length >= 10 && described.every((text) => /^[A-Z].{20,}/.test(text)), described.join('\n'));
  assert.equal(asked(), 1);
});

test('a help or a view that cannot be had is told in its place, and the next time may bring it', async (t) => {
  let down = true;
  const demo = await open(t, {
    prepare: async (context) => {
      await context.route('**/settings/help.js', (route) => route.abort(), { times: 2 });
      await context.route('**/views/compare.js', (route) => (down ? route.abort() : route.continue()));
    },
  });
  await demo.until('ready');
  await demo.get('tab-compare').click();
  await demo.page.locator('[data-testid="notice"]', { hasText: 'Choose it again to try once more.' }).waitFor();
  down = false;
  await demo.visit('compare');
  await demo.visit('generate');
  const toggle = demo.page.getByRole('button', { name: 'What is “Seed”?' });
  await toggle.click();
  await demo.page.locator('#help-seed', { hasText: 'This could not be loaded; check the connection and try again.' }).waitFor();
  await toggle.click();
  await toggle.click();
  await demo.page.locator('#help-seed', { hasText: 'The number that all noise is drawn from.' }).waitFor();
});

test('the model is presented with pictures that it made', async (t) => {
  const demo = await open(t);
  await demo.until('ready');
  const preview = demo.page.locator('#model-preview');
  await preview.scrollIntoViewIfNeeded();
  await demo.page.waitForFunction(() => /** @type {HTMLImageElement} */ (document.getElementById('model-preview')).naturalWidth > 0);
  assert.ok(await preview.isVisible());
});

test('of a list of models the good entries work, the others are named; without any, one sentence says so and nothing moves', async (t) => {
  /** @type {string|undefined} */
  let list;
  const demo = await open(t, {
    prepare: (context) => context.route('**/www/models/index.json', (route) => (list === undefined ? route.continue() : route.fulfill({ body: list }))),
  });
  await demo.until('ready');
  const kept = () =>
    demo.page.evaluate(async () => {
      const cache = await caches.open('ddim-web-weights');
      return (await cache.keys()).map(({ url }) => url.replace(/^.*?\/\/.*?\/(.*)\/.*$/, '$1')).sort();
    });
  assert.deepEqual(await kept(), ['www/models/fashion-mnist']);
  await demo.page.evaluate(async () => {
    const cache = await caches.open('ddim-web-weights');
    for (const folder of ['www/models/gone', 'another/www/models/gone']) await cache.put(`/${folder}/diffusion_pytorch_model.safetensors`, new Response('kept'));
  });

  list = JSON.stringify([
    { id: 'evil', name: 'Evil', path: 'javascript:alert(1)//', note: '' },
    { id: 'fashion-mnist', name: 'Mine', path: 'fashion-mnist/', note: 'x'.repeat(1e6) },
    { id: 'far', name: 'Far', path: '//example.com/', note: '' },
  ]);
  await demo.page.reload();
  await demo.until('ready');
  const [notice] = await demo.notices();
  assert.match(notice, /^Left out of the list of models: “evil” \(path .*\), “far” \(path .*\)\./);
  assert.deepEqual(await demo.get('model').locator('option').allInnerTexts(), ['Mine']);
  assert.ok((await demo.page.locator('#model-note').innerText()).length <= 500);
  await demo.generate();
  assert.equal((await kept()).length, 3, 'nothing is dropped by a list that has faults');

  list = undefined;
  await demo.page.reload();
  await demo.until('ready');
  assert.deepEqual(await demo.notices(), []);
  assert.deepEqual(await kept(), ['another/www/models/gone', 'www/models/fashion-mnist']);

  for (const [body, sentence] of /** @type {[string, RegExp][]} */ ([
    ['[{"id": ', /^index\.json is not valid JSON\. Reload/],
    ['<!doctype html>', /^index\.json is not valid JSON but a web page/],
    ['{"id": "x"}', /^models\/index\.json must be a list of models/],
    ['[{"id": "evil", "name": "Evil", "path": "../", "note": ""}]', /^models\/index\.json names no model that can be used\. .*“evil” \(path/],
  ])) {
    list = body;
    await demo.page.reload();
    await demo.until('error');
    assert.match(await demo.status(), sentence);
    assert.ok(!(await demo.get('progress').isVisible()));
    assert.equal(await demo.page.locator('body').getAttribute('data-state'), 'error');
  }
});

test('where the scripts of the page cannot start, a sentence says why and nothing moves', async (t) => {
  const demo = await open(t, { url: pathToFileURL(`${ROOT}/index.html`).href });
  const { page } = demo;
  const unstarted = page.locator('.unstarted');
  /** @param {RegExp} sentence */
  const says = async (sentence) => {
    await demo.until('error');
    assert.match(await demo.status(), sentence);
    assert.ok(!(await demo.get('progress').isVisible()));
    assert.equal(await unstarted.count(), 0);
  };
  await says(/^This page was opened from a disk, .* run scripts\/demo/);

  /** @type {[string, (route: import('playwright-core').Route) => Promise<void>, RegExp][]} */
  const cases = [
    ['**/*.js', async (route) => route.fulfill({ body: await (await route.fetch()).body(), contentType: 'text/plain' }), /^The server sends the scripts of this page as text\/plain, /],
    ['**/www/ui/film.js', (route) => route.abort(), /^A script of this page could not be loaded\./],
    ['**/www/ui/film.js', (route) => route.fulfill({ status: 404 }), /^A script of this page could not be loaded\./],
    ['**/www/ui/film.js', (route) => route.fulfill({ contentType: 'text/javascript', body: 'class { # }' }), /^This browser cannot read the scripts .*SyntaxError/],
  ];
  const url = await address();
  for (const [pattern, answer, sentence] of cases) {
    await page.route(pattern, answer);
    await page.goto(url);
    await says(sentence);
    // Answers may still be on their way.
    await page.unrouteAll({ behavior: 'wait' });
  }

  // Where no script at all is run.
  await page.route('**/*.js', async (route) => route.fulfill({ response: await route.fetch(), contentType: 'text/plain' })); // and nosniff
  await page.goto(url);
  assert.ok(!(await unstarted.isVisible()));
  await page.evaluate(() => document.getAnimations().forEach((animation) => animation.effect?.getComputedTiming().iterations === 1 && animation.finish()));
  assert.ok(await unstarted.isVisible());
  assert.ok(!(await demo.get('status').isVisible()) && !(await demo.get('progress').isVisible()));
});

test('without JavaScript the page says what it needs', async (t) => {
  const demo = await open(t, { context: { javaScriptEnabled: false } });
  const message = demo.page.locator('noscript p');
  assert.ok(await message.isVisible());
  assert.match(await message.innerText(), /please allow JavaScript/);
  assert.equal(await demo.page.locator('.unstarted').evaluate((node) => getComputedStyle(node).display), 'none');
});
