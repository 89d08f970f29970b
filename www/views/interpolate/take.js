// What one can take away: the frames as one picture, or as a film that goes forth and back.

import { gridAsPng } from '../../ui/pixels.js';
import { creditOf } from '../../ui/take.js';

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
  const [{ withCredit }, { download }] = await Promise.all([import('../../ui/export/png.js'), import('../../ui/export/download.js')]);
  download(await withCredit(await gridAsPng(taken.canvases, taken.columns), creditOf(taken)), nameOf(taken, '.png'));
}

/** @param {Taken} taken @param {import('../../ui/export/film.js').Format} format */
async function saveFilm(taken, format) {
  const [{ makeFilm }, { download }] = await Promise.all([import('../../ui/export/film.js'), import('../../ui/export/download.js')]);
  const { frames, shape, delay } = taken;
  download(await makeFilm({ format, frames, shape, credit: creditOf(taken), delay, hold: delay }), nameOf(taken, `-film.${format}`));
}

/**
 * The entries of a menu.
 * @param {() => Taken} ask  what there is now
 * @param {import('../../session.js').Session} session  hears of what goes wrong
 * @returns {import('../../ui/menu.js').Item[]}
 */
export function takeItems(ask, session) {
  /** @param {(taken: Taken) => Promise<void>} make */
  const action = (make) => async () => {
    session.clear('save');
    try {
      await make(ask());
    } catch (error) {
      session.tell('save', error instanceof Error ? error.message : String(error));
    }
  };
  return [
    { label: 'All frames', hint: 'one PNG', action: action(savePicture) },
    { label: 'Film', hint: 'GIF, plays everywhere', action: action((taken) => saveFilm(taken, 'gif')) },
    { label: 'Film, exact', hint: 'animated PNG', action: action((taken) => saveFilm(taken, 'png')) },
    { label: 'Film, small', hint: 'animated WebP', action: action((taken) => saveFilm(taken, 'webp')) },
  ];
}
