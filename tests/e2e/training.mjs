// What the tests of training share: the small network of the fixture no-middle, pictures for it, and PyTorch's gradients.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import * as sampling from '../../pkg/ddim_web.js';
import { unit, weightsOf } from '../browsers/weights.js';
import { ROOT } from './demo.mjs';

/** @param {string} path */
export const text = (path) => readFile(join(ROOT, path), 'utf8');

/** Pictures of 3 × 8 × 8, the same as in tests/training/parts.rs. @param {number} count */
export function pictures(count) {
  return Uint8Array.from({ length: count * 192 }, (_, i) => {
    const [x, y] = [i % 8, Math.floor(i / 8) % 8];
    const [channel, image] = [Math.floor(i / 64) % 3, Math.floor(i / 192)];
    return (x * (image + 1) * 9 + y * (channel + 1) * 14) % 256;
  });
}

/** A run of 30 steps, and the losses that it has on this computer's processor. */
export async function run() {
  const { options, scheduler, losses, classes } = JSON.parse(await text('tests/fixtures/train/browser.json'));
  return {
    options: { ...options, config: await text('tests/fixtures/unet/no-middle.json'), scheduler: JSON.stringify(scheduler) },
    losses: /** @type {number[]} */ (losses),
    classes: /** @type {{num_class_embeds: number, labels: number[], label_dropout: number, losses: number[]}} */ (classes),
  };
}

/** The header of a .safetensors file, and its length. @param {Uint8Array} bytes */
export function headerOf(bytes) {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  return { length, header: JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))) };
}

/** The tensors of a .safetensors file of f32 or f64, by name. @param {Uint8Array} bytes */
export function tensorsOf(bytes) {
  const file = bytes.slice().buffer;
  const { length, header: all } = headerOf(bytes);
  /** @type {Record<string, {dtype: string, data_offsets: [number, number]}>} */
  const { __metadata__, ...header } = all;
  return Object.fromEntries(
    Object.entries(header).map(([name, { dtype, data_offsets: [start, end] }]) => {
      const data = file.slice(8 + length + start, 8 + length + end);
      return [name, dtype === 'F64' ? new Float64Array(data) : new Float32Array(data)];
    }),
  );
}

/** @param {ArrayLike<number>} values */
const norm = (values) => Math.sqrt(Array.from(values).reduce((sum, v) => sum + v * v, 0));

/**
 * A network and a batch of which PyTorch's gradients are known: what `Trainer.create()` and `gradients()` take, and whether
 * what the latter gives is that.
 * @param {string} name  of the fixture @param {[number, number, number]} shape @param {number} [classes]  of the network
 */
export async function gradientsOf(name, [channels, height, width], classes = 0) {
  sampling.initSync({ module: await readFile(join(ROOT, 'pkg/ddim_web_bg.wasm')) });
  const config = await text(`tests/fixtures/unet/${name}.json`);
  const expected = tensorsOf(await readFile(join(ROOT, `tests/fixtures/gradients/${name}.safetensors`)));
  const count = channels * height * width;
  // Of variance 1.
  const noise = (/** @type {string} */ of) => Float32Array.from(unit(of, 2 * count), (v) => v * Math.sqrt(3));
  const levels = [0, 5].map((first) => {
    const [signal, noise, c_x0, c_eps, weight] = expected.levels.subarray(first, first + 5);
    return { signal, noise, c_x0, c_eps, weight };
  });
  return {
    options: {
      config,
      weights: weightsOf(sampling.expected_tensors(config)),
      scheduler: '{}',
      images: new Uint8Array(Math.max(2, classes) * count),
      ...(classes > 0 && { labels: Array.from({ length: classes }, (_, i) => i) }),
      channels,
      height,
      width,
      batch: 2,
    },
    batch: { x0: noise('x0'), eps: noise('eps'), t: [...expected.timesteps], levels, ...(classes > 0 && { labels: [3, 7] }) },
    /** @param {number} loss @param {Uint8Array} gradients */
    check(loss, gradients) {
      assert.ok(Math.abs(loss / expected.loss[0] - 1) <= 1e-4, `loss ${loss}, not ${expected.loss[0]}`);
      const whole = norm(expected.norms);
      const found = Object.entries(tensorsOf(gradients)).sort(([a], [b]) => (a < b ? -1 : 1));
      assert.equal(found.length, expected.norms.length);
      for (const [i, [tensor, values]] of found.entries()) {
        const direction = unit(`projection of ${tensor}`, values.length);
        const projection = direction.reduce((sum, v, k) => sum + v * values[k], 0);
        const least = Math.max(expected.norms[i], 1e-3 * whole);
        const error = Math.max(Math.abs(norm(values) - expected.norms[i]), Math.abs(projection - expected.projections[i])) / least;
        assert.ok(error <= 1e-4, `${tensor}: ${error}`);
      }
    },
  };
}

/**
 * The same of a trainer on WebGPU in a browser, and the losses of two steps after it.
 * @param {<Out>(code: (given: any) => Promise<Out>, given: object) => Promise<Out>} evaluate  runs code in a page beside which www/ is found at `../../www/`
 */
export async function gradientsOnWebGpu(evaluate) {
  const { options, batch, check } = await gradientsOf('no-middle', [3, 8, 8]);
  const plain = { ...options, weights: [...options.weights], images: [...options.images] };
  const found = await evaluate(
    async ({ options, batch }) => {
      /** @type {typeof import('../../www/engine/trainer.js')} */
      const { Trainer } = await import(new URL('www/engine/trainer.js', new URL('/', location.href)).href);
      const trainer = await Trainer.create({ ...options, weights: Uint8Array.from(options.weights), images: Uint8Array.from(options.images), device: 'webgpu' });
      const { device } = trainer.info;
      const { loss, gradients } = await trainer.gradients({ ...batch, x0: Float32Array.from(batch.x0), eps: Float32Array.from(batch.eps) });
      const step = await trainer.step(2);
      trainer.free();
      return { device, loss, gradients: [...gradients], step };
    },
    { options: plain, batch: { ...batch, x0: [...batch.x0], eps: [...batch.eps] } },
  );
  assert.equal(found.device, 'webgpu');
  check(found.loss, Uint8Array.from(found.gradients));
  assert.equal(found.step.step, 2);
  assert.ok(Number.isFinite(found.step.loss));
}
