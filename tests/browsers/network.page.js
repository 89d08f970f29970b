// In the browser: loads the network of a fixture with its weights and compares the package's answers with diffusers'.

import init, { Denoiser, expected_tensors } from '../../pkg/ddim_web.js';
import { weightsOf } from './weights.js';

const FIXTURES = new URL('../fixtures/unet/', import.meta.url);

/** The tensors of a .safetensors file of f32. @param {ArrayBuffer} file @returns {Record<string, Float32Array>} */
function tensorsOf(file) {
  const length = Number(new DataView(file).getBigUint64(0, true));
  /** @type {Record<string, {dtype: string, data_offsets: [number, number]}>} */
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(file, 8, length)));
  return Object.fromEntries(
    Object.entries(header).map(([name, { dtype, data_offsets: [start, end] }]) => {
      if (dtype !== 'F32') throw new Error(`${name} is ${dtype}`);
      return [name, new Float32Array(file.slice(8 + length + start, 8 + length + end))];
    }),
  );
}

/** @param {string} name @returns {Promise<Response>} */
async function fixture(name) {
  const response = await fetch(new URL(name, FIXTURES));
  if (!response.ok) throw new Error(`${response.url}: ${response.status}`);
  return response;
}

/** @param {Float32Array} found @param {Float32Array} expected */
function worst(found, expected) {
  if (found.length !== expected.length) throw new Error(`${found.length} numbers instead of ${expected.length}`);
  if (!found.every(Number.isFinite)) throw new Error('numbers that are not finite');
  return found.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i])), 0);
}

/** @param {string} name @param {'cpu'|'webgpu'} device */
async function largestDifference(name, device) {
  await init();
  const config = await (await fixture(`${name}.json`)).text();
  const tensors = tensorsOf(await (await fixture(`${name}.safetensors`)).arrayBuffer());
  const model = await Denoiser.load(config, weightsOf(expected_tensors(config)), device);
  const { device: used, classes } = model.info();
  if (used !== device) throw new Error(`the network runs on ${used}`);
  let most = 0;
  for (const batch of [1, 3]) {
    const labels = classes === null ? null : Uint32Array.from({ length: batch }, (_, i) => 3 * i);
    const expected = tensors[`out${batch}`];
    const size = expected.length / batch;
    // Each image has a time step of its own there; here one is for the whole batch, so image i is looked at.
    for (const [i, t] of tensors[`t${batch}`].entries()) {
      const found = await model.predict(tensors[`x${batch}`], batch, t, labels);
      most = Math.max(most, worst(found.slice(i * size, (i + 1) * size), expected.slice(i * size, (i + 1) * size)));
    }
  }
  model.free();
  return most;
}

Object.assign(globalThis, { largestDifference });
