// Steps of the sampler: what the host spends on one, and what it costs to read every step's guess.
import { countGpuCalls } from './measure.js';
import { loadNetwork } from './network.js';

const STEPS = 8;

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

/** Moments at which work was handed to the GPU. */
function recordSubmits() {
  const moments = [];
  if (!globalThis.GPUQueue) return moments;
  const submit = GPUQueue.prototype.submit;
  GPUQueue.prototype.submit = function (...args) {
    submit.apply(this, args);
    moments.push(performance.now());
  };
  return moments;
}

export async function run({ config, device, build, runs, batch }) {
  const counts = countGpuCalls();
  const moments = recordSubmits();
  const { denoiser } = await loadNetwork({ config, device, build });
  const { adapter } = denoiser.info();
  const sampler = () => denoiser.sampler({ scheduler: '{}', steps: STEPS, batch });
  const timed = async (work) => {
    const run = sampler();
    const start = performance.now();
    await work(run);
    run.free();
    return performance.now() - start;
  };
  const streaming = async (run) => {
    while (!(await run.next()).done);
  };
  const silent = (run) => run.next(STEPS);
  await timed(streaming);

  const [read, unread, ratios, host] = [[], [], [], []];
  for (let i = 0; i < runs; i++) {
    read.push(await timed(streaming));
    Object.assign(counts, { dispatches: 0, submits: 0 });
    moments.length = 0;
    unread.push(await timed(silent));
    ratios.push(read.at(-1) / unread.at(-1));
    // All steps are handed over without a wait between them.
    if (moments.length > 1) host.push((moments.at(-1) - moments[0]) / (moments.length - 1));
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
