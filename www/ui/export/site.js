// A model as a page of its own: the folder that `ddim-web publish` writes, as a zip. What the page consists of stands in
// its service worker's script; its files come from where this page came from.

import { Failure } from '../../engine/errors.js';
import { loadFigures } from '../../engine/figures.js';
import { WEIGHTS_FILE, fetchOk, fetchWeights, hexadecimal } from '../../engine/weights.js';
import { FOLDER } from '../../models.js';
import { cardOf } from './card.js';
import { zip } from './zip.js';

/**
 * @typedef {import('../../models.js').Model} Model
 * @typedef {Map<string, Blob>} Files  by their paths
 * @typedef {(done: number, total: number) => void} OnFile  how many of how many files are there
 */

/** Where the page is. */
const ROOT = new URL('../../', FOLDER);

const MODELS = 'www/models/';
const SCRIPT = 'sw.js';
const MANIFEST = 'www/manifest.webmanifest';
const CARD = 'www/style/card.png';

/** How the script begins. */
const START = 'self.SITE = ';

/** So many files are asked for at once. */
const AT_ONCE = 6;

/** @param {Blob} blob @returns {Promise<Uint8Array>} */
async function digest(blob) {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', await blob.arrayBuffer()));
}

/** @param {Blob} blob @returns {Promise<string>} as in `integrity` */
const sumOf = async (blob) => `sha256-${btoa(String.fromCharCode(...(await digest(blob))))}`;

/** @param {AbortSignal} signal @returns {Promise<{script: string, sums: Record<string, string>, others: string[]}>} what the page consists of; some files have no sum */
async function listOf(signal) {
  const script = await (await fetchOk(new URL(SCRIPT, ROOT), { cache: 'no-cache', signal })).text();
  const end = script.indexOf(';\n');
  try {
    const { files, others } = JSON.parse(script.slice(START.length, end));
    if (!script.startsWith(START) || !Array.isArray(others)) throw new Error('another script');
    const { './': index, ...sums } = files;
    return { script, sums: { 'index.html': index, ...sums }, others };
  } catch {
    throw new Failure('download', `${SCRIPT} of this page does not list its files: it is of another version.`);
  }
}

/**
 * A file of the page.
 * @param {string} path @param {string|undefined} sum  what it should have @param {AbortSignal} signal
 */
async function fileOf(path, sum, signal) {
  const blob = await (await fetchOk(new URL(path === 'index.html' ? './' : path, ROOT), { signal })).blob();
  if (sum && (await sumOf(blob)) !== sum) throw new Failure('download', `${path} is not the file that this page lists: it has been changed meanwhile, or on its way. Reload the page and try again.`);
  return blob;
}

/** @param {{sums: Record<string, string>, others: string[]}} list @param {AbortSignal} signal @param {OnFile} onFile @returns {Promise<Files>} all but the models */
async function pageOf({ sums, others }, signal, onFile) {
  const paths = [...Object.keys(sums), ...others].filter((path) => !path.startsWith(MODELS));
  /** @type {Files} */
  const files = new Map();
  const waiting = [...paths];
  const fetchSome = async () => {
    for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
      files.set(path, await fileOf(path, sums[path], signal));
      onFile(files.size, paths.length);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, fetchSome));
  return files;
}

/** The files of a model, by their names in its folder. @param {Model} model @param {string[]} listed  of the page @param {AbortSignal} signal @returns {Promise<Files>} */
async function filesOf({ path, own, samples, sha256 }, listed, signal) {
  if (own) {
    const { config, scheduler, weights } = own.files;
    /** @type {[string, Blob|null][]} */
    const files = [
      ['config.json', new Blob([config])],
      ['scheduler_config.json', new Blob([scheduler])],
      [WEIGHTS_FILE, weights],
      ['class_labels.json', own.classLabels ? new Blob([own.classLabels]) : null],
      ['preview.png', own.picture],
    ];
    return new Map(files.flatMap(([name, file]) => (file ? [[name, file]] : [])));
  }
  const optional = ['class_labels.json', 'preview.png', 'sheet.png', 'README.md', ...(samples ? [samples.path.slice(path.length)] : [])];
  const names = ['config.json', 'scheduler_config.json', ...optional.filter((name) => listed.includes(MODELS + path + name))];
  const [weights, ...files] = await Promise.all([
    fetchWeights(new URL(path + WEIGHTS_FILE, FOLDER), () => {}, signal, sha256?.[WEIGHTS_FILE]).then(({ blob }) => blob),
    ...names.map(async (name) => (await fetchOk(new URL(path + name, FOLDER), { signal })).blob()),
  ]);
  return new Map([[WEIGHTS_FILE, weights], ...names.map((name, i) => /** @type {[string, Blob]} */ ([name, files[i]]))]);
}

/** Its entry in models/index.json. @param {Model} model @param {Files} files  its own */
async function entryOf({ id, name, path, note, credit, labels, nullLabel, samples }, files) {
  const weights = /** @type {Blob} */ (files.get(WEIGHTS_FILE));
  const file = samples?.path.slice(path.length) ?? '';
  return {
    id, name, path, note,
    sha256: { [WEIGHTS_FILE]: hexadecimal(await digest(weights)) },
    ...(credit && { credit }),
    ...(labels && { labels }),
    ...(nullLabel !== undefined && { null_label: nullLabel }),
    ...(samples && files.has(file) && { samples: { file, count: samples.count, credit: samples.credit } }),
  };
}

/**
 * @param {Model} model @param {OnFile} onFile @param {AbortSignal} signal
 * @returns {Promise<File>} the zip, with all in a folder
 * @throws {Failure} when a file cannot be had
 */
export async function siteOf(model, onFile, signal) {
  if (!globalThis.crypto?.subtle) throw new Failure('browser', 'A page is made where this one has a secure address: https or localhost.');
  const list = await listOf(signal);
  const [figures, page, own] = await Promise.all([
    loadFigures(),
    pageOf(list, signal, onFile),
    filesOf(model, [...Object.keys(list.sums), ...list.others], signal),
  ]);
  const preview = own.get('preview.png');
  const card = preview && (await cardOf(preview));
  const text = async (/** @type {string} */ path) => (await page.get(path)?.text()) ?? '';
  const entries = JSON.stringify([await entryOf(model, own)]);
  const made = figures.site_texts(await text('index.html'), await text(MANIFEST), entries, card !== undefined);
  page.set('index.html', new Blob([made.index]));
  page.set(MANIFEST, new Blob([made.manifest]));
  page.set(`${MODELS}index.json`, new Blob([made.models]));
  if (card) page.set(CARD, card);
  for (const [name, file] of own) page.set(MODELS + made.paths[0] + name, file);

  /** @type {Record<string, string>} */
  const sums = {};
  for (const [path, file] of page) sums[path] = await sumOf(file);
  const json = JSON.stringify(sums);
  const version = hexadecimal(await digest(new Blob([new Uint8Array(figures.site_version(json, list.script))]))).slice(0, 16);
  page.set(SCRIPT, new Blob([figures.site_script(version, json, list.script)]));
  page.set('README.md', new Blob([made.readme]));
  signal.throwIfAborted();
  // The id may be an address; this is none.
  const [top] = made.paths;
  const files = [...page].sort(([a], [b]) => (a < b ? -1 : 1)).map(([path, file]) => ({ name: top + path, file }));
  return new File([await zip(files)], `${top.slice(0, -1)}-page.zip`, { type: 'application/zip' });
}
