// What the network draws, each sample beside the picture that it comes closest to.

import { element } from '../../ui/dom.js';
import { contextOf, crisp, drawPlaceholder, gridAsPng, paint } from '../../ui/pixels.js';

/** @typedef {import('../../ui/pixels.js').Shape} Shape */

/** Samples; more where there are more classes, of each of which there is one. */
export const COUNT = 6;
const MOST = 12;

/** @param {string[]} names  of the classes */
const countFor = (names) => Math.min(MOST, Math.max(COUNT, names.length));

const GAP = 4; // between the two of a pair
const BETWEEN = 18; // between pairs; the style sheet has the same
const NARROW = 560;
/** What the page needs above and below the pictures; CSS pixels. */
const AROUND = 420;
const LARGEST = 180;
/** On a phone three rows of pairs leave room for the button. */
const LARGEST_NARROW = 84;

class Pair {
  sample = element('canvas', { role: 'img', 'data-testid': 'train-canvas' });
  nearest = element('canvas', { role: 'img', 'data-testid': 'train-nearest' });
  #copy = element('span', { className: 'copy-mark', hidden: true }, 'copy');
  #class = element('span', { className: 'class-name', hidden: true, 'data-testid': 'train-class' });
  /** What it is a sample of. */
  #what = '';

  /** @param {number} index */
  constructor(index) {
    this.index = index;
    this.root = element('div', { className: 'pair' }, this.sample, this.nearest, this.#copy, this.#class);
  }

  /** @param {Shape} shape @param {string} name  of the class that the sample will be of, or nothing */
  clear({ width, height }, name) {
    this.#what = `Sample ${this.index + 1}${name && `, ${name}`}`;
    this.#class.textContent = name;
    this.#class.hidden = name === '';

    this.root.classList.add('empty');
    this.root.classList.remove('copied');
    this.#copy.hidden = true;
    for (const canvas of [this.sample, this.nearest]) Object.assign(canvas, { width, height });
    drawPlaceholder(this.sample);
    contextOf(this.nearest).clearRect(0, 0, width, height);
    this.sample.setAttribute('aria-label', `${this.#what}, empty`);
    this.nearest.setAttribute('aria-label', `Nearest picture to sample ${this.index + 1}, empty`);
  }

  /** One of the pictures, until there is a sample. @param {Uint8ClampedArray|undefined} levels @param {Shape} shape */
  offer(levels, shape) {
    if (levels) paint(this.nearest, levels, 0, shape);
    else contextOf(this.nearest).clearRect(0, 0, shape.width, shape.height);
    this.nearest.setAttribute('aria-label', levels ? `Picture ${this.index + 1} of yours` : 'No picture');
  }

  /** @param {Uint8ClampedArray} levels  of all samples @param {Shape} shape @param {number} step */
  draw(levels, shape, step) {
    paint(this.sample, levels, this.index, shape);
    this.root.classList.remove('empty');
    this.sample.setAttribute('aria-label', `${this.#what}, after step ${step}`);
  }

  /** @param {Uint8ClampedArray} pixels  of all pictures @param {Shape} shape @param {import('./heart.js').Near} near */
  match(pixels, shape, { index, copy }) {
    paint(this.nearest, pixels, index, shape);
    this.root.classList.toggle('copied', copy);
    this.#copy.hidden = !copy;
    this.nearest.setAttribute('aria-label', `Nearest picture to sample ${this.index + 1}${copy ? ', which is a copy of it' : ''}`);
  }
}

export class Scene {
  /** @type {Pair[]} */
  #pairs = [];
  #grid = element('div', { className: 'pairs' });
  #caption = element('figcaption', {});
  /** @type {Shape} */
  #shape = { channels: 3, height: 16, width: 16 };
  /** Whether there are samples. */
  filled = false;

  /** @param {HTMLElement} place */
  constructor(place) {
    this.place = place;
    place.append(element('figure', { className: 'samples-figure' }, this.#grid, this.#caption));
    new ResizeObserver(() => this.fit()).observe(place);
    addEventListener('resize', () => this.fit());
    this.clear(this.#shape);
  }

  /** How many samples it has room for. */
  get count() {
    return this.#pairs.length;
  }

  /** @param {Shape} shape @param {string[]} [names]  of the classes that the samples will be of */
  clear(shape, names = []) {
    this.#shape = shape;
    this.filled = false;
    const count = countFor(names);
    if (count !== this.count) {
      this.#pairs = Array.from({ length: count }, (_, i) => new Pair(i));
      this.#grid.replaceChildren(...this.#pairs.map(({ root }) => root));
    }
    this.#pairs.forEach((pair, i) => pair.clear(shape, names[i % names.length] ?? ''));
    this.#caption.textContent = 'Right, some of your pictures. Left, the noise that the network learns to make such pictures from';
    this.fit();
  }

  /** The first pictures, where there are no samples yet. @param {Uint8ClampedArray[]} pictures @param {Shape} shape */
  offer(pictures, shape) {
    if (this.filled || !this.fits(shape)) return;
    this.#shape = shape;
    this.#pairs.forEach((pair, i) => pair.offer(pictures[i], shape));
  }

  /** Whether it shows pictures like these. @param {Shape} shape */
  fits({ height, width }) {
    return height === this.#shape.height && width === this.#shape.width;
  }

  /** @param {Uint8ClampedArray} levels  of all samples @param {number} step */
  draw(levels, step) {
    this.filled = true;
    for (const pair of this.#pairs) pair.draw(levels, this.#shape, step);
    this.#caption.textContent = `Left: drawn after step ${step.toLocaleString('en')}, from the same noise each time. Right: the picture of yours that is nearest to it`;
  }

  /** @param {Uint8Array} pixels  of all pictures @param {import('./heart.js').Near[]} near */
  match(pixels, near) {
    const levels = new Uint8ClampedArray(pixels.buffer, pixels.byteOffset, pixels.length);
    this.#pairs.forEach((pair, i) => pair.match(levels, this.#shape, near[i]));
  }

  /** The samples in one picture. @returns {Promise<Blob|null>} null where there are none, or no room for it */
  async preview() {
    if (!this.filled) return null;
    return gridAsPng(this.#pairs.slice(0, 4).map(({ sample }) => sample)).catch(() => null);
  }

  fit() {
    const { clientWidth } = this.place;
    if (clientWidth === 0) return;
    const narrow = clientWidth < NARROW;
    const columns = narrow ? 2 : 3;
    const rows = Math.ceil(this.count / columns);
    const across = (clientWidth - BETWEEN * (columns - 1)) / columns / 2 - GAP;
    const down = narrow ? LARGEST_NARROW : Math.max(LARGEST_NARROW, Math.min(LARGEST, (innerHeight - AROUND) / rows));
    const side = crisp(Math.min(across, down), this.#shape.width);
    this.#grid.style.setProperty('--columns', String(columns));
    this.#grid.style.setProperty('--side', `${side}px`);
  }
}
