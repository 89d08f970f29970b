// Takes the pictures of the page for the documentation: every view, wide and on a phone, light and dark, after a run with
// its defaults; and the film that the README opens with.
//
//   node tools/screenshots.mjs [docs/screenshots [VIEW...]]

import { mkdir, readFile, writeFile } from 'node:fs/promises';

import { serve } from '../scripts/serve.mjs';
import { Demo, ROOT, launch } from '../tests/e2e/demo.mjs';

const [folder = `${ROOT}/docs/screenshots`, ...asked] = process.argv.slice(2);

/** What is set, and what is pressed; a view that is not here is only opened. @type {Record<string, {hash: string, press?: string}>} */
const SHOTS = {
  generate: { hash: 'model=avatars&steps=50&batch=16&seed=1', press: 'generate' },
  compare: { hash: 'model=avatars', press: 'compare-run' },
  interpolate: { hash: 'model=avatars', press: 'interpolate-run' },
  reconstruct: { hash: 'model=fashion-mnist&steps=50', press: 'reconstruct-run' },
  forward: { hash: 'model=fashion-mnist', press: 'forward-run' },
  train: { hash: 'model=avatars&train_steps=600&flips=mirror', press: 'train-run' },
  model: { hash: 'model=avatars' },
  device: { hash: 'model=avatars', press: 'device-run' },
};

/** The run that is kept as a film. */
const FILM = 'model=avatars&steps=25&batch=8&seed=1&pace=fast';

/** Widths of the window, in CSS pixels. */
const WIDTHS = { 1280: 900, 390: 844 };

const source = await readFile(`${ROOT}/www/main.js`, 'utf8');
const table = /const VIEWS = \{\n(.*?)\n\};/s.exec(source)?.[1] ?? '';
const views = [...table.matchAll(/^ {2}(\w+):/gm)].map(([, name]) => name).filter((name) => asked.length === 0 || asked.includes(name));

const server = await serve({ root: ROOT });
const browser = await launch('noWebGpu');

/** A PNG as WebP, by the browser. @param {import('playwright-core').Page} page @param {Buffer} png */
async function asWebp(page, png) {
  const url = await page.evaluate(async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
    const canvas = Object.assign(document.createElement('canvas'), { width: bitmap.width, height: bitmap.height });
    /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d')).drawImage(bitmap, 0, 0);
    return canvas.toDataURL('image/webp', 0.8);
  }, png.toString('base64'));
  return Buffer.from(url.split(',')[1], 'base64');
}

try {
  await mkdir(folder, { recursive: true });
  for (const name of views) {
    const { hash, press } = SHOTS[name] ?? { hash: '' };
    for (const [width, height] of Object.entries(WIDTHS)) {
      const phone = Number(width) < 600;
      const context = await browser.newContext({ viewport: { width: Number(width), height }, isMobile: phone, hasTouch: phone, reducedMotion: 'reduce' });
      const demo = new Demo(await context.newPage());
      await demo.page.goto(`${server.url}#view=${name}&device=cpu&${hash}`);
      await demo.until('ready');
      if (press) {
        await demo.get(press).click();
        await demo.until('done');
      }
      await demo.page.mouse.move(0, 0);
      for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
        await demo.page.emulateMedia({ colorScheme });
        await demo.page.evaluate(() => new Promise(requestAnimationFrame));
        const png = await demo.page.screenshot({ fullPage: true });
        await writeFile(`${folder}/${name}-${width}-${colorScheme}.webp`, await asWebp(demo.page, png));
      }
      if (name === 'generate' && !phone) {
        await demo.page.evaluate((hash) => (location.hash = hash), `view=generate&device=cpu&${FILM}`);
        await demo.holds('batch', '8');
        await demo.generate();
        await demo.get('save').click();
        const [download] = await Promise.all([demo.page.waitForEvent('download'), demo.page.getByRole('menuitem', { name: /small/ }).click()]);
        await download.saveAs(`${folder}/film.webp`);
      }
      await context.close();
    }
  }
} finally {
  await browser.close();
  await server.close();
}
