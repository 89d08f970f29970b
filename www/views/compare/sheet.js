// The table as one picture: its heads and its cells on white, to be taken away.

import { asPng, contextOf } from '../../ui/pixels.js';
import { savePng } from '../../ui/take.js';
import { textOf } from './plan.js';

/** @typedef {import('./grid.js').Grid} Grid @typedef {import('./plan.js').Plan} Plan */

/** The longer side is about so many pixels. */
const SIDE = 1600;
const GAP = 12;
const TEXT = 22;
const FONT = `${TEXT}px -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif`;
const WHITE = '#fff';
const BLACK = '#1d2322';
const GREY = '#5a6361';

/**
 * @param {Plan} plan @param {Grid['cells']} cells  row by row
 * @returns {HTMLCanvasElement}
 */
function sheetOf(plan, cells) {
  const { width, height } = cells[0][0].canvas;
  const [rows, columns] = [cells.length, plan.columns.length];
  const scale = Math.max(1, Math.floor(SIDE / Math.max(columns * width, rows * height)));
  const [across, down] = [width * scale, height * scale];
  const sheet = document.createElement('canvas');
  const context = contextOf(sheet);
  context.font = FONT;
  const rowHead = Math.max(0, ...plan.rows.map((head) => context.measureText(textOf(head)).width + GAP));
  const line = 1.5 * TEXT;
  sheet.width = Math.ceil(rowHead + columns * (across + GAP) + GAP);
  sheet.height = Math.ceil(GAP + line + rows * (down + line + GAP));
  context.fillStyle = WHITE;
  context.fillRect(0, 0, sheet.width, sheet.height);
  context.font = FONT;
  context.imageSmoothingEnabled = false;
  context.textBaseline = 'middle';

  /** @param {string} text @param {CanvasTextAlign} align @param {number} x @param {number} y @param {string} color @param {number} [room] */
  const write = (text, align, x, y, color, room) => {
    Object.assign(context, { textAlign: align, fillStyle: color });
    context.fillText(text, x, y, room);
  };
  /** @param {number} i */
  const left = (i) => GAP + rowHead + i * (across + GAP);
  /** @param {number} i  in a race each has its own number of steps */
  const named = (i) => textOf(plan.columns[i]) + (plan.kind === 'race' ? `, ${plan.cells[0][i].values.steps} steps` : '');
  plan.columns.forEach((_, i) => write(named(i), 'center', left(i) + across / 2, GAP + line / 2, BLACK, across));
  cells.forEach((row, r) => {
    const top = GAP + line + r * (down + line + GAP);
    if (plan.rows[r]) write(textOf(plan.rows[r]), 'right', rowHead, top + down / 2, BLACK);
    row.forEach((view, c) => {
      if (view.levels) context.drawImage(view.canvas, left(c), top, across, down);
      const [time, more] = view.texts;
      write(time, 'left', left(c), top + down + line / 2, GREY, across / 2);
      write(more, 'right', left(c) + across, top + down + line / 2, GREY, across / 2);
    });
  });
  return sheet;
}

/**
 * Saves the table as a PNG that says how to make it again and whose work the model is.
 * @param {Plan} plan @param {Grid['cells']} cells @param {import('../../models.js').Model} model
 */
export async function saveTable(plan, cells, model) {
  const made = { values: { ...plan.values, view: 'compare' }, model };
  await savePng(await asPng(sheetOf(plan, cells)), made, `${model.id}-compare-${plan.kind}-seed${plan.values.seed}.png`);
}
