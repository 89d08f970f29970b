// The wasm packages: which of them a device needs in this browser, its download and its compilation. Each has the engine
// of one device, so that nobody loads two of which one is used. Compiling is done once, on the page; workers are handed
// the result, and the browser shares its machine code among them.

import { Failure, oneLine } from './errors.js';
import { fetchOk, piecesOf } from './weights.js';

/** @typedef {{script: URL, wasm: URL}} Files  addresses of the two files of a package */

/** The smallest module with a SIMD instruction: a function that makes a v128 from an i32. */
const SIMD_MODULE = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
]);

/** The smallest module with a relaxed SIMD instruction: f32x4.relaxed_madd of three v128, each made from an i32. */
const RELAXED_SIMD_MODULE = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 19, 1, 17, 0, 65, 0, 253, 15, 65, 0, 253, 15, 65, 0, 253, 15,
  253, 133, 2, 11,
]);

/** What of SIMD this browser can run: multiplying and adding in one instruction is faster, and not every one can. */
export function simdSupport() {
  const simd = typeof WebAssembly === 'object' && WebAssembly.validate(SIMD_MODULE);
  return { simd, relaxed: simd && WebAssembly.validate(RELAXED_SIMD_MODULE) };
}

/** @type {Map<string, WebAssembly.Module>} by address */
const compiled = new Map();

// Addresses are written out: only such are found by bundlers.

const CPU = {
  script: new URL('../../pkg/cpu/ddim_web.js', import.meta.url),
  wasm: new URL('../../pkg/cpu/ddim_web_bg.wasm', import.meta.url),
};

const CPU_RELAXED = {
  script: new URL('../../pkg/cpu/relaxed/ddim_web.js', import.meta.url),
  wasm: new URL('../../pkg/cpu/relaxed/ddim_web_bg.wasm', import.meta.url),
};

const WEBGPU = {
  script: new URL('../../pkg/webgpu/ddim_web.js', import.meta.url),
  wasm: new URL('../../pkg/webgpu/ddim_web_bg.wasm', import.meta.url),
};

/** Not so that one: large, and for comparison alone, it is not in npm's package. */
const BURN = {
  script: new URL('../burn/ddim_web.js', CPU.script),
  wasm: new URL('../burn/ddim_web_bg.wasm', CPU.script),
};

/** @throws {Failure} when this browser cannot run any of them */
export function needSimd() {
  const support = simdSupport();
  if (!support.simd) {
    throw new Failure(
      'browser',
      'This browser cannot run WebAssembly with SIMD, which the network needs; please use a current Chrome, Edge, Firefox or Safari (16.4 or newer).',
    );
  }
  return support;
}

/**
 * @param {'plan'|'burn'} engine
 * @returns {{cpu: Files, webgpu: Files}} the package for each device
 * @throws {Failure} when this browser cannot run any of them
 */
function packagesFor(engine) {
  const { relaxed } = needSimd();
  return engine === 'burn' ? { cpu: BURN, webgpu: BURN } : { cpu: relaxed ? CPU_RELAXED : CPU, webgpu: WEBGPU };
}

/**
 * @param {URL} url @param {import('./weights.js').OnBytes} onBytes  is not called where the page has it already
 * @param {AbortSignal} [signal]
 * @returns {Promise<WebAssembly.Module>}
 */
export async function fetchModule(url, onBytes, signal) {
  const known = compiled.get(url.href);
  if (known) return known;
  const response = await fetchOk(url, { signal });
  const [counted, made] = await Promise.allSettled([count(response.clone(), onBytes), compile(response)]);
  if (counted.status === 'rejected') throw counted.reason;
  if (made.status === 'rejected') throw new Failure('start', oneLine(made.reason));
  compiled.set(url.href, made.value);
  return made.value;
}

/**
 * Has a worker choose the device that a model will run on, and fetches the package for it.
 * @param {import('./remote.js').Remote} worker @param {import('./remote.js').Wanted} wanted
 * @param {import('./weights.js').OnBytes} [onBytes] @param {AbortSignal} [signal]
 * @returns {Promise<import('./remote.js').Opened & {module: WebAssembly.Module}>}
 */
export async function openWith(worker, wanted, onBytes = () => {}, signal) {
  const { cpu, webgpu } = packagesFor(wanted.engine);
  const opened = await worker.open(wanted, { cpu: cpu.script.href, webgpu: webgpu.script.href });
  const { wasm } = opened.device === 'cpu' ? cpu : webgpu;
  return { ...opened, module: await fetchModule(wasm, onBytes, signal) };
}

/** Compiles while it downloads, which browsers do only for files that the server calls wasm. @param {Response} response */
async function compile(response) {
  const type = response.headers.get('content-type') ?? '';
  return type.startsWith('application/wasm') ? WebAssembly.compileStreaming(response) : WebAssembly.compile(await response.arrayBuffer());
}

/**
 * Reads a copy to the end: the response itself keeps its address, by which browsers cache compiled code.
 * @param {Response} response @param {import('./weights.js').OnBytes} onBytes
 */
async function count(response, onBytes) {
  const pieces = piecesOf(response, 'ddim_web_bg.wasm', onBytes);
  while (!(await pieces.next()).done);
}
