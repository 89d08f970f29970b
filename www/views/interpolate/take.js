// What one can take away: the frames as one picture, or as a film that goes forth and back.

import { gridAsPng } from '../../ui/pixels.js';
import { filmItems, pngFile, saveFile, saveFilm, saving } from '../../ui/take.js';

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

/** All frames as a PNG. @param {Taken} taken */
export async function pictureOf(taken) {
  return pngFile(await gridAsPng(taken.canvases, taken.columns), taken, nameOf(taken, '.png'));
}

/**
 * The entries of a menu.
 * @param {() => Taken} ask  what there is now
 * @param {import('../../session.js').Session} session  hears of what goes wrong
 * @returns {import('../../ui/menu.js').Item[]}
 */
export function takeItems(ask, session) {
  /** @param {import('../../ui/export/film.js').Format} format */
  const film = (format) => {
    const { frames, shape, delay, ...source } = ask();
    return saveFilm({ format, frames, shape, delay, hold: delay }, source, nameOf(ask(), '-film'), session);
  };
  return [
    { label: 'All frames', hint: 'one PNG', action: saving(() => saveFile(pictureOf(ask())), session) },
    ...filmItems(film, session),
  ];
}
