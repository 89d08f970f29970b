// Memory over a long run of a small network, and what is made on the GPU meanwhile.
import { loadNetwork } from './network.js';

const CONFIG = {
  _class_name: 'UNet2DModel',
  sample_size: 8,
  in_channels: 1,
  out_channels: 1,
  block_out_channels: [32, 32],
  down_block_types: ['DownBlock2D', 'AttnDownBlock2D'],
  up_block_types: ['AttnUpBlock2D', 'UpBlock2D'],
  layers_per_block: 1,
};
const STEPS = 2000;
const WARM = 100;

function countBuffers() {
  const counts = { buffers: 0 };
  if (!globalThis.GPUDevice) return counts;
  const { createBuffer } = GPUDevice.prototype;
  GPUDevice.prototype.createBuffer = function (...args) {
    counts.buffers++;
    return createBuffer.apply(this, args);
  };
  return counts;
}

/** @param {Pick<import('./network.js').What, 'device'|'build'>} parameters */
export async function run({ device, build }) {
  const counts = countBuffers();
  const { denoiser, memory } = await loadNetwork({ config: CONFIG, device, build });
  const scheduler = JSON.stringify({ num_train_timesteps: STEPS });
  const sampler = denoiser.sampler({ scheduler, steps: STEPS, batch: 1, eta: 1 });
  const state = () => ({ wasm: memory.buffer.byteLength, buffers: counts.buffers });
  let warm = state();
  for (let step = 1; step <= STEPS; step++) {
    await sampler.next();
    if (step === WARM) warm = state();
  }
  const end = state();
  const { adapter } = denoiser.info();
  return {
    adapter,
    steps: STEPS,
    wasmBytes: end.wasm,
    wasmGrowth: end.wasm - warm.wasm,
    ...(device === 'webgpu' && { buffers: end.buffers, buffersMade: end.buffers - warm.buffers }),
  };
}
