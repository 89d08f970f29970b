// Downloads: broken weights in every way that happens, byte progress, and the cache.

import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { ROOT } from './demo.mjs';
import { SCHEDULER, open, schedulerWith } from './helpers.mjs';

const FILE = 'diffusion_pytorch_model.safetensors';
const PATTERN = `**/${FILE}`;
const weights = await readFile(join(ROOT, 'www/models/fashion-mnist', FILE));

/** The file with every number replaced by NaN (f16). */
function withNan() {
  const copy = Buffer.from(weights);
  const data = 8 + Number(copy.readBigUInt64LE(0));
  for (let i = data; i + 1 < copy.length; i += 2) copy.writeUInt16LE(0x7e00, i);
  return copy;
}

/** The file with a header that claims to be 2^60 bytes long. */
function withHugeHeader() {
  const copy = Buffer.from(weights);
  copy.writeBigUInt64LE(1n << 60n, 0);
  return copy;
}

/** What the server answers, and what the page says then. @type {Record<string, [{body: string|Buffer, status?: number, contentType?: string}, RegExp]>} */
const broken = {
  'half a file': [{ body: weights.subarray(0, weights.length >> 1) }, /could not be loaded \(weights: .*reload it/],
  'a header of 2^60 bytes': [{ body: withHugeHeader() }, /could not be loaded \(weights: .*reload it/],
  'an empty file': [{ body: Buffer.alloc(0) }, /could not be loaded \(weights: .*reload it/],
  'a web page with status 200': [{ contentType: 'text/html', body: '<!doctype html><title>Oops</title>' }, /sent a web page/],
  'a web page in disguise': [{ contentType: 'application/octet-stream', body: '\n<html>Oops</html>' }, /sent a web page/],
  'status 404': [{ status: 404, body: 'gone' }, /safetensors failed: the file is not there \(HTTP 404\)/],
  'status 500': [{ status: 500, body: 'oops' }, /safetensors failed: .*\(HTTP 500\)/],
  'numbers that are NaN': [{ body: withNan() }, /could not be loaded \(weights: .* expected finite numbers, found NaN.*reload it/],
};

/** A list whose files are known by nothing, so that any file is read. @param {import('playwright-core').BrowserContext} context */
async function knowNoSums(context) {
  await context.route('**/models/index.json', async (route) => {
    const response = await route.fetch();
    const list = await response.json();
    await route.fulfill({ response, json: list.map((/** @type {object} */ entry) => ({ ...entry, sha256: undefined })) });
  });
}

test('where weights are missing, another form of them that is beside them is named', async (t) => {
  const demo = await open(t, {
    prepare: async (context) => {
      await knowNoSums(context);
      await context.route(PATTERN, (route) => route.fulfill({ status: 404, body: 'gone' }));
      await context.route('**/diffusion_pytorch_model.bin', (route) => route.fulfill({ body: 'PK' }));
    },
  });
  await demo.until('error');
  assert.match(await demo.status(), /HTTP 404.* diffusion_pytorch_model\.bin is beside it: save the model as one file/);
});

for (const [what, [answer, message]] of Object.entries(broken)) {
  test(`${what} instead of weights: a sentence, and the page stays usable`, async (t) => {
    const demo = await open(t, {
      prepare: async (context) => {
        await knowNoSums(context);
        await context.route(PATTERN, (route) => route.fulfill(answer));
      },
    });
    if ((await demo.until('error', 'ready')) === 'ready') await demo.get('generate').click();
    await demo.until('error');
    const status = await demo.status();
    assert.match(status, message);
    assert.ok(!status.includes('\n'), 'one line');

    await demo.page.context().unrouteAll();
    await demo.page.reload();
    await demo.until('ready');
    await demo.generate();
  });
}

test('another file than the list of models names is refused, and a kept copy that was changed is not used', async (t) => {
  const changed = Buffer.from(weights);
  changed[changed.length - 1] ^= 1;
  const demo = await open(t, { prepare: (context) => context.route(PATTERN, (route) => route.fulfill({ body: changed })) });
  await demo.until('error');
  assert.match(await demo.status(), /safetensors is not the file that the list of models names \(its SHA-256 is another one\)/);
  await demo.page.context().unrouteAll();
  await demo.page.reload();
  await demo.until('ready');

  // A page of the same origin writes into the cache, with everything that makes a copy look current.
  await demo.page.evaluate(async () => {
    const cache = await caches.open('ddim-web-weights');
    const [request] = await cache.keys();
    const copy = /** @type {Response} */ (await cache.match(request));
    const bytes = new Uint8Array(await copy.arrayBuffer());
    bytes[bytes.length - 1] ^= 1;
    await cache.put(request, new Response(bytes, { headers: copy.headers }));
  });
  const before = demo.requests.filter((request) => /^GET .*\.safetensors$/.test(request)).length;
  await demo.page.reload();
  await demo.until('ready');
  assert.equal(demo.requests.filter((request) => /^GET .*\.safetensors$/.test(request)).length, before + 1);
  await demo.generate();
});

test('a connection that breaks is told, and Generate tries again', async (t) => {
  const demo = await open(t, { prepare: (context) => context.route(PATTERN, (route) => route.abort('connectionreset')) });
  await demo.until('error');
  assert.match(await demo.status(), /safetensors failed; check the connection/);
  await demo.page.context().unrouteAll();
  await demo.get('generate').click();
  await demo.recovers('done');
});

test('a broken config.json is named', async (t) => {
  const demo = await open(t, {
    prepare: (context) => context.route('**/fashion-mnist/config.json', (route) => route.fulfill({ body: '<!doctype html>' })),
  });
  await demo.until('error');
  assert.match(await demo.status(), /config\.json is not valid JSON but a web page/);
});

/** @type {[string, (context: import('playwright-core').BrowserContext) => Promise<unknown>, RegExp][]} */
const schedulers = [
  ['another kind of scheduler', schedulerWith({ _class_name: 'ScoreSdeVeScheduler' }), /_class_name: expected .*DDIMScheduler.*, found "ScoreSdeVeScheduler"/],
  ['null', (context) => context.route(SCHEDULER, (route) => route.fulfill({ body: 'null' })), /scheduler_config\.json: not a JSON object/],
  ['no training steps', schedulerWith({ num_train_timesteps: 0 }), /num_train_timesteps.*found 0/],
  ['text for a number', schedulerWith({ beta_start: 'small' }), /scheduler_config\.json: beta_start: expected a number, found "small"/],
];

for (const [what, prepare, message] of schedulers) {
  test(`a scheduler_config.json with ${what} is an error at load, and the page stays usable`, async (t) => {
    const demo = await open(t, { prepare });
    await demo.until('error');
    const status = await demo.status();
    assert.match(status, /^The model could not be loaded \(.*\)\.$/);
    assert.match(status, message);
    await demo.page.context().unrouteAll();
    await demo.get('generate').click();
    await demo.recovers('done');
  });
}

test('unknown keys of both files of a model are named, each with its file', async (t) => {
  const demo = await open(t, {
    prepare: async (context) => {
      await schedulerWith({ foo: 1 })(context);
      await context.route('**/fashion-mnist/config.json', async (route) => {
        const response = await route.fetch();
        const extra = Object.fromEntries(['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((key) => [`key_${key}`, 1]));
        await route.fulfill({ response, json: { ...(await response.json()), ...extra } });
      });
    },
  });
  await demo.until('ready');
  assert.deepEqual((await demo.notices()).map((text) => text.replace(/\s*×$/, '')), [
    'Ignored in config.json: key_a, key_b, key_c, key_d, key_e, key_f and 1 more.',
    'Ignored in scheduler_config.json: foo.',
  ]);
  await demo.generate();
});

test('the number of steps is limited by the model, above 1000 too', async (t) => {
  const demo = await open(t, { prepare: schedulerWith({ num_train_timesteps: 4000 }), hash: 'device=cpu&steps=5000&batch=1' });
  await demo.until('ready');
  await demo.get('generate').click();
  await demo.until('error');
  assert.equal(await demo.status(), 'Steps (S) must be a whole number from 1 to 4000; “5000” is not.');
  await demo.get('steps').fill('4000');
  await demo.get('generate').click();
  await demo.untilStep(1);
  assert.match(await demo.get('figures').innerText(), /^Step \d+ of 4000 · t = 39\d\d /);
  await demo.get('stop').click();
  await demo.recovers('stopped');
});

test('the download tells how many bytes there are and counts up to them', async (t) => {
  const pieces = 10;
  const demo = await open(t, {
    prepare: (context) =>
      context.addInitScript((count) => {
        // How many pieces a browser makes of a body is its own choice; these are counted.
        const whole = globalThis.fetch;
        globalThis.fetch = async (...asked) => {
          const response = await whole(...asked);
          if (!String(asked[0]).endsWith('.safetensors') || !response.body) return response;
          const bytes = new Uint8Array(await response.arrayBuffer());
          const step = Math.ceil(bytes.length / count);
          let at = 0;
          const body = new ReadableStream({
            async pull(controller) {
              await new Promise(requestAnimationFrame);
              if (at < bytes.length) controller.enqueue(bytes.subarray(at, (at += step)));
              else controller.close();
            },
          });
          return new Response(body, response);
        };
        /** @type {{figures: string, value: number, max: number}[]} */
        const seen = [];
        Object.assign(globalThis, { seen });
        new MutationObserver(() => {
          const figures = document.querySelector('[data-testid="figures"]')?.textContent ?? '';
          const progress = document.querySelector('[data-testid="progress"]');
          if (!(progress instanceof HTMLProgressElement)) return;
          const { value, max } = progress;
          if (/ MB$/.test(figures) && seen.at(-1)?.value !== value) seen.push({ figures, value, max });
        }).observe(document, { subtree: true, childList: true, characterData: true, attributeFilter: ['value'] });
      }, pieces),
  });
  await demo.until('ready');
  /** @type {{figures: string, value: number, max: number}[]} */
  const seen = await demo.page.evaluate('seen');
  const { size: engineSize } = await stat(join(ROOT, 'pkg/cpu/relaxed/ddim_web_bg.wasm'));
  const total = engineSize + weights.length;
  const megabytes = (total / 1e6).toFixed(1);
  assert.ok(seen.length >= pieces, `only ${seen.length} signs of progress`);
  assert.deepEqual(seen.at(-1), { figures: `${megabytes} of ${megabytes} MB`, value: total, max: total });
  for (let i = 1; i < seen.length; i++) assert.ok(seen[i].value > seen[i - 1].value, JSON.stringify(seen.slice(i - 1, i + 1)));
});

test('the second visit takes the weights from the cache, and new weights on the server replace them, whatever their date', async (t) => {
  let tag = '"first"';
  let downloads = 0;
  const prepare = (/** @type {import('playwright-core').BrowserContext} */ context) =>
    context.route(PATTERN, async (route) => {
      const head = route.request().method() === 'HEAD';
      if (!head) downloads += 1;
      await route.fulfill({ headers: { etag: tag, 'last-modified': 'Sat, 01 Jan 2000 00:00:00 GMT' }, body: head ? '' : weights });
    });
  const demo = await open(t, { prepare });
  await demo.until('ready');
  await demo.page.reload();
  await demo.until('ready');
  assert.equal(downloads, 1);
  await demo.generate();
  tag = '"second"';
  await demo.page.reload();
  await demo.until('ready');
  assert.equal(downloads, 2);
});

test('a cache that cannot be used is not an error', async (t) => {
  const demo = await open(t, {
    prepare: (context) =>
      context.route('**/www/engine/weights.js', async (route) => {
        const response = await route.fetch();
        const refuse = "Cache.prototype.put = () => Promise.reject(new DOMException('full', 'QuotaExceededError'));\n";
        await route.fulfill({ response, body: refuse + (await response.text()) });
      }),
  });
  await demo.until('ready');
  await demo.generate();
  assert.deepEqual(demo.errors, []);
});
