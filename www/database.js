// What this browser keeps of training: IndexedDB, with one sentence for each way in which it says no.

const NAME = 'ddim-web-training';

/** @typedef {'run'|'models'} Store */

/** Where it neither opens nor refuses, in ms. */
const PATIENCE = 3000;

/** @type {Promise<IDBDatabase>|null} */
let opened = null;

/** @param {unknown} error @returns {Error} a sentence without its full stop */
function refusal(error) {
  const name = error instanceof DOMException ? error.name : '';
  if (name === 'QuotaExceededError') return new Error('the storage of this browser is full');
  return new Error('this browser keeps nothing for this page (a private window, or its storage is switched off)');
}

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
function answerOf(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function connect() {
  const request = indexedDB.open(NAME, 1);
  request.onupgradeneeded = () => {
    for (const store of ['run', 'models']) request.result.createObjectStore(store);
  };
  const late = new Promise((_, reject) => setTimeout(() => reject(new Error('no answer')), PATIENCE));
  const database = await Promise.race([answerOf(request), late]);
  // Another page of this address may want a newer version, or to be rid of it.
  database.onversionchange = () => database.close();
  database.onclose = () => (opened = null);
  return /** @type {IDBDatabase} */ (database);
}

/** @returns {Promise<IDBDatabase>} */
function database() {
  opened ??= connect().catch((error) => {
    opened = null;
    throw refusal(error);
  });
  return opened;
}

/** @param {Store} store @param {string} key @returns {Promise<any>} undefined where there is none @throws {Error} the middle of a sentence */
export async function read(store, key) {
  const transaction = (await database()).transaction(store);
  return answerOf(transaction.objectStore(store).get(key)).catch((error) => {
    throw refusal(error);
  });
}

/** @param {Store} store @returns {Promise<any[]>} @throws {Error} the middle of a sentence */
export async function readAll(store) {
  const transaction = (await database()).transaction(store);
  return answerOf(transaction.objectStore(store).getAll()).catch((error) => {
    throw refusal(error);
  });
}

/**
 * All of it or nothing; what was there before stays where that fails.
 * @param {{store: Store, key: string, value: unknown}[]} entries  undefined deletes what is there
 * @throws {Error} the middle of a sentence
 */
export async function write(entries) {
  const transaction = (await database()).transaction([...new Set(entries.map(({ store }) => store))], 'readwrite');
  const done = new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onabort = transaction.onerror = () => reject(transaction.error);
  });
  try {
    for (const { store, key, value } of entries) {
      if (value === undefined) transaction.objectStore(store).delete(key);
      else transaction.objectStore(store).put(value, key);
    }
    await done;
  } catch (error) {
    done.catch(() => {});
    throw refusal(error);
  }
}
