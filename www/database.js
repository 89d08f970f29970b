// What this browser keeps of training and of models: IndexedDB, with the middle of a sentence for each way in which it says no.

const NAME = 'ddim-web-training';

/** @typedef {'run'|'models'} Store */

/** Where it neither opens nor refuses, in ms. */
const PATIENCE = 3000;

/** @type {Promise<IDBDatabase>|null} */
let opened = null;

/** @param {unknown} error @returns {Error} the middle of a sentence */
function refusal(error) {
  if (error instanceof DOMException && error.name === 'QuotaExceededError') return new Error('the storage of this browser is full');
  return new Error('this browser keeps nothing for this page: it is a private window, or its storage is switched off');
}

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
function answerOf(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** @returns {Promise<IDBDatabase>} */
async function connect() {
  const request = indexedDB.open(NAME, 1);
  request.onupgradeneeded = () => {
    for (const store of ['run', 'models']) request.result.createObjectStore(store);
  };
  const late = new Promise((/** @type {(nothing: null) => void} */ resolve) => setTimeout(() => resolve(null), PATIENCE));
  const database = await Promise.race([answerOf(request), late]);
  if (!database) throw new Error('no answer');
  // Another page of this address may want a newer version, or to be rid of it.
  database.onversionchange = () => {
    database.close();
    opened = null;
  };
  database.onclose = () => (opened = null);
  return database;
}

/** @param {Store[]} stores @param {IDBTransactionMode} mode @returns {Promise<IDBTransaction>} */
async function begin(stores, mode) {
  opened ??= connect();
  try {
    return (await opened).transaction(stores, mode);
  } catch (error) {
    opened = null;
    throw error;
  }
}

/** @param {Store} store @param {string} key @returns {Promise<any>} undefined where there is none @throws {Error} the middle of a sentence */
export async function read(store, key) {
  try {
    return await answerOf((await begin([store], 'readonly')).objectStore(store).get(key));
  } catch (error) {
    throw refusal(error);
  }
}

/** @param {Store} store @returns {Promise<any[]>} @throws {Error} the middle of a sentence */
export async function readAll(store) {
  try {
    return await answerOf((await begin([store], 'readonly')).objectStore(store).getAll());
  } catch (error) {
    throw refusal(error);
  }
}

/** @param {Store} store @returns {Promise<string[]>} @throws {Error} the middle of a sentence */
export async function keysOf(store) {
  try {
    return (await answerOf((await begin([store], 'readonly')).objectStore(store).getAllKeys())).map(String);
  } catch (error) {
    throw refusal(error);
  }
}

/** @param {IDBTransaction} transaction @returns {Promise<void>} */
function endOf(transaction) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
}

/**
 * All of it or nothing; what was there before stays where that fails.
 * @param {{store: Store, key: string, value: unknown}[]} entries  undefined deletes what is there
 * @throws {Error} the middle of a sentence
 */
export async function write(entries) {
  try {
    const transaction = await begin([...new Set(entries.map(({ store }) => store))], 'readwrite');
    const end = endOf(transaction);
    try {
      for (const { store, key, value } of entries) {
        if (value === undefined) transaction.objectStore(store).delete(key);
        else transaction.objectStore(store).put(value, key);
      }
    } catch (error) {
      end.catch(() => {});
      transaction.abort();
      throw error;
    }
    await end;
  } catch (error) {
    throw refusal(error);
  }
}
