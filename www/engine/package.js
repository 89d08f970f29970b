// The wasm packages: which of the three is needed, its download and its compilation. Compiling is done
// once, on the page; workers are handed the result, and the browser shares its machine code among them.

import { hasRelaxedSimd } from './device.js';
import { fetchOk, piecesOf } from './weights.js';

const FOLDERS = { plain: '../../pkg/', relaxed: '../../pkg/relaxed/', burn: '../../pkg/burn/' };

/** @type {Map<string, WebAssembly.Module>} by address */
const compiled = new Map();

/**
 * @param {'plan'|'burn'} engine
 * @returns {{script: URL, wasm: URL}} addresses of the package's two files
 */
export function packageFor(engine) {
  const build = engine === 'burn' ? 'burn' : hasRelaxedSimd() ? 'relaxed' : 'plain';
  const folder = new URL(FOLDERS[build], import.meta.url);
  return { script: new URL('ddim_web.js', folder), wasm: new URL('ddim_web_bg.wasm', folder) };
}

/**
 * @param {URL} url @param {import('./weights.js').OnBytes} onBytes  is not called where the page has it already
 * @param {AbortSignal} signal
 * @returns {Promise<WebAssembly.Module>}
 */
export async function fetchModule(url, onBytes, signal) {
  if (compiled.has(url.href)) return compiled.get(url.href);
  const response = await fetchOk(url, { signal });
  const [counted, made] = await Promise.allSettled([count(response.clone(), onBytes), compile(response)]);
  if (counted.status === 'rejected') throw counted.reason;
  if (made.status === 'rejected') {
    throw new Error(`The engine could not be started (${made.reason.message}); reload the page to try again.`);
  }
  compiled.set(url.href, made.value);
  return made.value;
}

/** Compiles while it downloads, which browsers do only for files that the server calls wasm. @param {Response} response */
async function compile(response) {
  const type = response.headers.get('content-type') ?? '';
  return type.startsWith('application/wasm') ? WebAssembly.compileStreaming(response) : WebAssembly.compile(await response.arrayBuffer());
}

/** Reads a copy to the end: the response itself keeps its address, by which browsers cache compiled code. */
async function count(response, onBytes) {
  const pieces = piecesOf(response, 'ddim_web_bg.wasm', onBytes);
  while (!(await pieces.next()).done);
}
