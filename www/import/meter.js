// How far a download is, and how fast.

import { element } from '../ui/dom.js';
import { duration, megabytes } from '../ui/words.js';

/** The speed is that of the last few seconds, in ms. */
const WINDOW = 4000;

/** Numbers that change more often cannot be read, in ms. */
const INTERVAL = 200;

export class Meter {
  #bar = element('progress', { 'data-testid': 'own-progress', 'aria-label': 'Download' });
  #figures = element('p', { className: 'quiet', 'data-testid': 'own-figures' });
  /** @type {{at: number, have: number}[]} */
  #past = [];
  #size = 0;
  /** Whether what has been told is to be shown soon. */
  #waits = false;

  constructor() {
    this.root = element('div', { className: 'own-meter' }, this.#bar, this.#figures);
  }

  /** @param {number} have @param {number} size  0 while unknown */
  tell(have, size) {
    const at = performance.now();
    this.#past = [...this.#past.filter((moment) => at - moment.at < WINDOW), { at, have }];
    this.#size = size;
    if (this.#waits) return;
    this.#waits = true;
    setTimeout(() => this.#show(), INTERVAL);
  }

  #show() {
    this.#waits = false;
    const size = this.#size;
    const [first] = this.#past;
    const { at, have } = this.#past[this.#past.length - 1];
    if (size > 0) Object.assign(this.#bar, { max: size, value: have });
    else this.#bar.removeAttribute('value');
    const speed = at > first.at ? ((have - first.have) / (at - first.at)) * 1000 : 0;
    const left = size > 0 && speed > 0 && have < size ? `, ${duration(((size - have) / speed) * 1000)} left` : '';
    this.#figures.textContent = `${megabytes(have)}${size > 0 ? ` of ${megabytes(size)}` : ''} MB${speed > 0 ? ` · ${megabytes(speed)} MB/s${left}` : ''}`;
  }
}
