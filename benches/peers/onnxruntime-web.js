// onnxruntime-web's case: the same architecture, exported by export.py, in the same browser.
import { countGpuCalls, timeForward } from '../browser/measure.js';

/**
 * @param {object} parameters
 * @param {string} parameters.architecture
 * @param {import('../browser/network.js').Config} parameters.config
 * @param {'cpu'|'webgpu'} parameters.device
 * @param {number} parameters.runs
 * @param {number} parameters.batch
 * @param {number} parameters.threads
 */
export async function run({ architecture, config, device, runs, batch, threads }) {
  const counts = countGpuCalls();
  const folder = new URL('node_modules/onnxruntime-web/dist/', import.meta.url).href;
  const model = new URL(`models/${architecture}-${batch}`, import.meta.url).href;
  const reference = new Float32Array(await (await fetch(`${model}.bin`)).arrayBuffer());
  const shape = [batch, config.in_channels, config.sample_size, config.sample_size];
  const size = shape.reduce((a, b) => a * b, 1);
  const expected = reference.subarray(size + batch);

  const start = performance.now();
  const ort = await import(`${folder}ort.${device === 'webgpu' ? 'webgpu' : 'wasm'}.min.mjs`);
  ort.env.wasm.wasmPaths = folder;
  ort.env.wasm.numThreads = threads;
  const initMs = performance.now() - start;
  const session = await ort.InferenceSession.create(`${model}.onnx`, {
    executionProviders: [device === 'webgpu' ? 'webgpu' : 'wasm'],
    graphOptimizationLevel: 'all',
  });
  const loadMs = performance.now() - start - initMs;
  const feeds = {
    sample: new ort.Tensor('float32', reference.slice(0, size), shape),
    timestep: new ort.Tensor('float32', reference.slice(size, size + batch), [batch]),
  };
  /** @returns {Promise<Float32Array>} */
  const forward = async () => {
    const { out } = await session.run(feeds);
    const values = await out.getData();
    out.dispose();
    return values;
  };
  const { output, ...times } = await timeForward(forward, runs, counts);
  if (output.length !== expected.length) throw new Error(`expected ${expected.length} values, found ${output.length}`);
  const maxAbsDiff = output.reduce((worst, value, i) => Math.max(worst, Math.abs(value - expected[i])), 0);
  return { version: ort.env.versions.web, initMs, loadMs, ...times, maxAbsDiff };
}
