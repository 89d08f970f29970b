// One crowd of points on its way from noise: paths so far, the points themselves, and how they are spread.

import { element } from '../../ui/dom.js';
import { contextOf } from '../../ui/pixels.js';

/** @typedef {import('../../../pkg/figures/ddim_web.js').Marginals} Marginals */

/** The values on show. */
const RANGE = 3.3;
const BINS = 44;

/** So many are drawn, and so many of them with their path. */
const DOTS = 200;
const PATHS = 5;

/** Of the width, for the histogram. */
const SIDE = 0.22;
const MARGIN = 6;

/** How many points lie in each bin. @param {Float64Array} x @returns {number[]} */
function histogram(x) {
  const counts = new Array(BINS).fill(0);
  for (const value of x) {
    const bin = Math.floor(((value + RANGE) / (2 * RANGE)) * BINS);
    if (bin >= 0 && bin < BINS) counts[bin] += 1;
  }
  return counts;
}

export class Lane {
  canvas = element('canvas', { role: 'img' });
  /** @type {Marginals|null} */
  #crowd = null;
  /** By state. @type {number[][]} */
  #spread = [];
  /** That of the crowd to compare with. @type {number[][]} */
  #other = [];

  /** @param {string} title */
  constructor(title) {
    this.canvas.setAttribute('aria-label', `${title}. Points that move from noise to two clusters, their paths and their histogram.`);
    this.root = element('figure', { className: 'lane' }, element('figcaption', {}, title), this.canvas);
  }

  /** @param {Marginals} crowd @param {Marginals} other  whose spread is drawn as an outline */
  begin(crowd, other) {
    this.#crowd = crowd;
    this.#spread = crowd.x.map(histogram);
    this.#other = other.x.map(histogram);
  }

  /** @param {number} now  in states; a fraction lies between two of them */
  draw(now) {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!this.#crowd || width === 0) return;
    const scale = devicePixelRatio;
    Object.assign(this.canvas, { width: Math.round(width * scale), height: Math.round(height * scale) });
    const context = contextOf(this.canvas);
    context.scale(scale, scale);
    const { t, x } = this.#crowd;
    const end = t.length - 1;
    const style = getComputedStyle(this.canvas);
    const colour = (/** @type {string} */ name) => style.getPropertyValue(name);
    const track = width * (1 - SIDE) - 2 * MARGIN;
    const across = (/** @type {number} */ state) => MARGIN + (end > 0 ? state / end : 1) * track;
    const down = (/** @type {number} */ value) => height * (0.5 - value / (2 * RANGE));
    const before = Math.floor(now);
    const part = now - before;
    const after = Math.min(end, before + 1);
    const at = (/** @type {number} */ i) => x[before][i] + part * (x[after][i] - x[before][i]);

    context.strokeStyle = colour('--line');
    context.strokeRect(0.5, 0.5, width * (1 - SIDE) - 1, height - 1);
    this.#drawSpread(context, Math.round(now), { left: width * (1 - SIDE) + MARGIN, width: width * SIDE - 2 * MARGIN, height }, colour);

    context.fillStyle = colour('--xt');
    context.globalAlpha = 0.45;
    for (let i = 0; i < DOTS; i++) {
      context.beginPath();
      context.arc(across(now), down(at(i)), 2, 0, 2 * Math.PI);
      context.fill();
    }
    context.globalAlpha = 1;
    context.lineWidth = 1.5;
    for (let i = 0; i < PATHS; i++) {
      context.strokeStyle = colour('--eps');
      context.beginPath();
      for (let state = 0; state <= before; state++) context.lineTo(across(state), down(x[state][i]));
      context.lineTo(across(now), down(at(i)));
      context.stroke();
      context.fillStyle = colour('--eps');
      context.beginPath();
      context.arc(across(now), down(at(i)), 3.5, 0, 2 * Math.PI);
      context.fill();
    }
  }

  /** @param {CanvasRenderingContext2D} context @param {number} state @param {{left: number, width: number, height: number}} box @param {(name: string) => string} colour */
  #drawSpread(context, state, { left, width, height }, colour) {
    const tall = height / BINS;
    const most = Math.max(...this.#other[state]);
    const long = (/** @type {number} */ count) => Math.min(1.1, count / most) * width;
    // Bins count upwards, pixels downwards.
    const top = (/** @type {number} */ bin) => height - (bin + 1) * tall;
    context.fillStyle = colour('--xt');
    context.globalAlpha = 0.55;
    this.#spread[state].forEach((count, bin) => context.fillRect(left, top(bin), long(count), tall));
    context.globalAlpha = 1;
    context.strokeStyle = colour('--text');
    context.lineWidth = 1;
    context.setLineDash([3, 2]);
    context.beginPath();
    this.#other[state].forEach((count, bin) => {
      context.lineTo(left + long(count), top(bin) + tall);
      context.lineTo(left + long(count), top(bin));
    });
    context.stroke();
    context.setLineDash([]);
  }
}
