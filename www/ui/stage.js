// The pictures: one or two grids of canvases in a frame, each pixel magnified by a whole number so that it stays crisp.

import { columnsFor, contextOf, imageOf } from './pixels.js';

/** @typedef {import('./pixels.js').Shape} Shape */

const GAP = 8; // CSS pixels; style/stage.css reads it from --gap

/** One grid, and its name under it where there are two. */
class Pane {
  /** @type {HTMLCanvasElement[]} */
  canvases = [];

  /** @param {HTMLElement} root @param {string} testId  of its canvases @param {string} name  for who cannot see it */
  constructor(root, testId, name) {
    this.root = root;
    this.grid = /** @type {HTMLElement} */ (root.querySelector('.grid'));
    this.caption = /** @type {HTMLElement} */ (root.querySelector('figcaption'));
    this.testId = testId;
    this.name = name;
  }

  /** @param {number} batch @param {Shape} shape */
  layout(batch, { width, height }) {
    this.canvases = Array.from({ length: batch }, (_, i) => {
      const canvas = document.createElement('canvas');
      Object.assign(canvas, { width, height });
      canvas.dataset.testid = this.testId;
      canvas.dataset.index = String(i);
      canvas.setAttribute('role', 'button');
      canvas.setAttribute('aria-label', `Enlarge picture ${i + 1} of ${batch}${this.name}`);
      return canvas;
    });
    this.grid.replaceChildren(...this.canvases);
    this.grid.classList.add('empty');
  }

  /** @param {Uint8ClampedArray} levels  [B, C, H, W] @param {Shape} shape */
  draw(levels, shape) {
    this.grid.classList.remove('empty');
    this.canvases.forEach((canvas, i) => {
      contextOf(canvas).putImageData(imageOf(levels, i, shape), 0, 0);
      // Before that there is nothing to enlarge.
      canvas.tabIndex = 0;
    });
  }
}

export class Stage {
  /** @type {Shape} */
  #shape = { channels: 1, height: 32, width: 32 };
  #batch = 0;

  /**
   * @param {HTMLElement} frame  holds two panes, each a grid with a caption; the second one is for whoever wants both
   * @param {(index: number) => void} onChoose  hears of a picture that is clicked
   */
  constructor(frame, onChoose) {
    this.frame = frame;
    const [first, second] = /** @type {NodeListOf<HTMLElement>} */ (frame.querySelectorAll('.pane'));
    this.first = new Pane(first, 'canvas', '');
    this.second = new Pane(second, 'canvas-xt', ', noisy');
    new ResizeObserver(() => this.#fit()).observe(frame);
    const choose = (/** @type {Event} */ event) => {
      if (!(event.target instanceof HTMLCanvasElement)) return;
      event.preventDefault();
      onChoose(Number(event.target.dataset.index));
    };
    frame.addEventListener('click', choose);
    frame.addEventListener('keydown', (event) => {
      if (['Enter', ' '].includes(event.key) && !event.ctrlKey && !event.metaKey) choose(event);
    });
    this.both(false);
  }

  /** Those of the first pane. */
  get canvases() {
    return this.first.canvases;
  }

  /** Whether the second pane is there too. @param {boolean} wanted */
  both(wanted) {
    this.second.root.hidden = !wanted;
    for (const { caption } of [this.first, this.second]) caption.hidden = !wanted;
    this.#fit();
  }

  /** Empty canvases for a batch. @param {number} batch @param {Shape} [shape]  as before when left out */
  layout(batch, shape = this.#shape) {
    this.#shape = shape;
    this.#batch = batch;
    this.first.layout(batch, shape);
    this.second.layout(batch, shape);
    this.#fit();
  }

  /** @param {Uint8ClampedArray} first @param {Uint8ClampedArray} second  [B, C, H, W] each */
  draw(first, second) {
    this.first.draw(first, this.#shape);
    if (!this.second.root.hidden) this.second.draw(second, this.#shape);
  }

  /** The frame's size is the style sheet's matter, so that nothing moves whatever is in it. */
  #fit() {
    const columns = columnsFor(this.#batch);
    const rows = Math.ceil(this.#batch / columns);
    const panes = this.second.root.hidden ? 1 : 2;
    const { clientWidth, clientHeight } = this.frame;
    if (clientWidth === 0 || columns === 0) return;
    const { width, height } = this.#shape;
    const caption = panes === 1 ? 0 : this.first.caption.offsetHeight + GAP;
    const across = (clientWidth / panes - 2 * GAP * (panes - 1) - GAP * (columns - 1)) / (columns * width);
    const down = (clientHeight - caption - GAP * (rows - 1)) / (rows * height);
    const scale = Math.min(across, down); // CSS pixels per picture pixel
    const whole = Math.floor(scale * devicePixelRatio) / devicePixelRatio;
    const used = whole > 0 ? whole : scale;
    const { style } = this.frame;
    style.setProperty('--gap', `${GAP}px`);
    style.setProperty('--columns', String(columns));
    style.setProperty('--cell-width', `${width * used}px`);
    style.setProperty('--cell-height', `${height * used}px`);
  }
}
