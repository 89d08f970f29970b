// What a client loads its model from: the files of a folder, downloaded at once, or files that are there already.

import { WEIGHTS_FILE, fetchJsonText, fetchWeights } from './weights.js';

/**
 * @typedef {object} OwnFiles  a model that no server has
 * @property {string} config  the text of config.json
 * @property {string} scheduler  that of scheduler_config.json
 * @property {Blob} weights  a .safetensors file
 *
 * @typedef {{type: 'bytes', loaded: number, total: number}} Bytes  of all downloads; `total` is 0 while unknown
 */

/** Adds up the bytes of several downloads, which all start before the first one ends. @param {(event: Bytes) => void} listener */
export function byteCounter(listener) {
  /** @type {Map<string, {loaded: number, total: number}>} */
  const parts = new Map();
  /** @param {string} name @returns {import('./weights.js').OnBytes} */
  return (name) => (loaded, total) => {
    parts.set(name, { loaded, total });
    const sum = { loaded: 0, total: 0 };
    for (const part of parts.values()) {
      sum.loaded += part.loaded;
      sum.total += part.total;
    }
    const known = [...parts.values()].every((part) => part.total > 0);
    listener({ type: 'bytes', loaded: sum.loaded, total: known ? sum.total : 0 });
  };
}

/** What is there already is neither kept nor dropped. */
const nothing = async () => {};

/**
 * @param {URL|OwnFiles} source
 * @param {import('./weights.js').OnBytes} onBytes @param {AbortSignal} signal @param {Record<string, string>} [sha256]  by the name of a file
 */
export async function filesOf(source, onBytes, signal, sha256) {
  if (!(source instanceof URL)) return { ...source, weights: { blob: source.weights, keep: nothing, forget: nothing } };
  const [config, scheduler, weights] = await Promise.all([
    fetchJsonText(new URL('config.json', source), signal),
    fetchJsonText(new URL('scheduler_config.json', source), signal),
    fetchWeights(new URL(WEIGHTS_FILE, source), onBytes, signal, sha256?.[WEIGHTS_FILE]),
  ]);
  return { config, scheduler, weights };
}
