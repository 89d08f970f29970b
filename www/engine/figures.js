// The mathematics that needs no network, in a package of its own: small enough to run beside the page, and loaded only
// where it is asked for.

import { Failure, oneLine } from './errors.js';

/** @typedef {typeof import('../../pkg/figures/ddim_web.js')} Figures */

/** @type {Promise<Figures>|null} */
let loading = null;

/** @returns {Promise<Figures>} @throws {Failure} `download` when it cannot be had; asked again, it tries again */
export function loadFigures() {
  loading ??= import('../../pkg/figures/ddim_web.js')
    .then(async (figures) => {
      await figures.default();
      return figures;
    })
    .catch((error) => {
      loading = null;
      throw new Failure('download', `A part of this page could not be loaded (${oneLine(error)}).`);
    });
  return loading;
}
