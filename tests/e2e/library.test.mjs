// The engine as a library: what another page gets from www/engine and from pkg/, without this page.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { ROOT } from './demo.mjs';
import { address, cores, emptyPage } from './helpers.mjs';

test('two requests at once, on several workers: both end, with the pictures of their own seeds', async (t) => {
  const page = await emptyPage(t, { prepare: cores(3) });
  const pictures = await page.evaluate(async () => {
    /** @type {typeof import('../../www/engine/client.js')} */
    const { Client } = await import(new URL('www/engine/client.js', location.href).href);
    const client = new Client(() => {});
    await client.load(new URL('www/models/fashion-mnist/', location.href), { device: 'cpu', engine: 'plan', storage: 'f32' });
    /** @param {number} seed @param {number} batch */
    const ask = (seed, batch) => {
      /** @type {number[][]} */
      const steps = [];
      const run = client.sample({ seed, batch, steps: 3 }, (event) => event.type === 'step' && steps.push([...event.x0]));
      return run.ended.then((end) => ({ ...end, steps }));
    };
    const together = await Promise.all([ask(1, 3), ask(2, 2), ask(1, 3)]);
    const alone = [await ask(1, 3), await ask(2, 2)];
    client.terminate();
    return { together, alone };
  });
  const [first, second, third] = pictures.together;
  assert.deepEqual(pictures.alone, [first, second]);
  assert.deepEqual(third, first);
  assert.deepEqual([first, second].map(({ stopped, steps }) => [stopped, steps.length, steps[0].length]), [[false, 3, 3 * 1024], [false, 3, 2 * 1024]]);
});

test('a request that is stopped ends alone; one that is under way when the client ends fails with that, as does its loading', async (t) => {
  const page = await emptyPage(t, { prepare: cores(2) });
  const ends = await page.evaluate(async () => {
    /** @type {typeof import('../../www/engine/client.js')} */
    const { Client } = await import(new URL('www/engine/client.js', location.href).href);
    const client = new Client(() => {});
    await client.load(new URL('www/models/fashion-mnist/', location.href), { device: 'cpu', engine: 'plan', storage: 'f32' });
    const long = { batch: 2, steps: 1000 };
    const stopped = client.sample(long, () => {});
    const short = client.sample({ batch: 2, steps: 1 }, () => {});
    stopped.stop();
    const first = [await stopped.ended, await short.ended];
    const running = [client.sample(long, () => {}), client.sample(long, () => {})];
    const failures = Promise.all(running.map(({ ended }) => ended.then(() => 'none', ({ kind }) => kind)));
    client.terminate();
    const after = await client.sample(long, () => {}).ended.then(() => 'none', ({ kind }) => kind);

    // Ended while the weights that it has loaded are being kept.
    await caches.delete('ddim-web-weights');
    /** @type {string[]} */
    const heard = [];
    const other = new Client(({ type }) => heard.push(type));
    Cache.prototype.put = async () => {
      other.terminate();
      heard.length = 0;
    };
    const loading = other.load(new URL('www/models/fashion-mnist/', location.href), { device: 'cpu', engine: 'plan', storage: 'f32' });
    const whileKept = await loading.then(() => 'none', ({ kind }) => kind);
    const told = first.map(({ stopped, values }) => ({ stopped, finite: values?.length === 2048 && values.every(Number.isFinite) }));
    return [...told, ...(await failures), after, whileKept, ...heard];
  });
  assert.deepEqual(ends, [{ stopped: true, finite: true }, { stopped: false, finite: true }, 'ended', 'ended', 'ended', 'ended']);
});

test('failures have a kind, from the package through the worker to whoever asked', async (t) => {
  /** What is served in place of the model's files. @type {Record<string, string>} */
  const files = {};
  const page = await emptyPage(t, {
    prepare: async (context) => {
      await context.route('**/www/models/fashion-mnist/*', (route) => {
        const name = new URL(route.request().url()).pathname.split('/').at(-1) ?? '';
        return name in files ? route.fulfill({ body: files[name] }) : route.continue();
      });
      await context.route('**/www/models/moved/*', (route) => route.fulfill({ status: 302, headers: { location: 'https://elsewhere.example/' } }));
      await context.route('**/www/models/lost/*', (route) => route.abort());
    },
  });
  /** @param {object} options @param {string} [folder] @returns {Promise<{kind: string, message: string}|null>} */
  const failureOf = (options, folder = 'www/models/fashion-mnist/') =>
    page.evaluate(async ([sampling, from]) => {
      /** @type {typeof import('../../www/engine/client.js')} */
      const { Client } = await import(new URL('www/engine/client.js', location.href).href);
      const client = new Client(() => {});
      try {
        await client.load(new URL(from, location.href), { device: 'cpu', engine: 'plan', storage: 'f32' });
        await client.sample({ batch: 1, steps: 1, ...sampling }, () => {}).ended;
        return null;
      } catch (error) {
        const { kind, message } = /** @type {import('../../www/engine/errors.js').Failure} */ (error);
        return { kind, message };
      } finally {
        client.terminate();
      }
    }, /** @type {const} */ ([options, folder]));

  assert.equal(await failureOf({}), null);
  assert.equal((await failureOf({ steps: 0 }))?.kind, 'options');
  assert.equal((await failureOf({ tau: 'sideways' }))?.kind, 'options');
  assert.equal((await failureOf({ size: [30, 30] }))?.kind, 'input');
  for (const [file, text, kind] of [
    ['config.json', '{}', 'config'],
    ['scheduler_config.json', '{"beta_start": "small"}', 'scheduler'],
    ['diffusion_pytorch_model.safetensors', 'PK', 'weights'],
    ['config.json', '<html>', 'download'],
  ]) {
    files[file] = text;
    const failure = await failureOf({});
    assert.equal(failure?.kind, kind, `${file}: ${failure?.message}`);
    delete files[file];
  }

  const { origin } = new URL(await address());
  const elsewhere = 'https://elsewhere.example/model/';
  /** @param {string} folder @param {RegExp} sentence @param {string} named  what is told of the address */
  const failsWith = async (folder, sentence, named) => {
    const { kind, message = '' } = (await failureOf({}, folder)) ?? {};
    assert.equal(kind, 'download');
    assert.match(message, sentence);
    assert.ok(message.includes(named), message);
  };
  await failsWith('www/models/fashion-mnist', /the file is not there \(HTTP 404\), at /, `${origin}/www/models/`); // no slash at its end
  await page.evaluate(() => {
    const policy = Object.assign(document.createElement('meta'), { httpEquiv: 'Content-Security-Policy', content: "connect-src 'self'" });
    document.head.append(policy);
  });
  await failsWith(elsewhere, /: the policy of this page \(.*connect-src\) does not allow the address /, elsewhere);
  await failsWith('www/models/moved/', /: the policy of this page \(.*connect-src\) does not allow the address /, `${origin}/www/models/moved/`);
  await failsWith('www/models/lost/', /failed; check the connection and try again\.$/, '');
});

test('errors of the package itself have a kind', async (t) => {
  const page = await emptyPage(t);
  const config = await readFile(`${ROOT}/www/models/fashion-mnist/config.json`, 'utf8');
  const kinds = await page.evaluate(async (json) => {
    /** @type {typeof import('../../pkg/ddim_web.js')} */
    const { default: init, Denoiser, scheduler_info: schedulerInfo } = await import(new URL('pkg/ddim_web.js', location.href).href);
    await init();
    /** @param {() => unknown} call */
    const kindOf = async (call) => {
      try {
        await call();
        return 'none';
      } catch (error) {
        return error instanceof Error && 'kind' in error ? error.kind : `no kind: ${error}`;
      }
    };
    return {
      config: await kindOf(() => Denoiser.load('{}', new Uint8Array(), 'cpu')),
      weights: await kindOf(() => Denoiser.load(json, new Uint8Array(), 'cpu')),
      options: await kindOf(() => Denoiser.load(json, new Uint8Array(), 'tpu')),
      device: await kindOf(() => Denoiser.load(json, new Uint8Array(), 'webgpu')),
      scheduler: await kindOf(() => schedulerInfo('null')),
    };
  }, config);
  assert.deepEqual(kinds, { config: 'config', weights: 'weights', options: 'options', device: 'device', scheduler: 'scheduler' });
});
