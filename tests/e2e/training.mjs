// What the tests of training share: the small network of the fixture no-middle, and pictures for it.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

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

/** The tensors of a .safetensors file of f32 or f64, by name. @param {Uint8Array} bytes */
export function tensorsOf(bytes) {
  const file = bytes.slice().buffer;
  const length = Number(new DataView(file).getBigUint64(0, true));
  /** @type {Record<string, {dtype: string, data_offsets: [number, number]}>} */
  const { __metadata__, ...header } = JSON.parse(new TextDecoder().decode(new Uint8Array(file, 8, length)));
  return Object.fromEntries(
    Object.entries(header).map(([name, { dtype, data_offsets: [start, end] }]) => {
      const data = file.slice(8 + length + start, 8 + length + end);
      return [name, dtype === 'F64' ? new Float64Array(data) : new Float32Array(data)];
    }),
  );
}
