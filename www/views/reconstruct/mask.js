// The hole in a picture: which cells of a 16 × 16 grid are made anew. As text it is the name of a simple one, or the
// grid in 64 hexadecimal digits, four for each row, the leftmost cell first.

import { Brush } from '../../ui/brush.js';
import { element } from '../../ui/dom.js';
import { contextOf } from '../../ui/pixels.js';

/** @typedef {import('../../ui/brush.js').Point} Point */

const CELLS = 16;

/** Pixels of the drawing for each cell. */
const SCALE = 12;

/** Cells that a brush covers beside the one under it. */
const REACH = 1.3;

/** @type {Record<string, {text: string, holds: (x: number, y: number) => boolean}>} */
export const HOLES = {
  left: { text: 'Left half', holds: (x) => x < CELLS / 2 },
  centre: { text: 'Centre', holds: (x, y) => [x, y].every((v) => v >= CELLS / 4 && v < (3 * CELLS) / 4) },
  right: { text: 'Right half', holds: (x) => x >= CELLS / 2 },
  top: { text: 'Top half', holds: (_, y) => y < CELLS / 2 },
};

/** @param {string} text  that the table of settings allows @returns {boolean[]} row by row, true in the hole */
export function readMask(text) {
  const hole = HOLES[text];
  return Array.from({ length: CELLS * CELLS }, (_, i) => {
    if (hole) return hole.holds(i % CELLS, Math.floor(i / CELLS));
    return (parseInt(text[i >> 2], 16) & (8 >> (i & 3))) !== 0;
  });
}

/** @param {boolean[]} cells @returns {string} */
export function maskText(cells) {
  const name = Object.keys(HOLES).find((key) => readMask(key).every((cell, i) => cell === cells[i]));
  if (name) return name;
  let text = '';
  for (let i = 0; i < cells.length; i += 4) text += cells.slice(i, i + 4).reduce((sum, cell) => 2 * sum + Number(cell), 0).toString(16);
  return text;
}

/** As the sampler takes it: 1 where pixels are known. @param {boolean[]} cells @param {{height: number, width: number}} size */
export function knownPixels(cells, { height, width }) {
  return Float32Array.from({ length: height * width }, (_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    return cells[Math.floor((y * CELLS) / height) * CELLS + Math.floor((x * CELLS) / width)] ? 0 : 1;
  });
}

/** Paints the hole over a picture. */
export class MaskPainter {
  /** @type {boolean[]} */
  #cells = readMask('centre');
  #erases = false;
  canvas = element('canvas', { className: 'over', width: CELLS * SCALE, height: CELLS * SCALE, role: 'application', 'aria-label': 'The hole: drag to paint it or to take it back; with the keys, arrows move and the space bar paints', 'data-testid': 'reconstruct-mask' });
  #cursor = /** @type {Point|null} */ (null);

  /** @param {(cells: boolean[]) => void} onPainted  a stroke has ended */
  constructor(onPainted) {
    new Brush(this.canvas, {
      begin: (at) => (this.#erases = this.#cells[this.#index(at)] ?? false),
      draw: (from, to) => this.#line(from, to),
      end: () => onPainted([...this.#cells]),
      hover: (at) => {
        this.#cursor = at;
        this.#draw();
      },
    });
    this.#draw();
  }

  /** @param {boolean[]} cells */
  show(cells) {
    this.#cells = [...cells];
    this.#draw();
  }

  /** @param {Point} at */
  #index({ x, y }) {
    const cell = (/** @type {number} */ v) => Math.min(CELLS - 1, Math.max(0, Math.floor(v * CELLS)));
    return cell(y) * CELLS + cell(x);
  }

  /** @param {Point} from @param {Point} to */
  #line(from, to) {
    const steps = Math.ceil(Math.hypot(to.x - from.x, to.y - from.y) * CELLS * 2) + 1;
    for (let i = 1; i <= steps; i++) {
      const [x, y] = [from.x + ((to.x - from.x) * i) / steps, from.y + ((to.y - from.y) * i) / steps];
      for (let cell = 0; cell < CELLS * CELLS; cell++) {
        const distance = Math.hypot((cell % CELLS) + 0.5 - x * CELLS, Math.floor(cell / CELLS) + 0.5 - y * CELLS);
        if (distance <= REACH) this.#cells[cell] = !this.#erases;
      }
    }
    this.#draw();
  }

  /** Hatched, so that it is no part of any picture. */
  #draw() {
    const context = contextOf(this.canvas);
    const side = CELLS * SCALE;
    context.clearRect(0, 0, side, side);
    context.save();
    context.beginPath();
    this.#cells.forEach((holds, i) => holds && context.rect((i % CELLS) * SCALE, Math.floor(i / CELLS) * SCALE, SCALE, SCALE));
    context.clip();
    context.fillStyle = 'rgb(24 30 30 / 88%)';
    context.fillRect(0, 0, side, side);
    context.strokeStyle = 'rgb(242 166 90)';
    context.lineWidth = 2;
    context.beginPath();
    for (let at = -side; at < side; at += SCALE) {
      context.moveTo(at, side);
      context.lineTo(at + side, 0);
    }
    context.stroke();
    context.restore();
    if (!this.#cursor) return;
    context.strokeStyle = '#fff';
    context.strokeRect(this.#cursor.x * side - SCALE, this.#cursor.y * side - SCALE, 2 * SCALE, 2 * SCALE);
  }
}
