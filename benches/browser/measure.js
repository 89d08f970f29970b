// What every case does in the page, whosever engine it is: count the calls to the GPU, time the forward passes.

/**
 * @typedef {{dispatches: number, submits: number}} Counts  calls to the GPU
 *
 * @typedef {object} Times
 * @property {number} firstForwardMs
 * @property {number} minMs
 * @property {number} medianMs
 * @property {number} dispatches  of one forward pass
 * @property {number} submits
 */

/** Counts from now on; must run before the engine is loaded, because engines keep the functions they find. @returns {Counts} */
export function countGpuCalls() {
  const counts = { dispatches: 0, submits: 0 };
  if (!globalThis.GPUComputePassEncoder) return counts;
  /**
   * @template {PropertyKey} Method
   * @param {{[name in Method]: (...args: any[]) => unknown}} prototype @param {Method} method @param {keyof Counts} key
   */
  const count = (prototype, method, key) => {
    const original = prototype[method];
    /** @this {unknown} @param {...unknown} args */
    prototype[method] = function (...args) {
      counts[key]++;
      return original.apply(this, args);
    };
  };
  count(GPUComputePassEncoder.prototype, 'dispatchWorkgroups', 'dispatches');
  count(GPUComputePassEncoder.prototype, 'dispatchWorkgroupsIndirect', 'dispatches');
  count(GPUQueue.prototype, 'submit', 'submits');
  return counts;
}

/**
 * Times `forward` (which must resolve to the values read back from the device) once, then `runs` times more.
 * A device computes the same from the same input; an output that is not finite makes the timing meaningless.
 * @template {Float32Array|number[]} Output
 * @param {() => Promise<Output>} forward @param {number} runs @param {Counts} counts
 * @returns {Promise<Times & {output: Output}>}
 */
export async function timeForward(forward, runs, counts) {
  const timed = async () => {
    const start = performance.now();
    const output = await forward();
    return { ms: performance.now() - start, output };
  };
  const first = await timed();
  if (!first.output.every(Number.isFinite)) throw new Error('the output holds values that are not finite');
  await timed(); // caches of shaders and buffers fill up in the first two
  Object.assign(counts, { dispatches: 0, submits: 0 });
  const ms = [];
  for (let i = 0; i < runs; i++) ms.push((await timed()).ms);
  ms.sort((a, b) => a - b);
  return {
    firstForwardMs: first.ms,
    output: first.output,
    minMs: ms[0],
    medianMs: (ms[(runs - 1) >> 1] + ms[runs >> 1]) / 2,
    dispatches: counts.dispatches / runs,
    submits: counts.submits / runs,
  };
}

/** Uniform numbers in [-1, 1), the same for the same seed (mulberry32). @param {number} seed @returns {() => number} */
export function uniform(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let z = Math.imul(state ^ (state >>> 15), state | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 31 - 1;
  };
}
