// Keeps a published page for times without a network. scripts/site writes this file beside index.html, with SITE before
// it: the files of that version and their checksums. What is served from the repository has no service worker.
//
// Every file is kept under its address and checksum. A page is pinned to the version that it was opened with, and so are
// its workers: an update, which takes over at once, gives new files to pages that are opened later and to no others.

/** @typedef {Record<string, string>} Files  checksums by path, as in `integrity` */

const worker = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self));

/** `later` are folders whose files are kept once they have been used. @type {{version: string, files: Files, later: string[]}} */
const { version, files, later } = Reflect.get(self, 'SITE');

const { scope } = worker.registration;

/** Another page of the same origin has another scope. */
const opened = caches.open(`ddim-web-site ${scope}`);

/** The version of pages whose files are not kept. */
const NETWORK = 'network';

/** Versions of the pages and workers that this run of the service worker has met. @type {Map<string, string>} */
const pins = new Map();

/** @param {'client'|'version'|'hash'} kind @param {string} value @param {string} [path] */
function keyOf(kind, value, path = './') {
  const url = new URL(path, scope);
  url.searchParams.set(kind, value);
  return url.href;
}

/** @param {string} address @returns {string|null} its path as in `files`, null for what is not under this page */
function pathOf(address) {
  const { origin, pathname } = new URL(address);
  const url = origin + pathname;
  if (!url.startsWith(scope)) return null;
  const path = url.slice(scope.length);
  return path === '' || path === 'index.html' ? './' : path;
}

/**
 * The file, from the network only if it is not there yet, and only with the right checksum.
 * @param {string} path @param {string} hash
 * @param {boolean} [mustStay]  whether it is an error that there is no room to keep it
 */
async function fileOf(path, hash, mustStay = false) {
  const cache = await opened;
  const key = keyOf('hash', hash, path);
  const kept = await cache.match(key);
  if (kept) return kept;
  const response = await fetch(new URL(path, scope), { cache: 'no-cache', integrity: hash });
  if (!response.ok) throw new Error(`${path} could not be fetched (HTTP ${response.status}).`);
  await cache.put(key, response.clone()).catch((error) => {
    if (mustStay) throw error;
  });
  return response;
}

async function install() {
  await (await opened).put(keyOf('version', version), new Response(JSON.stringify(files)));
  const wanted = Object.entries(files).filter(([path]) => !later.some((folder) => path.startsWith(folder)));
  await Promise.all(wanted.map(([path, hash]) => fileOf(path, hash, true)));
  await worker.skipWaiting();
}

/** @param {string} known @returns {Promise<Files>} */
async function filesOf(known) {
  if (known === version) return files;
  const list = await (await opened).match(keyOf('version', known));
  return list ? list.json() : {};
}

/** Drops what no open page needs. */
async function tidy() {
  const cache = await opened;
  const clients = await worker.clients.matchAll({ includeUncontrolled: true, type: 'all' });
  const alive = clients.map(({ id }) => id);
  const versions = new Set([version]);
  const keys = await cache.keys();
  for (const key of keys) {
    const id = new URL(key.url).searchParams.get('client');
    if (id === null) continue;
    if (alive.includes(id)) versions.add((await (await cache.match(key))?.text()) ?? version);
    else await cache.delete(key);
  }
  const needed = new Set();
  for (const known of versions) {
    needed.add(keyOf('version', known));
    for (const [path, hash] of Object.entries(await filesOf(known))) needed.add(keyOf('hash', hash, path));
  }
  for (const { url } of keys) {
    if (!new URL(url).searchParams.has('client') && !needed.has(url)) await cache.delete(url);
  }
}

/** @param {string} id @returns {Promise<string>} the version of a page or worker */
async function versionOf(id) {
  const known = pins.get(id) ?? (await (await (await opened).match(keyOf('client', id)))?.text()) ?? version;
  pins.set(id, known);
  return known;
}

/** @param {string} id @param {string} known */
async function pin(id, known) {
  pins.set(id, known);
  await (await opened).put(keyOf('client', id), new Response(known));
}

/** A page, which opens this version; where it is damaged, all comes from the network. @param {FetchEvent} event @param {string} path */
async function pageFor(event, path) {
  const page = path in files ? await fileOf(path, files[path]).catch(() => null) : null;
  event.waitUntil(pin(event.resultingClientId, page ? version : NETWORK));
  return page ?? fetch(event.request);
}

/** What a page or worker asks for: a file of its own version or none. @param {FetchEvent} event @param {string} path */
async function partFor(event, path) {
  const known = await versionOf(event.clientId);
  // A worker that begins with this file.
  if (event.resultingClientId) event.waitUntil(pin(event.resultingClientId, known));
  const hash = (await filesOf(known))[path];
  return hash ? fileOf(path, hash) : fetch(event.request);
}

worker.addEventListener('install', (event) => event.waitUntil(install()));
worker.addEventListener('activate', (event) => event.waitUntil(tidy()));
worker.addEventListener('fetch', (event) => {
  const { method, mode, url } = event.request;
  const path = pathOf(url);
  if (method !== 'GET' || path === null) return;
  event.respondWith(mode === 'navigate' ? pageFor(event, path) : partFor(event, path));
});
