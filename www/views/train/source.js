// The ways in which pictures come here, and the list of those that came.

import { element } from '../../ui/dom.js';
import { Pad } from '../../ui/pad.js';
import { Arrivals } from '../../ui/picture/arrivals.js';
import { fileButton } from '../../ui/picture/choose.js';
import { readSamples } from '../../ui/picture/samples.js';
import { paint } from '../../ui/pixels.js';
import { plural } from '../../ui/words.js';
import { oneLine } from '../../engine/errors.js';
import { Pictures, levelsOf } from './pictures.js';

/** @typedef {import('../../ui/pixels.js').Shape} Shape @typedef {import('./pictures.js').Picture} Picture */

/** So many are shown; of more it is said how many there are. */
const SHOWN = 60;

/** So many sentences are said of what was left out. */
const TOLD = 2;

export class Source {
  #remark = element('p', { className: 'remark', 'data-testid': 'train-remark' });
  #left = element('p', { className: 'quiet', 'data-testid': 'train-left-out', role: 'status' });
  #strip = element('div', { className: 'thumbs', role: 'group', 'aria-label': 'Your pictures', 'data-testid': 'train-thumbs' });
  #credit = element('p', { className: 'credit quiet' });
  #rows = element('tbody', {});
  #kinds = element('table', { className: 'kinds', hidden: true, 'data-testid': 'train-kinds' },
    element('caption', {}, 'A class for each folder'),
    element('thead', {}, element('tr', {}, element('th', { scope: 'col' }, 'Class'), element('th', { scope: 'col' }, 'Pictures'))), this.#rows);
  #painting = 0;
  /** @type {Map<Picture, HTMLButtonElement>} */
  #thumbs = new Map();
  /** What the thumbs were painted with. */
  #look = '';
  /** Whether a run has them. */
  #fixed = false;
  /** The place in the row of one that was taken out by hand, for the focus. @type {number|null} */
  #gone = null;
  /** Only what was asked for last counts. */
  #asked = 0;

  /**
   * @param {HTMLElement} root  of the view @param {HTMLElement} place
   * @param {import('../../session.js').Session} session
   * @param {() => void} onChange
   */
  constructor(root, place, session, onChange) {
    this.session = session;
    this.pictures = new Pictures(onChange);
    /** What they are shown in. @type {() => Shape} */
    this.shape = () => ({ channels: 3, height: 16, width: 16 });
    this.pad = new Pad(root, 'train', (file) => this.#take([file]), true);
    this.arrivals = new Arrivals({
      takeAll: (files) => this.#take(files),
      refuse: (sentence) => session.tell('picture', sentence),
      hover: (over) => root.classList.toggle('hovered', over),
    });
    const take = (/** @type {File[]} */ files) => this.#take(files);
    const files = fileButton('Choose pictures', { accept: 'image/*', multiple: true, 'data-testid': 'train-files' }, take);
    const folder = fileButton('A folder', { webkitdirectory: true, 'data-testid': 'train-folder' }, take);
    // Phones know no folders.
    folder.classList.add('folder');
    this.draw = element('button', { type: 'button', 'data-testid': 'train-draw' }, 'Draw some');
    this.draw.addEventListener('click', () => this.pad.open({ ...this.shape(), channels: 3 }, null));
    this.ship = element('button', { type: 'button', 'data-testid': 'train-shipped' }, 'Samples');
    this.ship.addEventListener('click', () => this.showSamples());
    this.clear = element('button', { type: 'button', 'data-testid': 'train-clear' }, 'Remove all');
    this.clear.addEventListener('click', () => {
      this.#asked += 1;
      this.pictures.clear();
    });
    this.fields = element('fieldset', { className: 'ways' }, element('legend', { className: 'unseen' }, 'Where pictures come from'), files, folder, this.draw, this.ship, this.clear, element('span', { className: 'quiet hint' }, 'or drop or paste them anywhere'));
    place.append(element('div', { className: 'source' }, element('h3', {}, 'Your pictures'), this.fields, this.#remark, this.#left, this.#kinds, this.#strip, this.#credit));
  }

  /** The small set that ships with the model in use. */
  async showSamples() {
    const { model, shape } = this.session;
    if (!shape) return;
    const asked = ++this.#asked;
    try {
      const samples = await readSamples(model, shape);
      if (asked !== this.#asked) return;
      if (samples.length === 0) this.session.tell('picture', `${model.name} comes without samples; choose, drop, paste or draw pictures instead.`);
      else if (!this.#fixed) {
        this.#credit.textContent = model.samples?.credit ?? '';
        this.pictures.ship(samples, shape);
      }
    } catch (error) {
      this.session.tell('picture', `${oneLine(error)}; choose, drop or draw pictures instead.`);
    }
  }

  /** @param {boolean} fixed  whether a run has begun with them */
  fix(fixed) {
    this.#fixed = fixed;
    this.fields.disabled = fixed;
    for (const thumb of this.#thumbs.values()) thumb.disabled = fixed;
    this.#tell();
  }

  /** @param {Blob[]} files */
  #take(files) {
    if (this.#fixed) {
      this.session.tell('picture', 'The run under way has its pictures; start over to train on others.');
      return;
    }
    this.#asked += 1;
    this.session.clear('picture');
    this.pictures.refused = [];
    this.pictures.take(files);
  }

  /** Shows them as they are to be now, with the next frame. */
  refresh() {
    this.#painting ||= requestAnimationFrame(() => this.#show());
  }

  #show() {
    this.#painting = 0;
    const shape = this.shape();
    const look = `${shape.channels} ${shape.width}`;
    if (look !== this.#look) this.#thumbs.clear();
    this.#look = look;
    const shown = this.pictures.all.filter(({ size }) => size === shape.width).slice(0, SHOWN);
    const thumbs = new Map(shown.map((picture) => [picture, this.#thumbs.get(picture) ?? this.#thumb(picture, shape)]));
    this.#thumbs = thumbs;
    [...thumbs.values()].forEach((button, i) => button.setAttribute('aria-label', `Remove picture ${i + 1}`));
    const more = this.pictures.all.length - shown.length;
    const now = [...thumbs.values(), ...(more > 0 ? [element('span', { className: 'quiet more-thumbs' }, `and ${more.toLocaleString('en')} more`)] : [])];
    const before = [...this.#strip.children];
    if (now.length !== before.length || now.some((node, i) => node !== before[i])) this.#strip.replaceChildren(...now);
    this.#tell();
    if (this.#gone !== null) ([...thumbs.values()][Math.min(this.#gone, thumbs.size - 1)] ?? this.draw).focus({ preventScroll: true });
    this.#gone = null;
  }

  /** @param {Picture} picture @param {Shape} shape */
  #thumb(picture, shape) {
    const canvas = element('canvas', { 'aria-hidden': true });
    paint(canvas, Uint8ClampedArray.from(levelsOf(picture, shape)), 0, shape);
    const button = element('button', { type: 'button', title: 'Remove', disabled: this.#fixed }, canvas);
    button.addEventListener('click', () => {
      this.#gone = [...this.#thumbs.values()].indexOf(button);
      this.pictures.remove(picture);
    });
    return button;
  }

  /** The folders that pictures are from, where there are several. */
  #showKinds() {
    const kinds = this.pictures.waiting > 0 ? [] : this.pictures.kinds;
    this.#kinds.hidden = kinds.length === 0;
    this.#rows.replaceChildren(...kinds.map(({ name, count }) =>
      element('tr', {}, element('th', { scope: 'row' }, name), element('td', {}, count.toLocaleString('en')))));
  }

  #tell() {
    this.#showKinds();
    const { all, waiting, refused, shipped } = this.pictures;
    const { channels, width } = this.shape();
    const what = `${width} × ${width}, ${channels === 1 ? 'grey' : 'in colour'}`;
    const remark =
      waiting > 0 ? `Reading… ${all.length.toLocaleString('en')} so far.`
      : all.length === 0 ? 'There is none yet: choose, drop, paste or draw some.'
      : `${plural(all.length, shipped ? 'sample' : 'picture')}, ${what}${this.#fixed ? '. Start over to train on others.' : shipped ? ', that ship with the model in use. Your own take their place.' : '.'}`;
    if (this.#remark.textContent !== remark) this.#remark.textContent = remark;
    const more = refused.length - TOLD;
    const left = waiting > 0 || refused.length === 0 ? '' : `Left out: ${refused.slice(0, TOLD).join(' ')}${more > 0 ? ` ${plural(more, 'more file')} could not be used either.` : ''}`;
    if (this.#left.textContent !== left) this.#left.textContent = left;
    this.#credit.hidden = !shipped;
    this.clear.disabled = all.length === 0;
  }
}
