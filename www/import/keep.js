// A model that somebody brought along takes its place in the list of models, and is kept in this browser. Where it cannot
// be loaded, the one before comes back.

import { write } from '../database.js';
import { oneLine } from '../engine/errors.js';
import { BROUGHT, freeId, modelOf } from '../own.js';

/**
 * @typedef {object} Brought
 * @property {string} id  the address, empty where it has none
 * @property {string} name
 * @property {string} origin  where it is from, as people read it
 * @property {import('./reader.js').Found} found
 * @property {string} scheduler  the text of scheduler_config.json
 * @property {Blob} weights  a .safetensors file
 */

/** A name stands in lists and in the status line. */
const LONGEST = 60;

/** @param {import('./reader.js').Needs} needs @returns {string} */
export function sizeOf({ picture }) {
  const [channels, height, width] = picture ?? [0, 0, 0];
  return `${width} × ${height}, ${channels === 1 ? 'grey' : 'colour'}`;
}

/** @param {number} count @returns {string} */
export const inMillions = (count) => (count < 1e5 ? count.toLocaleString('en') : `${(count / 1e6).toFixed(1)} million`);

/** What its classes are called, where somebody says it. @param {import('./reader.js').Found} found */
function classesOf({ labels, nullLabel, needs: { classes } }) {
  if (!classes) return {};
  const named = labels.some((label) => label !== '');
  const names = Array.from({ length: classes }, (_, i) => labels[i] || (i === nullLabel ? 'any' : `class ${i}`));
  const none = nullLabel !== null && nullLabel < classes ? { nullLabel } : {};
  /** @type {Record<string, number>} */
  const label2id = {};
  names.forEach((name, i) => (label2id[name] = i));
  const text = JSON.stringify({ label2id, null_class_id: nullLabel }, null, 2);
  return named || 'nullLabel' in none ? { labels: names, ...none, classLabels: text } : {};
}

/**
 * @param {import('../session.js').Session} session @param {Brought} brought
 * @returns {Promise<string>} empty when it is loaded, else a sentence that says why it is not
 */
export async function adopt(session, { id: address, name, origin, found, scheduler, weights }) {
  const { settings, model: before } = session;
  const id = address || (await freeId(session.models.map((model) => model.id), BROUGHT)).id;
  const others = session.models.filter((model) => model.id !== id);
  const note = `${sizeOf(found.needs)}, ${inMillions(found.needs.parameters)} parameters; from ${origin}.`;
  const short = name.length > LONGEST ? `${name.slice(0, LONGEST - 1)}…` : name;
  const record = { id, name: short, note, config: found.config, scheduler, weights, preview: null, origin, needs: found.needs, ...classesOf(found) };
  session.list([...others, modelOf(record)]);
  if (settings.get('model') === id) session.load();
  else settings.set('model', id);
  if (!(await session.loading)) {
    const why = session.status.text;
    settings.set('model', before.id);
    session.list(session.models.filter((model) => model.id !== id));
    return why;
  }
  await write([{ store: 'models', key: id, value: record }]).catch((error) =>
    session.tell('kept', `${record.name} is in use, but will be gone when this page is closed: ${oneLine(error)}.`));
  return '';
}
