// The page as a test sees it in any browser: by its testids and data-state, and nothing else of it.

import { PATIENCE, address, tabOf } from './browsers.mjs';

/** What the page says of itself. @typedef {{state: string, status: string, adapter: string, notices: string[]}} Sight */

export class Page {
  /** @param {import('./browsers.mjs').Tab} tab */
  constructor(tab) {
    this.tab = tab;
  }

  /** Loads the page anew, even if only the hash differs. @param {import('./browsers.mjs').Name} name @param {string} hash */
  static async open(name, hash) {
    const tab = await tabOf(name);
    await tab.goto('about:blank');
    await tab.goto(`${await address()}#${hash}`);
    return new Page(tab);
  }

  /** @returns {Promise<Sight>} */
  sight() {
    return this.tab.evaluate(() => {
      /** @param {string} id @returns {HTMLElement[]} */
      const all = (id) => [...document.querySelectorAll(/** @type {'div'} */ (`[data-testid="${id}"]`))];
      const [status] = all('status');
      const [adapter] = all('adapter');
      // The buttons inside of notices are not what they say.
      const notices = all('notice').map((notice) => notice.innerText.replace(/\s*×$/, ''));
      return { state: String(status.dataset.state), status: status.innerText, adapter: adapter?.innerText ?? '', notices };
    });
  }

  /** Waits until the page has the state; fails at once on `error` unless that is it. @param {string} state */
  async until(state) {
    const start = Date.now();
    for (;;) {
      const sight = await this.sight();
      if (sight.state === state) return sight;
      const failed = sight.state === 'error' && 'the page fails';
      const late = Date.now() - start > PATIENCE && `the page is not ${state} but ${sight.state} after ${PATIENCE} ms`;
      if (failed || late) throw new Error(`${failed || late}: ${sight.status}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Presses the button when it can be pressed, and waits for the end. */
  async generate() {
    await this.until('ready');
    await this.tab.evaluate(() => /** @type {HTMLElement} */ (document.querySelector('[data-testid="generate"]')).click());
    return this.until('done');
  }

  /** Changes the settings in the page that is open, and waits until the view is on show. @param {string} view @param {string} settings */
  async show(view, settings) {
    await this.tab.evaluate((hash) => void (location.hash = hash), `view=${view}&${settings}`);
    await this.untilThereIs(`body[data-view="${view}"]`);
  }

  /** @param {string} selector */
  async untilThereIs(selector) {
    const start = Date.now();
    while (!(await this.tab.evaluate((wanted) => document.querySelector(wanted) !== null, selector))) {
      if (Date.now() - start > PATIENCE) throw new Error(`there is no ${selector} after ${PATIENCE} ms`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Presses a button as soon as it can be pressed, and waits until the status says this. @param {string} testId @param {RegExp} end */
  async press(testId, end) {
    await this.untilThereIs(`[data-testid="${testId}"]:enabled`);
    await this.tab.evaluate((id) => /** @type {HTMLElement} */ (document.querySelector(`[data-testid="${id}"]`)).click(), testId);
    for (const start = Date.now(); ; ) {
      const { state, status } = await this.sight();
      if (end.test(status)) return;
      if (state === 'error' || Date.now() - start > PATIENCE) throw new Error(`after ${testId} the page says: ${status}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** From now on keeps what goes wrong in the page. */
  async watch() {
    await this.tab.evaluate(() => {
      /** @type {string[]} */
      const faults = [];
      Object.assign(globalThis, { faults });
      addEventListener('error', (event) => faults.push(event.message || `${event.target} failed`), true);
      addEventListener('unhandledrejection', ({ reason }) => faults.push(String(reason)));
      console.error = (...all) => faults.push(all.join(' '));
    });
  }

  /** What has gone wrong in the page since `watch`. @returns {Promise<string[]>} */
  faults() {
    return this.tab.evaluate(() => /** @type {any} */ (globalThis).faults);
  }

  /** The levels of red, green, blue and alpha of every canvas, one picture after the other. @param {string} [testId] @returns {Promise<number[][]>} */
  pixels(testId = 'canvas') {
    return this.tab.evaluate((id) => {
      /** @type {NodeListOf<HTMLCanvasElement>} */
      const canvases = document.querySelectorAll(`[data-testid="${id}"]`);
      return [...canvases].map((canvas) => {
        const context = canvas.getContext('2d');
        if (!context) throw new Error('the canvas has no 2-D context');
        return [...context.getImageData(0, 0, canvas.width, canvas.height).data];
      });
    }, testId);
  }
}

/** The largest difference of two sets of pictures of one size, in levels of 0 to 255. @param {number[][]} a @param {number[][]} b */
export function worstDifference(a, b) {
  const [left, right] = [a.flat(), b.flat()];
  if (left.length !== right.length) throw new Error(`${left.length} levels beside ${right.length}`);
  return left.reduce((worst, level, i) => Math.max(worst, Math.abs(level - right[i])), 0);
}
