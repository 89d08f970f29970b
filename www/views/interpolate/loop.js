// Plays frames forth and back, for as long as one likes. It begins when it is told to and never by itself.

import { element } from '../../ui/dom.js';

/** Frames a second. @type {[string, string][]} */
const SPEEDS = [
  ['4', 'slow'],
  ['8', 'medium'],
  ['16', 'fast'],
];

export class Loop {
  /** @type {ReturnType<typeof setInterval>|undefined} */
  #timer;
  #step = 0;
  /** Indices of the frames, forth and back. @type {number[]} */
  order = [];

  /** @param {(index: number) => void} onFrame @param {(index: number) => void} onPause  hears of the frame that it stays at */
  constructor(onFrame, onPause) {
    this.onFrame = onFrame;
    this.onPause = onPause;
    this.button = element('button', { type: 'button', 'data-testid': 'interpolate-play', disabled: true }, 'Play');
    this.button.addEventListener('click', () => (this.playing ? this.pause() : this.#play()));
    this.speed = element('select', { 'data-testid': 'interpolate-speed' }, ...SPEEDS.map(([value, text]) => element('option', { value, selected: value === '8' }, text)));
    this.speed.addEventListener('change', () => this.playing && this.#start());
    this.root = element('div', { className: 'loop' }, this.button, element('label', {}, element('span', {}, 'Speed'), this.speed));
  }

  /** Milliseconds that a frame is on show. */
  get delay() {
    return 1000 / Number(this.speed.value);
  }

  get playing() {
    return this.#timer !== undefined;
  }

  /** What there is to play. @param {number[]} forth  indices, in the order of the way there; fewer than two are nothing */
  offer(forth) {
    this.order = [...forth, ...forth.slice(1, -1).reverse()];
    this.#step = 0;
    this.button.disabled = forth.length < 2;
  }

  /** Where it is to go on from. @param {number} index */
  seek(index) {
    this.#step = Math.max(0, this.order.indexOf(index));
  }

  #play() {
    this.button.textContent = 'Pause';
    this.#start();
  }

  #start() {
    clearInterval(this.#timer);
    this.#timer = setInterval(() => {
      this.#step = (this.#step + 1) % this.order.length;
      this.onFrame(this.order[this.#step]);
    }, this.delay);
  }

  /** It stays at the frame that is on show. */
  pause() {
    if (!this.playing) return;
    this.halt();
    this.onPause(this.order[this.#step]);
  }

  /** Something else is to be shown now. */
  halt() {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.button.textContent = 'Play';
  }
}
