// The page as a test sees it, and how Chromium is started for it.

import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const QUIET = ['--no-sandbox', '--disable-dev-shm-usage', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'];

/** Command lines of Chromium. `noWebGpu` finds no adapter on any machine, `swiftShader` finds a software one. */
const FLAGS = {
  noWebGpu: [...QUIET, '--disable-gpu', '--disable-features=WebGPU'],
  swiftShader: [...QUIET, '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'],
};

/** @param {'noWebGpu'|'swiftShader'} flags */
export function launch(flags) {
  return chromium.launch({ executablePath: process.env.CHROMIUM || '/usr/bin/chromium', args: FLAGS[flags] });
}

/** The page, by what it shows. */
export class Demo {
  /** Console errors and uncaught exceptions. @type {string[]} */
  errors = [];
  /** Addresses of all requests. @type {string[]} */
  requests = [];

  /**
   * @param {import('playwright-core').Page} page
   * @param {number} [patience]  milliseconds to wait for anything; nothing in the tests takes longer
   */
  constructor(page, patience = 120_000) {
    this.page = page;
    this.waiting = { timeout: patience, polling: 20 };
    page.on('console', (message) => message.type() === 'error' && this.errors.push(message.text()));
    page.on('pageerror', (error) => this.errors.push(error.message));
    page.context().on('request', (request) => this.requests.push(`${request.method()} ${request.url()}`));
  }

  get(testId) {
    return this.page.getByTestId(testId);
  }

  /** Waits until `status` has one of the states; fails at once on `error` unless that is one of them. */
  async until(...states) {
    const reached = await this.page.waitForFunction(
      (wanted) => {
        const { state } = document.getElementById('status').dataset;
        return wanted.includes(state) || state === 'error' ? state : null;
      },
      states,
      this.waiting,
    );
    const state = await reached.jsonValue();
    if (!states.includes(state)) throw new Error(`expected ${states.join(' or ')}, the page says: ${await this.status()}`);
    return state;
  }

  /** Waits until `status` has left `error` behind and reached the state. */
  async recovers(state) {
    await this.page.waitForFunction((wanted) => document.getElementById('status').dataset.state === wanted, state, this.waiting);
  }

  async untilStep(step) {
    await this.page.waitForFunction((n) => Number(document.getElementById('status').dataset.step) >= n, step, this.waiting);
  }

  status() {
    return this.get('status').innerText();
  }

  notices() {
    return this.get('notice').allInnerTexts();
  }

  async generate() {
    await this.get('generate').click();
    return this.until('done');
  }

  /** The grey or colour levels of every canvas. @returns {Promise<number[][]>} */
  pixels() {
    return this.page.evaluate(() =>
      [...document.querySelectorAll('[data-testid="canvas"]')].map((canvas) =>
        Array.from(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data),
      ),
    );
  }

  /** From now on keeps what the first canvas shows whenever `data-step` changes. */
  async recordSteps() {
    await this.page.evaluate(() => {
      globalThis.recorded = [];
      const status = document.getElementById('status');
      new MutationObserver(() => {
        const canvas = document.querySelector('[data-testid="canvas"]');
        globalThis.recorded.push({ step: Number(status.dataset.step), state: status.dataset.state, picture: canvas.toDataURL() });
      }).observe(status, { attributeFilter: ['data-step'] });
    });
  }

  recordedSteps() {
    return this.page.evaluate(() => globalThis.recorded);
  }

  /** Moves a slider as a hand would, with its events. */
  async slide(testId, value) {
    await this.get(testId).fill(String(value));
  }
}
