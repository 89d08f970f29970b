// How far pictures are from each other, in grey levels.

import { groupsOf } from './plan.js';

/** @typedef {import('./cell.js').CellView} CellView @typedef {import('../../engine/figures.js').Figures} Figures */

/** Grey levels between black and white. */
const RANGE = 255;

/**
 * Root mean square on the scale of grey levels, 0 to 255.
 * @param {Figures} figures @param {Float32Array} a @param {Float32Array} b
 */
function distance(figures, a, b) {
  return RANGE * Math.sqrt(figures.reconstruction_error(a, b));
}

/**
 * Compares each group with the picture of the most steps, as soon as that is there.
 * @param {Figures} figures @param {import('./plan.js').Plan} plan @param {CellView[][]} cells
 */
export function compare(figures, plan, cells) {
  if (plan.kind === 'draw') return;
  for (const group of groupsOf(plan, cells)) {
    const possible = group.filter(({ state }) => state !== 'refused');
    const most = Math.max(...possible.map(({ cell }) => cell.values.steps));
    const finest = possible.find(({ cell }) => cell.values.steps === most);
    if (!finest?.values || possible.length < 2) continue;
    const others = possible.filter((view) => view !== finest && view.values);
    for (const view of others) view.distance ??= distance(figures, /** @type {Float32Array} */ (view.values), finest.values);
    // Of two racers neither is the measure of the other.
    if (plan.kind === 'race' && possible.length === 2) finest.distance = others[0]?.distance ?? null;
    else finest.finest = true;
  }
}

/**
 * How much the pictures of a row differ: the mean of all pairs.
 * @param {Figures} figures @param {CellView[]} row
 * @returns {number|null}  null where there are fewer than two
 */
export function spread(figures, row) {
  const pictures = row.flatMap(({ values }) => values ?? []);
  const pairs = pictures.flatMap((a, i) => pictures.slice(i + 1).map((b) => distance(figures, a, b)));
  return pairs.length > 0 ? pairs.reduce((sum, pair) => sum + pair, 0) / pairs.length : null;
}
