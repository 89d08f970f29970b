// ddim-web's own case: random weights for an architecture, then forward passes on one device.
import { countGpuCalls, timeForward, uniform } from './measure.js';

/** A .safetensors file of float32 tensors with values of the size that PyTorch initialises with. */
function randomWeights(tensors) {
  const size = ({ shape }) => shape.reduce((a, b) => a * b, 1);
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

export async function run({ config, device, runs, batch }) {
  const counts = countGpuCalls();
  const start = performance.now();
  const { default: init, Denoiser, expected_tensors: expectedTensors } = await import('../../pkg/ddim_web.js');
  await init();
  const initMs = performance.now() - start;

  const json = JSON.stringify(config);
  const weights = randomWeights(expectedTensors(json));
  const loading = performance.now();
  const denoiser = await Denoiser.load(json, weights, device);
  const loadMs = performance.now() - loading;
  const { adapter, parameters } = denoiser.info();

  const random = uniform(2);
  const { in_channels: channels, sample_size: side } = config;
  const x = Float32Array.from({ length: batch * channels * side * side }, random);
  const { output, ...times } = await timeForward(() => denoiser.predict(x, batch, 500), runs, counts);
  denoiser.free();
  return { adapter, parameters, initMs, loadMs, ...times };
}
