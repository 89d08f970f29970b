// A corner: the seed of its first noise and the picture that comes of it, or a picture that is given.

import { shorten } from '../../engine/errors.js';
import { dice } from '../../ui/dice.js';
import { element } from '../../ui/dom.js';
import { paint } from '../../ui/pixels.js';

/** As the setting `corners` allows. */
const SEED = /^\d{1,15}$/;

export class Corner {
  /** Where the field holds nonsense, what is wrong with it; otherwise empty. */
  problem = '';

  #label = element('label', {});
  #name = element('output', { className: 'corner-name', hidden: true });

  /** @param {number} index @param {(seed: number) => void} onSeed @param {() => void} onPick  a picture is wanted in place of the seed */
  constructor(index, onSeed, onPick) {
    this.onSeed = onSeed;
    this.name = 'ABCD'[index];
    const id = `interpolate-seed-${index}`;
    this.canvas = element('canvas', { role: 'img', width: 32, height: 32, 'data-testid': 'interpolate-corner' });
    this.field = element('input', { id, type: 'text', inputMode: 'numeric', autocomplete: 'off', spellcheck: false, 'data-testid': id });
    this.field.addEventListener('input', () => this.#take(this.field.value));
    const roll = dice({ 'data-testid': `interpolate-dice-${index}`, 'aria-label': `Roll a random seed for corner ${this.name}` }, (seed) => {
      this.field.value = String(seed);
      this.#take(this.field.value);
    });
    const pick = element('button', { type: 'button', className: 'corner-pick', 'aria-label': `A picture for corner ${this.name}`, 'data-testid': `interpolate-picture-${index}` }, 'picture…');
    pick.addEventListener('click', onPick);
    this.#label.htmlFor = id;
    this.#name.dataset.testid = `interpolate-name-${index}`;
    this.root = element('div', { className: `corner corner-${index}` },
      this.canvas,
      element('div', { className: 'corner-head' }, this.#label, pick),
      element('div', { className: 'corner-seed' }, this.field, this.#name, roll));
  }

  /** @param {string} text */
  #take(text) {
    const trimmed = text.trim();
    this.problem = SEED.test(trimmed) ? '' : `Seed ${this.name} must be a whole number of at most 15 digits; ${trimmed === '' ? 'the field is empty' : `“${shorten(trimmed)}” is not`}.`;
    this.field.setAttribute('aria-invalid', String(this.problem !== ''));
    if (!this.problem) this.onSeed(Number(trimmed));
  }

  /** @param {import('./ends.js').End} end */
  show({ seed, name }) {
    const hasPicture = name !== '';
    this.#label.textContent = hasPicture ? this.name : `Seed ${this.name}`;
    this.#name.textContent = name;
    this.#name.hidden = !hasPicture;
    this.field.hidden = hasPicture;
    this.canvas.setAttribute('aria-label', hasPicture ? `Corner ${this.name}, ${name}` : `Picture of seed ${seed}`);
    if (hasPicture) this.problem = '';
    if (hasPicture || document.activeElement === this.field && Number(this.field.value) === seed) return;
    this.field.value = String(seed);
    this.problem = '';
    this.field.setAttribute('aria-invalid', 'false');
  }

  /** @param {Uint8ClampedArray} levels  [C, H, W] @param {import('../../ui/pixels.js').Shape} shape @param {boolean} pale  whether it is no picture yet */
  paint(levels, shape, pale = false) {
    paint(this.canvas, levels, 0, shape);
    this.canvas.classList.toggle('pale', pale);
  }
}
