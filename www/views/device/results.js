// What was measured, as a table, and as JSON that says what it was measured with.

import { element } from '../../ui/dom.js';
import { scrollingRow } from '../../ui/row.js';
import { milliseconds } from '../../ui/words.js';
import { summarize } from './benchmark.js';

/**
 * @typedef {import('./benchmark.js').Series} Series
 *
 * @typedef {object} Report  as JSON
 * @property {Record<string, unknown>} about  version, browser, adapter, model, date
 * @property {Series[]} series
 */

/** @param {number} number @param {number} digits */
const rounded = (number, digits) => Number(number.toPrecision(digits));

/** @param {Report} report @returns {string} */
export function asJson({ about, series }) {
  const results = series
    .filter(({ times }) => times.length > 0)
    .map((one) => {
      const { median, middle, stepsPerSecond, perPicture } = summarize(one);
      return {
        device: one.device,
        batch: one.batch,
        workers: one.workers,
        steps: one.times.length,
        ms_per_step: rounded(median, 4),
        ms_middle_half: middle.map((ms) => rounded(ms, 4)),
        steps_per_second: rounded(stepsPerSecond, 4),
        ms_per_step_and_picture: rounded(perPicture, 4),
      };
    });
  return JSON.stringify({ ...about, results }, null, 2);
}

const COLUMNS = ['Device', 'Pictures at once', 'A step takes', 'Typically', 'Steps a second', 'For each picture'];

export class ResultsTable {
  constructor() {
    this.caption = element('caption', {}, 'Nothing is measured yet.');
    this.body = element('tbody');
    const head = element('tr', {}, ...COLUMNS.map((text) => element('th', { scope: 'col' }, text)));
    const table = element('table', { 'data-testid': 'device-table' }, this.caption, element('thead', {}, head), this.body);
    this.root = element('div', { className: 'scroller', tabIndex: 0, role: 'group', 'aria-label': 'What was measured' }, table);
    scrollingRow(this.root);
  }

  /** Rows that are still to be filled. @param {Pick<Series, 'device'|'batch'>[]} planned @param {string} caption */
  begin(planned, caption) {
    this.caption.textContent = caption;
    this.body.replaceChildren(...planned.map((one) => this.#row({ ...one, workers: 1, times: [] })));
  }

  /** @param {Series[]} series  the first rows of those that were planned */
  show(series) {
    series.forEach((one, i) => this.body.children[i]?.replaceWith(this.#row(one)));
  }

  /** @param {Series} series */
  #row(series) {
    const { device, batch, workers, times } = series;
    const name = device === 'webgpu' ? 'Graphics card' : workers > 1 ? `CPU, ${workers} cores` : 'CPU';
    const cells = [name, String(batch)];
    if (times.length > 0) {
      const { median, middle, stepsPerSecond, perPicture } = summarize(series);
      const [low, high] = middle.map(milliseconds);
      cells.push(milliseconds(median), low === high ? low : `${low.replace(/ ms$/, '')}–${high}`, stepsPerSecond.toFixed(stepsPerSecond < 10 ? 1 : 0), milliseconds(perPicture));
    } else cells.push('–', '–', '–', '–');
    return element('tr', {}, element('th', { scope: 'row' }, cells[0]), ...cells.slice(1).map((text) => element('td', {}, text)));
  }
}
