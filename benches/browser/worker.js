// One worker of workers.js: {load} once, then {batch} for one forward pass each.
import { loadNetwork, noise } from './network.js';

let denoiser;
let config;

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
    postMessage({ error: error.message });
  }
});
