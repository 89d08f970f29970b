// One picture at t, twice: drawn at once by the closed form, and by all single steps one after the other. Their noise
// is not the same, so they differ pixel by pixel, and are alike in every statistic.

import { toGreyLevels } from '../../engine/levels.js';
import { element } from '../../ui/dom.js';
import { toThousandths } from '../../ui/numbers.js';
import { Painter } from '../../ui/painter.js';
import { contextOf, imageOf } from '../../ui/pixels.js';
import { TERMS, equation } from '../../ui/terms.js';
import { Walk } from './walk.js';

/** @typedef {import('../../ui/pixels.js').Shape} Shape */

/** One of the two. */
class Side {
  canvas = element('canvas', { width: 32, height: 32, role: 'img', 'data-testid': 'forward-canvas' });
  #steps = element('span', { className: 'quiet' });
  /** @type {Record<'mean'|'variance', HTMLElement>} */
  #statistics;

  /** @param {string} name @param {string} title @param {string} math @param {string} source */
  constructor(name, title, math, source) {
    this.title = title;
    const value = (/** @type {string} */ what) => element('span', { className: 'number', 'data-testid': `forward-${name}-${what}` }, '–');
    this.#statistics = { mean: value('mean'), variance: value('variance') };
    this.root = element('figure', { className: 'side' },
      this.canvas,
      element('figcaption', {},
        element('p', { className: 'side-title' }, element('strong', {}, title), ' ', this.#steps),
        equation(math),
        element('p', { className: 'source' }, source),
        element('p', { className: 'statistics' }, element('span', {}, 'mean ', this.#statistics.mean), element('span', {}, 'variance ', this.#statistics.variance))),
    );
    this.say('');
  }

  /** @param {string} text  how it came about */
  say(text) {
    if (this.#steps.textContent !== text) this.#steps.textContent = text;
    this.canvas.setAttribute('aria-label', `The noisy picture, ${this.title.toLowerCase()}${text ? `, ${text}` : ''}`);
  }

  /** @param {import('./scene.js').Figures} figures @param {Float32Array} values @param {Shape} shape */
  draw(figures, values, shape) {
    const levels = toGreyLevels(values);
    if (!levels) return;
    const { channels, height, width } = shape;
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    contextOf(this.canvas).putImageData(imageOf(levels, 0, shape), 0, 0);
    const { mean, variance } = figures.statistics(values, channels, height, width);
    this.#statistics.mean.textContent = toThousandths(mean);
    this.#statistics.variance.textContent = toThousandths(variance);
  }
}

export class Pair {
  #closed = new Side('closed', 'At once', TERMS.x_t.math, 'DDPM, eq. 4');
  #chain = new Side('chain', 'Step by step', TERMS.beta.math, 'DDPM, eq. 2, for 1 … t');
  /** @type {{scene: import('./scene.js').Scene, picture: Float32Array, shape: Shape}|null} */
  #shown = null;
  /** @type {Walk|null} */
  #walk = null;
  #t = 0;
  /** Whether `t` is another one than at the last painting. */
  #moved = false;
  #painter = new Painter();

  /** @param {HTMLElement} place */
  constructor(place) {
    this.root = element('div', { className: 'pair' }, this.#closed.root, this.#chain.root);
    place.append(this.root);
  }

  /** @param {Shape} shape  of the pictures to come */
  fit({ width }) {
    this.root.style.setProperty('--pixels', String(width));
  }

  /** Another picture, schedule or seed. @param {import('./scene.js').Scene} scene @param {Float32Array} picture @param {Shape} shape @param {number} t */
  show(scene, picture, shape, t) {
    this.#walk?.free();
    this.#walk = new Walk(scene.figures, scene.scheduler, picture, scene.values.seed);
    this.#shown = { scene, picture, shape };
    this.fit(shape);
    this.at(t);
  }

  /** Empty canvases. */
  clear() {
    this.#painter.drop();
    this.#walk?.free();
    this.#walk = null;
    this.#shown = null;
    for (const side of [this.#closed, this.#chain]) {
      contextOf(side.canvas).clearRect(0, 0, side.canvas.width, side.canvas.height);
      side.say('');
    }
  }

  /** @param {number} t */
  at(t) {
    this.#t = t;
    this.#moved = true;
    if (this.#shown) this.#paintSoon();
  }

  #paintSoon() {
    this.#painter.later('pair', () => this.#paint());
  }

  #paint() {
    if (!this.#shown || !this.#walk) return;
    const { scene: { figures, scheduler, values }, picture, shape } = this.#shown;
    if (this.#moved) {
      this.#moved = false;
      this.#closed.draw(figures, figures.noised(scheduler, this.#t, picture, picture.length, values.seed, 0), shape);
      this.#closed.say('one draw');
    }
    const { t, state } = this.#walk.towards(this.#t);
    this.#chain.draw(figures, state, shape);
    this.#chain.say(t === this.#t ? `${t + 1} draws` : `${t + 1} of ${this.#t + 1} draws`);
    if (t !== this.#t) this.#paintSoon();
  }
}
