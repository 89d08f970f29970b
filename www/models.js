// The list of models, models/index.json. Everybody may add to it, so nothing in it is believed: an entry that is not as
// it should be is left out, and no address in it leads anywhere but into the folder of the list.

import { brief, shorten } from './engine/errors.js';

/** @typedef {{id: string, name: string, path: string, note: string}} Model  an entry of models/index.json */

/** The folder of the list, which the paths in it start from. */
export const FOLDER = new URL('./models/', import.meta.url);

/** An id stands in links and a name in the status line. */
const LONGEST = 100;

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

/** @param {unknown} entry @param {URL} folder @param {Model[]} before  those that have been read @returns {string|null} what is wrong with it */
function faultOf(entry, folder, before) {
  if (typeof entry !== 'object' || entry === null) return 'it is not an object';
  const { id, name, note, path } = /** @type {Record<string, unknown>} */ (entry);
  for (const [key, value] of Object.entries({ id, name })) {
    if (typeof value !== 'string' || value.trim() === '' || value.length > LONGEST) return `${key} must be a text of 1 to ${LONGEST} characters`;
  }
  if (typeof note !== 'string') return 'note must be a text';
  if (before.some((other) => other.id === id)) return 'another one has the same id';
  return faultOfPath(path, folder);
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
    else models.push({ id: entry.id, name: entry.name, path: entry.path, note: brief(entry.note) });
  }
  const more = faults.length > MOST_NAMED ? ` and ${faults.length - MOST_NAMED} more` : '';
  const problem = faults.length > 0 ? `Left out of the list of models: ${faults.slice(0, MOST_NAMED).join(', ')}${more}.` : null;
  if (models.length === 0) throw new Error(`models/index.json names no model that can be used. ${problem}`);
  return { models, problem };
}
