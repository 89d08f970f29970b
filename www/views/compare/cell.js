// One cell of the grid: its picture, its bar and its figures, and what becomes of its run.

import { toGreyLevels } from '../../engine/levels.js';
import { element } from '../../ui/dom.js';
import { contextOf, imageOf } from '../../ui/pixels.js';
import { Reel } from '../../ui/reel.js';
import { duration, milliseconds, plural } from '../../ui/words.js';

/** @typedef {import('./plan.js').Cell} Cell @typedef {import('../../run.js').Run} Run @typedef {import('../../ui/pixels.js').Shape} Shape */

/** Short enough to stand beside another figure below a small picture. @param {number} ms */
export const clock = (ms) => (ms < 99.5 ? milliseconds(ms) : duration(ms));

/** A distance on the scale of grey levels. @param {number} levels */
export const distanceText = (levels) => (levels > 0 && levels < 0.05 ? '< 0.1' : levels.toFixed(1));

export class CellView {
  /** @type {'empty'|'running'|'done'|'stopped'|'refused'} */
  state = 'empty';
  /** @type {Run|null} */
  run = null;
  /** Steps that are made. */
  made = 0;
  /** What is to be seen, [1, C, H, W]. @type {Uint8ClampedArray|null} */
  levels = null;
  /** What was to be seen after each step. */
  reel = new Reel(0);
  /** x_0, once it is there. @type {Float32Array|null} */
  values = null;
  /** From the finest picture of its column, in grey levels; null while unknown. @type {number|null} */
  distance = null;
  /** Whether the others are compared with this one. */
  finest = false;
  /** Why there is no picture. */
  refusal = '';
  #drawn = /** @type {Uint8ClampedArray|null} */ (null);

  /** @param {Cell} cell @param {Shape} shape @param {number} share  of the bar's full length, by its number of steps @param {() => void} onOpen */
  constructor(cell, shape, share, onOpen) {
    this.cell = cell;
    this.shape = shape;
    this.canvas = element('canvas', { width: shape.width, height: shape.height, 'data-testid': 'compare-canvas', role: 'img', 'aria-label': cell.name });
    this.bar = element('span', { className: 'bar' });
    this.figures = [element('span'), element('span')];
    const track = element('span', { className: 'work' }, this.bar);
    track.style.setProperty('--share', String(share));
    this.why = element('span', { className: 'why', hidden: true });
    this.root = element('button', { type: 'button', className: 'cell', 'data-testid': 'compare-cell', 'data-state': 'empty', disabled: true },
      element('span', { className: 'picture' }, this.canvas, this.why), track, element('span', { className: 'said' }, ...this.figures));
    this.root.addEventListener('click', onOpen);
    if (cell.refusal) this.refuse(cell.refusal);
  }

  /** @param {Float32Array} values  x_T, which the style sheet makes pale */
  showNoise(values) {
    contextOf(this.canvas).putImageData(imageOf(levelsOf(values), 0, this.shape), 0, 0);
  }

  /** @param {Run} run  that the sampler has accepted */
  begin(run) {
    this.run = run;
    this.reel = new Reel(run.total);
    this.#enter('running');
  }

  /** @param {import('../../run.js').Step} step */
  receive({ index, x0, xt }) {
    this.made = index + 1;
    // The last state is the picture itself; before that the guess of it says more.
    this.levels = this.made === this.run?.total ? xt : x0;
    this.reel.add(this.levels);
  }

  /** @param {{stopped: boolean, values?: Float32Array}} end */
  end({ stopped, values }) {
    if (stopped && this.made === 0) {
      this.run = null;
      this.#enter('empty');
      return;
    }
    if (!stopped) this.values = values ?? null;
    this.#enter(stopped ? 'stopped' : 'done');
  }

  /** @param {string} reason */
  refuse(reason) {
    this.refusal = reason;
    this.why.textContent = reason;
    this.why.hidden = false;
    this.#enter('refused');
  }

  /** Shows what has come since the last time. */
  paint() {
    if (this.levels && this.levels !== this.#drawn) {
      contextOf(this.canvas).putImageData(imageOf(this.levels, 0, this.shape), 0, 0);
      this.#drawn = this.levels;
      this.bar.style.transform = `scaleX(${this.made / Math.max(1, this.run?.total ?? 1)})`;
    }
    this.texts.forEach((text, i) => {
      if (this.figures[i].textContent !== text) this.figures[i].textContent = text;
    });
  }

  /** The two figures below the picture. @returns {[string, string]} */
  get texts() {
    const { run, made, state, distance } = this;
    if (state === 'refused') return ['not possible', ''];
    if (!run) return ['', ''];
    if (state === 'running' || state === 'stopped') return [clock(run.ms), `${made} / ${run.total}`];
    if (this.finest) return [clock(run.ms), 'finest'];
    return [clock(run.ms), distance === null ? plural(run.total, 'step') : `Δ ${distanceText(distance)}`];
  }

  /** @param {CellView['state']} state */
  #enter(state) {
    this.state = state;
    this.root.dataset.state = state;
    this.root.disabled = state === 'empty';
  }
}

/** Grey levels of a state, for a picture that no run has sent. @param {Float32Array} values */
export const levelsOf = (values) => toGreyLevels(values) ?? new Uint8ClampedArray(values.length);
