// The models that were trained in this browser, as entries of the list of models.

import { readAll, write } from './database.js';

/**
 * @typedef {object} Record  what is kept of one
 * @property {string} id
 * @property {string} name
 * @property {string} note
 * @property {string} config  the text of config.json
 * @property {string} scheduler  that of scheduler_config.json
 * @property {Blob} weights
 * @property {Blob|null} preview  pictures that it made
 */

/** The first one of a visitor has this id, the others a number after it. */
const ID = 'mine';

/** Addresses of previews, by the model's id. @type {Map<string, string>} */
const previews = new Map();

/** @param {Record} record @returns {import('./models.js').Model} */
export function modelOf({ id, name, note, config, scheduler, weights, preview }) {
  const before = previews.get(id);
  if (before) URL.revokeObjectURL(before);
  const address = preview ? URL.createObjectURL(preview) : '';
  previews.set(id, address);
  return { id, name, note, path: `own/${id}/`, own: { files: { config, scheduler, weights }, preview: address, bytes: weights.size } };
}

/** @returns {Promise<import('./models.js').Model[]>} none where the browser keeps none */
export async function ownModels() {
  try {
    return (await readAll('models')).map(modelOf);
  } catch {
    // Who trains one hears why.
    return [];
  }
}

/** @param {string[]} ids  that there are @returns {{id: string, number: number}} one that is free */
export function freeId(ids) {
  for (let number = 1; ; number++) {
    const id = number === 1 ? ID : `${ID}-${number}`;
    if (!ids.includes(id)) return { id, number };
  }
}

/** @param {string} id */
export function forgetOwn(id) {
  return write([{ store: 'models', key: id, value: undefined }]);
}
