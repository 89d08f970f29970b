// The two directions of the handle as two sliders, for those who cannot or do not want to drag in a plane.

import { element } from '../../ui/dom.js';
import { MixPath } from './paths.js';

/** @typedef {import('./paths.js').Place} Place */

/** Positions of a slider from end to end. */
const POSITIONS = 100;

export class Ranges {
  /** @type {Place} */
  #place = { u: 0, v: 0 };
  /** T where the second one is an amount of noise. @type {number|null} */
  #trainSteps = null;

  /** @param {(place: Place) => void} onDrag @param {(place: Place) => void} onDrop */
  constructor(onDrag, onDrop) {
    const build = (/** @type {string} */ name) => {
      const label = element('span', {});
      const value = element('output', {});
      const input = element('input', { type: 'range', 'data-testid': `interpolate-${name}` });
      input.addEventListener('input', () => onDrag(this.#read()));
      input.addEventListener('change', () => onDrop(this.#read()));
      return { label, input, value, root: element('label', {}, label, input, value) };
    };
    this.across = build('u');
    this.down = build('v');
    this.root = element('div', { className: 'ranges' }, this.across.root, this.down.root);
  }

  /** @returns {Place} */
  #read() {
    const down = Number(this.down.input.value);
    // What has not been moved stays as exact as the link had it.
    const v = this.#trainSteps === null ? down / POSITIONS : 1 - down / this.#trainSteps;
    return { u: Number(this.across.input.value) / POSITIONS, v: this.down.input.value === this.#position ? this.#place.v : v };
  }

  #position = '';

  /** @param {import('./modes.js').Mode} mode @param {Place} place @param {number} trainSteps  T */
  show(mode, place, trainSteps) {
    this.root.hidden = mode === 'line';
    this.#place = place;
    this.#trainSteps = mode === 'mix' ? trainSteps : null;
    const { across, down } = this;
    across.label.textContent = mode === 'mix' ? 'Share of B, λ' : 'Across';
    Object.assign(across.input, { min: 0, max: POSITIONS, step: 1, value: Math.round(place.u * POSITIONS) });
    across.value.textContent = place.u.toFixed(2);
    down.label.textContent = mode === 'mix' ? 'Noise steps t' : 'Down';
    const t = MixPath.steps(place.v, trainSteps);
    const max = mode === 'mix' ? trainSteps : POSITIONS;
    Object.assign(down.input, { min: 0, max, step: 1, value: mode === 'mix' ? t : Math.round(place.v * POSITIONS) });
    down.value.textContent = mode === 'mix' ? String(t) : place.v.toFixed(2);
    this.#position = down.input.value;
  }
}
