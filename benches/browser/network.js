// A network of ddim-web's with random weights, from one of the packages in pkg/.
import { uniform } from './measure.js';

/** By build and device. */
const BUILDS = {
  plain: { cpu: 'cpu/', webgpu: 'webgpu/' },
  relaxed: { cpu: 'cpu/relaxed/', webgpu: 'webgpu/' },
  burn: { cpu: 'burn/', webgpu: 'burn/' },
};

/**
 * @typedef {{in_channels: number, sample_size: number}} Config  what a bench reads of a config.json
 *
 * @typedef {object} What
 * @property {Config} config
 * @property {'cpu'|'webgpu'} device
 * @property {keyof typeof BUILDS} build  the build burn runs burn
 */

/** A .safetensors file of float32 tensors with values of the size that PyTorch initialises with. @param {{name: string, shape: number[]}[]} tensors */
function randomWeights(tensors) {
  /** @param {{shape: number[]}} tensor */
  const size = ({ shape }) => shape.reduce((a, b) => a * b, 1);
  /** @type {Record<string, object>} */
  const header = {};
  let offset = 0;
  for (const tensor of tensors) {
    const end = offset + 4 * size(tensor);
    header[tensor.name] = { dtype: 'F32', shape: tensor.shape, data_offsets: [offset, end] };
    offset = end;
  }
  let json = JSON.stringify(header);
  json += ' '.repeat(-json.length & 7); // the values begin at a multiple of 8
  const file = new Uint8Array(8 + json.length + offset);
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
  file.set(new TextEncoder().encode(json), 8);
  const values = new Float32Array(file.buffer, 8 + json.length);
  const random = uniform(1);
  let at = 0;
  for (const tensor of tensors) {
    const norm = tensor.name.includes('norm') && tensor.name.endsWith('.weight');
    const fanIn = tensor.shape.length > 1 ? size(tensor) / tensor.shape[0] : 1e4;
    const bound = 1 / Math.sqrt(fanIn);
    for (let i = 0; i < size(tensor); i++) values[at++] = (norm ? 1 : 0) + bound * random();
  }
  return file;
}

/**
 * @param {What} what
 * @returns {Promise<{denoiser: import('../../pkg/ddim_web.js').Denoiser, memory: WebAssembly.Memory, initMs: number, loadMs: number}>}
 */
export async function loadNetwork({ config, device, build }) {
  const start = performance.now();
  const { default: init, Denoiser, expected_tensors: expectedTensors } = await import(`../../pkg/${BUILDS[build][device]}ddim_web.js`);
  const { memory } = await init();
  const initMs = performance.now() - start;
  const json = JSON.stringify(config);
  const weights = randomWeights(expectedTensors(json));
  const loading = performance.now();
  const denoiser = await Denoiser.load(json, weights, device, { engine: build === 'burn' ? 'burn' : 'plan' });
  return { denoiser, memory, initMs, loadMs: performance.now() - loading };
}

/** Seeded noise for a batch of the network of `config`. @param {Config} config @param {number} batch */
export function noise({ in_channels: channels, sample_size: side }, batch) {
  return Float32Array.from({ length: batch * channels * side * side }, uniform(2));
}
