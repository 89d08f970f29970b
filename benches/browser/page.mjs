// How soon the page shows its first guess, with everything in the browser's cache.

const HASH = '#device=cpu&batch=1&steps=20&seed=1';

/**
 * @param {import('playwright-core').Browser} browser
 * @param {{url: string, runs: number}} options  url of the folder with index.html
 * @returns {Promise<{adapter: string, firstMs: number[]}>} milliseconds from navigation to the first guess on the canvas
 */
export async function firstPicture(browser, { url, runs }) {
  const context = await browser.newContext();
  const page = await context.newPage();
  /** @type {number[]} */
  const firstMs = [];
  let adapter = '';
  // The first visits fill the caches of files and of compiled code.
  for (let visit = -2; visit < runs; visit++) {
    await page.goto('about:blank');
    await page.goto(`${url}index.html${HASH}`);
    const ms = await page.evaluate(async () => {
      /** @param {string} id */
      const find = (id) => /** @type {HTMLElement} */ (document.querySelector(`[data-testid="${id}"]`));
      /** @param {() => boolean} holds */
      const until = (holds) =>
        new Promise((resolve) => {
          const look = () => holds() && (observer.disconnect(), resolve(undefined));
          const observer = new MutationObserver(look);
          observer.observe(document.body, { subtree: true, attributes: true, childList: true });
          look();
        });
      await until(() => find('status').dataset.state === 'ready');
      find('generate').click();
      await until(() => Number(find('status').dataset.step) >= 1);
      const first = performance.now();
      await until(() => find('status').dataset.state === 'done');
      return first;
    });
    adapter = await page.getByTestId('adapter').innerText();
    if (visit >= 0) firstMs.push(ms);
  }
  await context.close();
  return { adapter, firstMs };
}
