// The table of pictures: its heads, its cells, and how large they are. Everything has its place before a run begins.

import { element } from '../../ui/dom.js';
import { contextOf, imageOf } from '../../ui/pixels.js';
import { CellView, levelsOf } from './cell.js';
import { textOf } from './plan.js';

/** @typedef {import('./plan.js').Plan} Plan @typedef {import('./plan.js').Head} Head @typedef {import('../../ui/pixels.js').Shape} Shape */

/** CSS pixels; style/views/compare.css has the same. */
const GAP = { wide: 8, narrow: 4, race: 16 };
const BELOW_PICTURE = 32;
const BELOW_NARROW = 48;
const HEADS = 34;
const ROW_HEAD = 76;
const ROW_HEAD_NARROW = 48;
const NARROW = 560;

/** A picture is not smaller than this, rather the table scrolls in its box; nor larger than this, however much room there is. */
const SMALLEST = { wide: 72, narrow: 56 };
const LARGEST = 352;

/** What the page needs beside the table, so that most of it is in sight; CSS pixels. */
const ROUND_THE_TABLE = 220;
const LOWEST = 420;

/** @param {Head} head */
function headNodes({ symbol, text }) {
  const value = text === 'T' ? element('var', {}, text) : text;
  if (!symbol) return [value];
  return [element('var', {}, symbol), ...(text ? [' = ', value] : [])];
}

/** The head of a row, with the state that its pictures come from where they share one. */
class RowHead {
  #canvas = element('canvas', { className: 'origin', hidden: true, role: 'img', 'data-testid': 'compare-state' });
  #note = element('span', { className: 'note' });

  /** @param {Head} head @param {Shape} shape @param {boolean} shared  whether there will be such a state */
  constructor(head, shape, shared) {
    this.shape = shape;
    Object.assign(this.#canvas, { width: shape.width, height: shape.height, hidden: !shared });
    this.#canvas.setAttribute('aria-label', `x_t at ${textOf(head)}`);
    this.root = element('th', { scope: 'row' }, element('span', { className: 'name' }, ...headNodes(head)), ...(shared ? [this.#canvas, this.#note] : []));
  }

  /** @param {Float32Array} values */
  show(values) {
    contextOf(this.#canvas).putImageData(imageOf(levelsOf(values), 0, this.shape), 0, 0);
  }

  /** @param {string} text */
  tell(text) {
    this.#note.textContent = text;
  }
}

export class Grid {
  /** @type {Plan|null} */
  plan = null;
  /** Row by row. @type {CellView[][]} */
  cells = [];
  /** @type {RowHead[]} */
  rowHeads = [];
  #table = element('table', { 'data-testid': 'compare-table' });
  /** @type {Shape} */
  #shape = { channels: 1, height: 32, width: 32 };

  /** @param {HTMLElement} place @param {(cell: CellView) => void} onOpen */
  constructor(place, onOpen) {
    this.onOpen = onOpen;
    // It scrolls, so the keyboard must reach it.
    this.box = element('div', { className: 'box', tabIndex: 0, role: 'group', 'aria-label': 'Pictures' }, this.#table);
    place.append(this.box);
    new ResizeObserver(() => this.fit()).observe(this.box);
    addEventListener('resize', () => this.fit());
  }

  /** All cells. */
  get all() {
    return this.cells.flat();
  }

  /** Empty cells in their places. @param {Plan} plan @param {Shape} [shape]  as before when left out */
  layOut(plan, shape = this.#shape) {
    this.plan = plan;
    this.#shape = shape;
    const race = plan.kind === 'race';
    const most = Math.max(1, ...plan.cells.flat().map(({ values }) => values.steps));
    this.cells = plan.cells.map((row) =>
      row.map((cell) => {
        /** @type {CellView} */
        const view = new CellView(cell, shape, cell.values.steps / most, () => this.onOpen(view));
        return view;
      }),
    );
    this.rowHeads = plan.rows.map((head) => new RowHead(head, shape, plan.kind === 'draw'));
    const columns = plan.columns.map((head, i) => {
      const steps = race ? [element('span', { className: 'steps' }, `${plan.cells[0][i].values.steps} steps`)] : [];
      return element('th', { scope: 'col' }, element('span', {}, ...headNodes(head)), ...steps);
    });
    const corner = race ? [] : [element('td', { className: 'corner' })];
    this.#table.replaceChildren(
      element('thead', {}, element('tr', {}, ...corner, ...columns)),
      element('tbody', {}, ...this.cells.map((row, i) =>
        element('tr', {}, ...(race ? [] : [this.rowHeads[i].root]), ...row.map(({ root }) => element('td', {}, root))))),
    );
    this.box.dataset.kind = plan.kind;
    for (const cell of this.all) cell.paint();
    this.fit();
  }

  /** What the pictures will come from, as long as there are none. @param {(firstImage: number) => Float32Array} noiseOf */
  showNoises(noiseOf) {
    const shared = this.plan?.kind === 'draw';
    for (const view of this.all) if (view.state === 'empty') view.showNoise(noiseOf(shared ? 0 : view.cell.firstImage));
  }

  paint() {
    for (const cell of this.all) cell.paint();
  }

  /** Makes the pictures as large as there is room for, in whole pixels of the screen. */
  fit() {
    const { clientWidth } = this.box;
    if (clientWidth === 0 || !this.plan) return;
    const { width, height } = this.#shape;
    const columns = this.plan.columns.length;
    const race = this.plan.kind === 'race';
    const narrow = clientWidth < NARROW;
    const rowHead = race ? 0 : narrow ? ROW_HEAD_NARROW : ROW_HEAD;
    const across = (clientWidth - rowHead) / columns - GAP[race ? 'race' : narrow ? 'narrow' : 'wide'];
    const tall = Math.max(LOWEST, innerHeight - ROUND_THE_TABLE);
    const down = (tall - HEADS) / this.cells.length - (narrow ? BELOW_NARROW : BELOW_PICTURE);
    const wanted = Math.min(LARGEST, Math.max(narrow ? SMALLEST.narrow : SMALLEST.wide, Math.min(across, (down * width) / height)));
    const scale = Math.max(1, Math.floor((wanted / width) * devicePixelRatio)) / devicePixelRatio; // CSS pixels per picture pixel
    this.box.classList.toggle('narrow', narrow);
    this.box.style.setProperty('--row-head', `${rowHead}px`);
    this.box.style.setProperty('--cell-width', `${width * scale}px`);
    this.box.style.setProperty('--cell-height', `${height * scale}px`);
  }
}
