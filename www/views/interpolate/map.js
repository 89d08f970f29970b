// All frames between the corners, in a row or a grid, and the handle that a hand or a key moves over them. The frames
// are the track: where the handle covers one, it is at that frame.

import { element } from '../../ui/dom.js';
import { paint } from '../../ui/pixels.js';

/** @typedef {import('./paths.js').Place} Place @typedef {import('../../ui/pixels.js').Shape} Shape */

/** A key moves the handle by so much. */
const KEY_STEP = 1 / 20;

/** @param {number} part */
const inside = (part) => Math.min(1, Math.max(0, part));

/** A hand that moves less than this has clicked; CSS pixels. */
const STILL = 4;

/** From one frame to the next; CSS pixels, read by the style sheet from --gap. */
const GAP = 4;

/** @type {Record<string, (place: Place, plane: boolean) => Place>} */
const KEYS = {
  ArrowLeft: ({ u, v }) => ({ u: u - KEY_STEP, v }),
  ArrowRight: ({ u, v }) => ({ u: u + KEY_STEP, v }),
  ArrowUp: ({ u, v }, plane) => (plane ? { u, v: v - KEY_STEP } : { u: u + KEY_STEP, v }),
  ArrowDown: ({ u, v }, plane) => (plane ? { u, v: v + KEY_STEP } : { u: u - KEY_STEP, v }),
  Home: ({ v }) => ({ u: 0, v }),
  End: ({ v }) => ({ u: 1, v }),
  PageUp: ({ u, v }, plane) => (plane ? { u, v: 0 } : { u: u + 2 * KEY_STEP, v }),
  PageDown: ({ u, v }, plane) => (plane ? { u, v: 1 } : { u: u - 2 * KEY_STEP, v }),
};

export class FrameMap {
  /** @type {HTMLCanvasElement[]} */
  canvases = [];
  rows = 1;
  columns = 2;
  /** @type {Place} */
  #place = { u: 0, v: 0 };
  /** Where the hand came down, and whether it has moved since. @type {{x: number, y: number, moved: boolean}|null} */
  #hand = null;
  #keyed = false;

  /**
   * @param {(place: Place) => void} onDrag  hears of every move
   * @param {(place: Place) => void} onDrop  hears where it comes to rest
   */
  constructor(onDrag, onDrop) {
    this.onDrag = onDrag;
    this.onDrop = onDrop;
    this.grid = element('div', { className: 'map-frames' });
    this.handle = element('div', {
      className: 'map-handle', role: 'slider', tabIndex: 0, 'aria-label': 'Handle', 'aria-valuemin': 0, 'aria-valuemax': 100, 'data-testid': 'interpolate-handle',
    });
    this.root = element('div', { className: 'map', 'data-testid': 'interpolate-map' }, this.grid, this.handle);
    this.root.addEventListener('pointerdown', (event) => this.#press(event));
    this.root.addEventListener('pointermove', (event) => this.#move(event));
    this.root.addEventListener('pointerup', (event) => this.#release(event));
    this.root.addEventListener('pointercancel', () => this.#rest());
    this.handle.addEventListener('keydown', (event) => this.#key(event));
    this.handle.addEventListener('keyup', () => this.#restOfKeys());
    this.handle.addEventListener('blur', () => this.#restOfKeys());
  }

  /** Whether it has two directions. */
  get plane() {
    return this.rows > 1;
  }

  /** Empty frames. @param {number} rows @param {number} columns @param {(row: number, column: number) => string} nameOf */
  layout(rows, columns, nameOf) {
    Object.assign(this, { rows, columns });
    this.canvases = Array.from({ length: rows * columns }, (_, i) => {
      const label = nameOf(Math.floor(i / columns), i % columns);
      return element('canvas', { role: 'img', width: 32, height: 32, className: 'pale', 'aria-label': label, 'data-testid': 'interpolate-frame' });
    });
    this.grid.replaceChildren(...this.canvases);
    this.root.classList.toggle('plane', this.plane);
    this.handle.setAttribute('aria-roledescription', this.plane ? 'slider in two directions' : 'slider');
  }

  /** @param {number} cell  CSS pixels of a frame's side */
  size(cell) {
    for (const [name, value] of Object.entries({ cell: `${cell}px`, gap: `${GAP}px`, columns: this.columns })) this.root.style.setProperty(`--${name}`, String(value));
  }

  /** The room that all gaps of a row take. */
  get gaps() {
    return GAP * (this.columns - 1);
  }

  /** @param {number} index @param {Uint8ClampedArray} levels  [C, H, W] @param {Shape} shape @param {boolean} [pale]  whether it is no picture yet */
  paint(index, levels, shape, pale = false) {
    const canvas = this.canvases[index];
    paint(canvas, levels, 0, shape);
    canvas.classList.toggle('pale', pale);
  }

  /** Where a frame is. @param {number} index @returns {Place} */
  placeOf(index) {
    const row = Math.floor(index / this.columns);
    return { u: (index % this.columns) / (this.columns - 1), v: this.plane ? row / (this.rows - 1) : this.#place.v };
  }

  /** The frame that is nearest to a place. @param {Place} place */
  nearest({ u, v }) {
    const row = this.plane ? Math.round(v * (this.rows - 1)) : 0;
    return row * this.columns + Math.round(u * (this.columns - 1));
  }

  /** @param {Place} place @param {string} text  the same in words */
  moveHandle(place, text) {
    this.#place = place;
    this.root.style.setProperty('--u', String(place.u));
    this.root.style.setProperty('--v', String(this.plane ? place.v : 0.5));
    this.handle.setAttribute('aria-valuenow', String(Math.round(place.u * 100)));
    this.handle.setAttribute('aria-valuetext', text);
  }

  /** @param {PointerEvent} event @returns {Place} */
  #placeUnder({ clientX, clientY }) {
    const { left, top, width, height } = this.grid.getBoundingClientRect();
    const cell = this.canvases[0].getBoundingClientRect();
    const u = inside((clientX - left - cell.width / 2) / (width - cell.width));
    return { u, v: this.plane ? inside((clientY - top - cell.height / 2) / (height - cell.height)) : this.#place.v };
  }

  /** @param {PointerEvent} event */
  #press(event) {
    if (event.button !== 0 || this.#hand) return;
    this.#hand = { x: event.clientX, y: event.clientY, moved: false };
    this.root.setPointerCapture(event.pointerId);
    this.handle.focus({ preventScroll: true });
    // Otherwise the browser would take the focus back, or begin to select text.
    event.preventDefault();
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const hand = this.#hand;
    if (!hand) return;
    hand.moved ||= Math.hypot(event.clientX - hand.x, event.clientY - hand.y) >= STILL;
    if (hand.moved) this.onDrag(this.#placeUnder(event));
  }

  /** A click goes to the frame that it hits. @param {PointerEvent} event */
  #release(event) {
    if (!this.#hand) return;
    const { u, v } = this.#placeUnder(event);
    this.#rest(this.#hand.moved ? { u, v } : this.placeOf(this.nearest({ u, v })));
  }

  #rest(place = this.#place) {
    if (!this.#hand) return;
    this.#hand = null;
    this.onDrop(place);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const move = KEYS[event.key];
    if (!move || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const { u, v } = move(this.#place, this.plane);
    this.#keyed = true;
    this.onDrag({ u: inside(u), v: this.plane ? inside(v) : v });
  }

  #restOfKeys() {
    if (!this.#keyed) return;
    this.#keyed = false;
    this.onDrop(this.#place);
  }
}
