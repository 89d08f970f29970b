// What stands at the corners: seeds, samples that come with the model, and pictures of the visitor's own. The settings
// name the first two; a picture that no link can carry takes the place of what they name.

import { oneLine } from '../../engine/errors.js';
import { readPicture } from '../../ui/picture/file.js';
import { toValues } from '../../ui/picture/fit.js';
import { readSamples } from '../../ui/picture/samples.js';
import { modeOf } from './modes.js';

/**
 * @typedef {import('../../state.js').Values} Values
 * @typedef {import('../../ui/pixels.js').Shape} Shape
 *
 * @typedef {object} Picture
 * @property {Uint8ClampedArray} levels  [C, H, W]
 * @property {Float32Array} values  the same from -1 to 1
 *
 * @typedef {object} End  one corner
 * @property {string} key  no other picture and no other noise has it
 * @property {number} seed  of its first noise, where it has no picture
 * @property {string} name  of its picture; empty where it has none
 * @property {Picture|null} picture  null too where it is still to come
 *
 * @typedef {object} Own
 * @property {string} key
 * @property {Blob} file  as it came, for another model
 * @property {string} remark  what became of it
 * @property {Picture} picture
 */

/** @param {string} token  of the setting `corners` @returns {number|null} the number of a sample */
export function sampleOf(token) {
  return token.startsWith('s') ? Number(token.slice(1)) : null;
}

/** @param {Values} values @returns {string[]} those that the mode has */
export function tokensOf(values) {
  return values.corners.split(',').slice(0, modeOf(values) === 'square' ? 4 : 2);
}

/** @param {Uint8ClampedArray} levels @returns {Picture} */
const pictureOf = (levels) => ({ levels, values: toValues(levels) });

export class Ends {
  /** @type {Picture[]} */
  samples = [];
  /** Settled when the samples are there, or cannot be had. @type {Promise<void>} */
  ready = Promise.resolve();
  /** By corner. @type {Map<number, Own>} */
  #own = new Map();
  #taken = 0;
  /** Corners as the settings had them. @type {string[]} */
  #tokens = [];

  /** @param {import('../../session.js').Session} session @param {() => void} onChange  others stand there than before, by no setting */
  constructor(session, onChange) {
    this.session = session;
    this.onChange = onChange;
  }

  /** @param {Values} values @returns {End[]} */
  of(values) {
    return tokensOf(values).map((token, i) => {
      const own = this.#own.get(i);
      const sample = sampleOf(token);
      if (own) return { key: own.key, seed: 0, name: 'your picture', picture: own.picture };
      if (sample === null) return { key: token, seed: Number(token), name: '', picture: null };
      return { key: token, seed: 0, name: `sample ${sample}`, picture: this.samples[sample] ?? null };
    });
  }

  /** What became of the visitor's own pictures that are on show. @param {Values} values @returns {string[]} a sentence for each */
  remarks(values) {
    return this.#shown(values).map(([i, { remark }]) => `${'ABCD'[i]}: your picture${remark && `, ${remark}`}.`);
  }

  /** What no link can carry, and what stands in its place then. @param {Values} values @returns {string} a sentence, or nothing */
  notCarried(values) {
    const corners = this.#shown(values);
    if (corners.length === 0) return '';
    const instead = corners.map(([i]) => {
      const token = tokensOf(values)[i];
      return sampleOf(token) === null ? `seed ${token}` : `sample ${sampleOf(token)}`;
    });
    return `The link has the settings, but not your own picture at ${corners.map(([i]) => 'ABCD'[i]).join(' and ')}: it opens with ${instead.join(' and ')} in its place.`;
  }

  /** @param {Values} values */
  #shown(values) {
    return [...this.#own].filter(([i]) => i < tokensOf(values).length).sort(([a], [b]) => a - b);
  }

  /** The settings may name others now: what a visitor has put there before gives way. @param {Values} values */
  follow(values) {
    const tokens = values.corners.split(',');
    tokens.forEach((token, i) => {
      if (this.#tokens[i] !== undefined && this.#tokens[i] !== token) this.#own.delete(i);
    });
    this.#tokens = tokens;
  }

  /** The corner is again what the settings name. @param {number} index @returns {boolean} whether it was something else */
  release(index) {
    return this.#own.delete(index);
  }

  /** Another model is there: its samples, and the visitor's own pictures in its size. @param {Shape} shape */
  takeModel(shape) {
    const { session } = this;
    const { model, loaded } = session;
    this.samples = [];
    this.ready = (async () => {
      /** @type {Uint8ClampedArray[]} */
      let samples = [];
      try {
        samples = await readSamples(model, shape);
      } catch (error) {
        if (session.loaded === loaded && tokensOf(session.settings.all()).some((token) => sampleOf(token) !== null)) session.tell('picture', `${oneLine(error)}; take seeds or pictures of your own.`);
      }
      for (const [i, own] of this.#own) {
        const read = await readPicture(own.file, shape).catch(() => null);
        if (session.loaded !== loaded) return;
        if (read) this.#own.set(i, this.#ownOf(own.file, read));
        else this.#own.delete(i);
      }
      if (session.loaded !== loaded) return;
      this.samples = samples.map(pictureOf);
      this.#replaceMissing();
      this.onChange();
    })();
  }

  /** A link may name samples that this model does not have. */
  #replaceMissing() {
    const { settings, model } = this.session;
    const tokens = settings.get('corners').split(',');
    const known = tokens.map((token, i) => ((sampleOf(token) ?? -1) < this.samples.length ? token : String(i + 1)));
    const missing = tokens.filter((token, i) => token !== known[i]);
    if (missing.length === 0) return;
    settings.set('corners', known.join());
    const there = this.samples.length > 0 ? `those from 0 to ${this.samples.length - 1}` : 'none';
    this.session.tell('corners', `There is no sample ${missing.map((token) => token.slice(1)).join(', ')}: ${model.name} comes with ${there}. Seeds take their place.`);
  }

  /** @param {Blob} file @param {{levels: Uint8ClampedArray, remarks: string[]}} read @param {string} [first] @returns {Own} */
  #ownOf(file, { levels, remarks }, first = '') {
    this.#taken += 1;
    return { key: `own${this.#taken}`, file, remark: [first, ...remarks].filter(Boolean).join(', '), picture: pictureOf(levels) };
  }

  /** A file for a corner. What cannot be used is told, and changes nothing. @param {number} index @param {Blob} file @param {string} remark @returns {Promise<boolean>} whether it is there now */
  async take(index, file, remark) {
    const { session } = this;
    const { shape, loaded } = session;
    if (!shape) {
      session.tell('picture', 'There is no model yet that could say how large the picture must be; give it again in a moment.');
      return false;
    }
    try {
      const read = await readPicture(file, shape);
      if (session.loaded !== loaded) return false;
      session.clear('picture');
      this.#own.set(index, this.#ownOf(file, read, remark));
      this.onChange();
      return true;
    } catch (error) {
      session.tell('picture', oneLine(error));
      return false;
    }
  }
}
