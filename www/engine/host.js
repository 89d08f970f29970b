// What the library asks of whatever it runs in. A browser has it all; npm/node-host.js puts Node's in its place.

/**
 * @typedef {object} Host
 * @property {(url: URL, init?: RequestInit) => Promise<Response>} fetch
 * @property {() => number|undefined} cores  processors
 * @property {((script: string) => Worker)|null} startWorker  by the name of a script in this folder; null where pages start workers
 */

/** @type {Host} */
export const host = {
  fetch: (url, init) => fetch(url, init),
  cores: () => navigator.hardwareConcurrency,
  startWorker: null,
};
