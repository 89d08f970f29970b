// The table as one picture, or as a film: its heads and its cells on white, to be taken away.

import { asPng, contextOf, imageOf } from '../../ui/pixels.js';
import { filmItems, pngFile, saveFile, saveFilm, saving } from '../../ui/take.js';
import { textOf } from './plan.js';

/**
 * @typedef {import('./cell.js').CellView} CellView
 * @typedef {import('./plan.js').Plan} Plan
 * @typedef {import('../../session.js').Session} Session
 *
 * @typedef {object} Shown  of a cell
 * @property {Uint8ClampedArray|null} levels  [1, C, H, W]
 * @property {[string, string]} texts  below it
 *
 * @typedef {{plan: Plan, cells: CellView[][]}} Table  cells row by row
 */

/** About the longer side of the picture and of a film, and the size of their letters, in pixels. */
const PICTURE = { side: 1600, text: 22 };
const FILM = { side: 560, text: 13 };

/** A film of so many frames is short, and fits into a phone. */
const FILM_FRAMES = 60;

const FAMILY = '-apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';
const WHITE = '#fff';
const BLACK = '#222';
const GREY = '#5c5c5c';

/** Draws a table, as often as one likes, always at the same size. */
class Sheet {
  /** @param {Table} table @param {{side: number, text: number}} size */
  constructor({ plan, cells }, { side, text }) {
    const { width, height } = cells[0][0].canvas;
    const scale = Math.max(1, Math.floor(side / Math.max(plan.columns.length * width, cells.length * height)));
    this.plan = plan;
    this.cells = cells;
    this.text = text;
    this.gap = text / 2;
    this.line = 1.5 * text;
    this.size = { across: width * scale, down: height * scale };
    this.canvas = document.createElement('canvas');
    this.context = contextOf(this.canvas, { willReadFrequently: true });
    this.context.font = `${text}px ${FAMILY}`;
    this.rowHead = Math.max(0, ...plan.rows.map((head) => this.context.measureText(textOf(head)).width + this.gap));
    this.canvas.width = Math.ceil(this.rowHead + plan.columns.length * (this.size.across + this.gap) + this.gap);
    this.canvas.height = Math.ceil(this.gap + this.line + cells.length * (this.size.down + this.line + this.gap));
    // A canvas that has another size has forgotten what it was told.
    this.context.font = `${text}px ${FAMILY}`;
    this.context.imageSmoothingEnabled = false;
    this.context.textBaseline = 'middle';
    this.cell = document.createElement('canvas');
    Object.assign(this.cell, { width, height });
  }

  /** @param {string} text @param {CanvasTextAlign} align @param {number} x @param {number} y @param {string} color @param {number} [room] */
  #write(text, align, x, y, color, room) {
    Object.assign(this.context, { textAlign: align, fillStyle: color });
    this.context.fillText(text, x, y, room);
  }

  /** @param {number} i  in a race each has its own number of steps */
  #nameOf(i) {
    return textOf(this.plan.columns[i]) + (this.plan.kind === 'race' ? `, ${this.plan.cells[0][i].values.steps} steps` : '');
  }

  /** @param {(view: CellView) => Shown} look */
  draw(look) {
    const { context, canvas, plan, gap, line, rowHead } = this;
    const { across, down } = this.size;
    const left = (/** @type {number} */ i) => gap + rowHead + i * (across + gap);
    context.fillStyle = WHITE;
    context.fillRect(0, 0, canvas.width, canvas.height);
    plan.columns.forEach((_, i) => this.#write(this.#nameOf(i), 'center', left(i) + across / 2, gap + line / 2, BLACK, across));
    this.cells.forEach((row, r) => {
      const top = gap + line + r * (down + line + gap);
      if (plan.rows[r]) this.#write(textOf(plan.rows[r]), 'right', rowHead, top + down / 2, BLACK);
      row.forEach((view, c) => {
        const { levels, texts: [first, second] } = look(view);
        if (levels) {
          contextOf(this.cell).putImageData(imageOf(levels, 0, view.shape), 0, 0);
          context.drawImage(this.cell, left(c), top, across, down);
        }
        this.#write(first, 'left', left(c), top + down + line / 2, GREY, across / 2);
        this.#write(second, 'right', left(c) + across, top + down + line / 2, GREY, across / 2);
      });
    });
    return canvas;
  }
}

/**
 * The table after so many steps of all its runs, as if each step took the same time.
 * @param {CellView} view @param {number} step @returns {Shown}
 */
function after({ reel, run }, step) {
  if (!run) return { levels: null, texts: ['', ''] };
  const made = Math.min(step, reel.length);
  return { levels: reel.at(made)?.levels ?? null, texts: [`${made} / ${run.total}`, ''] };
}

/** @param {Table} table @returns {number} steps of the longest run so far */
function longestOf({ cells }) {
  return Math.max(...cells.flat().map(({ reel }) => reel.length));
}

/** @param {Table} table @returns {Promise<{frames: Uint8ClampedArray[], shape: import('../../ui/pixels.js').Shape}>} */
async function framesOfTable(table) {
  const { framesOf, levelsOf } = await import('../../ui/export/film.js');
  const sheet = new Sheet(table, FILM);
  const { width, height } = sheet.canvas;
  const { channels } = table.cells[0][0].shape;
  const frames = [];
  for (const place of framesOf(longestOf(table), FILM_FRAMES)) {
    sheet.draw((view) => after(view, place + 1));
    frames.push(levelsOf(sheet.context.getImageData(0, 0, width, height), channels));
    // The page stays alive meanwhile.
    await new Promise((resolve) => setTimeout(resolve));
  }
  return { frames, shape: { channels, height, width } };
}

/** @param {Plan} plan @param {Session} session */
const sourceOf = ({ values }, session) => ({ values: { ...values, view: 'compare' }, model: session.model });

/** @param {Plan} plan @param {Session} session */
const nameOf = ({ kind, values: { seed } }, session) => `${session.model.id}-compare-${kind}-seed${seed}`;

/** The table as a PNG. @param {Table} table @param {Session} session */
export async function pictureOf({ plan, cells }, session) {
  const canvas = new Sheet({ plan, cells }, PICTURE).draw(({ levels, texts }) => ({ levels, texts }));
  return pngFile(await asPng(canvas), sourceOf(plan, session), `${nameOf(plan, session)}.png`);
}

/**
 * The entries of a menu. Each file says how to make it again and whose work the model is.
 * @param {() => Table} ask  what is on show now
 * @param {Session} session  hears of what goes wrong
 * @returns {import('../../ui/menu.js').Item[]}
 */
export function takeItems(ask, session) {
  const film = async (/** @type {import('../../ui/export/film.js').Format} */ format) => {
    const table = ask();
    const { plan } = table;
    await saveFilm({ format, ...(await framesOfTable(table)) }, sourceOf(plan, session), `${nameOf(plan, session)}-film`, session);
  };
  /** @type {import('../../ui/menu.js').Item[]} */
  const items = [{ label: 'Table', hint: 'PNG', action: saving(() => saveFile(pictureOf(ask(), session)), session) }];
  return longestOf(ask()) > 1 ? [...items, ...filmItems(film, session)] : items;
}
