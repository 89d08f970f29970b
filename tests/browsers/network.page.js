// In the browser: loads the network of a fixture with its weights and compares the package's answers with diffusers'.

import init, { Denoiser, expected_tensors } from '../../pkg/ddim_web.js';

const FIXTURES = new URL('../fixtures/unet/', import.meta.url);

/**
 * Numbers in [-1, 1): SplitMix64 started from the FNV-1a hash of `name`, top 24 bits. The twin of `unit` in
 * tools/make_unet_fixtures.py and tests/network/rule.rs.
 * @param {string} name @param {number} count
 */
function unit(name, count) {
  const u64 = (/** @type {bigint} */ z) => BigInt.asUintN(64, z);
  let state = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(name)) state = u64((state ^ BigInt(byte)) * 0x100000001b3n);
  return Float64Array.from({ length: count }, () => {
    state = u64(state + 0x9e3779b97f4a7c15n);
    let z = u64((state ^ (state >> 30n)) * 0xbf58476d1ce4e5b9n);
    z = u64((z ^ (z >> 27n)) * 0x94d049bb133111ebn);
    z ^= z >> 31n;
    return Number(z >> 40n) / 2 ** 23 - 1;
  });
}

/**
 * The value of every weight: near 1 for a normalisation's scale, else scaled by the fan-in. The twin of `fill` there.
 * @param {{name: string, shape: number[]}} tensor
 */
function fill({ name, shape }) {
  const product = (/** @type {number[]} */ sizes) => sizes.reduce((a, b) => a * b, 1);
  const values = unit(name, product(shape));
  const bound = Math.sqrt(1.5 / product(shape.slice(1)));
  if (shape.length > 1) return Float32Array.from(values, (v) => v * bound);
  if (name.includes('norm') && name.endsWith('weight')) return Float32Array.from(values, (v) => 1 + 0.2 * v);
  return Float32Array.from(values, (v) => 0.1 * v);
}

/** The bytes of a .safetensors file with all weights of the network. @param {string} config */
function weightsOf(config) {
  const tensors = expected_tensors(config).map((tensor) => ({ ...tensor, values: fill(tensor) }));
  let end = 0;
  const entries = tensors.map(({ name, shape, values }) => {
    const start = end;
    end += values.byteLength;
    return [name, { dtype: 'F32', shape, data_offsets: [start, end] }];
  });
  const header = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const file = new Uint8Array(8 + header.length + end);
  new DataView(file.buffer).setBigUint64(0, BigInt(header.length), true);
  file.set(header, 8);
  let offset = 8 + header.length;
  for (const { values } of tensors) {
    file.set(new Uint8Array(values.buffer), offset);
    offset += values.byteLength;
  }
  return file;
}

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
  const model = await Denoiser.load(config, weightsOf(config), device);
  const { device: used, classes } = model.info();
  if (used !== device) throw new Error(`the network runs on ${used}`);
  let most = 0;
  for (const batch of [1, 3]) {
    const labels = classes === null ? null : Array.from({ length: batch }, (_, i) => 3 * i);
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
