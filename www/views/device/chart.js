// Every step that was measured, as a dot: to the right as time goes on, higher the longer it took, on a logarithmic scale
// so that a graphics card and a processor find room in one picture. The table beside it has the numbers.

import { contextOf } from '../../ui/pixels.js';
import { element } from '../../ui/dom.js';
import { Painter } from '../../ui/painter.js';
import { milliseconds, plural } from '../../ui/words.js';
import { summarize } from './benchmark.js';

/** @typedef {import('./benchmark.js').Series} Series @typedef {Series & {at: number[]}} Shown  at: when, as a share of its time */

const LEFT = 58;
const RIGHT = 10;
const TOP = 46;
const BOTTOM = 14;

/** Before anything is known. */
const USUAL = [5, 200];

/** Lines of the scale: 1, 2, 5, 10 … @param {number} value @param {boolean} up */
function roundTo125(value, up) {
  const decade = 10 ** Math.floor(Math.log10(value));
  const steps = [1, 2, 5, 10].map((step) => step * decade);
  return up ? (steps.find((step) => step >= value) ?? 10 * decade) : Number(steps.findLast((step) => step <= value));
}

export class Chart {
  /** @type {Shown[]} */
  #series = [];
  /** How many there will be. */
  #places = 3;
  #range = USUAL;
  #painter = new Painter();

  constructor() {
    this.canvas = element('canvas', { role: 'img', 'aria-label': 'Nothing is measured yet', 'data-testid': 'device-canvas' });
    this.root = element('div', { className: 'chart' }, this.canvas);
    new ResizeObserver(() => this.#ask()).observe(this.root);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#ask());
  }

  /** @param {number} places  batches that will be measured */
  begin(places) {
    this.#series = [];
    this.#places = places;
    this.#range = USUAL;
    this.#ask();
  }

  /** @param {Shown} series  more is added to it later */
  add(series) {
    this.#series.push(series);
    this.#ask();
  }

  /** Something was added. */
  update() {
    this.#ask();
  }

  /** Says in words what is drawn. */
  tell() {
    const parts = this.#series.filter(({ times }) => times.length > 0).map((series) => `${plural(series.batch, 'picture')} ${milliseconds(summarize(series).median)}`);
    this.canvas.setAttribute('aria-label', parts.length > 0 ? `Time of each step; medians: ${parts.join(', ')}` : 'Nothing is measured yet');
  }

  #ask() {
    this.#painter.later('chart', () => this.#draw());
  }

  #fitRange() {
    const all = this.#series.flatMap(({ times }) => times).filter((ms) => ms > 0);
    if (all.length === 0) return;
    let [low, high] = [Infinity, 0];
    for (const ms of all) [low, high] = [Math.min(low, ms), Math.max(high, ms)];
    // It grows only, so that nothing jumps to and fro.
    const [least, most] = this.#range;
    this.#range = [Math.min(least, roundTo125(low, false)), Math.max(most, roundTo125(high * 1.1, true))];
  }

  #draw() {
    const { clientWidth: width, clientHeight: height } = this.root;
    if (width === 0) return;
    const { canvas } = this;
    const ratio = devicePixelRatio;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      Object.assign(canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
    }
    const context = contextOf(canvas);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const style = getComputedStyle(canvas);
    /** @param {string} name */
    const colour = (name) => style.getPropertyValue(name).trim();
    context.font = `13px ${style.fontFamily}`;
    this.#fitRange();
    const [least, most] = this.#range;
    const place = (width - LEFT - RIGHT) / this.#places;
    /** @param {number} ms */
    const y = (ms) => height - BOTTOM - ((height - TOP - BOTTOM) * Math.log(ms / least)) / Math.log(most / least);

    context.strokeStyle = colour('--line');
    context.fillStyle = colour('--quiet');
    context.textAlign = 'right';
    context.textBaseline = 'middle';
    for (let ms = least; ms <= most * 1.01; ms = roundTo125(ms * 1.5, true)) {
      context.beginPath();
      context.moveTo(LEFT, y(ms));
      context.lineTo(width - RIGHT, y(ms));
      context.stroke();
      context.fillText(ms < 1000 ? `${Number(ms.toPrecision(1))} ms` : `${ms / 1000} s`, LEFT - 8, y(ms));
    }
    if (this.#series.length === 0) {
      context.textAlign = 'center';
      context.fillText('Each step will be a dot here.', LEFT + (width - LEFT - RIGHT) / 2, 12);
    }
    this.#series.forEach((series, i) => this.#drawSeries(context, series, LEFT + i * place, place, y, colour));
  }

  /**
   * @param {CanvasRenderingContext2D} context @param {Shown} series @param {number} left @param {number} width
   * @param {(ms: number) => number} y @param {(name: string) => string} colour
   */
  #drawSeries(context, series, left, width, y, colour) {
    const { batch, device, times, at } = series;
    const inner = width - 12;
    context.textAlign = 'center';
    context.fillStyle = colour('--text');
    // With a processor beside the card there is no room for more.
    const narrow = width < 110;
    context.fillText(narrow ? `${batch}×` : plural(batch, 'picture'), left + width / 2, 10);
    context.fillStyle = colour(device === 'webgpu' ? '--line-2' : '--line-1');
    context.fillText(device === 'cpu' ? 'CPU' : narrow ? 'GPU' : 'graphics card', left + width / 2, 27);
    context.globalAlpha = 0.45;
    times.forEach((ms, i) => {
      context.beginPath();
      context.arc(left + 6 + Math.min(1, at[i]) * inner, y(Math.max(ms, 0.05)), 2.2, 0, 2 * Math.PI);
      context.fill();
    });
    context.globalAlpha = 1;
    if (times.length === 0) return;
    const { median } = summarize(series);
    context.strokeStyle = context.fillStyle;
    context.lineWidth = 2;
    context.beginPath();
    context.moveTo(left + 4, y(median));
    context.lineTo(left + width - 4, y(median));
    context.stroke();
    context.lineWidth = 1;
    const text = milliseconds(median);
    const above = y(median) > TOP + 22;
    const middle = left + width / 2;
    const half = context.measureText(text).width / 2 + 5;
    const level = y(median) + (above ? -15 : 15);
    context.fillStyle = colour('--surface');
    context.fillRect(middle - half, level - 9, 2 * half, 18);
    context.fillStyle = colour('--text');
    context.fillText(text, middle, level);
  }
}
