// One worker, seen from whoever started it: every request is a promise that is settled once, whatever becomes of the
// worker and however many requests are under way. Messages go by the number of their request. Whoever was handed a port to
// a worker that somebody else started speaks to it in the same way.

import { Failure, oneLine } from './errors.js';
import { host } from './host.js';

/**
 * @typedef {object} Script  a worker's
 * @property {string} name  in this folder
 * @property {() => Worker} start  in a page: with its address written out there, which is how bundlers find it
 */

/** @param {Script} script @throws {Failure} where the browser has none, or allows none here */
function startWorker({ name, start }) {
  try {
    return host.startWorker ? host.startWorker(name) : start();
  } catch (error) {
    throw new Failure('browser', `This browser starts no workers here, and the network runs in one (${oneLine(error)}); please allow them or use a current Chrome, Edge, Firefox or Safari.`);
  }
}

export class Requests {
  /** @type {Worker|MessagePort} */
  #worker;
  /** @type {Map<number, {resolve: (value: any) => void, reject: (failure: Failure) => void, onEvent?: (event: any) => void}>} by request */
  #pending = new Map();
  #requests = 0;
  /** Why it has ended, once it has. @type {Failure|null} */
  #end = null;

  /**
   * @param {Script|MessagePort} to  the script of a worker that is started here, or a port to one that has been
   * @param {(event: any) => void} [listener]  hears what belongs to no request
   */
  constructor(to, listener = () => {}) {
    this.listener = listener;
    const receive = (/** @type {MessageEvent} */ { data }) => this.#receive(data);
    if (to instanceof MessagePort) {
      this.#worker = to;
      to.onmessage = receive;
      return;
    }
    this.#worker = startWorker(to);
    this.#worker.onmessage = receive;
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#receive({ type: 'crashed', kind: 'start', message: event.message || 'its script failed' });
    };
  }

  /** How many requests are under way. */
  get requests() {
    return this.#pending.size;
  }

  /** Ends the worker at once and gives back its memory, or hears no more of it through a port. @param {Failure} [why]  what its requests fail with, from now on too */
  terminate(why = new Failure('ended', 'the engine was ended')) {
    this.#end ??= why;
    if (this.#worker instanceof MessagePort) this.#worker.close();
    else this.#worker.terminate();
    for (const { reject } of this.#pending.values()) reject(this.#end);
    this.#pending.clear();
  }

  /** Says something that has no answer. @param {object} message @param {Transferable[]} [transfer] */
  post(message, transfer = []) {
    this.#worker.postMessage(message, transfer);
  }

  /**
   * @param {object} message @param {(event: any) => void} [onEvent]  hears what belongs to it @param {Transferable[]} [transfer]
   * @returns {{request: number, answer: Promise<any>}}
   */
  request(message, onEvent, transfer = []) {
    this.#requests += 1;
    const request = this.#requests;
    if (this.#end) return { request, answer: Promise.reject(this.#end) };
    const answer = new Promise((resolve, reject) => this.#pending.set(request, { resolve, reject, onEvent }));
    this.#worker.postMessage({ ...message, request }, transfer);
    return { request, answer };
  }

  /** @param {any} data  `type` is `answer`, `failed`, `crashed` or that of an event */
  #receive(data) {
    if (data.type === 'crashed') this.terminate(new Failure(data.kind, data.message));
    if (!('request' in data)) {
      this.listener(data);
      return;
    }
    const { request } = data;
    const pending = this.#pending.get(request);
    if (data.type === 'answer' || data.type === 'failed') this.#pending.delete(request);
    if (data.type === 'answer') pending?.resolve(data.value);
    else if (data.type === 'failed') pending?.reject(new Failure(data.kind, data.message));
    else pending?.onEvent?.(data);
  }
}
