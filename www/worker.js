// The worker that owns the wasm module, so that the page never blocks. It loads one model and then
// runs the sampler as often as it is asked to. Another model or device means another worker: that
// gives back all memory, and it is the one way out after a crash.
//
// In:   {type: 'load', model, device} once, {type: 'sample', options}, {type: 'stop'}
// Out:  {type: 'bytes', loaded, total}   {type: 'phase', text}   {type: 'notice', text}
//       {type: 'loaded', ...}            {type: 'started', total}   {type: 'step', ...}
//       {type: 'finished', stopped}
//       {type: 'failed', message}        the request failed, the worker is fine
//       {type: 'crashed', message}       the worker is of no further use

import { chooseDevice, requireWebAssembly, watchForLostDevice } from './device.js';
import { toGreyLevels } from './pixels.js';
import { fetchJsonText, fetchOk, fetchWeights, readBytes } from './weights.js';

const PACKAGE = new URL('../pkg/ddim_web.js', import.meta.url);
const WASM = new URL('../pkg/ddim_web_bg.wasm', import.meta.url);

let model = null; // the wasm module's Denoiser
let schedulerJson = '';
let stopping = false;

/** @param {unknown} error @returns {string} its message in one line */
function oneLine(error) {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/\s+/g, ' ').trim();
}

function crash(reason) {
  postMessage({ type: 'crashed', message: `${reason} Reload the model to go on.` });
}

/** A panic in wasm never settles the promise that waits for it; its message on the console is the only sign. */
function watchForPanics() {
  const consoleError = console.error;
  console.error = (...args) => {
    consoleError.apply(console, args);
    const panic = /panicked at [^\n]*\n?([^\n]*)/.exec(String(args[0]));
    if (panic) crash(`The engine crashed (${panic[1].trim() || 'no reason given'}).`);
  };
  addEventListener('error', (event) => crash(`The engine crashed (${event.message}).`));
  addEventListener('unhandledrejection', (event) => crash(`The engine crashed (${oneLine(event.reason)}).`));
}

/** Adds up the bytes of several downloads, which all start before the first one ends. */
function byteCounter() {
  const parts = new Map();
  return (name) => (loaded, total) => {
    parts.set(name, { loaded, total });
    const sum = { loaded: 0, total: 0 };
    for (const part of parts.values()) {
      sum.loaded += part.loaded;
      sum.total += part.total;
    }
    const known = [...parts.values()].every((part) => part.total > 0);
    postMessage({ type: 'bytes', loaded: sum.loaded, total: known ? sum.total : 0 });
  };
}

/** @returns {Promise<typeof import('../pkg/ddim_web.js')>} the initialised wasm package */
async function loadEngine(onBytes) {
  const response = await fetchOk(WASM);
  // The clone only counts bytes: the original keeps its URL, by which browsers cache compiled code.
  const counted = readBytes(response.clone(), 'ddim_web_bg.wasm', onBytes);
  let engine;
  try {
    engine = await import(PACKAGE.href);
    await engine.default({ module_or_path: response });
  } catch (error) {
    throw new Error(`The engine could not be started (${oneLine(error)}); reload the page to try again.`);
  }
  await counted;
  return engine;
}

/** On `auto`, a graphics card that cannot take the model is no reason to give up. */
async function loadDenoiser(Denoiser, configJson, weights, choice, wanted) {
  try {
    return await Denoiser.load(configJson, weights, choice.device);
  } catch (error) {
    if (wanted !== 'auto' || choice.device === 'cpu') throw error;
    const onCpu = await Denoiser.load(configJson, weights, 'cpu');
    postMessage({
      type: 'notice',
      text: `The graphics card could not take the model (${oneLine(error)}), so the CPU is used.`,
    });
    return onCpu;
  }
}

/** @param {(json: string) => object} schedulerInfo  the package's @param {string} json @throws {Error} that names the key */
function readScheduler(schedulerInfo, json) {
  try {
    const { num_train_timesteps: trainSteps, timestep_spacing: spacing, unknown_keys: unknownKeys } = schedulerInfo(json);
    return { trainSteps, spacing, unknownKeys };
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError) throw error;
    throw new Error(`The model could not be loaded (${oneLine(error)}).`);
  }
}

/** @param {{model: {path: string, name: string}, device: 'auto'|'webgpu'|'cpu'}} request */
async function load({ model: { path, name }, device }) {
  requireWebAssembly();
  const choice = await chooseDevice(device, navigator.gpu);
  if (choice.notice) postMessage({ type: 'notice', text: choice.notice });

  const folder = new URL(path, new URL('./models/', import.meta.url));
  const bytes = byteCounter();
  const [{ Denoiser, scheduler_info: schedulerInfo }, configJson, scheduler, weights] = await Promise.all([
    loadEngine(bytes('engine')),
    fetchJsonText(new URL('config.json', folder)),
    fetchJsonText(new URL('scheduler_config.json', folder)),
    fetchWeights(new URL('diffusion_pytorch_model.safetensors', folder), bytes('weights')),
  ]);

  postMessage({ type: 'phase', text: `Preparing ${name}…` });
  const schedulerFacts = readScheduler(schedulerInfo, scheduler);
  try {
    model = await loadDenoiser(Denoiser, configJson, weights.bytes, choice, device);
  } catch (error) {
    await weights.forget();
    throw new Error(`The model could not be loaded (${oneLine(error)}); reload it to download its files again.`);
  }
  await weights.keep();

  const info = model.info();
  if (![1, 3].includes(info.out_channels)) {
    throw new Error(`The model makes pictures with ${info.out_channels} channels; this page can show 1 (grey) or 3 (colour).`);
  }
  if (!info.sample_size) throw new Error('config.json does not say how large the pictures are (sample_size).');
  if (info.classes) throw new Error('The model wants to be told a class for each picture, which this page cannot do.');
  schedulerJson = scheduler;
  postMessage({
    type: 'loaded',
    info,
    adapter: info.device === 'webgpu' && choice.adapter ? choice.adapter : info.adapter,
    scheduler: schedulerFacts,
    fromCache: weights.fromCache,
  });
}

/** Lets waiting messages in, so that a `stop` is seen between two steps. */
const otherMessages = () => new Promise((resolve) => setTimeout(resolve, 0));

/** @param {{options: object}} request  options of `Denoiser.sampler`, without the scheduler */
async function sample({ options }) {
  stopping = false;
  const sampler = model.sampler({ ...options, scheduler: schedulerJson });
  try {
    const { total } = sampler;
    postMessage({ type: 'started', total });
    let done = false;
    while (!done && !stopping) {
      const start = performance.now();
      const step = await sampler.next();
      const ms = performance.now() - start;
      done = step.done;
      const x0 = toGreyLevels(step.x0_hat);
      const xt = toGreyLevels(step.x_t);
      if (!x0 || !xt) {
        throw new Error(`Step ${step.index + 1} gave numbers that are not finite; the weights of this model seem to be damaged.`);
      }
      postMessage({ type: 'step', index: step.index, t: step.t, ms, x0, xt }, [x0.buffer, xt.buffer]);
      await otherMessages();
    }
    postMessage({ type: 'finished', stopped: !done });
  } finally {
    sampler.free();
  }
}

const requests = { load, sample };

addEventListener('message', async ({ data }) => {
  if (data.type === 'stop') {
    stopping = true;
    return;
  }
  try {
    await requests[data.type](data);
  } catch (error) {
    // A trap inside wasm leaves the module's memory in an unknown state.
    if (error instanceof WebAssembly.RuntimeError) crash(`The engine crashed (${oneLine(error)}).`);
    else postMessage({ type: 'failed', message: oneLine(error) });
  }
});

watchForPanics();
watchForLostDevice((reason) => crash(`The graphics card stopped working for this page (${oneLine(reason) || 'no reason given'}).`));
