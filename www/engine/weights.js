// Downloads: counts bytes as they stream in, keeps weights in the Cache API, and says in a sentence
// what went wrong. Weights are a Blob, which the browser holds outside of the page's memory and which
// any number of workers can read without a copy of it being made for them here.

import { Failure } from './errors.js';
import { host } from './host.js';

const CACHE = 'ddim-web-weights';

/** Their file, in a model's folder. */
export const WEIGHTS_FILE = 'diffusion_pytorch_model.safetensors';

/**
 * @callback OnBytes
 * @param {number} loaded
 * @param {number} total  0 while unknown
 */

/** @param {URL} url @returns {string} the file's name, for messages */
function nameOf(url) {
  return url.pathname.slice(url.pathname.lastIndexOf('/') + 1);
}

/**
 * `fetch` fails in the same way whether a policy forbids an address or nobody answers there; an event tells them apart.
 * @param {URL} url @param {RequestInit} [init]
 * @returns {Promise<Response>}
 */
async function fetchOrSay(url, init) {
  let forbidden = false;
  const onViolation = (/** @type {SecurityPolicyViolationEvent} */ { blockedURI, disposition }) => {
    if (disposition === 'enforce' && blockedURI && url.href.startsWith(blockedURI)) forbidden = true;
  };
  globalThis.addEventListener?.('securitypolicyviolation', onViolation);
  try {
    return await host.fetch(url, init);
  } catch {
    // The event may come after the failure.
    await new Promise((resolve) => setTimeout(resolve));
    const failed = `The download of ${nameOf(url)} failed`;
    if (!forbidden) throw new Failure('download', `${failed}; check the connection and try again.`);
    throw new Failure('download', `${failed}: the policy of this page (Content-Security-Policy, connect-src) does not allow the address ${url.href}, or where it leads.`);
  } finally {
    globalThis.removeEventListener?.('securitypolicyviolation', onViolation);
  }
}

/**
 * @param {URL} url @param {RequestInit} [init]
 * @returns {Promise<Response>} one with a success status
 */
export async function fetchOk(url, init) {
  const response = await fetchOrSay(url, init);
  if (response.ok) return response;
  const why = response.status === 404 ? 'the file is not there' : 'the server refused it';
  throw new Failure('download', `The download of ${nameOf(url)} failed: ${why} (HTTP ${response.status}), at ${url.href}.`);
}

/** Content-Length counts compressed bytes, the stream counts unpacked ones. @param {Response} response */
function totalBytes(response) {
  return response.headers.get('content-encoding') ? 0 : Number(response.headers.get('content-length') ?? 0);
}

/**
 * The body, piece by piece.
 * @param {Response} response @param {string} name  for messages
 * @param {OnBytes} onBytes
 * @returns {AsyncGenerator<Uint8Array<ArrayBuffer>, void>}
 */
export async function* piecesOf(response, name, onBytes) {
  const total = totalBytes(response);
  let loaded = 0;
  onBytes(0, total);
  if (!response.body) return;
  const reader = response.body.getReader();
  for (;;) {
    let part;
    try {
      part = await reader.read();
    } catch {
      throw new Failure('download', `The download of ${name} broke off after ${loaded} bytes; check the connection and try again.`);
    }
    if (part.done) return;
    loaded += part.value.length;
    onBytes(loaded, Math.max(total, total && loaded));
    yield part.value;
  }
}

/** As Python writes numbers that JSON does not have: they become texts, outside of which they may stand nowhere. @param {string} text */
const withQuotedNumbers = (text) => text.replace(/"(?:[^"\\]|\\.)*"|-?Infinity|NaN/g, (found) => (found.startsWith('"') ? found : `"${found}"`));

/** @param {string} text */
function isJson(text) {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/**
 * Fetches a small JSON file.
 * @param {URL} url @param {AbortSignal} [signal]
 * @returns {Promise<string>} its text, which is known to parse: with NaN and infinities in quotes
 */
export async function fetchJsonText(url, signal) {
  const file = await (await fetchOk(url, { cache: 'no-cache', signal })).text();
  const text = isJson(file) ? file : withQuotedNumbers(file);
  if (!isJson(text)) {
    if (text.startsWith('\ufffd') || text.includes('\0')) throw new Failure('download', `${nameOf(url)} is UTF-16 or no text: save it as UTF-8.`);
    const html = text.trimStart().startsWith('<');
    throw new Failure('download', `${nameOf(url)} is not valid JSON${html ? ` but a web page; the server seems to have no such file at ${url.href}` : ''}.`);
  }
  return text;
}

/**
 * Servers answer a wrong address with a page surprisingly often, and with status 200.
 * @param {Response} response @param {Blob} blob @param {URL} url
 */
async function refuseWebPage(response, blob, url) {
  const type = response.headers.get('content-type') ?? '';
  const start = (await blob.slice(0, 64).text()).trimStart().toLowerCase();
  if (type.includes('text/html') || start.startsWith('<!doctype') || start.startsWith('<html')) {
    throw new Failure('download', `${nameOf(url)} should hold weights, but the server sent a web page; it seems to have no such file at ${url.href}.`);
  }
}

/** The cache, or null where there is none (private windows, plain-http origins, blocked storage). */
async function openCache() {
  try {
    return await caches.open(CACHE);
  } catch {
    return null;
  }
}

/**
 * Whether the copy is what the server would send now. Weights of one architecture have the same
 * size whatever was learned, so without a validator from the server a copy is not trusted.
 * @param {Response} copy @param {URL} url @param {AbortSignal} signal
 */
async function isCurrent(copy, url, signal) {
  let head;
  try {
    head = await host.fetch(url, { method: 'HEAD', cache: 'no-cache', signal });
  } catch {
    return true; // offline: the copy is all there is
  }
  return head.ok && isSameVersion(copy.headers, head.headers);
}

/**
 * Whether two answers hold the same bytes, as far as they say. An ETag knows better than a date: whoever builds files
 * anew with a fixed date gives all of them the same one.
 * @param {Headers} a @param {Headers} b
 */
export function isSameVersion(a, b) {
  const [tags, dates] = ['etag', 'last-modified'].map((name) => [a.get(name), b.get(name)]);
  // A server that compresses makes its ETag a weak one; the bytes are the same once unpacked.
  const [x, y] = tags.map((tag) => tag?.replace(/^W\//, ''));
  if (x && y) return x === y;
  return Boolean(dates[0]) && dates[0] === dates[1];
}

/**
 * Drops the copies of weights whose folder is under `within` and none of `folders`. Others may belong to another page
 * of the same origin.
 * @param {URL} within @param {URL[]} folders
 */
export async function pruneWeights(within, folders) {
  const wanted = folders.map(({ href }) => href);
  try {
    const cache = await openCache();
    for (const { url } of (await cache?.keys()) ?? []) {
      if (url.startsWith(within.href) && !wanted.includes(new URL('.', url).href)) await cache?.delete(url);
    }
  } catch {
    // They take room, and do no other harm.
  }
}

/** @typedef {{url: string, bytes: number}} Kept  a copy of weights */

/** Of a copy: it was unpacked when it was kept. @param {Response|undefined} copy */
function bytesOf(copy) {
  return Number(copy?.headers.get('content-length') ?? 0);
}

/** The copies of weights that the browser keeps. @returns {Promise<Kept[]|null>} null where it keeps none for this page */
export async function keptWeights() {
  try {
    const cache = await openCache();
    if (!cache) return null;
    const kept = await cache.keys();
    return await Promise.all(kept.map(async ({ url }) => ({ url, bytes: bytesOf(await cache.match(url)) })));
  } catch {
    return null;
  }
}

/** Drops the copy of weights. Whoever has loaded it already keeps what is loaded. @param {string} url @returns {Promise<boolean>} whether there was one */
export async function forgetWeights(url) {
  try {
    return Boolean(await (await openCache())?.delete(url));
  } catch {
    return false;
  }
}

/**
 * How many bytes weights take, without a download of them.
 * @param {URL} url @param {AbortSignal} [signal] @returns {Promise<number|null>} null where nobody says
 */
export async function sizeOfWeights(url, signal) {
  const copy = await (await openCache())?.match(url).catch(() => undefined);
  if (copy) return bytesOf(copy) || null;
  try {
    const head = await host.fetch(url, { method: 'HEAD', signal });
    return head.ok ? totalBytes(head) || null : null;
  } catch {
    return null;
  }
}

/** Other forms in which folders have weights, in place of `.safetensors`. */
const FORMS = ['.fp16.safetensors', '.safetensors.index.json', '.bin'];

/**
 * Where weights are not, their folder may have them in another form.
 * @param {unknown} failure  of their download @param {URL} url @param {AbortSignal} signal
 * @returns {Promise<never>}
 */
async function sayWhatIsBeside(failure, url, signal) {
  if (!(failure instanceof Failure) || !failure.message.includes('(HTTP 404)')) throw failure;
  for (const form of FORMS) {
    const other = new URL(url.pathname.replace(/\.safetensors$/, form), url);
    const head = await host.fetch(other, { method: 'HEAD', signal }).catch(() => undefined);
    if (head?.ok && !head.headers.get('content-type')?.includes('text/html')) {
      throw new Failure('download', `${failure.message} ${nameOf(other)} is beside it: save the model as one file, without a variant and with safe_serialization=True.`);
    }
  }
  throw failure;
}

/** Bytes of a download that are in the page's memory at once, before the browser takes them. */
const HELD = 1 << 24;

/** A file as it comes, most of which the browser may keep on a disk. */
export class Arriving {
  /** @type {Blob[]} */
  #parts = [];
  /** @type {Uint8Array<ArrayBuffer>[]} */
  #pieces = [];
  #held = 0;

  /** @param {Uint8Array<ArrayBuffer>} piece  the next one */
  take(piece) {
    this.#pieces.push(piece);
    this.#held += piece.length;
    if (this.#held < HELD) return;
    this.#parts.push(new Blob(this.#pieces));
    this.#pieces = [];
    this.#held = 0;
  }

  /** What is there. */
  get blob() {
    return new Blob([...this.#parts, ...this.#pieces]);
  }
}

/** @param {Response} response @param {string} name @param {OnBytes} onBytes @returns {Promise<Blob>} */
async function download(response, name, onBytes) {
  const file = new Arriving();
  for await (const piece of piecesOf(response, name, onBytes)) file.take(piece);
  return file.blob;
}

/** @param {Uint8Array} bytes */
export const hexadecimal = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/**
 * Whether the bytes are those that whoever listed the file means. Where pages cannot compute sums (plain http, which
 * anybody on the way may change anyhow) nothing is said.
 * @param {Blob} blob @param {string} sha256  64 hexadecimal digits
 */
async function isFile(blob, sha256) {
  if (!globalThis.crypto?.subtle) return true;
  const sum = new Uint8Array(await crypto.subtle.digest('SHA-256', await blob.arrayBuffer()));
  return hexadecimal(sum) === sha256;
}

/**
 * @typedef {object} Weights
 * @property {Blob} blob
 * @property {() => Promise<void>} keep    stores the bytes in the cache; call it once they proved to be good
 * @property {() => Promise<void>} forget  removes them from the cache
 */

/**
 * @param {URL} url @param {OnBytes} onBytes  is not called where the cache has them
 * @param {AbortSignal} signal
 * @param {string} [sha256]  what the file is known by; others are refused. A page of the same origin can write into the
 *   cache, so a copy is looked at too, and dropped where it is another file.
 * @returns {Promise<Weights>}
 */
export async function fetchWeights(url, onBytes, signal, sha256) {
  const name = nameOf(url);
  const cache = await openCache();
  const copy = await cache?.match(url).catch(() => undefined);
  let current = copy && (await isCurrent(copy, url, signal)) ? copy : null;
  let blob = await current?.blob();
  if (blob && sha256 && !(await isFile(blob, sha256))) {
    await cache?.delete(url).catch(() => undefined);
    current = null;
    blob = undefined;
  }
  const response = current ?? (await fetchOk(url, { cache: 'no-cache', signal }).catch((failure) => sayWhatIsBeside(failure, url, signal)));
  if (!blob) {
    blob = await download(response, name, onBytes);
    await refuseWebPage(response, blob, url);
    if (sha256 && !(await isFile(blob, sha256))) {
      throw new Failure('download', `${name} is not the file that the list of models names (its SHA-256 is another one), at ${url.href}. If it is new, models/index.json is older than it: try again in a while.`);
    }
  }

  /** @type {Record<string, string>} */
  const headers = { 'content-length': String(blob.size) };
  for (const name of ['content-type', 'etag', 'last-modified']) {
    const value = response.headers.get(name);
    if (value !== null) headers[name] = value;
  }
  return {
    blob,
    keep: async () => {
      // A full disk or a private window only costs the next visitor a download.
      if (!current) await cache?.put(url, new Response(blob, { headers })).catch(() => undefined);
    },
    forget: async () => {
      await cache?.delete(url).catch(() => undefined);
    },
  };
}
