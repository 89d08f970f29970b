// The dialog in which a picture is chosen for a corner.

import { dialogWith } from '../../ui/dialog.js';
import { element } from '../../ui/dom.js';
import { fileButton } from '../../ui/picture/choose.js';
import { iconOf } from '../../ui/pixels.js';
import { explanation } from '../../ui/terms.js';

/** @typedef {import('../../ui/pixels.js').Shape} Shape */

export class Picker {
  /** The corner that it is open for, from 0. */
  index = 0;
  #title = element('h3', { id: 'interpolate-picker-title' });
  #samples = element('div', { className: 'picker-samples', role: 'group', 'aria-label': 'Pictures of the test set' });
  #credit = element('p', { className: 'source' });
  #seed = element('button', { type: 'button', 'data-testid': 'interpolate-to-seed' }, 'Back to a seed');

  /**
   * @param {HTMLElement} place
   * @param {object} hands
   * @param {(index: number, sample: number) => void} hands.onSample
   * @param {(index: number) => void} hands.onSeed  it is to have no picture
   * @param {(files: File[]) => void} hands.onFiles
   */
  constructor(place, { onSample, onSeed, onFiles }) {
    this.onSample = onSample;
    const close = element('button', { type: 'button', 'data-testid': 'interpolate-picker-close' }, 'Close');
    const files = fileButton('Choose a file', { accept: 'image/*', multiple: true, 'data-testid': 'interpolate-files' }, onFiles);
    this.dialog = dialogWith({ className: 'picker', 'aria-labelledby': this.#title.id, 'data-testid': 'interpolate-picker' },
      element('div', { className: 'picker-inside' },
        this.#title, explanation('inversion'), this.#samples, this.#credit,
        element('div', { className: 'picker-row' }, files, element('span', { className: 'quiet' }, 'or drop or paste a picture')),
        element('div', { className: 'picker-row' }, this.#seed, close)));
    close.addEventListener('click', () => this.close());
    this.#seed.addEventListener('click', () => {
      onSeed(this.index);
      this.close();
    });
    place.append(this.dialog);
  }

  get isOpen() {
    return this.dialog.open;
  }

  /**
   * @param {number} index  of the corner @param {import('./ends.js').End} end  what stands there
   * @param {import('./ends.js').Picture[]} samples @param {Shape|undefined} shape @param {string} credit  whose the samples are
   */
  open(index, { key, name }, samples, shape, credit) {
    this.index = index;
    this.#title.textContent = `A picture for corner ${'ABCD'[index]}`;
    this.#seed.hidden = name === '';
    this.#credit.textContent = samples.length > 0 ? credit : '';
    this.#samples.replaceChildren(
      ...(shape ? samples : []).map(({ levels }, i) => {
        const button = element('button', { type: 'button', 'aria-label': `Sample ${i}`, 'aria-pressed': String(key === `s${i}`), 'data-testid': `interpolate-sample-${i}` }, iconOf(levels, /** @type {Shape} */ (shape)));
        button.addEventListener('click', () => {
          this.onSample(this.index, i);
          this.close();
        });
        return button;
      }),
    );
    this.dialog.showModal();
  }

  close() {
    this.dialog.close();
  }
}
