// The pictures that a network is to learn: where each came from, and what of it is left in the size that is asked for.

import { oneLine } from '../../engine/errors.js';
import { folderOf } from '../../ui/picture/arrivals.js';
import { readPicture } from '../../ui/picture/file.js';
import { Fit } from '../../ui/picture/fit.js';

/**
 * @typedef {import('../../ui/pixels.js').Shape} Shape
 * @typedef {Uint8ClampedArray|Uint8Array} Levels
 *
 * @typedef {object} Picture
 * @property {(size: number) => Promise<Levels>} read  it in that size, in colour, [3, size, size]
 * @property {number} size  that it was read in last, 0 before
 * @property {Levels} levels
 * @property {boolean} grey  it has no colours
 * @property {string} folder  that it is from, empty where it came alone
 *
 * @typedef {{name: string, count: number}} Kind  pictures of one folder
 */

/** So many are read and kept in memory. */
export const MOST = 5000;

/** So many are put together without a pause. */
const AT_ONCE = 100;

/** Fewer are small by default. */
const FEW = 200;

/** Of a photograph that was saved in colour though it has none. */
const GREY_TOLERANCE = 2;

/** @param {number} size @returns {Shape} */
const inColour = (size) => ({ channels: 3, height: size, width: size });

/** @param {Blob} file @returns {Picture} */
function pictureOf(file) {
  return { read: async (size) => (await readPicture(file, inColour(size))).levels, size: 0, levels: new Uint8Array(), grey: true, folder: folderOf(file) };
}

/** One that is there as levels. @param {Uint8ClampedArray} levels  [C, H, W] @param {Shape} shape @param {string} [folder] @returns {Picture} */
function pictureOfLevels(levels, { channels, height, width }, folder = '') {
  const plane = height * width;
  const rgba = new Uint8ClampedArray(4 * plane);
  for (let i = 0; i < plane; i++) for (let c = 0; c < 3; c++) rgba[4 * i + c] = levels[(channels === 3 ? c * plane : 0) + i];
  return {
    read: async (size) => {
      const fit = new Fit({ width, height }, inColour(size));
      fit.add(rgba, 0);
      return fit.finish();
    },
    size: 0,
    levels: new Uint8Array(),
    grey: true,
    folder,
  };
}

/** @param {Levels} levels  in colour */
function isGrey(levels) {
  const plane = levels.length / 3;
  for (let i = 0; i < plane; i++) {
    const [red, green, blue] = [levels[i], levels[plane + i], levels[2 * plane + i]];
    if (Math.max(red, green, blue) - Math.min(red, green, blue) > GREY_TOLERANCE) return false;
  }
  return true;
}

/** By the weights of the three colours that files are read with (ITU-R BT.709). @param {Levels} levels  in colour */
function toGrey(levels) {
  const plane = levels.length / 3;
  return Uint8Array.from({ length: plane }, (_, i) => Math.floor((2126 * levels[i] + 7152 * levels[plane + i] + 722 * levels[2 * plane + i] + 5000) / 10_000));
}

/** @param {Levels} levels  [C, H, W] @param {Shape} shape */
function mirrored(levels, { width }) {
  return levels.map((_, i) => levels[i - (i % width) + width - 1 - (i % width)]);
}

export class Pictures {
  /** @type {Picture[]} */
  all = [];
  /** What was left out, in sentences. @type {string[]} */
  refused = [];
  /** Whether they are those that ship with a model. */
  shipped = false;
  /** Settled when all of them are read. @type {Promise<void>} */
  ready = Promise.resolve();
  /** How many are still to be read. */
  waiting = 0;
  /** How many of these were never read before. */
  #fresh = 0;
  /** Those that were asked for before all were taken away are not wanted any more. */
  #generation = 0;

  /** @param {() => void} onChange */
  constructor(onChange) {
    this.onChange = onChange;
  }

  /** The size for so many. */
  get usualSize() {
    return this.all.length + this.#fresh < FEW ? 16 : 32;
  }

  get grey() {
    return this.all.every(({ grey }) => grey);
  }

  /** The folders that all of them are from, in the order of their names; none where there are not several. @returns {Kind[]} */
  get kinds() {
    /** @type {Map<string, number>} */
    const counts = new Map();
    for (const { folder } of this.all) counts.set(folder, (counts.get(folder) ?? 0) + 1);
    if (counts.size < 2 || counts.has('')) return [];
    const names = [...counts.keys()].sort();
    return names.map((name) => ({ name, count: counts.get(name) ?? 0 }));
  }

  clear() {
    this.#generation += 1;
    this.waiting = 0;
    this.#fresh = 0;
    this.all = [];
    this.refused = [];
    this.shipped = false;
    this.onChange();
  }

  /** @param {Picture} picture */
  remove(picture) {
    this.all = this.all.filter((other) => other !== picture);
    this.onChange();
  }

  /** Those of a model, in place of what is there. @param {Uint8ClampedArray[]} samples @param {Shape} shape */
  ship(samples, shape) {
    this.clear();
    this.shipped = true;
    this.#add(samples.map((levels) => pictureOfLevels(levels, shape)), () => '');
  }

  /** Those of a run that goes on. @param {Uint8Array} levels  one after the other @param {Shape} shape @param {string[]} folders  of each */
  restore(levels, shape, folders) {
    this.clear();
    const length = shape.channels * shape.height * shape.width;
    const pictures = Array.from({ length: levels.length / length }, (_, i) => pictureOfLevels(Uint8ClampedArray.from(levels.subarray(i * length, (i + 1) * length)), shape, folders[i]));
    this.#add(pictures, () => '');
  }

  /** @param {Blob[]} files  of one or several; what cannot be read is left out */
  take(files) {
    if (this.shipped) this.clear();
    // Hidden files are the system's.
    const seen = files.filter((file) => !(file instanceof File && file.name.startsWith('.')));
    const room = Math.max(0, MOST - this.all.length - this.#fresh);
    if (seen.length > room) this.refused.push(`Only ${MOST.toLocaleString('en')} pictures are taken; ${(seen.length - room).toLocaleString('en')} were left out.`);
    this.#add(seen.slice(0, room).map(pictureOf), oneLine);
  }

  /** All of them in that size. @param {number} size */
  resize(size) {
    this.size = size;
    const stale = this.all.filter((picture) => picture.size !== size);
    if (stale.length > 0) this.#add(stale, oneLine);
  }

  /** What they are read in. */
  size = 16;

  /** @param {Picture[]} pictures @param {(error: unknown) => string} say  what is wrong with one */
  #add(pictures, say) {
    const known = new Set(this.all);
    this.waiting += pictures.length;
    this.#fresh += pictures.filter((picture) => !known.has(picture)).length;
    const generation = this.#generation;
    this.ready = this.ready.then(async () => {
      for (const picture of pictures) {
        if (generation !== this.#generation) return;
        const fresh = !known.has(picture);
        // It may have been taken out meanwhile, or was read for another request.
        if (picture.size !== this.size && (fresh || this.all.includes(picture))) {
          try {
            const { size } = this;
            const levels = await picture.read(size);
            if (generation !== this.#generation) return;
            Object.assign(picture, { levels, size, grey: isGrey(levels) });
            if (fresh) this.all.push(picture);
          } catch (error) {
            if (generation !== this.#generation) return;
            this.all = this.all.filter((other) => other !== picture);
            this.refused.push(say(error));
          }
        }
        this.waiting -= 1;
        if (fresh) this.#fresh -= 1;
        this.onChange();
      }
    });
  }

  /** The number of each one's folder among `names`; -1 for one that is not there. @param {string[]} names @param {boolean} mirror  whether their mirror images follow */
  labels(names, mirror) {
    const labels = this.all.map(({ folder }) => names.indexOf(folder));
    return mirror ? [...labels, ...labels] : labels;
  }

  /**
   * Everything that a network sees of them.
   * @param {Shape} shape @param {boolean} mirror  whether their mirror images follow
   * @returns {Promise<Uint8Array<ArrayBuffer>>} [count, C, H, W]
   */
  async pixels(shape, mirror) {
    const { all } = this;
    const length = shape.channels * shape.height * shape.width;
    const pixels = new Uint8Array(all.length * (mirror ? 2 : 1) * length);
    for (const [i, picture] of all.entries()) {
      const levels = levelsOf(picture, shape);
      pixels.set(levels, i * length);
      if (mirror) pixels.set(mirrored(levels, shape), (all.length + i) * length);
      // The page stays alive.
      if (i % AT_ONCE === AT_ONCE - 1) await new Promise((resolve) => setTimeout(resolve));
    }
    return pixels;
  }
}

/** @param {Picture} picture  as it was read @param {Shape} shape  in the same size */
export function levelsOf({ levels }, { channels }) {
  return channels === 3 ? levels : toGrey(levels);
}
