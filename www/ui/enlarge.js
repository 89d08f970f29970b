// One picture of a film, large, with the frames that led to it: a dialog that is opened from a small picture and goes
// back there when it is closed.

import { dialogWith } from './dialog.js';
import { element } from './dom.js';
import { contextOf, imageOf } from './pixels.js';

/** @typedef {import('./film.js').Film} Film @typedef {'x0'|'xt'} Show */

/** Frames in the strip, where there is room and on a phone. */
const MOST_FRAMES = 12;
const FEW_FRAMES = 8;

/** What stands around the large picture, in CSS pixels. */
const AROUND = { across: 64, down: 250 };
const LARGEST = 640;

/**
 * Which frames of a film stand in a strip: the first, the last, and others spread evenly; the chosen one takes the place
 * of its neighbour.
 * @param {number} length  of the film, at least 1 @param {number} chosen @param {number} most
 * @returns {number[]} upwards
 */
export function spread(length, chosen, most) {
  const count = Math.min(length, most);
  const places = Array.from({ length: count }, (_, i) => (count === 1 ? length - 1 : Math.round((i * (length - 1)) / (count - 1))));
  if (places.includes(chosen)) return places;
  const inner = places.slice(1, -1);
  if (inner.length === 0) return places;
  const nearest = inner.reduce((best, place) => (Math.abs(place - chosen) < Math.abs(best - chosen) ? place : best));
  return places.map((place) => (place === nearest ? chosen : place));
}

class Enlarged {
  /** @type {{place: number, button: HTMLButtonElement, canvas: HTMLCanvasElement}[]} */
  #strip;
  #at = 0;

  /** @param {Film} film @param {number} index @param {Show} show @param {number} place  of the frame that is shown first */
  constructor(film, index, show, place) {
    this.film = film;
    this.index = index;
    this.show = show;
    const { width, height } = film.shape;
    this.canvas = element('canvas', { width, height, role: 'img', 'data-testid': 'enlarge-canvas' });
    this.caption = element('p', { className: 'enlarge-caption', 'data-testid': 'enlarge-caption' });
    const close = element('button', { type: 'button', className: 'enlarge-close', 'aria-label': 'Close', 'data-testid': 'enlarge-close' }, '×');
    const most = matchMedia('(max-width: 640px)').matches ? FEW_FRAMES : MOST_FRAMES;
    this.#strip = spread(film.length, place, most).map((at) => this.#small(at));
    const strip = element('div', { className: 'enlarge-strip', role: 'group', 'aria-label': 'Steps of this picture' }, ...this.#strip.map(({ button }) => button));
    this.dialog = dialogWith({ className: 'enlarge', 'aria-label': `Picture ${index + 1} of ${film.settings.batch}`, 'data-testid': 'enlarge' },
      element('div', { className: 'enlarge-inside' },
        element('div', { className: 'enlarge-head' }, this.#choice(), close), this.canvas, this.caption, strip));

    close.addEventListener('click', () => this.dialog.close());
    this.dialog.addEventListener('keydown', (event) => this.#press(event));
    this.fit = () => this.#fit();
    this.#at = this.#strip.findIndex((entry) => entry.place === place);
    this.fit();
    this.#drawStrip();
    this.#draw();
  }

  /** The frame on show. */
  get frame() {
    return /** @type {import('./film.js').Frame} */ (this.film.at(this.#strip[this.#at].place));
  }

  /** Where the keys begin. */
  focus() {
    this.#strip[this.#at].button.focus();
  }

  /** @param {number} place  in the film */
  #small(place) {
    const { width, height } = this.film.shape;
    const { step, t } = /** @type {import('./film.js').Frame} */ (this.film.at(place));
    const canvas = element('canvas', { width, height });
    const button = element('button', { type: 'button', 'aria-label': `Step ${step} of ${this.film.total}, t = ${t}`, 'data-testid': 'enlarge-frame' }, canvas);
    button.addEventListener('click', () => this.#go(this.#strip.findIndex((entry) => entry.button === button)));
    return { place, button, canvas };
  }

  #choice() {
    /** @param {Show} value @param {string} word @param {string} letter @param {string} below */
    const option = (value, word, letter, below) => {
      const input = element('input', { type: 'radio', name: 'enlarge-show', value, checked: value === this.show, 'data-testid': `enlarge-${value}` });
      input.addEventListener('change', () => {
        this.show = value;
        this.#drawStrip();
        this.#draw();
      });
      return element('label', {}, input, element('span', {}, word, ' ', element('var', { className: value }, letter), element('sub', {}, below)));
    };
    return element('fieldset', { className: 'shows' }, element('legend', {}, 'Show'), option('x0', 'Guess', 'x̂', '0'), option('xt', 'Noisy', 'x', 't'));
  }

  /** @param {number} at  in the strip */
  #go(at) {
    if (at < 0 || at >= this.#strip.length) return;
    this.#at = at;
    this.#draw();
    this.focus();
  }

  #drawStrip() {
    for (const { place, canvas } of this.#strip) {
      const frame = this.film.at(place);
      if (frame) contextOf(canvas).putImageData(imageOf(frame[this.show], this.index, this.film.shape), 0, 0);
    }
  }

  #draw() {
    const { frame, film, index, show } = this;
    contextOf(this.canvas).putImageData(imageOf(frame[show], index, film.shape), 0, 0);
    const what = show === 'x0' ? 'guess x̂₀' : 'noisy picture x_t';
    this.caption.textContent = `Step ${frame.step} of ${film.total} · t = ${frame.t}`;
    this.canvas.setAttribute('aria-label', `Picture ${index + 1}, ${what}, after step ${frame.step} of ${film.total}`);
    this.#strip.forEach(({ button }, i) => {
      button.tabIndex = i === this.#at ? 0 : -1;
      if (i === this.#at) button.setAttribute('aria-current', 'step');
      else button.removeAttribute('aria-current');
    });
  }

  /** As large as there is room, each pixel magnified by a whole number. */
  #fit() {
    const { width, height } = this.film.shape;
    const room = Math.min((innerWidth - AROUND.across) / width, (innerHeight - AROUND.down) / height, LARGEST / Math.max(width, height));
    const whole = Math.floor(room * devicePixelRatio) / devicePixelRatio;
    const scale = whole > 0 ? whole : Math.max(room, 0.1);
    this.dialog.style.setProperty('--enlarge-width', `${width * scale}px`);
    this.dialog.style.setProperty('--enlarge-height', `${height * scale}px`);
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    const { key, target } = event;
    if (target instanceof HTMLInputElement || event.ctrlKey || event.metaKey || event.altKey) return;
    /** @type {Record<string, number>} */
    const places = { ArrowRight: this.#at + 1, ArrowDown: this.#at + 1, ArrowLeft: this.#at - 1, ArrowUp: this.#at - 1, Home: 0, End: this.#strip.length - 1 };
    if (!(key in places)) return;
    event.preventDefault();
    this.#go(places[key]);
  }
}

/**
 * Shows one picture of a film large, until it is closed.
 * @param {Film} film  with at least one frame @param {number} index  which picture of the batch
 * @param {{show: Show, step: number}} first  what is on show at first
 * @returns {Promise<{show: Show, step: number}>} what was on show at last
 */
export function enlarge(film, index, { show, step }) {
  const places = Array.from({ length: film.length }, (_, i) => i);
  /** @param {number} place */
  const distance = (place) => Math.abs((film.at(place)?.step ?? 0) - step);
  const place = places.reduce((best, other) => (distance(other) < distance(best) ? other : best), 0);
  const opener = document.activeElement;
  const enlarged = new Enlarged(film, index, show, place);
  const { dialog } = enlarged;
  document.body.append(dialog);
  dialog.showModal();
  enlarged.focus();
  addEventListener('resize', enlarged.fit);
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => {
      removeEventListener('resize', enlarged.fit);
      dialog.remove();
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
      resolve({ show: enlarged.show, step: enlarged.frame.step });
    });
  });
}
