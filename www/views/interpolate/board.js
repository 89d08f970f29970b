// What this view shows: the corners with their seeds, the picture at the handle, and the map of frames. It is told what
// to show and says what hands have done to it.

import { toGreyLevels } from '../../engine/levels.js';
import { element } from '../../ui/dom.js';
import { crisp, paint } from '../../ui/pixels.js';
import { Corner } from './corners.js';
import { FrameMap } from './map.js';
import { describe, modeOf, placeOf } from './modes.js';
import { MixPath } from './paths.js';
import { Ranges } from './ranges.js';

/**
 * @typedef {import('../../state.js').Values} Values
 * @typedef {import('../../ui/pixels.js').Shape} Shape
 * @typedef {import('./paths.js').Place} Place
 * @typedef {import('./ends.js').End} End
 */

/** Below this width of the window all is in one column; CSS pixels, as in the style sheet. */
const NARROW = 600;

/** What the page needs beside the large picture, so that it and the map are in sight together; CSS pixels. */
const ROUND_THE_PICTURE = { wide: 505, narrow: 535 };
const SMALLEST = 160;
const LARGEST = 640;

/** In a plane the map has this part of the width, and the picture the rest. */
const PART_OF_MAP = 0.67;
const BESIDE_THE_MAP = 24;
const WIDTH_OF_HEIGHTS = 36;
const CORNER_IN_LINE = 136;

export class Board {
  #key = '';

  /**
   * @param {object} hands
   * @param {(index: number, seed: number) => void} hands.onSeed
   * @param {(index: number) => void} hands.onPick  a picture is wanted at a corner
   * @param {(place: Place) => void} hands.onDrag  the handle moves
   * @param {(place: Place) => void} hands.onDrop  the handle rests
   */
  constructor({ onSeed, onPick, onDrag, onDrop }) {
    this.corners = [0, 1, 2, 3].map((i) => new Corner(i, (seed) => onSeed(i, seed), () => onPick(i)));
    this.canvas = element('canvas', { role: 'img', width: 32, height: 32, className: 'pale', 'aria-label': 'The picture at the handle', 'data-testid': 'interpolate-canvas' });
    this.where = element('span', { 'data-testid': 'interpolate-where' });
    this.note = element('span', { className: 'quiet', 'data-testid': 'interpolate-note' });
    this.map = new FrameMap(onDrag, onDrop);
    this.heights = element('div', { className: 'heights' });
    this.heights.setAttribute('aria-hidden', 'true');
    this.ranges = new Ranges(onDrag, onDrop);
    this.root = element('div', { className: 'between' },
      ...this.corners.map(({ root }) => root),
      element('figure', { className: 'picture' }, this.canvas, element('figcaption', {}, this.where, this.note)),
      element('div', { className: 'map-place' }, this.heights, this.map.root),
      this.ranges.root);
    new ResizeObserver(() => this.fit()).observe(this.root);
    addEventListener('resize', () => this.fit());
  }

  /** What is wrong with the seeds, if anything is. @returns {string} */
  problem() {
    const wrong = this.corners.find(({ root, problem }) => !root.hidden && problem);
    wrong?.field.focus();
    return wrong?.problem ?? '';
  }

  /**
   * Empty frames, where the settings ask for others than there are.
   * @param {Values} values @param {End[]} ends @param {number} trainSteps  T
   * @returns {boolean} whether there are new ones
   */
  layOut(values, ends, trainSteps) {
    const mode = modeOf(values);
    this.root.dataset.mode = mode;
    this.corners.forEach(({ root }, i) => (root.hidden = i >= ends.length));
    ends.forEach((end, i) => this.corners[i].show(end));
    const columns = values.frames;
    const key = [mode, values.path, columns, ends.map((end) => end.key), mode === 'mix' ? trainSteps : 0].join();
    if (key === this.#key) return false;
    this.#key = key;
    const rows = mode === 'line' ? 1 : mode === 'square' ? columns : MixPath.ROWS;
    this.map.layout(rows, columns, (row, column) => `Frame ${column + 1} of ${columns}${rows > 1 ? `, row ${row + 1} of ${rows}` : ''}`);
    const heights = mode === 'mix' ? Array.from({ length: rows }, (_, row) => MixPath.steps(row / (rows - 1), trainSteps)) : [];
    this.heights.replaceChildren(...heights.map((t) => element('span', {}, String(t))));
    this.fit();
    return true;
  }

  /** The next `layOut` makes new frames in any case. */
  empty() {
    this.#key = '';
    this.canvas.classList.add('pale');
    this.note.textContent = '';
  }

  /** @param {Values} values @param {number} trainSteps  T */
  showPlace(values, trainSteps) {
    const place = placeOf(values, trainSteps);
    const text = describe(values, trainSteps);
    this.map.moveHandle(place, text);
    this.ranges.show(modeOf(values), place, trainSteps);
    this.where.textContent = text;
  }

  /** @param {Uint8ClampedArray} levels  [C, H, W] @param {Shape} shape @param {string} note  how it was made */
  showPicture(levels, shape, note) {
    paint(this.canvas, levels, 0, shape);
    this.canvas.classList.remove('pale');
    this.note.textContent = note;
  }

  /**
   * Where there is no picture yet, the noise that it will come from.
   * @param {import('./paths.js').NoisePath} path @param {Values} values @param {Shape} shape @param {End[]} ends
   * @param {(end: End) => Uint8ClampedArray|undefined} pictureOf
   */
  showNoises(path, values, shape, ends, pictureOf) {
    const size = shape.channels * shape.height * shape.width;
    const levelsOf = (/** @type {Float32Array} */ noise) => toGreyLevels(noise) ?? new Uint8ClampedArray(noise.length);
    ends.forEach((end, i) => {
      const made = pictureOf(end);
      this.corners[i].paint(made ?? levelsOf(path.corners[i]), shape, !made);
    });
    if (this.canvas.classList.contains('pale')) paint(this.canvas, levelsOf(path.noise(placeOf(values, 1))), 0, shape);
    this.showCorners(values, shape, ends, pictureOf);
    const mix = modeOf(values) === 'mix';
    const noises = levelsOf(path.noises());
    this.map.canvases.forEach((canvas, i) => {
      const index = mix ? i % this.map.columns : i;
      if (canvas.classList.contains('pale')) this.map.paint(i, noises.subarray(index * size, (index + 1) * size), shape, true);
    });
  }

  /**
   * The pictures of the corners at the corners of the map, where they belong to it and no frame is yet.
   * @param {Values} values @param {Shape} shape @param {End[]} ends @param {(end: End) => Uint8ClampedArray|undefined} pictureOf
   */
  showCorners(values, shape, ends, pictureOf) {
    if (modeOf(values) === 'mix') return;
    const { rows, columns, canvases } = this.map;
    const cells = [0, columns - 1, (rows - 1) * columns, rows * columns - 1];
    ends.forEach((end, i) => {
      const made = pictureOf(end);
      if (made && canvases[cells[i]].classList.contains('pale')) this.map.paint(cells[i], made, shape);
    });
  }

  /** Makes everything as large as there is room for, in whole pixels of the screen. */
  fit() {
    const { clientWidth } = this.root;
    if (clientWidth === 0) return;
    const { map, canvas } = this;
    const mode = this.root.dataset.mode;
    const narrow = innerWidth < NARROW;
    const heights = mode === 'mix' ? WIDTH_OF_HEIGHTS : 0;
    const across = (clientWidth * (map.plane && !narrow ? PART_OF_MAP : 1) - heights - map.gaps) / map.columns;
    const cell = crisp(Math.min(across, map.plane ? 64 : 128), canvas.width);
    map.size(cell);
    // Two corners stand above a plane side by side.
    const corners = map.plane && !narrow ? 2 * CORNER_IN_LINE + BESIDE_THE_MAP : 0;
    const mapWidth = Math.max(cell * map.columns + map.gaps + heights, corners);
    const beside = narrow ? 0 : map.plane ? mapWidth + BESIDE_THE_MAP : 2 * (CORNER_IN_LINE + BESIDE_THE_MAP);
    const down = Math.max(SMALLEST, innerHeight - (narrow ? ROUND_THE_PICTURE.narrow : ROUND_THE_PICTURE.wide) - (map.plane && narrow ? 120 : 0));
    const size = crisp(Math.min(LARGEST, clientWidth - beside, map.plane && !narrow ? LARGEST : down), canvas.width);
    this.root.style.setProperty('--picture', `${size}px`);
    this.root.style.setProperty('--map', `${mapWidth}px`);
  }
}
