// The row of pictures: how large each is, so that pixels stay whole and everything is in sight.

import { element } from '../../ui/dom.js';

/** @typedef {import('./cell.js').Cell} Cell */

const GAP = 4; // between the pictures of a cell, CSS pixels; the style sheet reads it from --gap
const BETWEEN = 8; // between two cells in a row
const LARGEST = 520;
/** What the page needs above and below the pictures; CSS pixels. */
const AROUND = 380;
const SMALLEST = 200;
/** On a phone, beside another one and above another one. */
const LARGEST_NARROW = { beside: 256, above: 208 };
/** A narrower place is a phone's. */
const NARROW = 560;

/**
 * @typedef {object} Arrangement
 * @property {Node[]} nodes  cells and whatever stands beside them
 * @property {number} columns  side by side
 * @property {number} narrow  the same on a phone
 */

/** @param {number} wanted  CSS pixels @param {number} pixels  of the picture @returns {number} a size with whole pixels that fits */
function whole(wanted, pixels) {
  const scale = Math.floor((wanted / pixels) * devicePixelRatio) / devicePixelRatio;
  return scale > 0 ? scale * pixels : wanted;
}

export class Scene {
  root = element('div', { className: 'scene' });
  /** @type {Arrangement} */
  #arrangement = { nodes: [], columns: 1, narrow: 1 };
  #size = { height: 32, width: 32 };

  /** @param {HTMLElement} place */
  constructor(place) {
    place.append(this.root);
    new ResizeObserver(() => this.fit()).observe(place);
    addEventListener('resize', () => this.fit());
    this.place = place;
  }

  /** @param {Arrangement} arrangement */
  arrange(arrangement) {
    this.#arrangement = arrangement;
    this.root.replaceChildren(...arrangement.nodes);
    this.fit();
  }

  /** @param {{height: number, width: number}} size  of the model's pictures */
  resize(size) {
    this.#size = size;
    this.fit();
  }

  fit() {
    const { clientWidth } = this.place;
    if (clientWidth === 0) return;
    const isNarrow = clientWidth < NARROW;
    const columns = isNarrow ? this.#arrangement.narrow : this.#arrangement.columns;
    const most = isNarrow ? LARGEST_NARROW[columns === 1 ? 'above' : 'beside'] : Math.min(LARGEST, Math.max(SMALLEST, innerHeight - AROUND));
    const { height, width } = this.#size;
    const side = whole(Math.min(most, (clientWidth - BETWEEN * columns) / columns), Math.max(width, height));
    const { style } = this.root;
    this.root.classList.toggle('narrow', isNarrow);
    style.setProperty('--gap', `${GAP}px`);
    style.setProperty('--between', `${BETWEEN}px`);
    style.setProperty('--side', `${side}px`);
    for (const square of /** @type {NodeListOf<HTMLElement>} */ (this.root.querySelectorAll('.square'))) {
      const across = Number(square.dataset.columns);
      // On a phone several pictures get the whole width.
      const wide = across > 1 && isNarrow && columns > 1 ? 2 * side : side;
      const room = Math.min(clientWidth, wide + GAP * (across - 1));
      const cell = whole((room - GAP * (across - 1)) / across, width);
      square.style.setProperty('--room', `${room}px`);
      square.style.setProperty('--cell', `${cell}px`);
      square.style.setProperty('--cell-height', `${(cell * height) / width}px`);
    }
  }
}
