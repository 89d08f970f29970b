// The worker that owns one instance of the wasm module, so that the page never blocks. It loads one model
// and then runs the sampler as often as it is asked to.
//
// In:   {type: 'open', device, engine, storage, script}   once, first
//       {type: 'load', module, config, scheduler, weights, tuning}   once, second
//       {type: 'sample', options}   {type: 'taken', steps}   {type: 'stop'}
// Out:  {type: 'opened', adapter}   {type: 'loaded', ...}   {type: 'finished', stopped}   answers
//       {type: 'failed', message, refused}   an answer too: the request failed, the worker is fine
//       {type: 'started', total}   {type: 'step', ...}   {type: 'compiling', done, total}
//       {type: 'notice', topic, text}
//       {type: 'crashed', message}   the worker is of no further use

import { chooseDevice, watchForLostDevice } from './device.js';
import { toGreyLevels } from '../ui/pixels.js';

/** So many steps this worker may be ahead of what the page has of the whole batch: the rest would pile up there. */
const LEAD = 16;

/** @type {{device: string, engine: 'plan'|'burn', storage: 'f32'|'f16', script: string}} */
let wanted;
/** @type {import('./device.js').DeviceChoice} */
let choice;
/** @type {typeof import('../../pkg/ddim_web.js')} */
let wasm;
/** @type {{config: string, scheduler: string, weights: Blob, tuning?: string}} */
let files;
let model = null; // the wasm module's Denoiser

let stopping = false;
let taken = 0;
let wake = () => {};

/** The weights are not those of the network; with another copy of them all may be well. */
class Refused extends Error {}

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

/** The plan's engine takes a new device by itself; burn's never finishes a call that waits for a lost one. */
function onLostDevice({ reason, message }) {
  if (wanted.engine === 'burn' && reason !== 'destroyed') {
    crash(`The graphics card stopped working for this page (${oneLine(message) || 'no reason given'}).`);
  }
}

/** @param {unknown} error @throws {Error} always */
function refuseToStart(error) {
  throw new Error(`The engine could not be started (${oneLine(error)}); reload the page to try again.`);
}

/** Finds out what this worker needs, while the page downloads it. */
async function open(request) {
  wanted = request;
  const choosing = chooseDevice(wanted.device, navigator.gpu, wanted.engine);
  [choice, wasm] = await Promise.all([choosing, import(wanted.script).catch(refuseToStart)]);
  if (choice.notice) postMessage({ type: 'notice', topic: 'device', text: choice.notice });
  if (wanted.storage === 'f16' && choice.halves === false) {
    const text = `The graphics adapter “${choice.adapter}” lacks the WebGPU feature shader-f16, so numbers of 32 bits are used.`;
    postMessage({ type: 'notice', topic: 'storage', text });
  }
  postMessage({ type: 'opened', adapter: choice.adapter });
}

/** @param {'cpu'|'webgpu'} device @returns {Promise<object>} the Denoiser */
async function denoiserOn(device) {
  const weights = new Uint8Array(await files.weights.arrayBuffer());
  return wasm.Denoiser.load(files.config, weights, device, {
    engine: wanted.engine,
    storage: choice.halves ? wanted.storage : 'f32',
    tuning: files.tuning,
    progress: (done, total) => postMessage({ type: 'compiling', done, total }),
  });
}

/** On `auto`, a graphics card that cannot take the model is no reason to give up. */
async function loadDenoiser() {
  try {
    return await denoiserOn(choice.device);
  } catch (error) {
    if (wanted.device !== 'auto' || choice.device === 'cpu') throw error;
    const onCpu = await denoiserOn('cpu');
    const text = `The graphics card could not take the model (${oneLine(error)}), so the CPU is used.`;
    postMessage({ type: 'notice', topic: 'device', text });
    return onCpu;
  }
}

/** @throws {Error} that names the key */
function readScheduler() {
  try {
    const { num_train_timesteps: trainSteps, timestep_spacing: spacing, unknown_keys: unknownKeys } = wasm.scheduler_info(files.scheduler);
    return { trainSteps, spacing, unknownKeys };
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError) throw error;
    throw new Error(`The model could not be loaded (${oneLine(error)}).`);
  }
}

async function load({ module, ...rest }) {
  files = rest;
  await wasm.default({ module_or_path: module }).catch(refuseToStart);
  const scheduler = readScheduler();
  try {
    model = await loadDenoiser();
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError) throw error;
    const reason = oneLine(error);
    if (!reason.startsWith('weights:')) throw new Error(`The model could not be loaded (${reason}).`);
    throw new Refused(`The model could not be loaded (${reason}); reload it to download its files again.`);
  }

  const info = model.info();
  if (![1, 3].includes(info.out_channels)) {
    throw new Error(`The model makes pictures with ${info.out_channels} channels; this page can show 1 (grey) or 3 (colour).`);
  }
  if (!info.sample_size) throw new Error('config.json does not say how large the pictures are (sample_size).');
  if (info.classes) throw new Error('The model wants to be told a class for each picture, which this page cannot do.');
  const adapter = info.device === 'webgpu' && choice.adapter ? choice.adapter : info.adapter;
  postMessage({ type: 'loaded', info, adapter, scheduler, tuning: model.tuning() });
}

const { port1: inbox, port2: outbox } = new MessageChannel();

/**
 * Lets waiting messages in, so that a `stop` is seen between two steps. A message to oneself does not wait;
 * browsers hold a chain of setTimeout back for 4 ms each time, about as long as a small network takes.
 */
const otherMessages = () =>
  new Promise((resolve) => {
    inbox.onmessage = resolve;
    outbox.postMessage(null);
  });

/** Waits until the page is at most LEAD steps behind. @param {number} made  steps of this run */
async function keepPace(made) {
  while (made - taken >= LEAD && !stopping) await new Promise((resolve) => (wake = resolve));
}

/** @param {{options: object}} request  options of `Denoiser.sampler`, without the scheduler */
async function sample({ options }) {
  stopping = false;
  taken = 0;
  const sampler = model.sampler({ ...options, scheduler: files.scheduler });
  try {
    const { total } = sampler;
    postMessage({ type: 'started', total });
    let recoveries = 0;
    let done = false;
    while (!done && !stopping) {
      const step = await sampler.next();
      done = step.done;
      const x0 = toGreyLevels(step.x0_hat);
      const xt = toGreyLevels(step.x_t);
      if (!x0 || !xt) {
        throw new Error(`Step ${step.index + 1} gave numbers that are not finite; the weights of this model seem to be damaged.`);
      }
      postMessage({ type: 'step', index: step.index, t: step.t, x0, xt }, [x0.buffer, xt.buffer]);
      if (sampler.recoveries > recoveries) {
        ({ recoveries } = sampler);
        const effect = step.index > 0 ? '; the pictures went on from the last step' : '';
        postMessage({ type: 'notice', topic: 'lost', text: `The graphics card was lost and found again${effect}.` });
      }
      await otherMessages();
      await keepPace(step.index + 1);
    }
    postMessage({ type: 'finished', stopped: !done });
  } finally {
    sampler.free();
  }
}

const requests = { open, load, sample };

addEventListener('message', async ({ data }) => {
  if (data.type === 'stop' || data.type === 'taken') {
    if (data.type === 'stop') stopping = true;
    else taken = data.steps;
    wake();
    return;
  }
  try {
    await requests[data.type](data);
  } catch (error) {
    // A trap inside wasm leaves the module's memory in an unknown state.
    if (error instanceof WebAssembly.RuntimeError) crash(`The engine crashed (${oneLine(error)}).`);
    else postMessage({ type: 'failed', message: oneLine(error), refused: error instanceof Refused });
  }
});

watchForPanics();
watchForLostDevice(onLostDevice);
