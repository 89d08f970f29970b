// How far a model comes towards other pictures in some minutes of training in headless Chromium, on the CPU:
//
//     node benches/browser/finetune.mjs --model www/models/avatars --data DIR --out DIR [--minutes 3] [--batch 8]
//         [--lr 0.0006] [--ema 0.99] [--workers 2]
//
// DIR holds pictures as PNG files, all of them of the model's size. The models after each minute of steps appear in --out/1,
// --out/2, … as folders that diffusers and `ddim-web evaluate` load. One JSON line for each.

import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { chromium } from 'playwright-core';

import { serve } from '../../scripts/serve.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CONFIG = 'config.json';
const SCHEDULER = 'scheduler_config.json';
const WEIGHTS = 'diffusion_pytorch_model.safetensors';

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'www/models/avatars' },
    data: { type: 'string' },
    out: { type: 'string' },
    minutes: { type: 'string', default: '3' },
    batch: { type: 'string', default: '8' },
    lr: { type: 'string', default: '0.0006' },
    ema: { type: 'string', default: '0.99' },
    workers: { type: 'string', default: '2' },
  },
});
const { model, data, out } = values;
if (!data || !out) {
  console.error('finetune: --data and --out are needed');
  process.exit(2);
}
const [minutes, batch, lr, ema, workers] = [values.minutes, values.batch, values.lr, values.ema, values.workers].map(Number);

const files = (await readdir(data)).filter((name) => name.endsWith('.png')).sort();
const pictures = await Promise.all(files.map(async (name) => (await readFile(join(data, name))).toString('base64')));
const [config, scheduler] = await Promise.all([CONFIG, SCHEDULER].map((name) => readFile(join(model, name), 'utf8')));
const weights = (await readFile(join(model, WEIGHTS))).toString('base64');

const server = await serve({ root: ROOT });
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--no-first-run'] });
try {
  const page = await browser.newPage();
  await page.goto(`${server.url}benches/browser/index.html`);
  const begun = await page.evaluate(
    async ({ pictures, config, scheduler, weights, options }) => {
      /** @param {string} text */
      const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
      const { in_channels: channels, sample_size: size } = JSON.parse(config);
      const [height, width] = [size].flat().length === 2 ? size : [size, size];
      const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
      if (!context) throw new Error('the canvas has no 2-D context');
      const images = new Uint8Array(pictures.length * channels * height * width);
      for (const [i, picture] of pictures.entries()) {
        const bitmap = await createImageBitmap(new Blob([bytes(picture)]));
        if (bitmap.width !== width || bitmap.height !== height) throw new Error(`picture ${i} has ${bitmap.width} × ${bitmap.height} pixels`);
        context.drawImage(bitmap, 0, 0);
        const { data: pixels } = context.getImageData(0, 0, width, height);
        for (let c = 0; c < channels; c++) {
          for (let at = 0; at < height * width; at++) images[(i * channels + c) * height * width + at] = pixels[4 * at + c];
        }
      }
      /** @type {typeof import('../../www/engine/trainer.js')} */
      const { Trainer } = await import(new URL('../../www/engine/trainer.js', location.href).href);
      const trainer = await Trainer.create({ ...options, config, scheduler, weights: bytes(weights), images, device: 'cpu', steps: 1e6, warmup: 50 });
      Object.assign(globalThis, { trainer });
      return trainer.info;
    },
    { pictures, config, scheduler, weights, options: { batch, lr, ema, workers } },
  );
  for (let minute = 1; minute <= minutes; minute++) {
    const found = await page.evaluate(async () => {
      /** @type {import('../../www/engine/trainer.js').Trainer} */
      const trainer = /** @type {any} */ (globalThis).trainer;
      const end = performance.now() + 60_000;
      let last = await trainer.step();
      while (performance.now() < end) last = await trainer.step();
      const { config, scheduler, weights } = await trainer.model();
      return { step: last.step, loss: last.loss, config, scheduler, weights: [...weights].map((byte) => String.fromCharCode(byte)).join('') };
    });
    const folder = join(out, String(minute));
    await mkdir(folder, { recursive: true });
    await Promise.all([
      writeFile(join(folder, CONFIG), found.config),
      writeFile(join(folder, SCHEDULER), found.scheduler),
      writeFile(join(folder, WEIGHTS), Buffer.from(found.weights, 'latin1')),
    ]);
    console.log(JSON.stringify({ minute, steps: found.step, loss: found.loss, pictures: pictures.length, batch, lr, ema, workers: begun.workers, adapter: begun.adapter, browser: browser.version() }));
  }
} finally {
  await browser.close();
  await server.close();
}
