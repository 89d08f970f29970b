// A batch split over several workers, each with a network of its own.
import { timeForward } from './measure.js';

/** @typedef {{output: Float32Array<ArrayBuffer>}} Part  of a forward pass */

/** @param {import('./network.js').What & {runs: number, batch: number, threads: number}} parameters */
export async function run({ config, build, runs, batch, threads }) {
  const workers = Array.from({ length: threads }, () => new Worker(new URL('worker.js', import.meta.url), { type: 'module' }));
  /** @param {Worker} worker @param {object} message @returns {Promise<any>} */
  const ask = (worker, message) =>
    new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => (data.error ? reject(new Error(data.error)) : resolve(data));
      worker.onerror = (event) => reject(new Error(event.message));
      worker.postMessage(message);
    });
  /** @param {object} message */
  const each = (message) => Promise.all(workers.map((worker) => ask(worker, message)));
  const [{ adapter, parameters }] = await each({ load: { config, device: 'cpu', build } });
  const forward = async () => {
    /** @type {Part[]} */
    const parts = await each({ batch: batch / threads });
    return parts.flatMap(({ output }) => [...output]);
  };
  const { output, ...times } = await timeForward(forward, runs, { dispatches: 0, submits: 0 });
  for (const worker of workers) worker.terminate();
  return { adapter, parameters, ...times };
}
