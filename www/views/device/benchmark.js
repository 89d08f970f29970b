// The measurement: steps of the loaded model, for batches of several sizes, each for a share of ten seconds.

import { Client } from '../../engine/client.js';
import { Run } from '../../run.js';

/**
 * @typedef {import('../../run.js').Way} Way
 * @typedef {import('../../engine/pool.js').Options & {batch: number}} Options
 * @typedef {(options: Options, way: Way) => Run} Sample
 *
 * @typedef {object} Series  what was measured of one batch on one device
 * @property {'cpu'|'webgpu'} device
 * @property {number} batch
 * @property {number} workers  that shared the batch
 * @property {number[]} times  ms of each step
 *
 * @typedef {object} Summary
 * @property {number} median  ms per step
 * @property {[number, number]} middle  between these lie half of the steps
 * @property {number} stepsPerSecond
 * @property {number} perPicture  ms of a step for each picture of the batch
 */

/** Pictures at once. */
export const BATCHES = [1, 4, 16];

/** What all of it takes; preparations come on top. */
export const BUDGET_MS = 10_000;

/** @param {number[]} sorted @param {number} share  from 0 to 1 */
function quantile(sorted, share) {
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  return sorted[below] + (place - below) * (sorted[Math.min(below + 1, sorted.length - 1)] - sorted[below]);
}

/** @param {Pick<Series, 'batch'|'times'>} series  with at least one step @returns {Summary} */
export function summarize({ batch, times }) {
  const sorted = [...times].sort((a, b) => a - b);
  const median = quantile(sorted, 0.5);
  return { median, middle: [quantile(sorted, 0.25), quantile(sorted, 0.75)], stepsPerSecond: 1000 / median, perPicture: median / batch };
}

/**
 * Runs of one batch until their time is over, or until they are stopped.
 * @param {Sample} sample @param {Options} options
 * @param {number} budget  ms
 * @param {(ms: number|null, workers: number) => boolean} onStep  hears null when it begins; says whether to go on
 * @returns {Promise<void>}
 */
export async function measure(sample, options, budget, onStep) {
  let end = Infinity;
  let workers = 1;
  let stopped = false;
  do {
    const run = sample(options, {
      onStart: (_, count) => {
        workers = count;
        if (end === Infinity) {
          // More cores may have been prepared for it before.
          end = performance.now() + budget;
          onStep(null, workers);
        }
      },
      onStep: ({ index, ms }, run) => {
        // The first step makes buffers, and says little about the others.
        if (index === 0 && run.total > 1) return;
        if (!onStep(ms, workers) || performance.now() >= end) run.stop();
      },
    });
    ({ stopped } = await run.ended);
  } while (!stopped && performance.now() < end);
}

/**
 * The same on the processor, beside the client of the page.
 * @param {URL|import('../../engine/client.js').OwnFiles} source  of the model @param {{engine: 'plan'|'burn', storage: 'f32'|'f16'}} choice
 * @param {() => void} sign  is called at each sign of life
 * @returns {Promise<{sample: Sample, end: () => void}>}
 */
export async function onProcessor(source, choice, sign) {
  const client = new Client(sign);
  try {
    await client.load(source, { ...choice, device: 'cpu' });
  } catch (error) {
    client.terminate();
    throw error;
  }
  return { sample: (options, way) => new Run(client, options, way, sign), end: () => client.terminate() };
}
