// The drawing pad: a few strokes are picture enough.

import { Brush } from './brush.js';
import { keepKeys } from './dialog.js';
import { element } from './dom.js';
import { contextOf, imageOf } from './pixels.js';

/** @typedef {import('./pixels.js').Shape} Shape @typedef {import('./brush.js').Point} Point */

/** Pixels of the pad; many times those of a model's picture, which are means over them. */
const SIDE = 320;
const MOST_UNDO = 30;

/** @param {string} label @param {HTMLElement} field */
const labelled = (label, field) => element('label', {}, element('span', {}, label), field);

export class Pad {
  #canvas = element('canvas', { width: SIDE, height: SIDE, role: 'application', 'aria-label': 'Drawing pad: arrow keys move the brush, the space bar starts and ends a stroke' });
  #cursor = element('div', { className: 'pad-cursor', hidden: true });
  #colour = element('input', { type: 'color', value: '#ffffff' });
  #grey = element('input', { type: 'range', min: 0, max: 255, value: 255, step: 1 });
  #size = element('input', { type: 'range', min: 4, max: 80, value: 26, step: 2 });
  #colourLabel = labelled('Colour', this.#colour);
  #greyLabel = labelled('Grey', this.#grey);
  #undo = element('button', { type: 'button' }, 'Undo');
  #from = element('button', { type: 'button' }, 'Start from the picture');
  /** What was there before each stroke, the last one at the end. @type {ImageData[]} */
  #before = [];
  /** @type {Shape} */
  #shape = { channels: 1, height: 32, width: 32 };
  /** @type {Uint8ClampedArray|null} */
  #picture = null;

  /**
   * @param {HTMLElement} root  of the view @param {string} view  its name, for tests @param {(drawing: Blob) => void} onDrawing
   * @param {boolean} [many]  whether another drawing may follow at once
   */
  constructor(root, view, onDrawing, many = false) {
    this.onDrawing = onDrawing;
    this.many = many;
    this.#canvas.dataset.testid = `${view}-pad`;
    this.#from.hidden = many;
    const clear = element('button', { type: 'button' }, 'Clear');
    const cancel = element('button', { type: 'button', 'data-testid': `${view}-pad-close` }, many ? 'Done' : 'Cancel');
    const use = element('button', { type: 'button', className: 'primary', 'data-testid': `${view}-pad-use` }, many ? 'Add this drawing' : 'Use this drawing');
    this.dialog = element('dialog', { className: 'pad', 'aria-label': 'Draw a picture' },
      element('div', { className: 'pad-surface' }, this.#canvas, this.#cursor),
      element('div', { className: 'pad-tools' }, this.#colourLabel, this.#greyLabel, labelled('Brush', this.#size), element('div', { className: 'pad-row' }, this.#undo, clear, this.#from)),
      element('div', { className: 'pad-row pad-ends' }, cancel, use));
    keepKeys(this.dialog);
    root.append(this.dialog);
    new Brush(this.#canvas, { begin: () => this.#remember(), draw: (from, to) => this.#line(from, to), hover: (at) => this.#hover(at) });
    this.#undo.addEventListener('click', () => this.#back());
    clear.addEventListener('click', () => {
      this.#remember();
      this.#fill();
    });
    this.#from.addEventListener('click', () => {
      this.#remember();
      this.#copyPicture();
    });
    cancel.addEventListener('click', () => this.dialog.close());
    use.addEventListener('click', () => this.#use());
  }

  /** @param {Shape} shape  of the model's pictures @param {Uint8ClampedArray|null} picture  the one on show */
  open(shape, picture) {
    this.#picture = picture;
    this.#from.disabled = !picture;
    this.#colourLabel.hidden = shape.channels === 1;
    this.#greyLabel.hidden = shape.channels !== 1;
    // A drawing goes on where it was left, but for another kind of model.
    if (shape.channels !== this.#shape.channels || this.#before.length === 0) {
      this.#before = [];
      this.#fill();
    }
    this.#shape = shape;
    this.#undo.disabled = this.#before.length === 0;
    this.dialog.showModal();
  }

  /** The view is left. */
  close() {
    this.dialog.close();
  }

  get #context() {
    return contextOf(this.#canvas, { willReadFrequently: true });
  }

  get #ink() {
    const grey = this.#grey.value;
    return this.#shape.channels === 1 ? `rgb(${grey} ${grey} ${grey})` : this.#colour.value;
  }

  #fill() {
    this.#context.fillStyle = '#000';
    this.#context.fillRect(0, 0, SIDE, SIDE);
  }

  #remember() {
    this.#before.push(this.#context.getImageData(0, 0, SIDE, SIDE));
    if (this.#before.length > MOST_UNDO) this.#before.shift();
    this.#undo.disabled = false;
  }

  #back() {
    const image = this.#before.pop();
    if (image) this.#context.putImageData(image, 0, 0);
    this.#undo.disabled = this.#before.length === 0;
  }

  /** @param {Point} from @param {Point} to */
  #line(from, to) {
    const context = this.#context;
    context.strokeStyle = this.#ink;
    context.lineWidth = Number(this.#size.value);
    context.lineCap = 'round';
    context.beginPath();
    context.moveTo(from.x * SIDE, from.y * SIDE);
    // A line without length draws nothing in some browsers.
    context.lineTo(to.x * SIDE + 0.01, to.y * SIDE);
    context.stroke();
  }

  /** @param {Point|null} at */
  #hover(at) {
    this.#cursor.hidden = at === null;
    if (at) Object.assign(this.#cursor.style, { left: `${100 * at.x}%`, top: `${100 * at.y}%` });
  }

  #copyPicture() {
    if (!this.#picture) return;
    const { width, height } = this.#shape;
    const small = document.createElement('canvas');
    Object.assign(small, { width, height });
    contextOf(small).putImageData(imageOf(this.#picture, 0, this.#shape), 0, 0);
    this.#context.imageSmoothingEnabled = false;
    this.#context.drawImage(small, 0, 0, SIDE, SIDE);
  }

  #use() {
    this.#canvas.toBlob((blob) => {
      if (blob) this.onDrawing(blob);
      if (!this.many) {
        this.dialog.close();
        return;
      }
      this.#before = [];
      this.#undo.disabled = true;
      this.#fill();
    });
  }
}
