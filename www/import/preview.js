// The picture that stands for one of the visitor's own models in the list of models: what it made when it was first asked.

import { read, write } from '../database.js';
import { previewAddress } from '../own.js';
import { element } from '../ui/dom.js';
import { gridAsPng, paint } from '../ui/pixels.js';

/** So many pictures are in it at most. */
const MOST = 4;

/** @param {import('../ui/film.js').Film} film  of a run that has ended well @returns {Promise<Blob>} a PNG */
function pictureOf(film) {
  const { shape, settings } = film;
  const levels = film.at(film.length - 1)?.x0 ?? new Uint8ClampedArray();
  const canvases = Array.from({ length: Math.min(settings.batch, MOST) }, (_, i) => {
    const canvas = element('canvas');
    paint(canvas, levels, i, shape);
    return canvas;
  });
  return gridAsPng(canvases);
}

/**
 * Puts it into the list, and keeps it with the model where that is kept.
 * @param {import('../models.js').Model} model @param {import('../session.js').Session} session
 * @param {import('../ui/film.js').Film} film
 */
export async function keepPreview({ id, own }, session, film) {
  const picture = await pictureOf(film);
  // It may have been deleted meanwhile.
  if (!own || !session.models.some((model) => model.own === own)) return;
  Object.assign(own, { picture, preview: previewAddress(id, picture) });
  session.list(session.models);
  const record = await read('models', id);
  if (record) await write([{ store: 'models', key: id, value: { ...record, preview: picture } }]);
}
