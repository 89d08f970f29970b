// Steps of the sampler: what the host spends on one, and what it costs to read every step's guess.
import { countGpuCalls } from './measure.js';
import { loadNetwork } from './network.js';

const STEPS = 8;

/** @param {number[]} values */
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

/** Moments at which work was handed to the GPU. */
function recordSubmits() {
  /** @type {number[]} */
  const moments = [];
  if (!globalThis.GPUQueue) return moments;
  const submit = GPUQueue.prototype.submit;
  GPUQueue.prototype.submit = function (...args) {
    submit.apply(this, args);
    moments.push(performance.now());
  };
  return moments;
}

/** @typedef {import('../../pkg/ddim_web.js').Sampler} Sampler */

/** @param {import('./network.js').What & {runs: number, batch: number}} parameters */
export async function run({ config, device, build, runs, batch }) {
  const counts = countGpuCalls();
  const moments = recordSubmits();
  const { denoiser } = await loadNetwork({ config, device, build });
  const { adapter } = denoiser.info();
  const sampler = () => denoiser.sampler({ scheduler: '{}', steps: STEPS, batch });
  /** @param {(run: Sampler) => Promise<unknown>} work */
  const timed = async (work) => {
    const run = sampler();
    const start = performance.now();
    await work(run);
    run.free();
    return performance.now() - start;
  };
  /** @param {Sampler} run */
  const streaming = async (run) => {
    while (!(await run.next()).done);
  };
  /** @param {Sampler} run */
  const silent = (run) => run.next(STEPS);
  await timed(streaming);

  /** @type {Record<'read'|'unread'|'ratios'|'host', number[]>} */
  const { read, unread, ratios, host } = { read: [], unread: [], ratios: [], host: [] };
  for (let i = 0; i < runs; i++) {
    const readMs = await timed(streaming);
    Object.assign(counts, { dispatches: 0, submits: 0 });
    moments.length = 0;
    const unreadMs = await timed(silent);
    read.push(readMs);
    unread.push(unreadMs);
    ratios.push(readMs / unreadMs);
    // All steps are handed over without a wait between them.
    if (moments.length > 1) host.push((moments[moments.length - 1] - moments[0]) / (moments.length - 1));
  }
  denoiser.free();
  return {
    adapter,
    steps: STEPS,
    streamingMs: median(read) / STEPS,
    silentMs: median(unread) / STEPS,
    streamingRatio: median(ratios),
    ...(host.length > 0 && { hostMs: median(host), dispatches: counts.dispatches / STEPS, submits: counts.submits / STEPS }),
  };
}
