// Training in Firefox and in WebKitGTK: a few steps on the CPU, by two workers, beside the command line's losses.

import assert from 'node:assert/strict';

import { pictures, run } from '../e2e/training.mjs';
import { absent, address, tabOf, testIn } from './browsers.mjs';

for (const name of /** @type {const} */ (['Firefox without WebGPU', 'WebKitGTK'])) {
  testIn(name, `${name}: two workers make steps with the losses of the command line`, absent(name), async () => {
    const { options, losses } = await run();
    const tab = await tabOf(name);
    await tab.goto(new URL('tests/browsers/network.html', await address()).href);
    const found = await tab.evaluate(async (given, images) => {
      /** @type {typeof import('../../www/engine/trainer.js')} */
      const { Trainer } = await import(new URL('../../www/engine/trainer.js', location.href).href);
      /** @type {number[]} */
      const losses = [];
      const trainer = await Trainer.create({ ...given, images: Uint8Array.from(images), device: 'cpu', workers: 2 }, (event) => {
        if (event.type === 'step') losses.push(event.loss);
      });
      await trainer.step(5);
      const { workers } = trainer.info;
      trainer.free();
      return { losses, workers };
    }, options, [...pictures(12)]);
    assert.equal(found.workers, 2);
    assert.equal(found.losses.length, 5);
    for (const [i, loss] of found.losses.entries()) assert.ok(Math.abs(loss / losses[i] - 1) <= 1e-3, `step ${i + 1}: ${loss}, not ${losses[i]}`);
  });
}
