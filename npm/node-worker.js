// A thread of Node that runs a script written for a browser's worker, whose name it is given.

import { parentPort, workerData } from 'node:worker_threads';

import './node-host.js';

const port = /** @type {import('node:worker_threads').MessagePort} */ (parentPort);

/** How Node calls events, and what a browser says of them. @type {Record<string, (listener: (event: any) => void) => void>} */
const events = {
  message: (listener) => port.on('message', (data) => listener({ data })),
  error: (listener) => process.on('uncaughtException', ({ message }) => listener({ message })),
  unhandledrejection: (listener) => process.on('unhandledRejection', (reason) => listener({ reason })),
};

Object.assign(globalThis, {
  /** @param {any} message @param {any} transfer */
  postMessage: (message, transfer) => port.postMessage(message, transfer),
  /** @param {string} type @param {(event: any) => void} listener */
  addEventListener: (type, listener) => events[type]?.(listener),
});
// Node has one since version 21.
if (!('navigator' in globalThis)) Object.assign(globalThis, { navigator: {} });
await import(workerData);
