// The pictures: a grid of canvases, each pixel magnified by a whole number so that it stays crisp.

import { columnsFor, contextOf, drawPlaceholder, imageOf } from './pixels.js';

/** @typedef {import('./pixels.js').Shape} Shape */

const GAP = 8; // CSS pixels; style/stage.css reads it from --gap

/** What the page needs above and below the pictures, so that the status stays in sight; CSS pixels. */
const ROUND_THE_PICTURES = 300;
const SMALLEST = 300;
const LARGEST = 680;

export class Stage {
  /** @type {HTMLCanvasElement[]} */
  canvases = [];
  /** @type {Shape} */
  #shape = { channels: 1, height: 32, width: 32 };

  /** @param {HTMLElement} grid @param {HTMLElement} frame  what the grid must fit into */
  constructor(grid, frame) {
    this.grid = grid;
    this.frame = frame;
    new ResizeObserver(() => this.#fit()).observe(frame);
    addEventListener('resize', () => this.#fit());
  }

  /** Empty canvases for a batch. @param {number} batch @param {Shape} [shape]  as before when left out */
  layout(batch, shape = this.#shape) {
    this.#shape = shape;
    this.canvases = Array.from({ length: batch }, (_, i) => {
      const canvas = document.createElement('canvas');
      canvas.width = shape.width;
      canvas.height = shape.height;
      canvas.dataset.testid = 'canvas';
      canvas.setAttribute('role', 'img');
      canvas.setAttribute('aria-label', `Picture ${i + 1} of ${batch}`);
      return canvas;
    });
    this.grid.replaceChildren(...this.canvases);
    this.grid.classList.add('empty');
    for (const canvas of this.canvases) drawPlaceholder(canvas);
    this.#fit();
  }

  /** @param {Uint8ClampedArray} levels  [B, C, H, W] */
  draw(levels) {
    this.grid.classList.remove('empty');
    this.canvases.forEach((canvas, i) => {
      contextOf(canvas).putImageData(imageOf(levels, i, this.#shape), 0, 0);
    });
  }

  #fit() {
    const columns = columnsFor(this.canvases.length);
    const rows = Math.ceil(this.canvases.length / columns);
    const { clientWidth } = this.frame;
    const clientHeight = Math.min(LARGEST, Math.max(SMALLEST, innerHeight - ROUND_THE_PICTURES));
    if (clientWidth === 0 || columns === 0) return;
    const { width, height } = this.#shape;
    const across = (clientWidth - GAP * (columns - 1)) / (columns * width);
    const down = (clientHeight - GAP * (rows - 1)) / (rows * height);
    const scale = Math.min(across, down); // CSS pixels per picture pixel
    const whole = Math.floor(scale * devicePixelRatio) / devicePixelRatio;
    const used = whole > 0 ? whole : scale;
    this.grid.style.setProperty('--gap', `${GAP}px`);
    this.grid.style.setProperty('--columns', String(columns));
    this.grid.style.setProperty('--cell-width', `${width * used}px`);
    this.grid.style.setProperty('--cell-height', `${height * used}px`);
  }
}
