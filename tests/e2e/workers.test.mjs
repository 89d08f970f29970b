// A batch over several workers on the CPU: the same pictures, no second download, and one end for all.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { PACKAGE_SCRIPTS, cores, open, packageThat } from './helpers.mjs';

/** Pictures of every step, x̂₀ first, then x_t. @param {import('./demo.mjs').Demo} demo */
async function film(demo) {
  const pictures = [];
  const last = Number(await demo.get('scrub').getAttribute('max'));
  for (const show of ['show-x0', 'show-xt']) {
    await demo.get(show).check();
    for (let i = 0; i <= last; i++) {
      await demo.slide('scrub', i);
      pictures.push(await demo.pixels());
    }
  }
  return pictures;
}

test('a link gives identical pixels in one worker and in several, at every step', async (t) => {
  const films = [];
  for (const [count, used] of [[1, 1], [2, 2], [4, 3]]) {
    const demo = await open(t, { prepare: cores(count), hash: 'device=cpu&steps=3&eta=0.5&batch=3&seed=8' });
    await demo.until('ready');
    await demo.generate();
    assert.equal(demo.page.workers().length, used);
    assert.equal(await demo.get('adapter').innerText(), used === 1 ? 'CPU · SIMD128, relaxed' : `CPU · SIMD128, relaxed · ${used} cores`);
    films.push(await film(demo));
    assert.deepEqual(demo.errors, []);
  }
  assert.equal(films[0].length, 6);
  assert.equal(films[0][0].length, 3);
  assert.deepEqual(films[1], films[0]);
  assert.deepEqual(films[2], films[0]);
});

test('workers come when a batch needs them, stay for the next one, and download nothing', async (t) => {
  const demo = await open(t, { prepare: cores(3), hash: 'device=cpu&steps=1&batch=1' });
  const workersAfter = async (/** @type {number} */ batch) => {
    await demo.get('batch').fill(String(batch));
    await demo.generate();
    return demo.page.workers().length;
  };
  await demo.until('ready');
  assert.equal(await workersAfter(1), 1);
  assert.equal(await workersAfter(2), 2);
  assert.equal(await workersAfter(16), 3);
  assert.equal(await workersAfter(1), 3);
  const files = demo.requests.filter((request) => /\.(wasm|safetensors|json)$/.test(request)).map((request) => request.split('/').at(-1));
  assert.deepEqual(files.sort(), ['config.json', 'ddim_web_bg.wasm', 'diffusion_pytorch_model.safetensors', 'index.json', 'scheduler_config.json']);
});

test('stop ends all workers after their step and keeps the steps that the whole batch has', async (t) => {
  const demo = await open(t, { prepare: cores(2), hash: 'device=cpu&steps=1000&batch=3' });
  await demo.until('ready');
  await demo.get('generate').click();
  await demo.untilStep(2);
  await demo.get('stop').click();
  await demo.until('stopped');
  const step = Number(await demo.get('status').getAttribute('data-step'));
  assert.ok(step >= 2 && step < 1000, `stopped after step ${step}`);
  assert.equal(await demo.get('scrub').getAttribute('max'), String(step - 1));
  await demo.get('steps').fill('1');
  await demo.generate();
});

test('stop while more workers are being prepared ends the run after its first step', async (t) => {
  const demo = await open(t, { prepare: cores(2), hash: 'device=cpu&steps=500&batch=2' });
  await demo.until('ready');
  await demo.page.evaluate(() => {
    for (const button of ['generate', 'stop']) /** @type {HTMLElement} */ (document.querySelector(`[data-testid="${button}"]`)).click();
  });
  await demo.until('stopped');
  assert.match(await demo.status(), /^Stopped after step 1 of 500/);
});

test('another device during a run ends all its workers', async (t) => {
  const demo = await open(t, { prepare: cores(3), hash: 'device=cpu&steps=500&batch=3' });
  await demo.until('ready');
  await demo.get('generate').click();
  await demo.untilStep(1);
  assert.equal(demo.page.workers().length, 3);
  await demo.get('device').selectOption('auto');
  await demo.until('ready');
  assert.equal(demo.page.workers().length, 1);
});

// What fails in these is the part that begins with picture 1, the second one's.

test('a part that fails ends the whole run with its message, and the next run works', async (t) => {
  const demo = await open(t, {
    hash: 'device=cpu&steps=500&batch=3',
    prepare: async (context) => {
      await cores(3)(context);
      // Not before the page has the steps up to there from all parts.
      await packageThat(`
        if (options.first_image === 1 && step.index === 5) {
          await new Promise((resolve) => (new BroadcastChannel('fail').onmessage = resolve));
          throw new Error('no more');
        }`)(context);
    },
  });
  await demo.until('ready');
  await demo.broadcastAt(5, 'fail', 'now');
  await demo.get('generate').click();
  await demo.until('error');
  assert.equal(await demo.status(), 'no more');
  assert.equal(await demo.get('scrub').getAttribute('max'), '4', 'the steps that the whole batch has');
  await demo.get('steps').fill('5');
  await demo.get('generate').click();
  await demo.recovers('done');
});

test('a crash in one worker ends the run, and another worker takes its place in the next one', async (t) => {
  const demo = await open(t, {
    hash: 'device=cpu&steps=500&batch=3',
    prepare: async (context) => {
      await cores(3)(context);
      await packageThat("if (globalThis.broken) throw new Error('asked again'); if (options.steps === 500 && options.first_image === 1) { globalThis.broken = true; panic('out of ink'); await new Promise(() => {}); }")(context);
    },
  });
  await demo.until('ready');
  await demo.get('generate').click();
  await demo.until('error');
  assert.equal(await demo.status(), 'The engine crashed (out of ink); a new one takes its place for the next run.');
  assert.equal(demo.page.workers().length, 2);
  await demo.get('steps').fill('2');
  await demo.get('generate').click();
  await demo.recovers('done');
  assert.equal(demo.page.workers().length, 3);
});

test('a worker waits for one that is more than 16 steps behind', async (t) => {
  const demo = await open(t, {
    hash: 'device=cpu&steps=40&batch=2',
    prepare: async (context) => {
      await cores(2)(context);
      await packageThat(`
        globalThis.made ??= new BroadcastChannel('made');
        if (options.first_image === 0) made.postMessage(step.index);
        else if (step.index === 2) {
          // The page has two steps of the batch, so the other part stops after its 18th, which has the index 17.
          let newest;
          await new Promise((resolve) => {
            made.onmessage = ({ data }) => {
              newest = data;
              if (data === 17) setTimeout(resolve, 200);
            };
          });
          if (newest > 17) throw new Error('the other part is at step ' + newest);
        }`)(context);
    },
  });
  await demo.until('ready');
  await demo.generate();
  assert.equal(await demo.get('scrub').getAttribute('max'), '39');
});

test('a processor core without the memory for an instance is done without', async (t) => {
  // The first instance gets its memory, later ones do not: what a phone does that has no more.
  const demo = await open(t, {
    hash: 'device=cpu&steps=1&batch=2',
    prepare: async (context) => {
      await cores(2)(context);
      let workers = 0;
      await context.route('**/www/engine/worker.js', async (route) => {
        workers += 1;
        const response = await route.fetch();
        const noMemory = "WebAssembly.instantiate = () => Promise.reject(new RangeError('out of memory'));\n";
        await route.fulfill({ response, body: (workers === 1 ? '' : noMemory) + (await response.text()) });
      });
    },
  });
  await demo.until('ready');
  await demo.generate();
  assert.equal((await demo.pixels()).length, 2);
  assert.match((await demo.notices()).join(), /^Only 1 of 2 processor cores are used\. The engine could not be started \(out of memory\)/);
});

test('workers that cannot be started are named, and the others do their part', async (t) => {
  let scripts = 0;
  const demo = await open(t, {
    hash: 'device=cpu&steps=1&batch=3',
    prepare: async (context) => {
      await cores(3)(context);
      await context.route(PACKAGE_SCRIPTS, (route) => {
        scripts += 1;
        return scripts === 2 ? route.fulfill({ status: 500, body: 'no' }) : route.continue();
      });
    },
  });
  await demo.until('ready');
  await demo.generate();
  assert.equal((await demo.pixels()).length, 3);
  assert.match((await demo.notices()).join(), /^Only 2 of 3 processor cores are used\. The engine could not be started/);
  assert.equal(demo.page.workers().length, 2);
});
