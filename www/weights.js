// Downloads: counts bytes as they stream in, keeps weights in the Cache API, and says in a sentence
// what went wrong. Runs in the worker, so that tens of megabytes never cross a thread boundary.

const CACHE = 'ddim-web-weights';

/**
 * @callback OnBytes
 * @param {number} loaded
 * @param {number} total  0 while unknown
 */

/** @param {string|URL} url @returns {string} the file's name, for messages */
function nameOf(url) {
  return new URL(url, self.location.href).pathname.split('/').pop();
}

/**
 * @param {string|URL} url @param {RequestInit} [init]
 * @returns {Promise<Response>} one with a success status
 */
export async function fetchOk(url, init) {
  const name = nameOf(url);
  let response;
  try {
    response = await fetch(url, init);
  } catch {
    throw new Error(`The download of ${name} failed; check the connection and try again.`);
  }
  if (response.ok) return response;
  const why = response.status === 404 ? 'the file is not there' : 'the server refused it';
  throw new Error(`The download of ${name} failed: ${why} (HTTP ${response.status}).`);
}

/** Content-Length counts compressed bytes, the stream counts unpacked ones. @param {Response} response */
function totalBytes(response) {
  return response.headers.get('content-encoding') ? 0 : Number(response.headers.get('content-length') ?? 0);
}

/**
 * @param {Response} response @param {string} name  for messages
 * @param {OnBytes} onBytes
 * @returns {Promise<Uint8Array>}
 */
export async function readBytes(response, name, onBytes) {
  const total = totalBytes(response);
  const chunks = [];
  let loaded = 0;
  onBytes(0, total);
  const reader = response.body.getReader();
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      chunks.push(part.value);
      loaded += part.value.length;
      onBytes(loaded, Math.max(total, total && loaded));
    }
  } catch {
    throw new Error(`The download of ${name} broke off after ${loaded} bytes; check the connection and try again.`);
  }
  const bytes = new Uint8Array(loaded);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

/** Fetches a small JSON file and returns its text, which is known to parse. @param {URL} url */
export async function fetchJsonText(url) {
  const text = await (await fetchOk(url, { cache: 'no-cache' })).text();
  try {
    JSON.parse(text);
  } catch {
    const html = text.trimStart().startsWith('<');
    throw new Error(`${nameOf(url)} is not valid JSON${html ? ' but a web page; the server seems to have no such file' : ''}.`);
  }
  return text;
}

/** Servers answer a wrong address with a page surprisingly often, and with status 200. */
function refuseWebPage(response, bytes, name) {
  const type = response.headers.get('content-type') ?? '';
  const start = new TextDecoder().decode(bytes.subarray(0, 64)).trimStart().toLowerCase();
  if (type.includes('text/html') || start.startsWith('<!doctype') || start.startsWith('<html')) {
    throw new Error(`${name} should hold weights, but the server sent a web page; it seems to have no such file.`);
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
 * @param {Response} copy @param {URL} url
 */
async function isCurrent(copy, url) {
  let head;
  try {
    head = await fetch(url, { method: 'HEAD', cache: 'no-cache' });
  } catch {
    return true; // offline: the copy is all there is
  }
  return ['etag', 'last-modified'].some((name) => {
    const value = head.headers.get(name);
    return head.ok && value !== null && value === copy.headers.get(name);
  });
}

/**
 * @typedef {object} Weights
 * @property {Uint8Array} bytes
 * @property {boolean} fromCache
 * @property {() => Promise<void>} keep    stores the bytes in the cache; call it once they proved to be good
 * @property {() => Promise<void>} forget  removes them from the cache
 */

/**
 * @param {URL} url @param {OnBytes} onBytes
 * @returns {Promise<Weights>}
 */
export async function fetchWeights(url, onBytes) {
  const cache = await openCache();
  const copy = await cache?.match(url).catch(() => undefined);
  const fromCache = Boolean(copy) && (await isCurrent(copy, url));
  const response = fromCache ? copy : await fetchOk(url, { cache: 'no-cache' });
  const bytes = await readBytes(response, nameOf(url), onBytes);
  refuseWebPage(response, bytes, nameOf(url));

  const headers = { 'content-length': String(bytes.length) };
  for (const name of ['content-type', 'etag', 'last-modified']) {
    const value = response.headers.get(name);
    if (value !== null) headers[name] = value;
  }
  return {
    bytes,
    fromCache,
    keep: async () => {
      // A full disk or a private window only costs the next visitor a download.
      if (!fromCache) await cache?.put(url, new Response(bytes, { headers })).catch(() => undefined);
    },
    forget: async () => {
      await cache?.delete(url).catch(() => undefined);
    },
  };
}
