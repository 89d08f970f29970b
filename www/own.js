// The visitor’s own models, as entries of the list of models: trained in this browser, or brought along.

import { keysOf, readAll, write } from './database.js';
import { shortage } from './import/memory.js';
import { settingOf } from './state.js';

/**
 * @typedef {object} Record  what is kept of one
 * @property {string} id
 * @property {string} name
 * @property {string} note
 * @property {string} config  the text of config.json
 * @property {string} scheduler  that of scheduler_config.json
 * @property {Blob} weights
 * @property {Blob|null} preview  pictures that it made
 * @property {string[]} [labels]  what its classes are called, where it has some
 * @property {number} [nullLabel]  the class that stands for none
 * @property {string} [classLabels]  the text of class_labels.json
 * @property {string} [origin]  where it was brought from, as people read it; none where it was trained here
 * @property {import('./import/memory.js').Memory} [needs]  of the computer, of one that was brought along
 */

/** The first one that was trained here has this id, the others a number after it. */
const ID = 'mine';

/** The same of those that were brought along. */
export const BROUGHT = 'own';

/** Addresses of previews, by the model's id. @type {Map<string, string>} */
const previews = new Map();

/** In place of the one that the model had. @param {string} id @param {Blob|null|undefined} preview @returns {string} empty where there is none */
export function previewAddress(id, preview) {
  const before = previews.get(id);
  if (before) URL.revokeObjectURL(before);
  const address = preview ? URL.createObjectURL(preview) : '';
  previews.set(id, address);
  return address;
}

/** @param {Record} record @returns {import('./models.js').Model} */
export function modelOf({ id, name, note, config, scheduler, weights, preview, labels, nullLabel, classLabels, origin, needs }) {
  /** @type {import('./models.js').Own} */
  const own = {
    files: { config, scheduler, weights }, preview: previewAddress(id, preview), picture: preview, bytes: weights.size, ...(classLabels && { classLabels }), ...(origin && { origin }),
    warn(session) {
      const text = needs && shortage(name, needs, session.settings.all());
      if (text) session.tell('memory', text);
    },
    made(session, film) {
      if (own.picture || !film) return;
      // Where it cannot be had or kept, the next run makes another one.
      import('./import/preview.js').then(({ keepPreview }) => keepPreview(model, session, film)).catch(() => {});
    },
  };
  /** @type {import('./models.js').Model} */
  const model = { id, name, note, path: `own/${id}/`, ...(labels && { labels }), ...(nullLabel !== undefined && { nullLabel }), own };
  return model;
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

/**
 * One that is free, in the list and in the browser: another tab may have kept some since.
 * @param {string[]} taken @param {string} [first] @returns {Promise<{id: string, number: number}>}
 */
export async function freeId(taken, first = ID) {
  const ids = [...taken, ...(await keysOf('models').catch(() => []))];
  for (let number = 1; ; number++) {
    const id = number === 1 ? first : `${first}-${number}`;
    if (!ids.includes(id)) return { id, number };
  }
}

/**
 * Takes it out of the list and out of the browser; settings that name it go back to what they are by default.
 * @param {import('./models.js').Model} own @param {import('./session.js').Session} session
 * @returns {Promise<boolean>} whether the browser had kept it and has now deleted it
 */
export async function deleteOwn(own, session) {
  const { settings } = session;
  const gone = await write([{ store: 'models', key: own.id, value: undefined }]).then(() => true, () => false);
  const models = session.models.filter(({ id }) => id !== own.id);
  /** @type {Partial<import('./state.js').Values>} */
  const changes = {};
  for (const key of /** @type {const} */ (['model', 'card', 'from'])) {
    if (settings.get(key) === own.id) Object.assign(changes, { [key]: settingOf(key).default });
  }
  settings.change(changes);
  session.list(models);
  return gone;
}
