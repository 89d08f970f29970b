// What the test files share: one server, one browser of each kind, and a fresh page for every test.

import { after } from 'node:test';

import { serve } from '../../scripts/serve.mjs';
import { Demo, ROOT, launch } from './demo.mjs';

const browsers = new Map();
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

/** @param {'noWebGpu'|'swiftShader'} flags */
export function browserWith(flags) {
  if (!browsers.has(flags)) browsers.set(flags, launch(flags));
  return browsers.get(flags);
}

export const SCHEDULER = '**/fashion-mnist/scheduler_config.json';

/** For `prepare`: serves the model's scheduler_config.json with these keys changed. @param {object} changes */
export const schedulerWith = (changes) => (context) =>
  context.route(SCHEDULER, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...(await response.json()), ...changes } });
  });

/**
 * Opens the page in a context of its own, which is closed when the test ends.
 * @param {import('node:test').TestContext} t
 * @param {object} [options]
 * @param {string} [options.hash]  settings, without '#'
 * @param {'noWebGpu'|'swiftShader'} [options.flags]
 * @param {object} [options.context]  options of Playwright's newContext
 * @param {(context: import('playwright-core').BrowserContext) => Promise<void>} [options.prepare]  e.g. routes
 * @param {string} [options.url]  instead of the shared server's
 */
export async function open(t, { hash = 'device=cpu&steps=2&batch=1', flags = 'noWebGpu', context: options = {}, prepare, url } = {}) {
  const browser = await browserWith(flags);
  const context = await browser.newContext(options);
  t.after(() => context.close());
  await prepare?.(context);
  const demo = new Demo(await context.newPage());
  await demo.page.goto(`${url ?? (await address())}#${hash}`);
  return demo;
}
