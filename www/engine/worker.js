// The worker that owns one instance of the wasm module, so that the page never blocks. It loads one model and then runs
// the sampler as often as it is asked to; runs that are under way at once take turns, a step each.
//
// In:   {type: 'open', wanted, scripts}   {type: 'load', files}   once each, in this order
//       {type: 'sample', options, dissect}   {type: 'rate', options}
//       {type: 'taken', steps}   {type: 'stop', atOnce}   at any time, about one of these two
// Out:  {type: 'answer', value}   {type: 'failed', kind, message}   one of the two to each request
//       {type: 'started', total}   {type: 'step', ...}   during a `sample`
//       {type: 'started', total}   {type: 'points', ...}   during a `rate`
// All of these have the number of their `request`; remote.js has their types. On its own account the worker says:
//       {type: 'compiling', done, total}   {type: 'notice', topic, text}
//       {type: 'crashed', kind, message}   it is of no further use, and answers no more

import { chooseDevice, findAdapter, watchForLostDevice } from './device.js';
import { Failure, answer, lastWords, oneLine } from './errors.js';
import { toGreyLevels } from './levels.js';
import { otherMessages } from './messages.js';

/**
 * @typedef {import('./errors.js').Kind} Kind
 * @typedef {import('./remote.js').Wanted} Wanted
 * @typedef {import('./remote.js').Files} Files
 * @typedef {{stopping: boolean, atOnce: boolean, taken: number, wake: () => void}} Run  atOnce: even before its first step
 */

/** So many steps this worker may be ahead of what the page has of the whole batch: the rest would pile up there. */
const LEAD = 16;

/** @type {Wanted} */
let wanted;
/** @type {import('./device.js').DeviceChoice} */
let choice;
/** The package's script. @type {Promise<typeof import('../../pkg/ddim_web.js')>} */
let importing;
/** @type {typeof import('../../pkg/ddim_web.js')} */
let wasm;
/** @type {Files} */
let files;
/** @type {import('../../pkg/ddim_web.js').Denoiser} */
let model;

/** Runs that wait or are under way, by request. @type {Map<number, Run>} */
const runs = new Map();

/** @param {import('./remote.js').Message} message @param {Transferable[]} [transfer] */
function say(message, transfer = []) {
  postMessage(message, transfer);
}

/** Whether the instance is of no further use: whatever is asked of it from then on, it does not answer. */
let dead = false;

/** @param {Kind} kind @param {unknown} reason */
function crash(kind, reason) {
  dead = true;
  say({ type: 'crashed', kind, message: lastWords(reason) });
}

/** The plan's engine takes a new device by itself; burn's never finishes a call that waits for a lost one. @param {GPUDeviceLostInfo} lost */
function onLostDevice({ reason, message }) {
  if (wanted.engine === 'burn' && reason !== 'destroyed') crash('lost', message);
}

/** @param {unknown} error @returns {never} @throws {Failure} always */
function refuseToStart(error) {
  throw new Failure('start', oneLine(error));
}

/** Chooses the device; what it needs is fetched here and on the page at once. @param {{wanted: Wanted, scripts: {cpu: string, webgpu: string}}} request @returns {Promise<import('./remote.js').Opened>} */
async function open(request) {
  ({ wanted } = request);
  const found = await findAdapter(wanted.device, navigator.gpu, wanted.engine);
  choice = chooseDevice(wanted.device, found);
  // The package is one file, which bundlers copy as it is.
  importing = import(/* webpackIgnore: true */ /* @vite-ignore */ request.scripts[choice.device]);
  // Whoever waits for it hears of it.
  importing.catch(() => {});
  explain();
  return { adapter: found.adapter, device: choice.device };
}

/** Says what of the choice one might not expect. */
function explain() {
  if (choice.notice) say({ type: 'notice', topic: 'device', text: choice.notice });
  if (wanted.storage === 'f16' && choice.halves === false) {
    const text = `The graphics adapter “${choice.adapter}” lacks the WebGPU feature shader-f16, so numbers of 32 bits are used.`;
    say({ type: 'notice', topic: 'storage', text });
  }
}

/** @param {{files: Files}} request @returns {Promise<import('./remote.js').Loaded>} */
async function load(request) {
  ({ files } = request);
  wasm = await importing.catch(refuseToStart);
  await wasm.default({ module_or_path: files.module }).catch(refuseToStart);
  // A panic never settles the promise that waits for it.
  wasm.on_panic((message) => crash('crash', message));
  const { num_train_timesteps: trainSteps, timestep_spacing: tau, unknown_keys: unknownKeys, notes } = wasm.scheduler_info(files.scheduler);
  const storage = choice.device === 'cpu' || choice.halves ? wanted.storage : 'f32';
  model = await wasm.Denoiser.load(files.config, files.weights, choice.device, {
    engine: wanted.engine,
    storage,
    tuning: files.tuning,
    progress: (done, total) => say({ type: 'compiling', done, total }),
  });
  const info = model.info();
  const adapter = info.device === 'webgpu' && choice.adapter ? choice.adapter : info.adapter;
  const kept = /** @type {'f32'|'f16'} */ (model.storage());
  return { info, adapter, scheduler: { trainSteps, tau, unknownKeys, notes, json: files.scheduler }, why: choice.notice, storage: kept, tuning: model.tuning() };
}

/** Waits until the page is at most LEAD steps behind. @param {Run} run @param {number} made  steps of it */
async function keepPace(run, made) {
  while (made - run.taken >= LEAD && !run.stopping) await new Promise((resolve) => (run.wake = () => resolve(undefined)));
}

/** The end of the last step, of whichever run, and of what was heard after it. @type {Promise<unknown>} */
let turn = Promise.resolve();

/**
 * Waits for one's turn, so that of several runs each makes as many steps; a `stop` that came before it has been seen.
 * @template T
 * @param {() => T|Promise<T>} work
 * @returns {Promise<{made: T, ms: number}>} with the time that the work itself took
 */
function inTurn(work) {
  const timed = turn.then(async () => {
    if (dead) throw new Failure('crash', 'the engine has crashed');
    const began = performance.now();
    const made = await work();
    return { made, ms: performance.now() - began };
  });
  turn = timed.catch(() => {}).then(otherMessages);
  return timed;
}

/** @param {number} request @returns {Run} */
function runOf(request) {
  return /** @type {Run} */ (runs.get(request));
}

/** @param {number} step @returns {never} */
function refuseNumbers(step) {
  throw new Failure('diverged', `Step ${step} gave numbers that are not finite; the weights of this model seem to be damaged.`);
}

/**
 * The terms that the last step adds up, for the first picture of the batch.
 * @param {import('../../pkg/ddim_web.js').Sampler} sampler @returns {import('./remote.js').Terms|undefined}
 */
function termsOf(sampler) {
  const found = sampler.dissect();
  if (!found) return undefined;
  const [batch] = sampler.shape;
  /** @param {Float32Array} values */
  const first = (values) => toGreyLevels(values.subarray(0, values.length / batch)) ?? refuseNumbers(found.index + 1);
  const { a, b, sigma, t_next: tNext } = found;
  return { a, b, sigma, tNext, predicted: first(found.predicted), direction: first(found.direction), noise: first(found.noise) };
}

/** @param {{request: number, options: object, dissect?: boolean}} request  options of `Denoiser.sampler`, without the scheduler */
async function sample({ request, options, dissect }) {
  const run = runOf(request);
  const sampler = model.sampler({ ...options, scheduler: files.scheduler });
  try {
    say({ type: 'started', request, total: sampler.total });
    let recoveries = 0;
    /** @type {Float32Array|undefined} */
    let values;
    // A run that is stopped early makes one step, so that there is something to show, unless others show enough.
    const ends = () => run.stopping && (values !== undefined || run.atOnce);
    for (;;) {
      const { made: step, ms } = await inTurn(() => (ends() ? null : sampler.next()));
      if (!step) return { stopped: true, values };
      values = step.x_t;
      const x0 = toGreyLevels(step.x0_hat) ?? refuseNumbers(step.index + 1);
      const xt = toGreyLevels(step.x_t) ?? refuseNumbers(step.index + 1);
      const terms = dissect ? termsOf(sampler) : undefined;
      const parts = terms ? [terms.predicted.buffer, terms.direction.buffer, terms.noise.buffer] : [];
      say({ type: 'step', request, index: step.index, t: step.t, ms, x0, xt, ...(terms && { terms }) }, [x0.buffer, xt.buffer, ...parts]);
      if (sampler.recoveries > recoveries) {
        ({ recoveries } = sampler);
        const effect = step.index > 0 ? '; the pictures went on from the last step' : '';
        say({ type: 'notice', topic: 'lost', text: `The graphics card was lost and found again${effect}.` });
      }
      if (step.done) return { stopped: false, values };
      await keepPace(run, step.index + 1);
    }
  } finally {
    sampler.free();
  }
}

/** @param {{request: number, options: Omit<import('../../pkg/ddim_web.js').RateOptions, 'scheduler'>}} request */
async function rate({ request, options }) {
  const run = runOf(request);
  const curve = model.rate_distortion({ ...options, scheduler: files.scheduler });
  try {
    say({ type: 'started', request, total: curve.total });
    for (;;) {
      const { made: points } = await inTurn(() => (run.stopping ? null : curve.next()));
      if (!points) return { stopped: true };
      if (points.length === 0) return { stopped: false };
      say({ type: 'points', request, points });
    }
  } finally {
    curve.free();
  }
}

/** @type {Record<string, (request: any) => Promise<unknown>>} */
const requests = { open, load, sample, rate };

/** @param {{type: string, request: number}} data */
async function attend(data) {
  const { type, request } = data;
  if (dead) return;
  await answer(request, () => requests[type](data), say, (trap) => crash('crash', trap));
  runs.delete(request);
}

/** The end of `open` and `load`, which everything else waits for. */
let prepared = Promise.resolve();

addEventListener('message', ({ data }) => {
  const run = runs.get(data.request);
  if (data.type === 'stop' || data.type === 'taken') {
    if (!run) return; // it has ended meanwhile
    if (data.type === 'stop') Object.assign(run, { stopping: true, atOnce: data.atOnce });
    else run.taken = data.steps;
    run.wake();
    return;
  }
  if (data.type === 'sample' || data.type === 'rate') {
    runs.set(data.request, { stopping: false, atOnce: false, taken: 0, wake() {} });
    prepared.then(() => attend(data));
  } else prepared = prepared.then(() => attend(data));
});

addEventListener('error', (event) => crash('crash', event.message));
addEventListener('unhandledrejection', (event) => crash('crash', event.reason));
watchForLostDevice(onLostDevice);
