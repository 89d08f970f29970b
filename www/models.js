// The list of models, models/index.json. Everybody may add to it, so nothing in it is believed: an entry that is not as
// it should be is left out, and no address in it leads anywhere but into the folder of the list.

import { brief, shorten } from './engine/errors.js';

/**
 * @typedef {object} Model  an entry of models/index.json
 * @property {string} id  as in links
 * @property {string} name
 * @property {string} path  of its folder
 * @property {string} note
 * @property {string} [credit]  whose work it is and under which terms, for what leaves the page
 * @property {string[]} [labels]  what the classes of a conditional model are called
 * @property {number} [nullLabel]  the class that stands for none, which guidance needs; `null_label` in the file
 * @property {Samples} [samples]
 * @property {Record<string, string>} [sha256]  by the name of a file in the folder: 64 hexadecimal digits
 * @property {Own} [own]  of one of the visitor’s own, which has no folder
 *
 * @typedef {object} Own  a model that this browser keeps
 * @property {import('./engine/client.js').OwnFiles} files
 * @property {string} preview  address of a picture, empty where there is none
 * @property {Blob|null} picture  the same, a PNG
 * @property {number} bytes  of the weights
 * @property {string} [classLabels]  the text of class_labels.json, of one with classes
 * @property {string} [origin]  where it was brought from, as people read it; none where it was trained here
 * @property {(session: import('./session.js').Session) => void} warn  tells, before it is loaded, where memory will not do
 * @property {(session: import('./session.js').Session, film: import('./ui/film.js').Film|null) => void} made  hears of a run of it that has ended well
 *
 * @typedef {object} Samples  pictures that the model was not trained on
 * @property {string} path  of a PNG that has them side by side, each as large as the model's
 * @property {number} count
 * @property {string} credit  whose they are, and under which licence
 */

/** The folder of the list, which the paths in it start from. */
export const FOLDER = new URL('./models/', import.meta.url);

/** Where its files are, or the files themselves. @param {Model} model @returns {URL|import('./engine/client.js').OwnFiles} */
export function sourceOf({ path, own }) {
  return own ? own.files : new URL(path, FOLDER);
}

/** Pictures that the model made. @param {Model} model @returns {string} an address, empty where there are none */
export function previewOf({ path, own }) {
  return own ? own.preview : new URL(`${path}preview.png`, FOLDER).href;
}

/** An id stands in links and a name in the status line. */
const LONGEST = 100;

/** A list to choose from. */
const MOST_LABELS = 10_000;

/** Small ones, side by side in one picture. */
const MOST_SAMPLES = 100;

/** A notice names so many entries, with what is wrong with each. */
const MOST_NAMED = 3;

/** @param {unknown} path @param {URL} folder @returns {string|null} what is wrong with it */
function faultOfPath(path, folder) {
  if (typeof path !== 'string' || !path.endsWith('/')) return 'path must be a text that ends in /';
  const outside = 'path must lead to a folder beside index.json';
  // Some servers take these for a slash.
  if (/%2f|%5c/i.test(path)) return outside;
  try {
    const { href, search, hash } = new URL(path, folder);
    return href.startsWith(folder.href) && !search && !hash ? null : outside;
  } catch {
    return outside;
  }
}

/** @param {unknown} text */
function isName(text) {
  return typeof text === 'string' && text.trim() !== '' && text.length <= LONGEST;
}

/** @param {unknown} labels @param {unknown} nullLabel @returns {string|null} what is wrong with them */
function faultOfLabels(labels, nullLabel) {
  if (labels !== undefined && !(Array.isArray(labels) && labels.length <= MOST_LABELS && labels.every(isName))) {
    return `labels must be a list of texts of 1 to ${LONGEST} characters`;
  }
  const isClass = typeof nullLabel === 'number' && Number.isInteger(nullLabel) && nullLabel >= 0;
  return nullLabel === undefined || isClass ? null : 'null_label must be the number of a class';
}

/** @param {unknown} samples @returns {string|null} what is wrong with them */
function faultOfSamples(samples) {
  if (samples === undefined) return null;
  if (typeof samples !== 'object' || samples === null) return 'samples must be an object';
  const { file, count, credit } = /** @type {Record<string, unknown>} */ (samples);
  if (typeof file !== 'string' || !/^\w[\w-]*\.png$/.test(file)) return 'samples.file must be the name of a .png file in the model’s folder';
  const counts = typeof count === 'number' && Number.isInteger(count) && count >= 1 && count <= MOST_SAMPLES;
  if (!counts) return `samples.count must be a whole number from 1 to ${MOST_SAMPLES}`;
  return typeof credit === 'string' && credit.trim() !== '' ? null : 'samples.credit must be a text';
}

/** @param {unknown} sums @returns {string|null} what is wrong with them */
function faultOfSums(sums) {
  if (sums === undefined) return null;
  const right = typeof sums === 'object' && sums !== null && !Array.isArray(sums)
    && Object.values(sums).every((sum) => typeof sum === 'string' && /^[0-9a-f]{64}$/.test(sum));
  return right ? null : 'sha256 must give names of files 64 hexadecimal digits, in small letters';
}

/** @param {unknown} entry @param {URL} folder @param {Model[]} before  those that have been read @returns {string|null} what is wrong with it */
function faultOf(entry, folder, before) {
  if (typeof entry !== 'object' || entry === null) return 'it is not an object';
  const { id, name, note, path, credit, labels, null_label: nullLabel, samples, sha256 } = /** @type {Record<string, unknown>} */ (entry);
  for (const [key, value] of Object.entries({ id, name })) {
    if (!isName(value)) return `${key} must be a text of 1 to ${LONGEST} characters`;
  }
  if (typeof note !== 'string') return 'note must be a text';
  if (before.some((other) => other.id === id)) return 'another one has the same id';
  if (credit !== undefined && typeof credit !== 'string') return 'credit must be a text';
  return faultOfPath(path, folder) ?? faultOfLabels(labels, nullLabel) ?? faultOfSamples(samples) ?? faultOfSums(sha256);
}

/**
 * @param {unknown} list  what models/index.json holds
 * @param {URL} [folder]  where it is
 * @returns {{models: Model[], problem: string|null}} what can be used, and a sentence about the rest
 * @throws {Error} when nothing can be used
 */
export function readModels(list, folder = FOLDER) {
  if (!Array.isArray(list) || list.length === 0) throw new Error('models/index.json must be a list of models, with at least one.');
  /** @type {Model[]} */
  const models = [];
  /** @type {string[]} */
  const faults = [];
  for (const [i, entry] of list.entries()) {
    const fault = faultOf(entry, folder, models);
    if (fault) faults.push(`${typeof entry?.id === 'string' && entry.id ? `“${shorten(entry.id)}”` : `entry ${i + 1}`} (${fault})`);
    else {
      const { id, name, path, note, credit, labels, null_label: nullLabel, samples, sha256 } = entry;
      models.push({
        id, name, path, note: brief(note),
        ...(credit && { credit: brief(credit) }),
        ...(labels && { labels }),
        ...(nullLabel !== undefined && { nullLabel }),
        ...(samples && { samples: { path: path + samples.file, count: samples.count, credit: brief(samples.credit) } }),
        ...(sha256 && { sha256 }),
      });
    }
  }
  const more = faults.length > MOST_NAMED ? ` and ${faults.length - MOST_NAMED} more` : '';
  const problem = faults.length > 0 ? `Left out of the list of models: ${faults.slice(0, MOST_NAMED).join(', ')}${more}.` : null;
  if (models.length === 0) throw new Error(`models/index.json names no model that can be used. ${problem}`);
  return { models, problem };
}
