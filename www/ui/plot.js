// Lines over a common axis: a legend that names each by colour and by dash, a readout under the pointer, marks on the
// axis, and the numbers behind it as a table. Drawn by uPlot; loaded only by views that plot.

import './language.js';
import uPlot from '../vendor/uplot/uPlot.js';
import { addSheet, element } from './dom.js';
import { short } from './numbers.js';
import { Painter } from './painter.js';
import { Table } from './table.js';

/**
 * @typedef {ArrayLike<number|null|undefined>} Numbers  null, undefined and NaN leave a gap
 *
 * @typedef {object} Line
 * @property {string} label
 * @property {Numbers} values  as many as the axis has
 * @property {string} [colour]  a CSS variable: --x0, --xt, --eps, --text, or one of --line-1 to --line-6
 * @property {number[]} [dash]  lengths of line and gap; without it every line of a plot gets its own
 * @property {boolean} [points]  whether each value has a dot
 * @property {number} [width]
 *
 * @typedef {object} PlotData
 * @property {string} title  what it shows, also for those who do not see it
 * @property {{label: string, values: Numbers}} x  in rising order
 * @property {Line[]} series
 * @property {string} [unit]  of the values, on the axis
 * @property {'x'|'y'|'xy'} [log]  which axes are logarithmic; what is not above 0 leaves a gap there
 * @property {[number, number]} [range]  of the values' axis; by default it fits them
 * @property {number[]} [marks]  places on the x axis
 * @property {string} [marksLabel]  what they are
 * @property {boolean} [legend]  false where another plot beside it, or `legendOf`, names the lines
 */

/** One after the other, where a line says nothing itself. */
const COLOURS = ['--line-1', '--line-2', '--line-3', '--line-4', '--line-5', '--line-6'];
const DASHES = [[], [7, 4], [2, 3], [10, 3, 2, 3], [4, 2], [12, 4], [1, 2], [6, 2, 2, 2, 2, 2]];

/** A table that is open follows its plot so often. */
const TABLE_INTERVAL_MS = 500;

const AXIS_FONT = '12px -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';

/** Its style and uPlot's, once for the page; it is worth waiting for them. */
await Promise.all(['../vendor/uplot/uPlot.css', '../style/plot.css'].map((path) => addSheet(new URL(path, import.meta.url))));

/** @param {Numbers} values @param {boolean} positive  whether the axis has no place for the others */
function drawable(values, positive) {
  return Array.from(values, (value) => (typeof value !== 'number' || !Number.isFinite(value) || (positive && value <= 0) ? null : value));
}

/** A logarithmic axis has so many numbers at most. */
const MOST_DECADES = 6;

/** The whole powers of ten. @param {(number|null)[]} splits @param {number} [every] */
function powers(splits, every = 1) {
  return splits.map((value) => {
    const power = Math.log10(value ?? NaN);
    return Math.abs(power - Math.round(power)) < 1e-6 && Math.round(power) % every === 0 ? value : null;
  });
}

/** The lines of a logarithmic grid would hide those of the plot. @type {uPlot.Axis.Filter} */
const decades = (_, splits) => powers(splits);

/** @type {uPlot.Axis.Filter} */
const someDecades = (_, splits) => {
  const all = powers(splits).filter((value) => value !== null);
  return powers(splits, Math.ceil(all.length / MOST_DECADES));
};

/** A piece of a line, as it is drawn. @param {string} colour @param {number[]} dash @param {boolean} points */
function swatch(colour, dash, points) {
  const SVG = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(SVG, 'svg');
  for (const [name, value] of Object.entries({ width: 28, height: 10, viewBox: '0 0 28 10', 'aria-hidden': true })) svg.setAttribute(name, String(value));
  const line = document.createElementNS(SVG, 'line');
  for (const [name, value] of Object.entries({ x1: 0, y1: 5, x2: 28, y2: 5, 'stroke-width': 2, 'stroke-dasharray': dash.join(' ') || 'none' })) line.setAttribute(name, String(value));
  line.style.stroke = `var(${colour})`;
  svg.append(line);
  if (points) {
    const dot = document.createElementNS(SVG, 'circle');
    for (const [name, value] of Object.entries({ cx: 14, cy: 5, r: 3.5 })) dot.setAttribute(name, String(value));
    dot.style.fill = `var(${colour})`;
    svg.append(dot);
  }
  return svg;
}

/** All but the numbers. @param {PlotData} data */
function lookOf({ title, x, series, log, unit, range, marks, marksLabel, legend }) {
  return JSON.stringify([title, x.label, log, unit, range, marks && marksLabel, legend, series.map((line) => ({ ...line, values: null }))]);
}

/** @param {Line} line @param {number} i  which of its plot */
function styleOf(line, i) {
  const { colour = COLOURS[i % COLOURS.length], dash = DASHES[i % DASHES.length], points = false, width = 2 } = line;
  return { colour, dash, points, width };
}

/** @param {Node|string} sign @param {string} label @param {...Node} more */
const legendItem = (sign, label, ...more) => element('li', {}, sign, label, ...more);

/** @param {string} label @returns {HTMLLIElement} */
const marksItem = (label) => legendItem(element('span', { className: 'plot-mark', 'aria-hidden': true }, '|||'), label);

/** A legend for several plots of the same lines. @param {Line[]} series @param {string} [marksLabel] */
export function legendOf(series, marksLabel) {
  const lines = series.map((line, i) => {
    const { colour, dash, points } = styleOf(line, i);
    return legendItem(swatch(colour, dash, points), line.label);
  });
  return element('ul', { className: 'plot-legend' }, ...lines, ...(marksLabel ? [marksItem(marksLabel)] : []));
}

export class Plot {
  #chart = element('div', { className: 'plot-chart', role: 'img' });
  #legend = element('ul', { className: 'plot-legend' });
  #folded = element('details', { className: 'plot-table' }, element('summary', {}, 'As a table'));
  #here = element('div', { className: 'plot-here', hidden: true });
  /** @type {HTMLElement[]} */
  #readouts = [];
  /** @type {uPlot|null} */
  #plot = null;
  /** @type {PlotData} */
  #data;
  /** @type {Table|null} */
  #table = null;
  /** Where the line for the present stands. @type {number|null} */
  #at = null;
  #painter = new Painter();
  #stale = false; // whether the next painting needs more than new numbers
  #moved = false; // whether it needs those
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #tableTimer;
  #observer = new ResizeObserver(() => this.#resize());
  #scheme = matchMedia('(prefers-color-scheme: dark)');
  #recolour = () => this.#plot?.redraw(true);

  /** @param {HTMLElement} place @param {PlotData} data @param {string} [testId] */
  constructor(place, data, testId) {
    this.#data = data;
    this.root = element('figure', { className: 'plot', ...(testId && { 'data-testid': testId }) }, this.#legend, this.#chart, this.#folded);
    place.append(this.root);
    this.#folded.addEventListener('toggle', () => this.#fillTable());
    this.#build();
    this.#observer.observe(this.#chart);
    this.#scheme.addEventListener('change', this.#recolour);
  }

  /** Other numbers, lines or marks; what is not named stays. It is drawn with the next frame. @param {Partial<PlotData>} data */
  update(data) {
    const before = this.#data;
    this.#data = { ...before, ...data };
    this.#stale ||= lookOf(before) !== lookOf(this.#data);
    this.#moved ||= Boolean(data.x || data.series);
    this.#painter.later('plot', () => this.#paint());
  }

  /** Moves the line that says where one is; null takes it away. @param {number|null} x */
  at(x) {
    this.#at = x;
    this.#showAt();
  }

  /** Takes it off the page. */
  remove() {
    this.#painter.drop();
    clearTimeout(this.#tableTimer);
    this.#observer.disconnect();
    this.#scheme.removeEventListener('change', this.#recolour);
    this.#plot?.destroy();
    this.root.remove();
  }

  #paint() {
    if (this.#stale) this.#build();
    else if (this.#moved) this.#plot?.setData(this.#aligned());
    else this.#plot?.redraw(false);
    this.#moved = false;
    this.#name();
    if (this.#folded.open) this.#tableTimer ??= setTimeout(() => this.#fillTable(), TABLE_INTERVAL_MS);
  }

  /** @returns {uPlot.AlignedData} */
  #aligned() {
    const { x, series, log = '' } = this.#data;
    return /** @type {uPlot.AlignedData} */ ([drawable(x.values, log.includes('x')), ...series.map(({ values }) => drawable(values, log.includes('y')))]);
  }

  #build() {
    this.#stale = false;
    this.#plot?.destroy();
    const { x, series, log = '', unit = '', range } = this.#data;
    const colourOf = (/** @type {string} */ name) => getComputedStyle(this.root).getPropertyValue(name);
    /** @param {'x'|'y'} which @returns {uPlot.Axis} */
    const axis = (which) => ({
      stroke: () => colourOf('--quiet'),
      grid: { stroke: () => colourOf('--line'), width: 1, ...(log.includes(which) && { filter: decades }) },
      ticks: { stroke: () => colourOf('--line'), width: 1, size: 5, ...(log.includes(which) && { filter: decades }) },
      ...(log.includes(which) && { filter: someDecades }),
      font: AXIS_FONT,
      labelFont: AXIS_FONT,
      values: (_, splits) => splits.map((value) => (value === null ? '' : short(value))),
    });
    const { width, height } = this.#size();
    this.#plot = new uPlot(
      {
        width,
        height,
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
        scales: {
          x: { time: false, distr: log.includes('x') ? 3 : 1 },
          y: { distr: log.includes('y') ? 3 : 1, ...(range && { range }) },
        },
        axes: [
          { ...axis('x'), label: x.label, labelSize: 18, size: 28 },
          { ...axis('y'), size: 56, ...(unit && { label: unit, labelSize: 20 }) },
        ],
        series: [
          {},
          ...series.map((line, i) => {
            const { colour, dash, points, width: thick } = styleOf(line, i);
            return {
              label: line.label,
              stroke: () => colourOf(colour),
              width: thick,
              dash,
              points: { show: points, size: 7, fill: () => colourOf(colour) },
            };
          }),
        ],
        // Only then are places what the new numbers make of them.
        hooks: { draw: [(plot) => this.#drawMarks(plot, colourOf('--text')), () => this.#showAt()], setCursor: [(plot) => this.#read(plot)] },
      },
      this.#aligned(),
      this.#chart,
    );
    this.#plot.over.append(this.#here);
    this.#list();
    this.#name();
  }

  /** The legend, with the values under the pointer. */
  #list() {
    const { x, series, marks, marksLabel, legend = true } = this.#data;
    this.#legend.hidden = !legend;
    this.#readouts = [x, ...series].map(() => element('span', { className: 'plot-value' }));
    const [here, ...values] = this.#readouts;
    const lines = series.map((line, i) => {
      const { colour, dash, points } = styleOf(line, i);
      return legendItem(swatch(colour, dash, points), line.label, values[i]);
    });
    const axis = legendItem(element('span', { className: 'plot-axis', 'aria-hidden': true }, '↔'), x.label, here);
    this.#legend.replaceChildren(...lines, ...(marks && marksLabel ? [marksItem(marksLabel)] : []), axis);
  }

  #name() {
    const { title, x, series } = this.#data;
    const names = series.map(({ label }) => label).join(', ');
    this.#chart.classList.toggle('bare', x.values.length === 0);
    this.#chart.setAttribute('aria-label', `${title}. Lines over ${x.label}: ${names}. The table below holds the numbers.`);
  }

  /** The values under the pointer. @param {uPlot} plot */
  #read({ cursor: { idx }, data }) {
    this.#readouts.forEach((place, i) => {
      const value = typeof idx === 'number' ? data[i][idx] : null;
      place.textContent = typeof value === 'number' ? short(value) : '';
    });
  }

  /** @param {uPlot} plot @param {string} colour */
  #drawMarks(plot, colour) {
    const { marks = [] } = this.#data;
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.strokeStyle = colour;
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([]);
    ctx.beginPath();
    for (const mark of marks) {
      const x = Math.round(plot.valToPos(mark, 'x', true)) + 0.5;
      if (!(x >= bbox.left - 1 && x <= bbox.left + bbox.width + 1)) continue;
      ctx.moveTo(x, bbox.top + bbox.height);
      ctx.lineTo(x, bbox.top + bbox.height - 9 * devicePixelRatio);
    }
    ctx.stroke();
    ctx.restore();
  }

  #showAt() {
    const x = this.#at === null ? NaN : (this.#plot?.valToPos(this.#at, 'x') ?? NaN);
    const inside = x >= -1 && x <= (this.#plot?.over.clientWidth ?? 0) + 1;
    this.#here.hidden = !inside;
    if (inside) this.#here.style.transform = `translateX(${x}px)`;
  }

  #size() {
    const { clientWidth, clientHeight } = this.#chart;
    // Off the page it has no size; the observer hears when it gets one.
    return { width: clientWidth || 320, height: clientHeight || 220 };
  }

  #resize() {
    if (this.#chart.clientWidth === 0) return;
    this.#plot?.setSize(this.#size());
  }

  #fillTable() {
    clearTimeout(this.#tableTimer);
    this.#tableTimer = undefined;
    if (!this.#folded.open) return;
    const { title, x, series } = this.#data;
    this.#table ??= new Table(this.#folded, title);
    this.#table.update([x, ...series]);
  }
}
