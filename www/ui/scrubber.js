// The slider that goes back through the steps of a film.

import { find } from './dom.js';

/** @typedef {import('./film.js').Film} Film @typedef {import('./film.js').Frame} Frame */

export class Scrubber {
  /** @type {Film|null} */
  film = null;

  /** @param {ParentNode} root @param {() => void} onMove  hears of a hand that moves it */
  constructor(root, onMove) {
    this.slider = find(root, 'scrub', HTMLInputElement);
    this.text = find(root, 'scrub-text', HTMLOutputElement);
    this.onMove = onMove;
    this.slider.addEventListener('input', onMove);
  }

  /** Where it is, from 0; -1 before the first frame. */
  get place() {
    return this.film?.length ? Number(this.slider.value) : -1;
  }

  /** @param {number} by  frames @returns {boolean} whether there is such a frame */
  move(by) {
    const place = this.place + by;
    if (!this.film?.at(place)) return false;
    this.slider.value = String(place);
    this.onMove();
    return true;
  }

  /** The frame that it is at. @returns {Frame|undefined} */
  get frame() {
    return this.film?.at(Number(this.slider.value));
  }

  /** A film whose frames are still to come. @param {Film} film */
  begin(film) {
    this.film = film;
    Object.assign(this.slider, { max: film.expectedLength - 1, value: 0 });
    this.text.textContent = '–';
  }

  /** Goes to the newest frame. */
  follow() {
    this.slider.value = String((this.film?.length ?? 0) - 1);
  }

  /** Whether one can move it; outside of a run it ends where the film does. @param {boolean} moving @param {boolean} busy */
  enable(moving, busy) {
    const frames = this.film?.length ?? 0;
    if (!busy && frames > 0) this.slider.max = String(frames - 1);
    this.slider.disabled = moving || frames === 0;
  }

  /** Says which step it is at. */
  tell() {
    const { film, frame } = this;
    if (!film || !frame) return;
    this.text.textContent = `${frame.step} / ${film.total}`;
    this.slider.setAttribute('aria-valuetext', `step ${frame.step} of ${film.total}, t = ${frame.t}`);
  }
}
