// Whether an x_T looks like noise: its moments, its neighbours and its distribution beside what noise has.

import { element } from '../../ui/dom.js';
import { toThousandths } from '../../ui/numbers.js';

/** @typedef {ReturnType<import('../../engine/figures.js').Figures['statistics']>} Statistics */

/** @type {{name: string, key: keyof Statistics, expected: string}[]} */
const ROWS = [
  { name: 'mean', key: 'mean', expected: '0' },
  { name: 'variance', key: 'variance', expected: '1' },
  { name: 'skewness', key: 'skewness', expected: '0' },
  { name: 'excess kurtosis', key: 'excess_kurtosis', expected: '0' },
  { name: 'correlation with the pixel to the right', key: 'correlation_right', expected: '0' },
  { name: 'correlation with the pixel below', key: 'correlation_down', expected: '0' },
  { name: 'distance from N(0, 1) (Kolmogorov–Smirnov)', key: 'ks', expected: '0' },
];

/** Distances from N(0, 1) up to which a picture of a thousand pixels passes for noise, or nearly does. */
const LIKE_NOISE = 0.06;
const NEARLY = 0.15;

/** Beyond these a thousand values are hardly independent, or hardly of variance 1. */
const NOTABLE = { correlation: 0.1, variance: 0.15 };

/** @param {Statistics} found @returns {string} in plain words */
function verdict({ variance, correlation_right: right, correlation_down: down, ks }) {
  const faults = [];
  if (Math.max(Math.abs(right ?? 0), Math.abs(down ?? 0)) > NOTABLE.correlation) faults.push('neighbouring pixels still know of each other');
  if (Math.abs(variance - 1) > NOTABLE.variance) faults.push(`its values are spread ${variance < 1 ? 'less' : 'more'} widely than those of noise`);
  if (faults.length === 0 && ks < LIKE_NOISE) return 'By these numbers it cannot be told from noise: what makes up the picture is hidden in the order of its values.';
  const why = faults.length > 0 ? faults.join(', and ') : 'its values are not distributed as those of noise';
  if (ks < NEARLY) return `It is nearly noise: ${why}.`;
  return `It is not quite noise: ${why}. Flat parts, such as a plain background, are just what the network expects, so it finds hardly any noise in them.`;
}

export class NoiseTable {
  #rows = ROWS.map(({ name, expected }) => {
    const [found, drawn] = [element('td', {}, '–'), element('td', {}, '–')];
    return { found, drawn, root: element('tr', {}, element('th', { scope: 'row' }, name), found, drawn, element('td', { className: 'quiet' }, expected)) };
  });
  #verdict = element('p', { 'data-testid': 'reconstruct-verdict' });

  constructor() {
    const head = ['of all values', 'this x_T', 'drawn noise', 'N(0, 1)'].map((text) => element('th', { scope: 'col' }, text));
    this.root = element('div', { className: 'card noise-card' },
      element('h3', {}, 'Does its noise look like noise?'),
      element('div', { className: 'scroll', tabIndex: 0, role: 'region', 'aria-label': 'Statistics of the noise' },
        element('table', { className: 'statistics', 'data-testid': 'reconstruct-statistics' }, element('thead', {}, element('tr', {}, ...head)), element('tbody', {}, ...this.#rows.map(({ root }) => root)))),
      this.#verdict);
    this.clear();
  }

  clear() {
    for (const { found, drawn } of this.#rows) found.textContent = drawn.textContent = '–';
    this.#verdict.textContent = 'Encode the picture to see.';
  }

  /** @param {Statistics} found  of the encoded picture @param {Statistics} drawn  of as much noise from the seed */
  show(found, drawn) {
    ROWS.forEach(({ key }, i) => {
      this.#rows[i].found.textContent = toThousandths(found[key]);
      this.#rows[i].drawn.textContent = toThousandths(drawn[key]);
    });
    this.#verdict.textContent = verdict(found);
  }
}
