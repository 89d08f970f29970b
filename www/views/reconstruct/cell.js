// Pictures of this view: one canvas with a caption, or a few in a square.

import { element } from '../../ui/dom.js';
import { columnsFor, contextOf, drawPlaceholder, imageOf } from '../../ui/pixels.js';

/** @typedef {import('../../ui/pixels.js').Shape} Shape */

/** @param {string} label @param {Shape} shape */
function canvasOf(label, { width, height }) {
  return element('canvas', { width, height, role: 'img', 'aria-label': label, 'data-testid': 'reconstruct-canvas' });
}

export class Cell {
  /** @type {Shape} */
  #shape = { channels: 1, height: 32, width: 32 };
  #count = 1;
  /** @type {HTMLCanvasElement[]} */
  canvases = [];

  /**
   * @param {string} name  for style and tests
   * @param {string} label  what one sees, for those who do not
   * @param {...(Node|string)} caption
   */
  constructor(name, label, ...caption) {
    this.label = label;
    this.square = element('div', { className: 'square empty' });
    this.caption = element('figcaption', {}, ...caption);
    this.root = element('figure', { className: `cell cell-${name}`, 'data-cell': name }, this.square, this.caption);
    this.layout();
  }

  /** Empty canvases; what was there is gone. @param {Shape} [shape] @param {number} [count] */
  layout(shape = this.#shape, count = this.#count) {
    this.#shape = shape;
    this.#count = count;
    this.canvases = Array.from({ length: count }, (_, i) => canvasOf(count > 1 ? `${this.label} ${i + 1} of ${count}, empty` : `${this.label}, empty`, shape));
    this.square.classList.add('empty');
    this.square.dataset.columns = String(columnsFor(count));
    this.square.style.setProperty('--columns', String(columnsFor(count)));
    // Drawn on top of the pictures, where there is something.
    const over = [...this.square.children].filter((child) => child.classList.contains('over'));
    this.square.replaceChildren(...this.canvases, ...over);
    for (const canvas of this.canvases) drawPlaceholder(canvas);
  }

  /** @param {Uint8ClampedArray} levels  [B, C, H, W] */
  draw(levels) {
    this.square.classList.remove('empty');
    this.canvases.forEach((canvas, i) => {
      contextOf(canvas).putImageData(imageOf(levels, i, this.#shape), 0, 0);
      canvas.setAttribute('aria-label', this.#count > 1 ? `${this.label} ${i + 1} of ${this.#count}` : this.label);
    });
  }

  /** @param {...(Node|string)} caption */
  say(...caption) {
    this.caption.replaceChildren(...caption);
  }
}
