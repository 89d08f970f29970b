// A batch split over several workers, each with a network of its own.
import { timeForward } from './measure.js';

export async function run({ config, build, runs, batch, threads }) {
  const workers = Array.from({ length: threads }, () => new Worker(new URL('worker.js', import.meta.url), { type: 'module' }));
  const ask = (worker, message) =>
    new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => (data.error ? reject(new Error(data.error)) : resolve(data));
      worker.onerror = (event) => reject(new Error(event.message));
      worker.postMessage(message);
    });
  const each = (message) => Promise.all(workers.map((worker) => ask(worker, message)));
  const [{ adapter, parameters }] = await each({ load: { config, device: 'cpu', build } });
  const forward = async () => {
    const parts = await each({ batch: batch / threads });
    return parts.flatMap(({ output }) => [...output]);
  };
  const { output, ...times } = await timeForward(forward, runs, {});
  for (const worker of workers) worker.terminate();
  return { adapter, parameters, ...times };
}
