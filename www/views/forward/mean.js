// The mean of one step back as a picture, beside the noisy picture that it leads away from.

import { toGreyLevels } from '../../engine/levels.js';
import { element } from '../../ui/dom.js';
import { Painter } from '../../ui/painter.js';
import { contextOf, paint } from '../../ui/pixels.js';
import { M, equation } from '../../ui/terms.js';

/** @typedef {import('../../ui/pixels.js').Shape} Shape */

/** A slider rests when it has not moved for so long, in ms: while it moves, the pair of pictures is enough to draw. */
const REST_MS = 100;

export class Mean {
  #noisy = element('canvas', { width: 32, height: 32, role: 'img', 'data-testid': 'forward-posterior-x_t' });
  #mean = element('canvas', { width: 32, height: 32, role: 'img', 'data-testid': 'forward-posterior-mean' });
  /** @type {{scene: import('./scene.js').Scene, picture: Float32Array, shape: Shape}|null} */
  #shown = null;
  #t = 0;
  #painter = new Painter();
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #resting;

  /** @param {string} symbol  MathML of the mean */
  constructor(symbol) {
    const figure = (/** @type {HTMLCanvasElement} */ canvas, /** @type {string} */ math) =>
      element('figure', {}, canvas, element('figcaption', {}, equation(math, 'inline')));
    this.root = element('div', { className: 'mean' },
      element('div', { className: 'mean-pictures' }, figure(this.#noisy, M.xt), figure(this.#mean, symbol)),
      element('p', { className: 'source' }, 'The noisy picture at t, and the mean of all that it could have been one step before, if one knew the picture; at t = 0 this mean is the picture itself.'));
    this.#say('');
  }

  /** @param {Shape} shape  of the pictures to come */
  fit({ width }) {
    this.root.style.setProperty('--pixels', String(width));
  }

  /** Another picture, schedule or seed. @param {import('./scene.js').Scene} scene @param {Float32Array} picture @param {Shape} shape @param {number} t */
  show(scene, picture, shape, t) {
    this.#shown = { scene, picture, shape };
    this.fit(shape);
    this.at(t);
  }

  /** Empty canvases. */
  clear() {
    clearTimeout(this.#resting);
    this.#painter.drop();
    this.#shown = null;
    for (const canvas of [this.#noisy, this.#mean]) contextOf(canvas).clearRect(0, 0, canvas.width, canvas.height);
    this.#say('');
  }

  /** @param {number} t */
  at(t) {
    this.#t = t;
    clearTimeout(this.#resting);
    if (this.#shown) this.#resting = setTimeout(() => this.#painter.later('mean', () => this.#paint()), REST_MS);
  }

  /** @param {string} where */
  #say(where) {
    this.#noisy.setAttribute('aria-label', `The noisy picture${where}`);
    this.#mean.setAttribute('aria-label', `The mean of one step back${where}`);
  }

  #paint() {
    if (!this.#shown) return;
    const { scene: { figures, scheduler, values: { seed } }, picture, shape } = this.#shown;
    const noisy = figures.noised(scheduler, this.#t, picture, picture.length, seed, 0);
    const mean = figures.posterior_mean(scheduler, this.#t, noisy, picture);
    for (const { canvas, values } of [{ canvas: this.#noisy, values: noisy }, { canvas: this.#mean, values: mean }]) {
      const levels = toGreyLevels(values);
      if (levels) paint(canvas, levels, 0, shape);
    }
    this.#say(` at t = ${this.#t}`);
  }
}
