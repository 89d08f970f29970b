// The choices above the pictures: what lies between the corners, and by which way one goes from one to the other.

import { Choice } from '../../ui/choice.js';
import { MODES, modeOf } from './modes.js';

/** @typedef {import('../../state.js').Values} Values @typedef {import('./modes.js').Mode} Mode */

/** Between two noises one may go straight, to see why DDIM does not. @type {{value: Values['path'], text: string}[]} */
const WAYS = [
  { value: 'noise', text: 'Over the sphere' },
  { value: 'straight', text: 'Straight line' },
];

export class Choices {
  /**
   * @param {HTMLElement} place
   * @param {(mode: Mode) => void} onMode @param {(path: Values['path']) => void} onWay
   */
  constructor(place, onMode, onWay) {
    const choices = Object.entries(MODES).map(([value, { text, title }]) => ({ value, text, title }));
    this.modes = new Choice({ legend: 'Between', name: 'interpolate-mode', prefix: 'interpolate', choices }, (mode) => onMode(/** @type {Mode} */ (mode)));
    this.ways = new Choice({ legend: 'Way', name: 'interpolate-way', prefix: 'interpolate', choices: WAYS }, (path) => onWay(/** @type {Values['path']} */ (path)));
    place.append(this.modes.root, this.ways.root);
  }

  /** @param {Values} values */
  show(values) {
    const mode = modeOf(values);
    this.modes.show(mode);
    this.ways.show(values.path);
    this.ways.root.hidden = mode !== 'line';
  }
}
