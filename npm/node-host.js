// Node in a browser's place: workers that are threads, and files at file: addresses. Networks run on the CPU.

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { Worker as Thread } from 'node:worker_threads';

import { host } from '../www/engine/host.js';

/** What the library tells apart by it. @type {Record<string, string>} */
const TYPES = { '.wasm': 'application/wasm', '.json': 'application/json' };

/** @param {URL} url @param {RequestInit} [init] @returns {Promise<Response>} */
async function fetchFile(url, init) {
  if (url.protocol !== 'file:') return fetch(url, init);
  const path = fileURLToPath(url);
  const { size } = await stat(path).catch(() => ({ size: -1 }));
  if (size < 0) return new Response(null, { status: 404 });
  const headers = { 'content-length': String(size), 'content-type': TYPES[extname(path)] ?? 'application/octet-stream' };
  const body = init?.method === 'HEAD' ? null : Readable.toWeb(createReadStream(path, { signal: init?.signal ?? undefined }));
  return new Response(/** @type {ReadableStream|null} */ (body), { headers });
}

/**
 * As a browser's worker. It keeps the program alive while it is asked for something, and no longer.
 * @param {string} script  in www/engine/
 */
function startWorker(script) {
  const thread = new Thread(new URL('./node-worker.js', import.meta.url), { workerData: `../www/engine/${script}` });
  let requests = 0;
  thread.on('message', ({ type, request }) => {
    if (request === undefined || (type !== 'answer' && type !== 'failed')) return;
    requests -= 1;
    if (requests === 0) thread.unref();
  });
  const worker = {
    /** @param {(event: any) => void} listener */
    set onmessage(listener) {
      thread.on('message', (data) => listener({ data }));
      // A listener refers to it.
      thread.unref();
    },
    /** @param {(event: any) => void} listener */
    set onerror(listener) {
      thread.on('error', ({ message }) => listener({ message, preventDefault() {} }));
    },
    /** @param {any} message @param {any} [transfer] */
    postMessage(message, transfer) {
      if (message.request !== undefined && message.type !== 'stop' && message.type !== 'taken') {
        requests += 1;
        thread.ref();
      }
      thread.postMessage(message, transfer);
    },
    terminate: () => void thread.terminate(),
  };
  return /** @type {Worker} */ (/** @type {unknown} */ (worker));
}

Object.assign(host, { fetch: fetchFile, cores: availableParallelism, startWorker });
