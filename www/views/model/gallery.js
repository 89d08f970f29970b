// The models to choose from, each with pictures that it made. One of them is open: its card is on show, whichever of
// them is in use.

import { previewOf } from '../../models.js';
import { element } from '../../ui/dom.js';

/** @typedef {import('../../models.js').Model} Model */

export class Gallery {
  /** @type {Map<string, {radio: HTMLInputElement, size: HTMLElement, state: HTMLElement}>} by the model's id */
  #entries = new Map();
  /** @type {HTMLButtonElement} */
  #own;

  /**
   * @param {Model[]} models @param {(id: string) => void} onOpen  hears of a hand that opens one
   * @param {() => void} onOwn  hears of a hand that wants to bring one along
   */
  constructor(models, onOpen, onOwn) {
    this.onOpen = onOpen;
    this.#own = element('button', { type: 'button', className: 'own-card', 'data-testid': 'model-own-card' },
      element('span', { className: 'plus', 'aria-hidden': 'true' }), element('span', { className: 'model-name' }, 'Your own model'),
      element('span', { className: 'quiet' }, 'Files, a folder, a zip or a link; or drop it anywhere'));
    this.#own.addEventListener('click', onOwn);
    this.root = element('fieldset', { className: 'gallery' });
    this.list(models);
  }

  /** @param {Model[]} models */
  list(models) {
    this.#entries.clear();
    this.root.replaceChildren(element('legend', { className: 'unseen' }, 'Models'), ...models.map((model) => this.#card(model)), this.#own);
  }

  /** @param {Model} model */
  #card(model) {
    const { id, name, note } = model;
    const radio = element('input', { type: 'radio', name: 'model-open', value: id, 'data-testid': `model-option-${id}` });
    radio.addEventListener('change', () => this.onOpen(id));
    const picture = previewOf(model) ? this.#picture(model) : element('span', { className: 'no-picture quiet' }, 'No pictures yet');
    const size = element('span', { className: 'size' });
    const state = element('span', { className: 'state-of' });
    this.#entries.set(id, { radio, size, state });
    return element('label', { className: 'model-card' }, picture,
      element('span', { className: 'words' },
        element('span', { className: 'model-name' }, radio, name), element('span', { className: 'quiet' }, note),
        element('span', { className: 'meta' }, size, state)));
  }

  /** @param {Model} model */
  #picture(model) {
    const picture = element('img', { alt: `Pictures that ${model.name} made`, width: 266, height: 266, decoding: 'async' });
    picture.addEventListener('error', () => picture.classList.add('missing'));
    picture.src = previewOf(model);
    return picture;
  }

  /** @param {string} id  of the one that is open */
  open(id) {
    for (const [other, { radio }] of this.#entries) radio.checked = other === id;
  }

  /** @param {string} id @param {string} text */
  tellSize(id, text) {
    const entry = this.#entries.get(id);
    if (entry) entry.size.textContent = text;
  }

  /** @param {string} id  of the one that is in use @param {string} text */
  tellUse(id, text) {
    for (const [other, { state }] of this.#entries) state.textContent = other === id ? text : '';
  }
}
