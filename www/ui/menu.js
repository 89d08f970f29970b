// A button with a short menu behind it, such as “Save ▾”. Arrow keys, letters, Home and End move in it; Esc, a click
// elsewhere and leaving it with Tab close it.

import { element } from './dom.js';

/** @typedef {{label: string, hint?: string, action: () => unknown}} Item  hint: a few words on what comes of it */

export class Menu {
  /** @type {HTMLButtonElement[]} */
  #entries = [];

  /**
   * @param {string} label  what the button says
   * @param {Item[] | (() => Item[]|Promise<Item[]>)} items  a function is asked whenever the menu is opened
   * @param {string} testId
   */
  constructor(label, items, testId) {
    this.items = items;
    this.list = element('div', { className: 'menu-list', role: 'menu', 'aria-label': label, id: `${testId}-menu`, hidden: true });
    this.button = element(
      'button',
      { type: 'button', 'data-testid': testId, 'aria-haspopup': 'menu', 'aria-expanded': 'false', 'aria-controls': this.list.id },
      label,
      element('span', { className: 'menu-arrow', 'aria-hidden': 'true' }),
    );
    this.root = element('div', { className: 'menu' }, this.button, this.list);
    this.button.addEventListener('click', () => (this.isOpen ? this.close() : this.open()));
    this.root.addEventListener('keydown', (event) => this.#press(event));
    this.root.addEventListener('focusout', ({ relatedTarget }) => {
      if (!(relatedTarget instanceof Node && this.root.contains(relatedTarget))) this.#fold();
    });
    // Not every browser gives a button the focus that is clicked.
    document.addEventListener('pointerdown', ({ target }) => {
      if (!(target instanceof Node && this.root.contains(target))) this.#fold();
    });
  }

  get isOpen() {
    return !this.list.hidden;
  }

  /** @param {boolean} usable */
  enable(usable) {
    if (!usable) this.#fold();
    this.button.disabled = !usable;
  }

  /** @param {number} [at]  the entry that has the focus then; -1 is the last */
  open(at = 0) {
    const items = typeof this.items === 'function' ? this.items() : this.items;
    if (items instanceof Promise) void items.then((there) => this.#show(there, at));
    else this.#show(items, at);
  }

  /** @param {Item[]} items @param {number} at */
  #show(items, at) {
    if (items.length === 0) return;
    this.#entries = items.map((item) => this.#entry(item));
    this.list.replaceChildren(...this.#entries);
    this.list.hidden = false;
    this.button.setAttribute('aria-expanded', 'true');
    this.#place();
    this.#entries.at(at)?.focus();
  }

  /** Closes it, and goes back to the button. */
  close() {
    if (!this.isOpen) return;
    this.button.focus();
    this.#fold();
  }

  #fold() {
    this.list.hidden = true;
    this.button.setAttribute('aria-expanded', 'false');
  }

  /** Below the button and to the right, unless the window ends there. */
  #place() {
    this.list.classList.remove('up', 'left');
    const { bottom, right, height } = this.list.getBoundingClientRect();
    const { top } = this.button.getBoundingClientRect();
    this.list.classList.toggle('up', bottom > innerHeight && top > height);
    this.list.classList.toggle('left', right > document.documentElement.clientWidth);
  }

  /** @param {Item} item */
  #entry({ label, hint, action }) {
    const entry = element('button', { type: 'button', role: 'menuitem', tabIndex: -1 }, element('span', {}, label));
    if (hint) entry.append(element('span', { className: 'hint' }, hint));
    entry.addEventListener('click', () => {
      this.close();
      action();
    });
    return entry;
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    const { key } = event;
    if (!this.isOpen) {
      if (event.target !== this.button || this.button.disabled || (key !== 'ArrowDown' && key !== 'ArrowUp')) return;
      event.preventDefault();
      this.open(key === 'ArrowDown' ? 0 : -1);
      return;
    }
    if (key === 'Escape') {
      // For the page it means to stop.
      event.stopPropagation();
      this.close();
      return;
    }
    const count = this.#entries.length;
    const now = this.#entries.findIndex((entry) => entry === document.activeElement);
    /** @type {Record<string, number>} */
    const places = { ArrowDown: (now + 1) % count, ArrowUp: (now - 1 + count) % count, Home: 0, End: count - 1 };
    let to = places[key] ?? -1;
    if (to < 0 && key.length === 1 && key !== ' ' && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const after = [...this.#entries.keys()].map((i) => (now + 1 + i) % count);
      to = after.find((i) => this.#entries[i].textContent?.toLowerCase().startsWith(key.toLowerCase())) ?? -1;
    }
    if (to < 0) return;
    event.preventDefault();
    this.#entries[to].focus();
  }
}
