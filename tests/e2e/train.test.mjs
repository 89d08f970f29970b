// The view Train: pictures of one's own, a run that is kept, and a model that every other view uses.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { wordsOn } from '../../www/views/train/heart.js';
import { newNetwork, shapeOf, stepsFor } from '../../www/views/train/plan.js';
import { Demo, ROOT } from './demo.mjs';
import { open } from './helpers.mjs';
import { GIF, file, png } from './pictures.mjs';
import { ddimWeb } from './program.mjs';
import { isPublished, unzipped } from './zips.mjs';

const VIEW = 'view=train&device=cpu';

/** A grey square whose brightness and slope go by its number. @param {number} n */
function square(n) {
  const row = Buffer.from(Array.from({ length: 12 }, (_, x) => (20 * n + x * (n % 7)) % 256));
  return file(`square-${n}.png`, png(12, 12, { row }));
}

/** @param {number} count */
const squares = (count) => Array.from({ length: count }, (_, n) => square(n));

/** Waits for what the page says. @param {Demo} demo @param {string} testId @param {RegExp} text */
const says = (demo, testId, text) =>
  demo.page.waitForFunction(
    ([id, source]) => [...document.querySelectorAll(`[data-testid="${id}"]`)].some((found) => new RegExp(source).test(found.textContent ?? '')),
    [testId, text.source],
    { polling: 20 },
  );

/** The page with these pictures. @param {import('node:test').TestContext} t @param {number} count @param {string} hash @param {object} [options] */
async function withSquares(t, count, hash, options = {}) {
  const demo = await open(t, { ...options, hash: `${VIEW}&${hash}` });
  await demo.until('ready');
  await says(demo, 'train-remark', /^12 samples/);
  await demo.get('train-files').setInputFiles(squares(count));
  await says(demo, 'train-remark', new RegExp(`^${count} pictures`));
  return demo;
}

/** @param {Demo} demo */
const step = async (demo) => Number(await demo.get('status').getAttribute('data-step'));

/** Pixels of the samples, or of what stands beside them. @param {Demo} demo @param {string} [testId] */
const pixels = (demo, testId = 'train-canvas') =>
  demo.get(testId).evaluateAll((found) => found.map((canvas) => /** @type {HTMLCanvasElement} */ (canvas).toDataURL()));

/** @param {Demo} demo */
async function reload(demo) {
  await demo.page.reload();
  await demo.until('ready');
}

test('the rule by which a run stops, the network that it begins with, and what is said of copies', () => {
  assert.deepEqual([stepsFor(0, 2), stepsFor(0, 40), stepsFor(0, 100), stepsFor(7, 100)], [1000, 1000, 2500, 7]);
  for (const size of [8, 16, 24, 32, 48, 64]) {
    const shape = { channels: 1, height: size, width: size };
    const network = newNetwork(shape);
    const levels = network.block_out_channels.length;
    assert.equal(size % 2 ** (levels - 1), 0, 'each level is half as large as the one before');
    assert.ok(network.block_out_channels.every((width) => width % network.norm_num_groups === 0));
    assert.deepEqual([network.down_block_types.length, network.up_block_types.length], [levels, levels]);
    assert.deepEqual(shapeOf(JSON.stringify(network)), { ...shape, classes: 0 });
    assert.equal(shapeOf(JSON.stringify(newNetwork(shape, 3))).classes, 4, 'one more, that stands for none');
  }
  assert.throws(() => shapeOf('{"in_channels":4,"sample_size":32}'), /does not draw square pictures in grey or colour/);
  const near = [true, false, true].map((copy) => ({ index: 0, copy }));
  assert.match(wordsOn(12, near), /^2 of 3 samples are copies: .* The 12 pictures are being learned by heart\.$/);
  assert.match(wordsOn(12, [near[0], near[2]]), /^All 2 samples are copies/);
  assert.match(wordsOn(12, [near[1]]), /^12 pictures are few/);
  assert.equal(wordsOn(1000, [near[1]]), '');
});

test('60 pictures, from nothing to a model that Generate uses after a reload', async (t) => {
  const demo = await withSquares(t, 60, 'size=8&train_steps=60&train_batch=8');
  assert.equal(await demo.get('train-remark').innerText(), '60 pictures, 8 × 8, grey.');
  await demo.get('train-run').click();
  await demo.until('done');
  assert.equal(await demo.status(), 'Trained: 60 steps on 60 pictures.');
  assert.match(await demo.get('figures').innerText(), /^step 60 of 60 · [\d.]+ steps\/s · loss \d\.\d{3}$/);
  assert.match(await demo.get('train-note').innerText(), /60 pictures/);
  assert.equal(new Set(await pixels(demo)).size, 6, 'six samples');
  assert.equal((await pixels(demo, 'train-nearest')).length, 6);
  await demo.get('train-plot').locator('summary').click();
  await demo.page.waitForFunction(() => document.querySelectorAll('[data-testid="train-plot"] tbody tr').length === 60);
  const losses = (await demo.get('train-plot').locator('tbody tr').allInnerTexts()).map((row) => Number(row.split('\t')[1]));
  const mean = (/** @type {number[]} */ values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  assert.ok(mean(losses.slice(-15)) < 0.7 * mean(losses.slice(0, 5)), losses.join());

  await reload(demo);
  await demo.page.goto('about:blank');
  await demo.page.goto(`${demo.requests[0].replace('GET ', '')}#view=generate&device=cpu&model=mine&steps=3&batch=2&pace=fast`);
  await demo.until('ready');
  assert.deepEqual(await demo.notices(), []);
  await demo.generate();
  const made = await demo.pixels();
  assert.deepEqual(made.map(({ length }) => length), [256, 256]);
  assert.notDeepEqual(made[0], made[1]);
  await demo.page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await demo.get('copy').click();
  await says(demo, 'notice', /^The link has the settings, but not your own model: elsewhere it opens with another one\./);
  for (const view of ['model', 'forward']) {
    await demo.visit(view);
  }
  assert.deepEqual(demo.errors, []);
});

test('on the graphics card, from nothing to a model that Generate uses there', async (t) => {
  // Chromium's software adapter takes seconds for the kernels of a run, and then a second for a step.
  const demo = await open(t, { flags: 'swiftShader', hash: 'view=train&device=webgpu&size=8&train_steps=2&train_batch=2' });
  await demo.until('ready');
  await says(demo, 'train-remark', /^12 samples/);
  await demo.get('train-files').setInputFiles(squares(6));
  await says(demo, 'train-remark', /^6 pictures/);
  await demo.get('train-run').click();
  await demo.until('done');
  assert.equal(await demo.status(), 'Trained: 2 steps on 6 pictures.');
  assert.equal(new Set(await pixels(demo)).size, 6, 'six samples');
  const packages = demo.requests.filter((request) => /pkg\/training\/.*\.wasm$/.test(request));
  assert.ok(packages.length > 0 && packages.every((request) => request.includes('/webgpu/')), packages.join());

  await demo.page.goto(`${demo.requests[0].replace('GET ', '')}#view=generate&device=webgpu&model=mine&steps=1&batch=2&pace=fast`);
  await demo.page.reload();
  await demo.until('ready');
  await demo.generate();
  assert.deepEqual((await demo.pixels()).map(({ length }) => length), [256, 256]);
  assert.deepEqual(demo.errors, []);
});

test('one step, go on, stop; a reload goes on from there, and the pictures are there', async (t) => {
  const demo = await withSquares(t, 20, 'size=8&lr=0.0005');
  await demo.get('train-step').click();
  await demo.until('done');
  assert.equal(await demo.status(), 'One step more: it is at step 1.');
  for (const name of ['size', 'seed', 'dice', 'train-files']) assert.ok(await demo.get(name).isDisabled(), `a run keeps the ${name} that it began with`);
  await demo.get('train-step').click();
  await demo.page.waitForFunction(() => document.querySelector('[data-testid="status"]')?.textContent === 'One step more: it is at step 2.');
  await demo.get('train-run').click();
  await demo.untilStep(6);
  const atStop = await demo.page.evaluate(() => {
    /** @type {HTMLElement} */ (document.querySelector('[data-testid="train-stop"]')).click();
    return Number(document.querySelector('[data-testid="status"]')?.getAttribute('data-step'));
  });
  await demo.until('stopped');
  const stopped = await step(demo);
  assert.ok(stopped - atStop <= 1, `stopped at step ${atStop}, ended at ${stopped}`);
  assert.equal(await demo.status(), `Stopped after step ${stopped}; go on whenever you like.`);

  // Also from another view, whose address says nothing of training.
  await demo.visit('generate');
  await reload(demo);
  await demo.visit('train');
  await says(demo, 'train-note', new RegExp(`A run on 20 pictures is kept in this browser, at step ${stopped} of 1,000`));
  assert.equal(await demo.get('train-run').innerText(), 'Go on');
  await says(demo, 'train-remark', /^20 pictures, 8 × 8, grey/);
  await demo.holds('lr', '0.0005');
  await demo.get('train-step').click();
  await demo.until('done');
  assert.equal(await demo.status(), `One step more: it is at step ${stopped + 1}.`);

  await demo.get('train-over').click();
  assert.equal(await demo.get('train-run').innerText(), 'Train');
  await reload(demo);
  await says(demo, 'train-remark', /^12 samples/);
  assert.equal(await demo.get('train-run').innerText(), 'Train');
  assert.deepEqual(demo.errors, []);
});

test('of two tabs each has a model of its own, and the one that began last has the run that is kept', async (t) => {
  const first = await withSquares(t, 4, 'size=8&train_steps=100000');
  const second = new Demo(await first.page.context().newPage());
  await second.page.goto(first.page.url());
  await second.until('ready');
  await says(second, 'train-remark', /^12 samples/);
  await second.get('train-files').setInputFiles(squares(3));
  await says(second, 'train-remark', /^3 pictures/);
  // The second begins before anything of the first one's model is kept.
  for (const demo of [first, second]) {
    await demo.get('train-run').click();
    await demo.untilStep(1);
  }
  for (const demo of [first, second]) {
    await demo.get('train-stop').click();
    await demo.until('stopped');
  }
  await says(first, 'notice', /another tab of this page keeps its run/);
  const at = (await step(second)).toLocaleString('en');
  await reload(second);
  await says(second, 'train-note', new RegExp(`^A run on 3 pictures is kept in this browser, at step ${at} of 100,000`));
  const models = await second.get('from').locator('option').allInnerTexts();
  assert.deepEqual(models.filter((name) => name.startsWith('Mine')), ['Mine, 8×8', 'Mine 2, 8×8']);
  assert.deepEqual([...first.errors, ...second.errors], []);
});

test('the model is used, downloaded as three files in a zip, and deleted', async (t) => {
  const demo = await withSquares(t, 5, 'size=8&train_steps=2&flips=mirror');
  await demo.get('train-run').click();
  await demo.until('done');
  const [saved] = await Promise.all([demo.page.waitForEvent('download'), demo.get('train-download').click()]);
  assert.equal(saved.suggestedFilename(), 'mine.zip');
  const bytes = await readFile(await saved.path());
  const files = unzipped(bytes);
  assert.deepEqual([...files.keys()], ['mine/config.json', 'mine/scheduler_config.json', 'mine/diffusion_pytorch_model.safetensors']);
  for (const [name, body] of files) {
    if (name.endsWith('config.json')) JSON.parse(body.toString('utf8'));
    else assert.ok(body.readBigUInt64LE(0) < 100_000n, 'the header of a .safetensors file');
  }

  // As a page it is what `ddim-web publish` makes of these files, with the same pictures and the same words.
  const [page] = await Promise.all([demo.page.waitForEvent('download'), demo.get('train-page').click()]);
  assert.equal(page.suggestedFilename(), 'mine-page.zip');
  const zip = await readFile(await page.path());
  const made = unzipped(zip);
  const folder = await mkdtemp(join(tmpdir(), 'mine-'));
  t.after(() => rm(folder, { recursive: true }));
  await mkdir(join(folder, 'mine'));
  for (const [name, body] of files) await writeFile(join(folder, name), body);
  await writeFile(join(folder, 'mine/preview.png'), made.get('mine/www/models/mine/preview.png') ?? '');
  const [{ note }] = JSON.parse(made.get('mine/www/models/index.json')?.toString() ?? '');
  assert.match(note, /^Trained in this browser: 2 steps on 5 pictures/);
  await writeFile(join(folder, 'index.json'), JSON.stringify([{ id: 'mine', name: 'Mine, 8×8', path: 'mine/', note }]));
  await ddimWeb('publish', '--quiet', join(folder, 'mine'), join(folder, 'site'), '--page', ROOT);
  await isPublished(demo.page, zip, 'mine/', join(folder, 'site'), true);

  await demo.get('train-use').click();
  await demo.shows('generate');
  await demo.until('ready');
  assert.equal(await demo.get('model').inputValue(), 'mine');
  assert.equal(await demo.page.locator('#model-name').innerText(), 'Mine, 8×8');

  await demo.visit('train');
  await demo.get('train-delete').click();
  await says(demo, 'train-said', /^Mine, 8×8 is deleted\.$/);
  await demo.page.waitForFunction(() => document.getElementById('model-name')?.textContent !== 'Mine, 8×8');
  await demo.until('ready');
  await reload(demo);
  assert.ok(!(await demo.get('from').locator('option').allInnerTexts()).includes('Mine, 8×8'));
  assert.deepEqual(demo.errors, []);
});

test('from a model that ships: its size and colours, and the pictures that it draws already', async (t) => {
  const demo = await withSquares(t, 6, 'from=fashion-mnist&size=8&colours=colour&train_steps=1&train_batch=2');
  await says(demo, 'train-remark', /^6 pictures, 32 × 32, grey/);
  assert.ok((await demo.get('size').isDisabled()) && (await demo.get('colours').isDisabled()));
  await demo.get('train-run').click();
  await demo.until('done');
  assert.equal(await demo.status(), 'Trained: 1 step on 6 pictures.');
  const loss = Number(/loss ([\d.]+)$/.exec(await demo.get('figures').innerText())?.[1]);
  assert.ok(loss < 0.5, `a network that knows nothing has a loss near 1, this one ${loss}`);
  // Deleted where all that the browser keeps is, it is gone from every list.
  await demo.visit('model');
  await demo.get('model-option-mine').waitFor();
  await demo.get('model-delete-own').click();
  await says(demo, 'model-kept-said', /^Mine, 32×32 is deleted; nobody else has it\.$/);
  assert.equal(await demo.get('model-option-mine').count(), 0);
  assert.deepEqual(demo.errors, []);
});

test('bad input: no pictures, one, what is no picture; each is one sentence, and the next run works', async (t) => {
  const demo = await open(t, { hash: `${VIEW}&size=8&train_steps=1` });
  await demo.until('ready');
  await says(demo, 'train-remark', /^12 samples/);
  await demo.get('train-clear').click();
  await says(demo, 'train-remark', /^There is none yet/);
  await demo.get('train-run').click();
  await demo.recovers('error');
  assert.equal(await demo.status(), 'There are no pictures to learn from: choose, drop, paste or draw some.');

  await demo.get('train-files').setInputFiles([file('a.png', 'just a text'), file('b.png', ''), file('c.png', 'more text'), square(1)]);
  await says(demo, 'train-left-out', /^Left out: “a\.png” is no picture .*\. “b\.png” is empty: it has 0 bytes\. 1 more file could not be used either\.$/);
  await demo.get('train-run').click();
  await says(demo, 'status', /^One picture is not enough/);

  // Of every size and kind, and one that is drawn.
  await demo.get('train-files').setInputFiles([file('two.gif', GIF), file('wide.png', png(90, 30, { type: 2, row: Buffer.alloc(270, 90) }))]);
  await says(demo, 'train-remark', /^3 pictures/);
  await demo.get('train-draw').click();
  await demo.get('train-pad').click();
  await demo.get('train-pad-use').click();
  await says(demo, 'train-remark', /^4 pictures/);
  await demo.get('train-pad-close').click();
  await demo.get('train-thumbs').locator('button').first().click();
  await says(demo, 'train-remark', /^3 pictures/);

  await demo.page.evaluate(() => (location.hash = 'view=train&device=cpu&size=8&train_steps=1&lr=0'));
  await says(demo, 'notice', /lr=0/);
  await demo.get('train-run').click();
  await demo.recovers('done');
  assert.equal(await demo.status(), 'Trained: 1 step on 3 pictures.');
  assert.deepEqual(demo.errors, []);
});

test('storage that is full or forbidden is one sentence, and the run goes on', async (t) => {
  const demo = await withSquares(t, 4, 'size=8&train_steps=2', {
    prepare: (/** @type {import('playwright-core').BrowserContext} */ context) =>
      context.addInitScript(() => {
        IDBObjectStore.prototype.put = () => {
          throw new DOMException('no room', 'QuotaExceededError');
        };
      }),
  });
  await demo.get('train-run').click();
  await demo.until('done');
  const notices = (await demo.notices()).filter((notice) => !/graphics|WebGPU/.test(notice));
  assert.equal(notices.length, 1, notices.join());
  assert.match(notices[0], /^The run could not be kept \(the storage of this browser is full\): it goes on, but a reload would lose it\./);
  await demo.get('train-use').click();
  await demo.shows('generate');
  await demo.until('ready');
  assert.equal(await demo.get('model').inputValue(), 'mine');
  assert.deepEqual(demo.errors, []);
});

test('a trainer that breaks or diverges in the middle: one sentence, and it goes on from where it was kept last', async (t) => {
  const demo = await withSquares(t, 4, 'size=8&train_steps=4', {
    prepare: (/** @type {import('playwright-core').BrowserContext} */ context) =>
      context.route('**/pkg/training/**/ddim_web.js', async (route) => {
        const response = await route.fetch();
        const breaking = `
          let error = null;
          new BroadcastChannel('break').onmessage = ({ data }) =>
            (error = data === 'crash' ? new WebAssembly.RuntimeError('unreachable') : Object.assign(new Error('as it was told'), { kind: data }));
          for (const name of ['part', 'step']) {
            const original = Trainer.prototype[name];
            Trainer.prototype[name] = function (...args) {
              if (error) throw error;
              return original.apply(this, args);
            };
          }`;
        await route.fulfill({ response, body: `${await response.text()}${breaking}` });
      }),
  });
  await demo.get('train-step').click();
  await demo.until('done');
  const fail = (/** @type {string} */ how) => demo.page.evaluate((message) => new BroadcastChannel('break').postMessage(message), how);
  await fail('crash');
  await demo.get('train-run').click();
  await demo.recovers('error');
  assert.equal(await demo.status(), 'The training broke off (it stopped without a word, as it does without memory); it can go on from where it was kept last.');
  await demo.get('train-run').click();
  await demo.recovers('done');
  assert.equal(await demo.status(), 'Trained: 4 steps on 4 pictures.');

  await fail('diverged');
  await demo.get('train-run').click();
  await demo.recovers('error');
  assert.match(await demo.status(), /^Step \d gave numbers that are not finite\. Choose a smaller learning rate and go on: it continues from where it was kept last\.$/);
  await demo.get('lr').fill('0.0005');
  await demo.get('train-run').click();
  await demo.recovers('done');
  assert.equal(await demo.status(), 'Trained: 8 steps on 4 pictures.');

  await fail('lost');
  await demo.get('train-run').click();
  await demo.recovers('done');
  assert.equal(await demo.status(), 'Trained: 12 steps on 4 pictures.');
  assert.match((await demo.notices()).join(), /The graphics card was lost and found again; the run went on from step 8, where it was kept last\./);
});

/** A folder with a folder of pictures for each class. @param {import('node:test').TestContext} t @param {Record<string, number>} classes  how many of each */
async function folderOf(t, classes) {
  const root = await mkdtemp(join(tmpdir(), 'pets-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  for (const [name, count] of Object.entries(classes)) {
    await mkdir(join(root, name));
    for (let n = 0; n < count; n++) await writeFile(join(root, name, `${n}.png`), square(n + name.length).buffer);
  }
  return root;
}

test('pictures in several folders: the network is told them, samples are of each, and the model is asked for one by its name', async (t) => {
  const demo = await open(t, { hash: `${VIEW}&size=8&train_steps=3&train_batch=4&flips=mirror` });
  await demo.until('ready');
  await says(demo, 'train-remark', /^12 samples/);
  assert.ok(await demo.get('kinds').isDisabled(), 'there is nothing to tell apart');
  assert.equal(await demo.get('train-kinds').isVisible(), false);
  await demo.get('train-folder').setInputFiles(await folderOf(t, { cats: 3, 'big dogs': 5 }));
  await says(demo, 'train-remark', /^8 pictures/);
  const table = () => demo.get('train-kinds').locator('tbody tr').allInnerTexts();
  await demo.get('train-kinds').waitFor();
  assert.deepEqual(await table(), ['big dogs\t5', 'cats\t3']);
  assert.equal(await demo.get('kinds').inputValue(), 'folders');
  await demo.get('train-run').click();
  await demo.until('done');
  const names = await demo.get('train-class').allInnerTexts();
  assert.deepEqual(names, ['big dogs', 'cats', 'big dogs', 'cats', 'big dogs', 'cats']);
  assert.match((await demo.get('train-canvas').nth(1).getAttribute('aria-label')) ?? '', /^Sample 2, cats, after step 3$/);
  assert.equal(new Set(await pixels(demo)).size, 6);

  const [saved] = await Promise.all([demo.page.waitForEvent('download'), demo.get('train-download').click()]);
  const files = unzipped(await readFile(await saved.path()));
  assert.deepEqual(JSON.parse(String(files.get('mine/class_labels.json'))), { label2id: { 'big dogs': 0, cats: 1 }, null_class_id: 2 });
  assert.equal(JSON.parse(String(files.get('mine/config.json'))).num_class_embeds, 3);

  await reload(demo);
  await says(demo, 'train-note', /A run on 8 pictures is kept in this browser, at step 3/);
  await demo.get('train-kinds').waitFor();
  assert.deepEqual(await table(), ['big dogs\t5', 'cats\t3']);
  await demo.get('train-step').click();
  await demo.until('done');
  assert.equal(await demo.status(), 'One step more: it is at step 4.');

  await demo.get('train-use').click();
  await demo.shows('generate');
  await demo.until('ready');
  assert.deepEqual(await demo.get('label').locator('option').allInnerTexts(), ['big dogs', 'cats', 'any']);
  assert.ok(await demo.get('guidance').isVisible());

  // Without being told, it is a network like any other.
  await demo.visit('train');
  await demo.get('train-over').click();
  await demo.get('kinds').selectOption('none');
  await demo.get('train-step').click();
  await demo.until('done');
  assert.equal(await demo.get('train-class').first().isVisible(), false);

  // A model that knows none learns them.
  await demo.get('train-over').click();
  await demo.get('from').selectOption('avatars');
  await demo.get('kinds').selectOption('folders');
  await demo.get('train-step').click();
  await demo.until('done');
  assert.deepEqual((await demo.get('train-class').allInnerTexts()).slice(0, 2), ['big dogs', 'cats']);
  assert.deepEqual(demo.errors, []);
});

test('no task of the page takes longer than 50 ms while it trains; it goes on in another view', async (t) => {
  const demo = await withSquares(t, 60, 'size=8&steps=1&batch=1');
  // A run that was made by hand, and waits for nothing any more.
  await demo.visit('generate');
  await demo.get('step').click();
  await demo.until('done');
  await demo.visit('train');
  await demo.get('train-run').click();
  await demo.untilStep(3);
  await demo.page.evaluate(() => {
    /** @type {number[]} */
    const tasks = [];
    Object.assign(globalThis, { tasks });
    new PerformanceObserver((list) => tasks.push(...list.getEntries().map(({ duration }) => duration))).observe({ type: 'longtask' });
  });
  await says(demo, 'train-note', /./);
  await demo.page.locator('.pair:not(.empty)').first().waitFor();
  const tasks = await demo.page.evaluate(() => /** @type {any} */ (globalThis).tasks);
  // On a busy machine anything may take long once.
  assert.ok(tasks.length <= 1, tasks.join());
  await demo.visit('generate');
  assert.ok(await demo.get('generate').isDisabled());
  await demo.visit('compare');
  await demo.get('preset-race').check();
  await says(demo, 'compare-note', /DDPM goes down/);
  await demo.visit('model');
  await demo.get('model-option-mine').waitFor();
  await demo.get('model-delete-own').click();
  await says(demo, 'model-kept-said', /^Mine, 8×8 is not deleted: a run is under way/);
  const before = await step(demo);
  await demo.untilStep(before + 3);
  await demo.get('model-stop').click();
  await demo.until('stopped');
  assert.deepEqual(demo.errors, []);
});
