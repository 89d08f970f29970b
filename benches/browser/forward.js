// Forward passes of one network on one device.
import { countGpuCalls, timeForward } from './measure.js';
import { loadNetwork, noise } from './network.js';

/** @param {import('./network.js').What & {runs: number, batch: number}} parameters */
export async function run({ config, device, build, runs, batch }) {
  const counts = countGpuCalls();
  const { denoiser, initMs, loadMs } = await loadNetwork({ config, device, build });
  const { adapter, parameters } = denoiser.info();
  const x = noise(config, batch);
  const { output, ...times } = await timeForward(() => denoiser.predict(x, batch, 500), runs, counts);
  denoiser.free();
  return { adapter, parameters, initMs, loadMs, ...times };
}
