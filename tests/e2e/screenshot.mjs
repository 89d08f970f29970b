// Takes the picture of the page for the README: a finished run of 16 pictures on a desktop screen.
//
//   node tests/e2e/screenshot.mjs docs/page.png [hash]

import { serve } from '../../scripts/serve.mjs';
import { Demo, ROOT, launch } from './demo.mjs';

const [path, hash = 'device=cpu&steps=50&batch=16&seed=1'] = process.argv.slice(2);
if (!path) {
  console.error('usage: node tests/e2e/screenshot.mjs OUT.png [hash]');
  process.exit(2);
}

const server = await serve({ root: ROOT });
const browser = await launch('noWebGpu');
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, deviceScaleFactor: 2 });
  const demo = new Demo(page);
  await page.goto(`${server.url}#${hash}`);
  await demo.until('ready');
  await demo.generate();
  await page.mouse.move(0, 0);
  const box = await page.locator('main').boundingBox();
  await page.screenshot({ path, fullPage: true, clip: { x: 0, y: 0, width: 1280, height: (box?.y ?? 0) + (box?.height ?? 0) + 24 } });
} finally {
  await browser.close();
  await server.close();
}
