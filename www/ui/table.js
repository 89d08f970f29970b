// Numbers to read and to copy: a table with one column for each list, and a button that copies all of it for a
// spreadsheet.

import { copyText, sayOn } from './copy.js';
import { element } from './dom.js';
import { precise } from './numbers.js';

/**
 * @typedef {object} Column
 * @property {string} label
 * @property {ArrayLike<number|string|null|undefined>} values  all columns are of one length
 */

/** A long table comes in pieces, so that the page stays alive. */
const ROWS_AT_ONCE = 100;

/** @param {Column[]} columns @returns {string} tab-separated, every number in full */
function asTsv(columns) {
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
  #filling = 0;

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
    this.#body.replaceChildren();
    cancelAnimationFrame(this.#filling);
    this.#fill(0, rows);
  }

  /** @param {number} from @param {number} rows */
  #fill(from, rows) {
    const until = Math.min(rows, from + ROWS_AT_ONCE);
    for (let i = from; i < until; i++) {
      const row = this.#body.insertRow();
      for (const { values } of this.#columns) row.insertCell().textContent = precise(values[i]);
    }
    if (until < rows) this.#filling = requestAnimationFrame(() => this.#fill(until, rows));
  }

  async #copyAll() {
    if (!(await copyText(this.#copy, asTsv(this.#columns)))) sayOn(this.#copy, 'The browser did not allow copying');
  }
}
