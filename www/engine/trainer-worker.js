// The worker that owns a network in training. On the CPU it has others help it, with the same script and the same network:
// each computes the gradients of its part of every batch, and this one adds them up in order, changes the weights and
// hands them out. Numbers are handed over, not copied. The page starts them (crew.js).
//
// In:   {type: 'open', device}   which device it is to be
//       {type: 'create', script, module, device, workers, options}   or
//       {type: 'resume', script, module, device, workers, options, checkpoint}   once, then
//       {type: 'step', count}   {type: 'model', precision}   {type: 'checkpoint'}   {type: 'gradients', options}
//       {type: 'part', step, index, parts, values}   to one that helps
//       {type: 'stop'}   at any time, about every `step`
//       {type: 'serve', port}   to one that helps, first of all: requests come from there
//       {type: 'lost', index, kind, message}   a helper is of no further use
// Out:  {type: 'answer', value}   {type: 'failed', kind, message}   one of the two to each request
//       {type: 'step', ...}   during a `step`
// All of these have the number of their `request`; requests.js deals with them. On its own account the worker says:
//       {type: 'notice', topic, text}
//       {type: 'help', ports}   it wants so many helpers, each at the other end of a port
//       {type: 'crashed', kind, message}   it is of no further use, and answers no more

import { chooseDevice, findAdapter } from './device.js';
import { Failure, answer, lastWords, oneLine } from './errors.js';
import { host } from './host.js';
import { otherMessages } from './messages.js';
import { workersFor } from './pool.js';
import { Requests } from './requests.js';

/**
 * @typedef {typeof import('../../pkg/training/ddim_web.js')} Package
 * @typedef {import('../../pkg/training/ddim_web.js').TrainingStep} Step
 * @typedef {import('../../pkg/training/ddim_web.js').TrainingPart} Part
 * @typedef {object} Beginning
 * @property {string} script @property {WebAssembly.Module} module
 * @property {'webgpu'|'cpu'} device @property {number} [workers]
 * @property {any} options @property {Uint8Array} [checkpoint]
 */

/** @type {import('../../pkg/training/ddim_web.js').Trainer} */
let trainer;
/** Those that were asked for. @type {Requests[]} */
let asked = [];
/** Those that came, which compute the second part of a batch and the rest. @type {Requests[]} */
const helpers = [];
/** Where requests come from: the page, or the worker that this one helps. @type {Pick<MessagePort, 'postMessage'>} */
let other = globalThis;
/** The weights that they do not have yet. @type {Float32Array<ArrayBuffer>|null} */
let changed = null;
/** Steps done. */
let done = 0;
/** Steps of the whole run. */
let steps = 0;
/** `step`s that wait or are under way. @type {Set<{stopping: boolean}>} */
const runs = new Set();

/** @param {object} message @param {Transferable[]} [transfer] */
function say(message, transfer = []) {
  other.postMessage(message, transfer);
}

/** Whether the instance is of no further use: whatever is asked of it from then on, it does not answer. */
let dead = false;

/** @param {import('./errors.js').Kind} kind @param {unknown} reason */
function crash(kind, reason) {
  dead = true;
  postMessage({ type: 'crashed', kind, message: lastWords(reason) });
}

/** @param {unknown} error @throws {Failure} always */
function refuseToStart(error) {
  throw new Failure('start', oneLine(error));
}

/** @param {string} topic @param {string} text */
function notice(topic, text) {
  say({ type: 'notice', topic, text });
}

/** @param {{device: 'auto'|'webgpu'|'cpu'}} request */
async function open({ device: wanted }) {
  const { device, notice: why } = chooseDevice(wanted, await findAdapter(wanted, navigator.gpu, 'plan'));
  if (why) notice('device', why);
  return { device };
}

/** @param {Beginning} request */
async function begin(request) {
  const { script, module, device, workers, checkpoint } = request;
  const options = { ...request.options, device };
  /** @type {Package} */
  const wasm = await import(/* webpackIgnore: true */ /* @vite-ignore */ script).catch(refuseToStart);
  await wasm.default({ module_or_path: module }).catch(refuseToStart);
  // A panic never settles the promise that waits for it.
  wasm.on_panic((message) => crash('crash', message));
  trainer = await (checkpoint ? wasm.Trainer.resume(checkpoint, options) : wasm.Trainer.create(options));
  const info = trainer.info();
  ({ step: done, steps } = info);
  if (info.device === 'cpu') {
    const most = workersFor(info.batch, host.cores());
    await findHelp(request, Math.min(workers ?? most, info.batch) - 1);
  }
  return { ...info, workers: helpers.length + 1 };
}

/** Has `count` others make the same network. @param {Beginning} request @param {number} count */
async function findHelp(request, count) {
  if (count < 1) return;
  const channels = Array.from({ length: count }, () => new MessageChannel());
  const ports = channels.map(({ port2 }) => port2);
  asked = channels.map(({ port1 }) => new Requests(port1));
  say({ type: 'help', ports }, ports);
  const started = await Promise.allSettled(asked.map((helper) => helper.request({ ...request, device: 'cpu', workers: 1 }).answer));
  for (const [i, { status }] of started.entries()) {
    if (status === 'fulfilled') helpers.push(asked[i]);
    else asked[i].terminate();
  }
  const failed = started.find((end) => end.status === 'rejected');
  if (failed) notice('cores', `${helpers.length + 1} of ${count + 1} processors are used: ${oneLine(failed.reason)}`);
}

/** A helper is of no further use. @param {{index: number, kind: import('./errors.js').Kind, message: string}} event */
function lose({ index, kind, message }) {
  const helper = asked[index];
  // Without one of those that came, a step cannot end well.
  if (helpers.includes(helper)) crash(kind, message);
  else helper.terminate(new Failure(kind, message));
}

/** A step that all workers make together. @returns {Promise<Step>} */
async function stepTogether() {
  const parts = helpers.length + 1;
  const answers = helpers.map((helper, i) => {
    // The last of them takes the numbers themselves.
    const values = i < helpers.length - 1 ? changed?.slice() : changed;
    return helper.request({ type: 'part', step: done, index: i + 1, parts, values }, undefined, values ? [values.buffer] : []).answer;
  });
  changed = null;
  // While they are at work.
  const mine = Promise.resolve().then(() => trainer.part(done, 0, parts));
  const [, ...others] = /** @type {Part[]} */ (await all([mine, ...answers]));
  const report = trainer.finish(Float64Array.from(others, ({ loss }) => loss), others.map(({ gradients }) => gradients));
  changed = /** @type {Float32Array<ArrayBuffer>} */ (trainer.values());
  return report;
}

/** @returns {Promise<Step>} */
async function timedStep() {
  const began = performance.now();
  const report = await (helpers.length > 0 ? stepTogether() : trainer.step());
  done = report.step;
  return { ...report, ms: performance.now() - began };
}

/** Waits for the end of every one, however some end. @template T @param {Promise<T>[]} promises @returns {Promise<T[]>} */
async function all(promises) {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}

/** The end of what was done last. @type {Promise<unknown>} */
let turn = Promise.resolve();

/** Waits for one's turn: the network does one thing at a time. @template T @param {() => T|Promise<T>} work @returns {Promise<T>} */
function inTurn(work) {
  const mine = turn.then(work);
  turn = mine.catch(() => {}).then(otherMessages);
  return mine;
}

/** @param {{request: number, count: number}} request */
async function step({ request, count }) {
  if (!(Number.isInteger(count) && count > 0)) throw new Failure('options', `count: expected an integer, at least 1, found ${count}`);
  const run = { stopping: false };
  runs.add(run);
  try {
    /** @type {Step|null} */
    let last = null;
    let [losses, made] = [0, 0];
    while (made < count && (!last || done < steps)) {
      // Whoever stops it early gets one step.
      const report = await inTurn(() => (last && run.stopping ? null : timedStep()));
      if (!report) break;
      say({ type: 'step', request, ...report });
      last = report;
      losses += report.loss;
      made += 1;
    }
    return { ...last, loss: losses / made, stopped: made < count && done < steps };
  } finally {
    runs.delete(run);
  }
}

/** @param {{step: number, index: number, parts: number, values: Float32Array|null|undefined}} request @returns {Part} */
function part({ step, index, parts, values }) {
  if (values) trainer.set_values(values);
  return trainer.part(step, index, parts);
}

/** @type {Record<string, (request: any) => unknown>} */
const requests = {
  open,
  create: (request) => inTurn(() => begin(request)),
  resume: (request) => inTurn(() => begin(request)),
  step,
  part: (request) => inTurn(() => part(request)),
  model: ({ precision }) => inTurn(() => trainer.model(precision)),
  checkpoint: () => inTurn(() => trainer.checkpoint()),
  gradients: ({ options }) => inTurn(() => trainer.gradients(options)),
};

/** The numbers in an answer, which are handed over. @param {any} value @returns {Transferable[]} */
function numbersOf(value) {
  // The values of an array of bytes are its bytes, one by one.
  const parts = ArrayBuffer.isView(value) ? [value] : Object.values(value ?? {});
  return parts.filter((part) => ArrayBuffer.isView(part)).map(({ buffer }) => buffer);
}

/** @param {MessageEvent} event */
function receive({ data }) {
  if (data.type === 'stop') for (const run of runs) run.stopping = true;
  else if (data.type === 'lost') lose(data);
  else if (data.type === 'serve') {
    data.port.onmessage = receive;
    other = data.port;
  } else if (!dead) {
    const { type, request } = data;
    const tell = (/** @type {object} */ message) => say(message, 'value' in message ? numbersOf(message.value) : []);
    void answer(request, () => requests[type](data), tell, (trap) => crash('crash', trap));
  }
}

addEventListener('message', receive);

addEventListener('error', (event) => crash('crash', event.message));
addEventListener('unhandledrejection', (event) => crash('crash', event.reason));
