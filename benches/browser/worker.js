// One worker of workers.js: {load} once, then {batch} for one forward pass each.
import { loadNetwork, noise } from './network.js';

/** @type {import('../../pkg/ddim_web.js').Denoiser} */
let denoiser;
/** @type {import('./network.js').Config} */
let config;

/** @param {{load?: import('./network.js').What, batch: number}} request */
async function answer({ load, batch }) {
  if (load) {
    ({ denoiser } = await loadNetwork(load));
    config = load.config;
    return denoiser.info();
  }
  return { output: await denoiser.predict(noise(config, batch), batch, 500) };
}

addEventListener('message', async ({ data }) => {
  try {
    postMessage(await answer(data));
  } catch (error) {
    postMessage({ error: error instanceof Error ? error.message : String(error) });
  }
});
