// Numbers to read and to copy: a table with one column for each list, and a button that copies all of it for a
// spreadsheet.

import { element } from './dom.js';

/**
 * @typedef {object} Column
 * @property {string} label
 * @property {ArrayLike<number|string|null|undefined>} values  all columns are of one length
 */

/** As many digits as single precision holds. */
const DIGITS = 7;

/** @param {number|string|null|undefined} value @returns {string} empty where there is none */
export function cell(value) {
  if (typeof value === 'string') return value;
  if (value === null || value === undefined || Number.isNaN(value)) return '';
  return String(Number(value.toPrecision(DIGITS)));
}

/** @param {Column[]} columns @returns {string} tab-separated, every number in full */
export function asTsv(columns) {
  const rows = Math.max(0, ...columns.map(({ values }) => values.length));
  const lines = [columns.map(({ label }) => label)];
  for (let i = 0; i < rows; i++) {
    lines.push(columns.map(({ values }) => (Number.isNaN(values[i]) ? '' : String(values[i] ?? ''))));
  }
  return lines.map((line) => line.join('\t')).join('\n');
}

/** A table that scrolls in its own box. */
export class Table {
  #body = element('tbody');
  #head = element('tr');
  #copy = element('button', { type: 'button', className: 'table-copy' }, 'Copy for a spreadsheet');
  /** @type {Column[]} */
  #columns = [];

  /** @param {HTMLElement} place @param {string} caption @param {Column[]} [columns] */
  constructor(place, caption, columns = []) {
    this.#copy.addEventListener('click', () => this.#copyAll());
    const box = element('div', { className: 'table-box', role: 'region', 'aria-label': caption, tabIndex: 0 },
      element('table', {}, element('caption', { className: 'unseen' }, caption), element('thead', {}, this.#head), this.#body));
    place.append(box, this.#copy);
    this.update(columns);
  }

  /** @param {Column[]} columns */
  update(columns) {
    this.#columns = columns;
    const rows = Math.max(0, ...columns.map(({ values }) => values.length));
    this.#head.replaceChildren(...columns.map(({ label }) => element('th', { scope: 'col' }, label)));
    this.#body.replaceChildren(...Array.from({ length: rows }, (_, i) => element('tr', {}, ...columns.map(({ values }) => element('td', {}, cell(values[i]))))));
  }

  async #copyAll() {
    const said = this.#copy.textContent;
    try {
      await navigator.clipboard.writeText(asTsv(this.#columns));
      this.#copy.textContent = 'Copied';
    } catch {
      this.#copy.textContent = 'The browser did not allow copying';
    }
    this.#copy.disabled = true;
    setTimeout(() => Object.assign(this.#copy, { textContent: said, disabled: false }), 2000);
  }
}
