// The loss of every step so far, and its mean over the last ones.

import { element } from '../../ui/dom.js';
import { Plot } from '../../ui/plot.js';
import { termButton } from '../../ui/terms.js';

/** A plot has so many points at most: each is the mean of some steps. */
const POINTS = 240;

/** The mean looks back on so many steps. */
const WINDOW = 50;

/** How often it is drawn, in ms. */
const INTERVAL_MS = 500;

/** @param {number[]} values @param {number} from @param {number} to */
const mean = (values, from, to) => {
  let sum = 0;
  for (let i = from; i < to; i++) sum += values[i];
  return sum / (to - from);
};

/** @param {number[]} losses @returns {import('../../ui/plot.js').PlotData} */
function dataOf(losses) {
  const width = Math.max(1, Math.ceil(losses.length / POINTS));
  const ends = Array.from({ length: Math.ceil(losses.length / width) }, (_, i) => Math.min(losses.length, (i + 1) * width));
  return {
    title: 'Loss against the number of steps',
    x: { label: 'steps', values: ends },
    series: [
      { label: width > 1 ? `mean of ${width} steps` : 'each step', values: ends.map((end, i) => mean(losses, i * width, end)), colour: '--line-6', dash: [2, 3], width: 1 },
      { label: `mean of the last ${WINDOW}`, values: ends.map((end) => mean(losses, Math.max(0, end - WINDOW), end)), colour: '--line-1', dash: [] },
    ],
    unit: 'loss',
  };
}

export class Curve {
  root = element('section', { className: 'card loss-card', 'aria-labelledby': 'train-loss' }, element('h3', {}, element('span', { id: 'train-loss' }, 'Loss'), termButton('training_loss')));
  #plot = new Plot(this.root, dataOf([]), 'train-plot');
  #drawn = -Infinity;

  constructor() {
    this.root.append(element('p', { className: 'quiet' }, 'How far off the network is when it takes the noise out of a picture; some noise nobody can guess, so it does not go to 0.'));
  }

  /** @param {number[]} losses @param {boolean} [now]  however shortly ago it was drawn */
  show(losses, now = true) {
    if (!now && performance.now() - this.#drawn < INTERVAL_MS) return;
    this.#drawn = performance.now();
    this.#plot.update(dataOf(losses));
  }
}
