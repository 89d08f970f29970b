// What the test files share: one server, one browser of each kind, and a fresh page for every test.

import { after } from 'node:test';

import { serve } from '../../scripts/serve.mjs';
import { Demo, ROOT, launch } from './demo.mjs';

/** @typedef {import('playwright-core').BrowserContext} Context @typedef {'noWebGpu'|'swiftShader'} Flags */

/** @type {Map<Flags, Promise<import('playwright-core').Browser>>} */
const browsers = new Map();
/** @type {ReturnType<typeof serve>|undefined} */
let server;

after(async () => {
  for (const browser of browsers.values()) await (await browser).close();
  await (await server)?.close();
});

/** The address of the repository's folder. @returns {Promise<string>} */
export async function address() {
  server ??= serve({ root: ROOT });
  return (await server).url;
}

/** @param {Flags} flags */
export function browserWith(flags) {
  const browser = browsers.get(flags) ?? launch(flags);
  browsers.set(flags, browser);
  return browser;
}

export const SCHEDULER = '**/fashion-mnist/scheduler_config.json';

/** For `prepare`: serves the model's scheduler_config.json with these keys changed. @param {object} changes */
export const schedulerWith = (changes) => (/** @type {Context} */ context) =>
  context.route(SCHEDULER, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...(await response.json()), ...changes } });
  });

/** Scripts and wasm of the packages in pkg/ that have a network, for routes. */
export const PACKAGE_SCRIPTS = /\/pkg\/(cpu\/|cpu\/relaxed\/|webgpu\/|burn\/)ddim_web\.js$/;
export const PACKAGE_WASM = /\/pkg\/(cpu\/|cpu\/relaxed\/|webgpu\/|burn\/)ddim_web_bg\.wasm$/;

/** For `prepare`: the page sees a computer with so many cores. @param {number} count */
export const cores = (count) => (/** @type {Context} */ context) =>
  context.addInitScript((n) => Object.defineProperty(navigator, 'hardwareConcurrency', { get: () => n }), count);

/** For `prepare`: runs `code` on the page and in its workers before anything of the engine does. @param {string} code */
export const before = (code) => (/** @type {Context} */ context) =>
  context.route('**/www/engine/errors.js', async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: `${code}\n${await response.text()}` });
  });

/** For `prepare`: the system has a sheet for sharing, which takes files; `sharedIn` tells what it was given. @param {Context} context */
export const sheet = (context) =>
  context.addInitScript(() => {
    /** @type {ShareData[]} */
    const shared = [];
    Object.assign(globalThis, { shared });
    Object.assign(navigator, { canShare: () => true, share: async (/** @type {ShareData} */ data) => void shared.push(data) });
  });

/** What the sheet was given last, once it was. @param {import('./demo.mjs').Demo} demo @param {string} testId  of the button */
export async function sharedIn(demo, testId) {
  await demo.get(testId).click();
  await demo.page.waitForFunction(() => /** @type {any} */ (globalThis).shared.length > 0);
  return demo.page.evaluate(async () => {
    /** @type {ShareData} */
    const { url, files = [] } = /** @type {any} */ (globalThis).shared.pop();
    const told = async (/** @type {File} */ file) => ({ name: file.name, type: file.type, head: [...new Uint8Array(await file.slice(0, 4).arrayBuffer())] });
    return { url: String(url), files: await Promise.all(files.map(told)) };
  });
}

/**
 * For `prepare`: replaces the wasm package by a module, for failures that the real one does not produce on demand.
 * @param {string} body  what `next()` of a sampler or a curve does, with its `options`, with `step`, the one that it makes,
 *   and with `panic`, which says what the real package says when it panics
 */
export const packageThat = (body, loading = '') => (/** @type {Context} */ context) =>
  context.route(PACKAGE_SCRIPTS, (route) =>
    route.fulfill({
      contentType: 'text/javascript',
      body: `
        export default async function init() {}
        let panic = () => {};
        export const on_panic = (listener) => (panic = listener);
        export const scheduler_info = () => ({ num_train_timesteps: 1000, timestep_spacing: 'leading', unknown_keys: [], notes: [] });
        export class Denoiser {
          static async load(config, weights, device) { ${loading} return Object.assign(new Denoiser(), { device }); }
          storage() { return 'f32'; }
          tuning() {}
          info() {
            return { device: this.device, adapter: 'test', parameters: 1, in_channels: 1, out_channels: 1, sample_size: [32, 32], unknown_keys: [], notes: [] };
          }
          sampler(options) {
            const picture = () => new Float32Array(options.batch * 1024);
            let index = 0;
            return {
              total: options.steps,
              recoveries: 0,
              shape: [options.batch, 1, 32, 32],
              dissect() {},
              free() {},
              next: async () => {
                const step = { done: index + 1 === options.steps, index: index++, t: 0, x0_hat: picture(), x_t: picture() };
                ${body}
                return step;
              },
            };
          }
          rate_distortion(options) {
            let index = 0;
            return {
              total: options.terms,
              free() {},
              next: async () => {
                if (index === options.terms) return [];
                const step = { done: index + 1 === options.terms, index: index++ };
                ${body}
                return [{ t: options.terms - index, cost: 0.1, rate: 0.1 * index, distortion: 1 }];
              },
            };
          }
        }`,
    }),
  );

/**
 * Opens the page in a context of its own, which is closed when the test ends. It begins nothing by itself, since it is
 * told that motion is to be reduced, and shows a run as fast as it computes unless the hash says otherwise.
 * @param {import('node:test').TestContext} t
 * @param {object} [options]
 * @param {string} [options.hash]  settings, without '#'
 * @param {Flags} [options.flags]
 * @param {import('playwright-core').BrowserContextOptions} [options.context]
 * @param {(context: Context) => Promise<unknown>} [options.prepare]  e.g. routes
 * @param {string} [options.url]  instead of the shared server's
 */
export async function open(t, { hash = 'device=cpu&steps=2&batch=1', flags = 'noWebGpu', context: options = {}, prepare, url } = {}) {
  const browser = await browserWith(flags);
  const context = await browser.newContext({ reducedMotion: 'reduce', ...options });
  t.after(async () => {
    // Files may still be on their way through a route.
    await Promise.all([context, ...context.pages()].map((each) => each.unrouteAll({ behavior: 'ignoreErrors' })));
    await context.close();
  });
  await prepare?.(context);
  const demo = new Demo(await context.newPage());
  const paced = hash === '' || /(^|&)pace=/.test(hash) ? hash : `${hash}&pace=fast`;
  await demo.page.goto(`${url ?? (await address())}#${paced}`);
  return demo;
}

/** A page of the same server with nothing on it. @param {import('node:test').TestContext} t @param {Parameters<typeof open>[1]} [options] */
export async function emptyPage(t, options = {}) {
  const empty = 'empty.html';
  const demo = await open(t, {
    url: `${await address()}${empty}`,
    ...options,
    prepare: async (context) => {
      await context.route(`**/${empty}`, (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>Empty</title>' }));
      await options.prepare?.(context);
    },
  });
  return demo.page;
}
