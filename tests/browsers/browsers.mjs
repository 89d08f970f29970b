// The browsers of this suite, each behind the same two calls. scripts/test looks for them and says in FIREFOX and
// MINIBROWSER (WebKitGTK's small browser) where they are, empty where there is none; REQUIRE_BROWSERS=1, which
// .ci/run sets, makes a missing one a failure.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import puppeteer from 'puppeteer-core';
import { Builder } from 'selenium-webdriver';

import { serve } from '../../scripts/serve.mjs';

// A folder of a package without "exports", which only CommonJS finds.
/** @type {typeof import('selenium-webdriver/remote.js')} */
const { DriverService } = createRequire(import.meta.url)('selenium-webdriver/remote');

/** Milliseconds to wait for anything: on an idle machine nothing here takes a tenth of it. It ends what hangs. */
export const PATIENCE = 300_000;

/**
 * One tab of a browser.
 * @typedef {object} Tab
 * @property {string} version  the browser's own
 * @property {(url: string) => Promise<unknown>} goto
 * @property {<A extends unknown[], R>(body: (...args: A) => R, ...args: A) => Promise<Awaited<R>>} evaluate
 *   runs `body` in the page; arguments and result travel as JSON
 * @property {() => Promise<void>} close  ends the browser
 */

/** @param {import('puppeteer-core').LaunchOptions} options @returns {Promise<Tab>} */
async function puppet(options) {
  const browser = await puppeteer.launch({ headless: true, timeout: PATIENCE, protocolTimeout: PATIENCE, ...options });
  const [page] = await browser.pages();
  return {
    version: await browser.version(),
    goto: (url) => page.goto(url, { timeout: PATIENCE }),
    // Puppeteer's own type of the body is the same, but for the names.
    evaluate: /** @type {Tab['evaluate']} */ (page.evaluate.bind(page)),
    close: () => browser.close(),
  };
}

/** @returns {Promise<Tab>} */
const chromium = () =>
  puppet({
    browser: 'chrome',
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--disable-features=WebGPU'],
  });

/** @param {boolean} webGpu  Firefox leaves it off on Linux, and never takes a software driver unasked */
const firefox = (webGpu) => () =>
  puppet({
    browser: 'firefox',
    executablePath: process.env.FIREFOX,
    extraPrefsFirefox: { 'dom.webgpu.enabled': webGpu, 'gfx.webgpu.ignore-blocklist': webGpu },
  });

/** WebKitGTK has no headless mode, so it gets a screen that nobody sees. @returns {Promise<Tab>} */
async function webKit() {
  const xvfb = spawn('Xvfb', ['-displayfd', '3', '-nolisten', 'tcp'], { stdio: ['ignore', 'ignore', 'inherit', 'pipe'] });
  const [display] = await once(/** @type {import('node:stream').Readable} */ (xvfb.stdio[3]), 'data');
  // Only pages of this repository are opened, and bubblewrap works neither for root nor in many containers.
  const environment = { ...process.env, DISPLAY: `:${String(display).trim()}`, WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1' };
  const service = new DriverService.Builder('WebKitWebDriver').setLoopback(true).setEnvironment(environment).build();
  const driver = await new Builder()
    .usingServer(await service.start(PATIENCE))
    .withCapabilities({
      browserName: 'MiniBrowser',
      'webkitgtk:browserOptions': { binary: process.env.MINIBROWSER, args: ['--automation'] },
    })
    .build();
  await driver.manage().setTimeouts({ script: PATIENCE, pageLoad: PATIENCE });
  const version = (await driver.getCapabilities()).get('browserVersion');
  return {
    version: `WebKitGTK/${version}`,
    goto: (url) => driver.get(url),
    evaluate: (body, ...args) => driver.executeScript(`return (${body})(...arguments)`, ...args),
    close: async () => {
      try {
        await driver.quit();
      } finally {
        await service.kill();
        xvfb.kill();
      }
    },
  };
}

const BROWSERS = {
  Chromium: { start: chromium },
  'Firefox without WebGPU': { variable: 'FIREFOX', start: firefox(false) },
  'Firefox with WebGPU': { variable: 'FIREFOX', start: firefox(true) },
  WebKitGTK: { variable: 'MINIBROWSER', start: webKit },
};

/** @typedef {keyof typeof BROWSERS} Name */

export const required = process.env.REQUIRE_BROWSERS === '1';

/** Why tests in this browser are skipped, if they are. @param {Name} name @returns {string|false} */
export function absent(name) {
  const { variable } = { variable: undefined, ...BROWSERS[name] };
  if (!variable || process.env[variable]) return false;
  const reason = `there is no ${name.split(' ')[0]} here (scripts/test looks for it and sets ${variable})`;
  if (required) throw new Error(reason);
  return reason;
}

/** @type {Map<Name, Promise<Tab>>} */
const tabs = new Map();

/** The one tab of the browser, which is started at the first call and ended after the last test. @param {Name} name */
export function tabOf(name) {
  const tab = tabs.get(name) ?? BROWSERS[name].start();
  tabs.set(name, tab);
  return tab;
}

/** Whether the browser still answers. @param {Name} name */
async function lives(name) {
  try {
    const tab = await tabs.get(name);
    return (await tab?.evaluate(() => 1)) === 1;
  } catch {
    return false;
  }
}

/** Ends the browser, or what is left of it; the next call of `tabOf` starts a new one. @param {Name} name */
async function end(name) {
  const tab = tabs.get(name);
  tabs.delete(name);
  // Nobody is there to close where the browser ended by itself.
  await Promise.resolve(tab).then((tab) => tab?.close()).catch(() => undefined);
}

/**
 * A test in one browser. A browser may end by itself, which is no fault of the page (WebKitGTK once
 * did so in these tests): then the test says so and is made once more, in a new one.
 * @param {Name} name @param {string} title @param {string|false} skip @param {() => Promise<void>} body
 */
export function testIn(name, title, skip, body) {
  test(title, { skip }, async (context) => {
    try {
      await body();
    } catch (error) {
      if (await lives(name)) throw error;
      context.diagnostic(`${name} ended by itself (${error}); once more in a new one`);
      await end(name);
      await body();
    }
  });
}

/** @type {ReturnType<typeof serve>|undefined} */
let server;

/** The address of the repository's folder. @returns {Promise<string>} */
export async function address() {
  server ??= serve({ root: fileURLToPath(new URL('../..', import.meta.url)) });
  return (await server).url;
}

after(async () => {
  for (const name of tabs.keys()) await end(name);
  await (await server)?.close();
});
