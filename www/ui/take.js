// What one can take away from a run: the pictures, the film of how they came, and the numbers. Each file says in its
// metadata how to make it again and whose work the model is. The code for a kind of file is loaded when it is asked for.

import { oneLine } from '../engine/errors.js';
import { loadFigures } from '../engine/figures.js';
import { linkTo } from '../hash.js';
import { NAME } from '../site.js';
import { gridAsPng } from './pixels.js';

/**
 * @typedef {import('./film.js').Film} Film
 * @typedef {import('./menu.js').Item} Item
 * @typedef {import('../models.js').Model} Model
 *
 * @typedef {object} Taken  what is on show
 * @property {Film} film
 * @property {number} place  of the frame on show
 * @property {HTMLCanvasElement[]} canvases  as they are now
 * @property {import('../state.js').Values} values  the settings that made it, with the choice that is on show
 * @property {Model} model
 * @property {Float32Array} [result]  x_0, once it is there
 *
 * @typedef {import('../session.js').Session} Session
 */

/** A film lasts about so long before it begins again, in ms. */
const FILM_MS = 3000;

/** @param {Pick<Taken, 'values'|'model'>} taken @returns {import('./export/credit.js').Credit} */
export function creditOf({ values, model }) {
  return { link: linkTo(values), title: `Made with ddim-web by the model ${model.name}`, ...(model.credit && { copyright: model.credit }) };
}

/** A tau from a link holds colons, commas, and any number of numbers. @param {string} text */
function forFileName(text) {
  return text.replace(/[:,]/g, '_').slice(0, 40);
}

/** @param {Taken} taken @param {string} rest */
function nameOf({ values: { model, seed, steps, eta, tau, method } }, rest) {
  return `${model}-seed${seed}-steps${steps}-eta${eta}-${forFileName(tau)}-${method}-${rest}`;
}

/**
 * A PNG that says how to make it again and whose work the model is.
 * @param {Blob} png @param {Pick<Taken, 'values'|'model'>} source  what made it @param {string} name  of the file
 */
export async function pngFile(png, source, name) {
  const { withCredit } = await import('./export/png.js');
  return new File([await withCredit(png, creditOf(source))], name, { type: 'image/png' });
}

/** The grid on show. @param {Taken} taken */
async function picture(taken) {
  return pngFile(await gridAsPng(taken.canvases), taken, nameOf(taken, `${taken.values.show}-step${taken.film.at(taken.place)?.step}.png`));
}

/** @param {Promise<File>} making */
export async function saveFile(making) {
  const file = await making;
  await save(file, file.name);
}

/** @param {Blob} blob @param {string} name */
export async function save(blob, name) {
  const { download } = await import('./export/download.js');
  download(blob, name);
}

/**
 * Saves a film, and tells as long as it takes.
 * @param {Omit<import('./export/film.js').Film, 'credit'>} film  for about three seconds, unless it says itself how long its frames last
 * @param {Pick<Taken, 'values'|'model'>} source  what made it @param {string} name  of the file, without what the format adds
 * @param {Session} session
 */
export async function saveFilm(film, source, name, session) {
  const { makeFilm } = await import('./export/film.js');
  session.tell('save', 'The film is being made…');
  const blob = await makeFilm({ delay: FILM_MS / film.frames.length, ...film, credit: creditOf(source) });
  session.clear('save');
  await save(blob, `${name}.${film.format}`);
}

/** @param {Taken} taken @param {import('./export/film.js').Format} format @param {Session} session */
async function saveRun(taken, format, session) {
  const { framesOf } = await import('./export/film.js');
  const { film, values } = taken;
  const show = values.show === 'xt' ? 'xt' : 'x0';
  const frames = framesOf(film.length).map((place) => /** @type {import('./film.js').Frame} */ (film.at(place))[show]);
  await saveFilm({ format, frames, shape: film.shape }, taken, nameOf(taken, `${show}-film`), session);
}

/** @param {Taken} taken @param {Float32Array} values @param {string} what */
async function saveNumbers(taken, values, what) {
  const { to_safetensors: toSafetensors } = await loadFigures();
  const { channels, height, width } = taken.film.shape;
  const shape = [values.length / (channels * height * width), channels, height, width];
  const { link, title, copyright } = creditOf(taken);
  const bytes = toSafetensors(values, shape, { source: link, ...(title && { title }), ...(copyright && { copyright }) });
  await save(new Blob([new Uint8Array(bytes)]), nameOf(taken, `${what}.safetensors`));
}

/** @param {Taken} taken */
async function saveLatents(taken) {
  const { noise } = await loadFigures();
  const { channels, height, width } = taken.film.shape;
  const { seed, batch } = taken.values;
  await saveNumbers(taken, noise(seed, 0, batch, channels * height * width), 'x_T');
}

/**
 * What an entry of a menu does.
 * @param {() => Promise<void>} make @param {Session} session  hears of what goes wrong
 */
export function saving(make, session) {
  return async () => {
    session.clear('save');
    try {
      await make();
    } catch (error) {
      session.tell('save', oneLine(error));
    }
  };
}

/** The entries for a film. @param {(format: import('./export/film.js').Format) => Promise<void>} make @param {Session} session @returns {Item[]} */
export function filmItems(make, session) {
  return [
    { label: 'Film', hint: 'GIF, plays everywhere', action: saving(() => make('gif'), session) },
    { label: 'Film, exact', hint: 'animated PNG', action: saving(() => make('png'), session) },
    { label: 'Film, small', hint: 'animated WebP', action: saving(() => make('webp'), session) },
  ];
}

/**
 * The entries of a menu.
 * @param {() => Taken} ask  what is on show now
 * @param {Session} session  hears of what goes wrong
 * @returns {Item[]}
 */
export function takeItems(ask, session) {
  const { film, result } = ask();
  /** @type {Item[]} */
  const items = [{ label: 'Picture', hint: 'PNG', action: saving(() => saveFile(picture(ask())), session) }];
  if (film.length > 1) items.push(...filmItems((format) => saveRun(ask(), format, session), session));
  items.push({ label: 'First noise', hint: 'x_T as .safetensors', action: saving(() => saveLatents(ask()), session) });
  if (result) items.push({ label: 'Result', hint: 'x_0 as .safetensors', action: saving(() => saveNumbers(ask(), result, 'x_0'), session) });
  return items;
}

/**
 * Hands what is on show to the system's sheet, or puts the link on the clipboard where there is none.
 * @param {Taken} taken
 * @returns {Promise<'shared'|'dismissed'|'copied'>}
 */
export async function shareTaken(taken) {
  const { share } = await import('./export/share.js');
  const { title = '', link } = creditOf(taken);
  return share({ title: NAME, text: title, url: link, files: [await picture(taken)] });
}
