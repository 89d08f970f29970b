// Drawing on a canvas with a mouse, a finger, a pen or the keys: arrows move, the space bar draws.

/**
 * @typedef {{x: number, y: number}} Point  0…1 across and down the canvas
 *
 * @typedef {object} Strokes
 * @property {(at: Point) => void} begin
 * @property {(from: Point, to: Point) => void} draw
 * @property {() => void} [end]
 * @property {(at: Point|null) => void} [hover]  where the keys are; null when they have left
 */

/** How far an arrow key goes, of the whole width. */
const KEY_STEP = 1 / 32;

/** @type {Record<string, [number, number]>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Brush {
  /** @type {Point|null} */
  #last = null;
  /** @type {Point} */
  #keys = { x: 0.5, y: 0.5 };
  #drawing = false; // with the keys

  /** @param {HTMLElement} surface @param {Strokes} strokes */
  constructor(surface, strokes) {
    this.surface = surface;
    this.strokes = strokes;
    surface.style.touchAction = 'none';
    surface.tabIndex = 0;
    surface.addEventListener('pointerdown', (event) => this.#down(event));
    surface.addEventListener('pointermove', (event) => this.#move(event));
    for (const end of ['pointerup', 'pointercancel', 'lostpointercapture']) surface.addEventListener(end, () => this.#up());
    surface.addEventListener('keydown', (event) => this.#key(event));
    surface.addEventListener('blur', () => {
      this.#drawing = false;
      strokes.hover?.(null);
      this.#up();
    });
  }

  /** @param {{clientX: number, clientY: number}} event @returns {Point} */
  #pointOf({ clientX, clientY }) {
    const { left, top, width, height } = this.surface.getBoundingClientRect();
    return { x: (clientX - left) / width, y: (clientY - top) / height };
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.button !== 0 || !event.isPrimary) return;
    event.preventDefault();
    this.surface.focus({ preventScroll: true });
    this.surface.setPointerCapture(event.pointerId);
    this.#last = this.#pointOf(event);
    this.strokes.begin(this.#last);
    this.strokes.draw(this.#last, this.#last);
  }

  /** @param {PointerEvent} event */
  #move(event) {
    if (!this.#last || this.#drawing || !event.isPrimary) return;
    // A fast hand makes more points than there are frames.
    const points = event.getCoalescedEvents?.() ?? [];
    for (const each of points.length > 0 ? points : [event]) this.#to(this.#pointOf(each));
  }

  /** @param {Point} point */
  #to(point) {
    if (this.#last) this.strokes.draw(this.#last, point);
    this.#last = point;
  }

  #up() {
    if (!this.#last || this.#drawing) return;
    this.#last = null;
    this.strokes.end?.();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = ARROWS[event.key];
    if (arrow) {
      const step = event.shiftKey ? 4 * KEY_STEP : KEY_STEP;
      const clamp = (/** @type {number} */ v) => Math.min(1, Math.max(0, v));
      this.#keys = { x: clamp(this.#keys.x + arrow[0] * step), y: clamp(this.#keys.y + arrow[1] * step) };
      if (this.#drawing) this.#to(this.#keys);
    } else if (event.key === ' ') {
      if (this.#drawing) {
        this.#drawing = false;
        this.#up();
      } else if (!this.#last) {
        this.#drawing = true;
        this.#last = this.#keys;
        this.strokes.begin(this.#keys);
        this.strokes.draw(this.#keys, this.#keys);
      }
    } else return;
    event.preventDefault();
    this.strokes.hover?.(this.#keys);
  }
}
