// One cell in large, with its numbers and a link that makes it alone.

import { formatHash } from '../../hash.js';
import { hasView, settingOf } from '../../state.js';
import { dialogWith } from '../../ui/dialog.js';
import { element } from '../../ui/dom.js';
import { contextOf } from '../../ui/pixels.js';
import { milliseconds } from '../../ui/words.js';
import { clock, distanceText } from './cell.js';

/** @typedef {import('./cell.js').CellView} CellView */

/** The sides of the picture, CSS pixels at most. */
const SIDE = 320;

/** @param {import('../../state.js').Values} values @param {'method'|'tau'} key */
function choiceText(values, key) {
  const setting = settingOf(key);
  return (setting.kind === 'choice' && setting.choices.find(([value]) => value === values[key])?.[1]) || values[key];
}

export class Enlarged {
  /** The cell on show. @type {CellView|null} */
  #view = null;
  #draws = false;
  #canvas = element('canvas', { role: 'img', 'data-testid': 'compare-large' });
  #title = element('h3', { id: 'compare-large-title' });
  #numbers = element('dl', {});
  #foot = element('p', { className: 'foot' });
  #close = element('button', { type: 'button', className: 'close' }, 'Close');

  /** @param {HTMLElement} place */
  constructor(place) {
    this.root = dialogWith({ className: 'large', 'data-testid': 'compare-dialog', 'aria-labelledby': 'compare-large-title' },
      element('div', { className: 'sheet' }, this.#canvas, element('div', { className: 'about' }, this.#title, this.#numbers, this.#foot, this.#close)));
    this.#close.addEventListener('click', () => this.root.close());
    this.root.addEventListener('close', () => (this.#view = null));
    place.append(this.root);
  }

  /** @param {CellView} view @param {boolean} draws  whether it is one of many from one x_t */
  open(view, draws) {
    this.#view = view;
    this.#draws = draws;
    const { cell, canvas } = view;
    const { width, height } = canvas;
    Object.assign(this.#canvas, { width, height });
    this.#canvas.setAttribute('aria-label', cell.name);
    const scale = Math.max(1, Math.floor(SIDE / Math.max(width, height)));
    this.#canvas.style.width = `${width * scale}px`;
    this.#title.textContent = cell.name;
    this.paint();
    this.root.showModal();
  }

  close() {
    this.root.close();
  }

  /** Shows what has come since the last time. */
  paint() {
    const view = this.#view;
    if (!view) return;
    contextOf(this.#canvas).drawImage(view.canvas, 0, 0);
    const numbers = this.#numbersOf(view).flatMap(([name, value]) => [element('dt', {}, name), element('dd', {}, value)]);
    this.#numbers.replaceChildren(...numbers);
    // Replaced only when it says something else, so that the link keeps the focus.
    const link = this.#link(view);
    if (this.#foot.dataset.shows === link) return;
    this.#foot.dataset.shows = link;
    this.#foot.replaceChildren(link.startsWith('#') ? this.#anchor(link) : link);
  }

  /** @param {CellView} view @returns {[string, string][]} */
  #numbersOf({ cell: { values, firstImage }, run, state, made, distance, finest, refusal }) {
    /** @type {[string, string][]} */
    const numbers = [['Steps S', run && made < run.total ? `${made} of ${run.total}` : String(run?.total ?? values.steps)]];
    if (values.method === 'ddim') numbers.push(['Fresh noise η', String(values.eta)]);
    numbers.push(['Sampler', choiceText(values, 'method')], ['Step spacing τ', choiceText(values, 'tau')], ['Seed', `${values.seed}${firstImage > 0 ? `, picture ${firstImage + 1}` : ''}`]);
    if (refusal) return [...numbers, ['Not possible', refusal]];
    if (run && made > 0) numbers.push(['Time', `${clock(run.ms)}, ${milliseconds(run.msPerStep)} a step`]);
    if (finest) numbers.push(['Distance Δ', 'the others are measured from this one']);
    else if (distance !== null) numbers.push(['Distance Δ', `${distanceText(distance)} of 255 (root mean square)`]);
    if (state === 'stopped') numbers.push(['State', 'stopped before its end']);
    return numbers;
  }

  /** The settings in a link, or why there is none. @param {CellView} view */
  #link({ cell: { values, firstImage }, refusal }) {
    if (refusal || !hasView('generate')) return '';
    if (this.#draws) return 'It goes on from an x_t in the middle, so Generate cannot make it alone.';
    const batch = settingOf('batch');
    const most = batch.kind === 'integer' ? batch.max : 1;
    if (firstImage >= most) return `Generate makes at most ${most} pictures, and this would be number ${firstImage + 1}.`;
    return `#${formatHash({ ...values, view: 'generate', batch: firstImage + 1 })}`;
  }

  /** @param {string} href */
  #anchor(href) {
    const anchor = element('a', { href, 'data-testid': 'compare-open' }, 'Open in Generate');
    anchor.addEventListener('click', () => this.root.close());
    return anchor;
  }
}
