// The page as a test sees it, and how Chromium is started for it.

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Milliseconds that anything may take, the slowest thing in here about 10 s on an idle machine. It ends a hang, and
 * measures nothing.
 */
export const PATIENCE = 300_000;

/** How often the page is looked at. */
const POLLING = { polling: 20 };

const QUIET = ['--no-sandbox', '--disable-dev-shm-usage', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'];

/** Command lines of Chromium. `noWebGpu` finds no adapter on any machine, `swiftShader` finds a software one. */
const FLAGS = {
  noWebGpu: [...QUIET, '--disable-gpu', '--disable-features=WebGPU'],
  swiftShader: [...QUIET, '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'],
};

/** @param {'noWebGpu'|'swiftShader'} flags */
export function launch(flags) {
  return chromium.launch({ executablePath: process.env.CHROMIUM || '/usr/bin/chromium', args: FLAGS[flags], timeout: PATIENCE });
}

/** @typedef {{step: number, state: string|undefined, picture: string}} Recorded  what the page showed when `data-step` changed */

/** The page, by what it shows. */
export class Demo {
  /** Console errors and uncaught exceptions. @type {string[]} */
  errors = [];
  /** Addresses of all requests. @type {string[]} */
  requests = [];

  /** @param {import('playwright-core').Page} page */
  constructor(page) {
    this.page = page;
    page.setDefaultTimeout(PATIENCE);
    page.setDefaultNavigationTimeout(PATIENCE);
    page.on('console', (message) => message.type() === 'error' && this.errors.push(message.text()));
    page.on('pageerror', (error) => this.errors.push(error.message));
    page.context().on('request', (request) => this.requests.push(`${request.method()} ${request.url()}`));
  }

  /** @param {string} testId */
  get(testId) {
    return this.page.getByTestId(testId);
  }

  /** Waits until `status` has one of the states; fails at once on `error` unless that is one of them. @param {...string} states */
  async until(...states) {
    const reached = await this.page.waitForFunction(
      (wanted) => {
        const state = document.querySelector('[data-testid="status"]')?.getAttribute('data-state') ?? '';
        return wanted.includes(state) || state === 'error' ? state : null;
      },
      states,
      POLLING,
    );
    const state = String(await reached.jsonValue());
    if (!states.includes(state)) throw new Error(`expected ${states.join(' or ')}, the page says: ${await this.status()}`);
    return state;
  }

  /** Waits until `status` has left `error` behind and reached the state. @param {string} state */
  async recovers(state) {
    await this.page.waitForFunction(
      (wanted) => document.querySelector('[data-testid="status"]')?.getAttribute('data-state') === wanted,
      state,
      POLLING,
    );
  }

  /** @param {number} step */
  async untilStep(step) {
    await this.page.waitForFunction(
      (n) => Number(document.querySelector('[data-testid="status"]')?.getAttribute('data-step')) >= n,
      step,
      POLLING,
    );
  }

  /**
   * From now on the page tells what listens to the channel as soon as it is at the step. A message from here would take
   * a way that a short run does not wait for on a busy machine.
   * @param {number} step @param {string} channel @param {string} message
   */
  async broadcastAt(step, channel, message) {
    await this.page.evaluate(
      (what) => {
        const status = /** @type {HTMLElement} */ (document.querySelector('[data-testid="status"]'));
        const observer = new MutationObserver(() => {
          if (status.dataset.state !== 'running' || Number(status.dataset.step) < what.step) return;
          observer.disconnect();
          new BroadcastChannel(what.channel).postMessage(what.message);
        });
        observer.observe(status, { attributeFilter: ['data-step'] });
      },
      { step, channel, message },
    );
  }

  /** Waits until a field holds the value. @param {string} testId @param {string} value */
  async holds(testId, value) {
    await this.page.waitForFunction(
      (what) => {
        const field = document.querySelector(`[data-testid="${what.testId}"]`);
        return (field instanceof HTMLInputElement || field instanceof HTMLSelectElement) && field.value === what.value;
      },
      { testId, value },
      POLLING,
    );
  }

  /** Opens a view by its tab, and waits until it is on show. @param {string} name */
  async visit(name) {
    await this.get(`tab-${name}`).click();
    await this.shows(name);
  }

  /** Waits until a view is on show. @param {string} name */
  async shows(name) {
    await this.page.waitForFunction((view) => document.body.dataset.view === view, name, POLLING);
  }

  status() {
    return this.get('status').innerText();
  }

  notices() {
    return this.get('notice').allInnerTexts();
  }

  /**
   * Presses the button of a view that begins something, and waits until the status speaks of that: until then it may
   * still say `done` or `stopped`, of the run before.
   * @param {string} testId
   */
  async press(testId) {
    const heard = await this.page.evaluateHandle(() => {
      const heard = { change: false };
      const status = /** @type {HTMLElement} */ (document.querySelector('[data-testid="status"]'));
      new MutationObserver(() => (heard.change = true)).observe(status, { attributeFilter: ['data-state'], childList: true });
      return heard;
    });
    await this.get(testId).click();
    await this.page.waitForFunction(({ change }) => change, heard, POLLING);
  }

  async generate() {
    await this.press('generate');
    return this.until('done');
  }

  /** The grey or colour levels of every canvas. @returns {Promise<number[][]>} */
  pixels() {
    return this.page.evaluate(() =>
      [...document.querySelectorAll('canvas[data-testid="canvas"]')].map((found) => {
        const canvas = /** @type {HTMLCanvasElement} */ (found);
        const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
        return Array.from(context.getImageData(0, 0, canvas.width, canvas.height).data);
      }),
    );
  }

  /** The first canvas as it is now. @returns {Promise<string>} a data URL */
  picture() {
    return this.page.evaluate(() => /** @type {HTMLCanvasElement} */ (document.querySelector('[data-testid="canvas"]')).toDataURL());
  }

  /** From now on keeps what the first canvas shows whenever `data-step` changes. */
  async recordSteps() {
    await this.page.evaluate(() => {
      /** @type {Recorded[]} */
      const recorded = [];
      Object.assign(globalThis, { recorded });
      const status = /** @type {HTMLElement} */ (document.querySelector('[data-testid="status"]'));
      new MutationObserver(() => {
        const canvas = /** @type {HTMLCanvasElement} */ (document.querySelector('[data-testid="canvas"]'));
        recorded.push({ step: Number(status.dataset.step), state: status.dataset.state, picture: canvas.toDataURL() });
      }).observe(status, { attributeFilter: ['data-step'] });
    });
  }

  /** @returns {Promise<Recorded[]>} */
  recordedSteps() {
    return this.page.evaluate('recorded');
  }

  /**
   * Saves by an entry of a menu.
   * @param {string} testId  of the menu's button @param {string|RegExp} entry
   * @returns {Promise<{name: string, bytes: Buffer}>}
   */
  async save(testId, entry) {
    await this.get(testId).click();
    const [download] = await Promise.all([this.page.waitForEvent('download'), this.page.getByRole('menuitem', { name: entry }).click()]);
    return { name: download.suggestedFilename(), bytes: await readFile(await download.path()) };
  }

  /**
   * What the browser sees in a film of one picture of 32 × 32 pixels, or at one place of it.
   * @param {Buffer} bytes @param {string} type
   * @param {{left: number, top: number, scale: number}} place  of the picture; negative ones count from the right
   * @returns {Promise<number[][]>}  frame by frame the red of every pixel, out of the middle of its magnified one
   */
  film(bytes, type, place) {
    return this.page.evaluate(
      async ({ base64, type, left, top, scale }) => {
        const decoder = new ImageDecoder({ data: Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)), type });
        await Promise.all([decoder.completed, decoder.tracks.ready]);
        const frames = [];
        for (let i = 0; i < (decoder.tracks.selectedTrack?.frameCount ?? 0); i++) {
          const { image } = await decoder.decode({ frameIndex: i });
          const { displayWidth: width, displayHeight: height } = image;
          const rgba = new Uint8Array(4 * width * height);
          await image.copyTo(rgba, { format: 'RGBA' });
          image.close();
          const start = (left < 0 ? width + left : left) + scale / 2;
          frames.push(Array.from({ length: 1024 }, (_, i) => rgba[4 * ((Math.floor(top + scale / 2) + Math.floor(i / 32) * scale) * width + Math.floor(start) + (i % 32) * scale)]));
        }
        return frames;
      },
      { base64: bytes.toString('base64'), type, ...place },
    );
  }

  /** Moves a slider as a hand would, with its events. @param {string} testId @param {number} value */
  async slide(testId, value) {
    await this.get(testId).fill(String(value));
  }
}
