// What one can take away: the frames as one picture, or as a film that goes forth and back.

import { gridAsPng } from '../../ui/pixels.js';
import { creditOf, filmItems, save, savePng, saving } from '../../ui/take.js';

/**
 * @typedef {object} Taken
 * @property {HTMLCanvasElement[]} canvases @property {number} columns
 * @property {Uint8ClampedArray[]} frames  [C, H, W] each, forth and back
 * @property {number} delay  milliseconds that each is on show
 * @property {import('../../ui/pixels.js').Shape} shape
 * @property {import('../../state.js').Values} values  the settings that made them
 * @property {import('../../models.js').Model} model
 */

/** @param {Taken} taken @param {string} rest */
const nameOf = ({ values: { model, corners, path, steps } }, rest) => `${model}-${path === 'mix' ? 'mixed' : 'between'}-${corners.replaceAll(',', '-')}-steps${steps}${rest}`;

/** @param {Taken} taken */
async function savePicture(taken) {
  await savePng(await gridAsPng(taken.canvases, taken.columns), taken, nameOf(taken, '.png'));
}

/** @param {Taken} taken @param {import('../../ui/export/film.js').Format} format */
async function saveFilm(taken, format) {
  const { makeFilm } = await import('../../ui/export/film.js');
  const { frames, shape, delay } = taken;
  await save(await makeFilm({ format, frames, shape, credit: creditOf(taken), delay, hold: delay }), nameOf(taken, `-film.${format}`));
}

/**
 * The entries of a menu.
 * @param {() => Taken} ask  what there is now
 * @param {import('../../session.js').Session} session  hears of what goes wrong
 * @returns {import('../../ui/menu.js').Item[]}
 */
export function takeItems(ask, session) {
  return [
    { label: 'All frames', hint: 'one PNG', action: saving(() => savePicture(ask()), session) },
    ...filmItems((format) => saveFilm(ask(), format), session),
  ];
}
