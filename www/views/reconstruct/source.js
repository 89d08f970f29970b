// The picture that everything starts from: a sample of the model's test set, or one of the visitor's own from a file,
// the clipboard, a camera or the drawing pad.

import { oneLine } from '../../engine/errors.js';
import { element } from '../../ui/dom.js';
import { Arrivals } from '../../ui/picture/arrivals.js';
import { fileButton } from '../../ui/picture/choose.js';
import { readPicture } from '../../ui/picture/file.js';
import { toValues } from '../../ui/picture/fit.js';
import { readSamples } from '../../ui/picture/samples.js';
import { Pad } from '../../ui/pad.js';
import { iconOf } from '../../ui/pixels.js';

/**
 * @typedef {import('../../ui/pixels.js').Shape} Shape
 *
 * @typedef {object} Picture
 * @property {Uint8ClampedArray} levels  [C, H, W]
 * @property {Float32Array} values  the same from -1 to 1
 * @property {number|null} sample  its number, or null for one of the visitor's own
 */

/** @param {Uint8ClampedArray} levels @param {number|null} sample @returns {Picture} */
function pictureOf(levels, sample) {
  return { levels, values: toValues(levels), sample };
}

export class Source {
  /** @type {Picture|null} */
  picture = null;
  /** @type {Picture[]} */
  samples = [];
  /** Settled when what was chosen last is there, or is refused. @type {Promise<void>} */
  ready = Promise.resolve();
  /** The visitor's own picture as it came, for another model. @type {{file: Blob, remark: string}|null} */
  #own = null;
  /** Only what was chosen last counts. */
  #asked = 0;
  #strip = element('div', { className: 'samples', role: 'group', 'aria-label': 'Pictures of the test set' });
  #credit = element('p', { className: 'credit quiet' });
  #remark = element('p', { className: 'remark quiet', 'data-testid': 'reconstruct-remark' });

  /**
   * @param {HTMLElement} root  of the view @param {HTMLElement} place
   * @param {import('../../session.js').Session} session
   * @param {() => void} onPicture  another one is on show
   */
  constructor(root, place, session, onPicture) {
    this.session = session;
    this.onPicture = onPicture;
    this.pad = new Pad(root, 'reconstruct', (file) => this.#take(file, 'drawn'));
    this.arrivals = new Arrivals({
      take: (file, remark) => this.#take(file, remark),
      refuse: (sentence) => session.tell('picture', sentence),
      hover: (over) => root.classList.toggle('hovered', over),
    });
    const give = (/** @type {File[]} */ files) => this.arrivals.give(files);
    const files = fileButton('Choose a file', { accept: 'image/*', multiple: true, 'data-testid': 'reconstruct-files' }, give);
    const photo = fileButton('Photograph', { accept: 'image/*', capture: 'environment', 'data-testid': 'reconstruct-photo' }, give);
    photo.classList.add('photo');
    const draw = element('button', { type: 'button', 'data-testid': 'reconstruct-draw' }, 'Draw');
    draw.addEventListener('click', () => session.shape && this.pad.open(session.shape, this.picture?.levels ?? null));
    place.append(
      element('div', { className: 'source' },
        this.#strip,
        element('div', { className: 'ways' }, files, photo, draw, element('span', { className: 'quiet' }, 'or drop or paste a picture anywhere')),
        this.#remark, this.#credit),
    );
    this.#sayCredit();
    session.settings.on('change', (keys) => {
      if (keys.includes('picture')) this.#showSample();
    });
  }

  /** Another model is loaded: its samples, or the visitor's own picture in its size. @param {Shape} shape */
  follow(shape) {
    const asked = ++this.#asked;
    const { model } = this.session;
    this.picture = null;
    this.samples = [];
    this.#list(shape);
    this.ready = readSamples(model, shape)
      .then((all) => {
        if (model !== this.session.model) return;
        this.samples = all.map(pictureOf);
        this.#list(shape);
      })
      .catch((error) => this.session.tell('picture', `${oneLine(error)}; drop or draw a picture instead.`))
      .then(async () => {
        if (asked !== this.#asked) return;
        if (this.#own) await this.#read(this.#own, asked);
        if (!this.picture) this.#showSample();
      });
  }

  /** @param {number} index */
  choose(index) {
    if (this.session.settings.get('picture') === index) this.#showSample();
    else this.session.settings.set('picture', index);
  }

  #showSample() {
    if (this.samples.length === 0) return;
    this.#asked += 1;
    this.#own = null;
    const index = this.session.settings.get('picture');
    this.session.clear('picture');
    if (index >= this.samples.length) {
      // Which shows it, and takes back what was said before.
      this.session.settings.set('picture', 0);
      this.session.tell('picture', `There is no sample ${index}: ${this.session.model.name} comes with those from 0 to ${this.samples.length - 1}. Sample 0 is on show.`);
      return;
    }
    this.#show(this.samples[index], '');
  }

  /** @param {Blob} file @param {string} remark */
  #take(file, remark) {
    const asked = ++this.#asked;
    this.ready = this.#read({ file, remark }, asked);
  }

  /** @param {{file: Blob, remark: string}} own @param {number} asked */
  async #read(own, asked) {
    const { shape } = this.session;
    if (!shape) {
      this.session.tell('picture', 'There is no model yet that could say how large the picture must be; give it again in a moment.');
      return;
    }
    try {
      const { levels, remarks } = await readPicture(own.file, shape);
      if (asked !== this.#asked) return;
      this.#own = own;
      this.session.clear('picture');
      const all = [own.remark, ...remarks].filter(Boolean).join(', ');
      this.#show(pictureOf(levels, null), all && `${all[0].toUpperCase()}${all.slice(1)}.`);
    } catch (error) {
      if (asked === this.#asked) this.session.tell('picture', oneLine(error));
    }
  }

  /** @param {Picture} picture @param {string} remark */
  #show(picture, remark) {
    this.picture = picture;
    this.#remark.textContent = remark || (picture.sample === null ? 'Your own picture.' : `Sample ${picture.sample}, a picture that the model was not trained on.`);
    [...this.#strip.children].forEach((button, i) => button.setAttribute('aria-pressed', String(i === picture.sample)));
    this.onPicture();
  }

  #sayCredit() {
    this.#credit.textContent = this.session.model.samples?.credit ?? '';
  }

  /** @param {Shape} shape */
  #list(shape) {
    this.#sayCredit();
    this.#strip.replaceChildren(
      ...this.samples.map(({ levels }, i) => {
        const button = element('button', { type: 'button', 'aria-label': `Sample ${i}`, 'aria-pressed': 'false', 'data-testid': `reconstruct-sample-${i}` }, iconOf(levels, shape));
        button.addEventListener('click', () => this.choose(i));
        return button;
      }),
    );
  }
}
