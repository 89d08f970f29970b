// The download of one file that may be large: its first bytes before the rest, with the speed that it has, again after the
// connection broke, from where it was. What has come stays here as long as the page is open.

import { Failure } from '../engine/errors.js';
import { Arriving } from '../engine/weights.js';
import { megabytes } from '../ui/words.js';

/**
 * @typedef {object} Patience
 * @property {number} stall  nothing more for this long is a connection that has broken, in ms
 * @property {number[]} waits  before each other try, in ms; after the last one it is told. Bytes that come begin the list anew
 */

/** @type {Patience} */
const PATIENCE = { stall: 30_000, waits: [500, 2000, 5000] };

/** More than a module of WebAssembly can hold. */
export const MOST_BYTES = 2 ** 32;

/** @typedef {(have: number, size: number) => void} OnBytes  size: 0 while unknown */

/** Why a try ended, where another one may do better. */
class Broken extends Error {}

/** @param {number} ms @param {AbortSignal} signal @returns {Promise<void>} rejects where that is aborted */
function wait(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason);
    }, { once: true });
  });
}

/** @param {number} status @param {string} host @returns {string|null} the end of a sentence, null where it is a good one */
function refusalOf(status, host) {
  if (status >= 200 && status < 300) return null;
  if (status === 401 || status === 403) return `${host} wants a login for it (HTTP ${status}), which this page cannot give; download the files yourself and drop them here`;
  if (status === 404 || status === 410) return `it is not there (HTTP ${status})`;
  if (status === 429) return `${host} has had too many requests (HTTP 429); try again in a few minutes`;
  return `${host} refused it (HTTP ${status})`;
}

/** @param {string} name @param {string} host @returns {string} why a browser says no more than that it failed */
export const unreachable = (name, host) =>
  `${name} could not be read from ${host}: nobody answers, or it does not allow other pages to read it (CORS), or leads to where that is not allowed.`;

export class Download {
  #file = new Arriving();
  /** How many bytes there are. */
  have = 0;
  /** How many there will be; 0 while unknown. */
  size = 0;
  /** What the server said of the version. @type {string|null} */
  #tag = null;
  #done = false;
  /** Whether anybody has answered so far. */
  #met = false;
  /** Whether parts may be asked for. Some browsers ask a server first, which may know nothing of that. */
  #inParts = true;

  /** @param {URL} url @param {string} name  for messages @param {Patience} [patience] */
  constructor(url, name, patience = PATIENCE) {
    this.url = url;
    this.name = name;
    this.patience = patience;
  }

  /** Whether all of it is there. */
  get done() {
    return this.#done;
  }

  /**
   * At least the first bytes, or all where there are fewer.
   * @param {number} count @param {AbortSignal} signal
   * @returns {Promise<Uint8Array>} those
   */
  async start(count, signal) {
    await this.#until(count, () => {}, signal);
    return new Uint8Array(await this.#file.blob.slice(0, count).arrayBuffer());
  }

  /** All of it. @param {OnBytes} onBytes @param {AbortSignal} signal @returns {Promise<Blob>} */
  async whole(onBytes, signal) {
    await this.#until(Infinity, onBytes, signal);
    return this.#file.blob;
  }

  /** Forgets what has come: it is of no use. */
  drop() {
    Object.assign(this, { have: 0, size: 0 });
    this.#file = new Arriving();
    this.#tag = null;
    this.#done = false;
  }

  /** @param {number} count @param {OnBytes} onBytes @param {AbortSignal} signal */
  async #until(count, onBytes, signal) {
    for (let tries = 0; !this.#done && this.have < count; ) {
      const before = this.have;
      try {
        await this.#try(count, onBytes, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof Broken)) throw error;
        if (this.have > before) tries = 0;
        const { waits } = this.patience;
        if (tries === waits.length) throw new Failure('download', error.message);
        await wait(waits[tries], signal);
        tries += 1;
      }
    }
  }

  /** One connection. @param {number} count @param {OnBytes} onBytes @param {AbortSignal} signal */
  async #try(count, onBytes, signal) {
    const end = new AbortController();
    const stop = () => end.abort();
    signal.addEventListener('abort', stop, { once: true });
    let patience = setTimeout(stop, this.patience.stall);
    try {
      const response = await this.#ask(count, end.signal);
      if (!response.body) throw new Broken(`The download of ${this.name} brought nothing.`);
      onBytes(this.have, this.size);
      const reader = response.body.getReader();
      while (this.have < count) {
        const { done, value } = await reader.read().catch(() => {
          throw new Broken(`The download of ${this.name} broke off after ${megabytes(this.have)}${this.size ? ` of ${megabytes(this.size)}` : ''} MB.`);
        });
        clearTimeout(patience);
        if (done) return this.#end(count);
        patience = setTimeout(stop, this.patience.stall);
        this.#take(value);
        if (this.size > 0 && this.have >= this.size) this.#done = true;
        onBytes(this.have, this.size);
      }
    } finally {
      clearTimeout(patience);
      signal.removeEventListener('abort', stop);
      // Nobody reads on.
      end.abort();
    }
  }

  /** @param {number} count @param {AbortSignal} signal @returns {Promise<Response>} whose body begins where we are */
  async #ask(count, signal) {
    const { host } = this.url;
    // No If-Range: browsers would have to ask other servers first whether they take it, and many do not. What comes is
    // compared instead.
    const last = Number.isFinite(count) ? count - 1 : '';
    const headers = this.#inParts && (this.have > 0 || last !== '') ? { Range: `bytes=${this.have}-${last}` } : undefined;
    // What comes is kept here: the browser need not do so once more.
    const response = await fetch(this.url, { headers, signal, cache: 'no-store', credentials: 'omit', referrerPolicy: 'no-referrer' }).catch(() => {
      if (headers && !this.#met && !signal.aborted) {
        this.#inParts = false;
        return null;
      }
      const sentence = unreachable(this.name, host);
      // What has never answered will hardly do so in a moment; whoever knows better can ask again.
      throw this.#met ? new Broken(sentence) : new Failure('download', sentence);
    });
    if (!response) return this.#ask(count, signal);
    this.#met = true;
    if (response.status === 416 && this.have > 0) {
      this.drop();
      throw new Broken(`The download of ${this.name} could not go on.`);
    }
    if (response.status >= 500) throw new Broken(`${this.name} could not be downloaded: ${host} has a fault of its own (HTTP ${response.status}).`);
    const refusal = refusalOf(response.status, host);
    if (refusal) throw new Failure('download', `${this.name} could not be downloaded: ${refusal}.`);
    if (response.headers.get('content-type')?.includes('text/html')) {
      throw new Failure('download', `In the place of ${this.name} ${host} sent a web page; the address is not that of the files.`);
    }
    const tag = response.headers.get('etag') ?? response.headers.get('last-modified');
    const size = this.#sizeSaid(response, last === '');
    const [, first] = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '') ?? [];
    const moved = first !== undefined && Number(first) !== this.have;
    const other = moved || (tag && this.#tag && tag !== this.#tag) || (size > 0 && this.size > 0 && size !== this.size);
    if (other || response.status !== 206) {
      // The whole file, or a newer one.
      this.drop();
      if (response.status === 206 && (moved || !headers?.Range.startsWith('bytes=0-'))) throw new Broken(`${this.name} has changed on ${host} during its download.`);
    }
    this.#tag = tag;
    if (size > 0) this.size = size;
    if (this.size > MOST_BYTES) {
      const gigabytes = (this.size / 1e9).toFixed(1);
      throw new Failure('download', `${this.name} has ${gigabytes} GB; a page can hold ${Math.floor(MOST_BYTES / 1e9)} GB of a file at most.`);
    }
    return response;
  }

  /** How large the whole file is; 0 where nobody says. @param {Response} response @param {boolean} open  whether all up to the end was asked for */
  #sizeSaid({ status, headers }, open) {
    // What is packed for the way has another length.
    if (headers.get('content-encoding')) return 0;
    const length = Number(headers.get('content-length') ?? 0);
    if (status !== 206) return length;
    const [, whole] = /\/(\d+)$/.exec(headers.get('content-range') ?? '') ?? [];
    if (whole) return Number(whole);
    // Not every server lets other pages read that; of a part up to the end its length tells it too.
    return open && length > 0 ? this.have + length : 0;
  }

  /** @param {Uint8Array<ArrayBuffer>} bytes */
  #take(bytes) {
    this.have += bytes.length;
    if (this.have > MOST_BYTES) {
      this.drop();
      throw new Failure('download', `${this.name} has no end: a page can hold ${Math.floor(MOST_BYTES / 1e9)} GB of a file at most.`);
    }
    this.#file.take(bytes);
  }

  /** The body has ended. @param {number} count  bytes that were asked for */
  #end(count) {
    if (this.have >= count) return;
    if (this.size > 0 && this.have < this.size) {
      throw new Broken(`The download of ${this.name} ended early, after ${megabytes(this.have)} of ${megabytes(this.size)} MB.`);
    }
    // A part was asked for, and nobody says of what: then the file is shorter.
    this.size = this.have;
    this.#done = true;
  }
}
