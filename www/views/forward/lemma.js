// Lemma 1 of DDIM in one dimension: three crowds of points go from noise to two clusters, with different amounts of
// fresh noise. At every t they are spread alike, and yet their paths are not.

import { element } from '../../ui/dom.js';
import { Table } from '../../ui/table.js';
import { TERMS, equation } from '../../ui/terms.js';
import { card } from './card.js';
import { Lane } from './lane.js';
import { breath } from './scene.js';

/** @typedef {import('./scene.js').Scene} Scene @typedef {import('../../../pkg/figures/ddim_web.js').Marginals} Marginals */

/** @type {[number, string][]} */
const ETAS = [
  [0, 'η = 0 (DDIM): no fresh noise, smooth paths'],
  [0.5, 'η = 0.5'],
  [1, 'η = 1 (DDPM): fresh noise at every step'],
];

const POINTS = 2000;
const STEPS = 50;
const FRAMES_PER_SECOND = 9;

/** How many of the states the table has. */
const ROWS = 10;

/** Where the points begin: two thirds of them round one place, one third round another. */
const PLACES = Float64Array.from({ length: POINTS }, (_, i) => (i % 3 ? 0.9 : -0.9) + 0.3 * (i / POINTS - 0.5));

/** @typedef {import('./scene.js').Part} Part */

/** @implements {Part} */
export class Lemma {
  #lanes = ETAS.map(([, title]) => new Lane(title));
  #play = element('button', { type: 'button', 'data-testid': 'forward-play', disabled: true }, 'Play');
  #scrub = element('input', { type: 'range', min: 0, max: 1, step: 0.05, value: '0', disabled: true, 'aria-label': 'Time of the moving points', 'data-testid': 'forward-scrub' });
  #text = element('span', { className: 'time-text' });
  #folded = element('details', { className: 'plot-table' }, element('summary', {}, 'As a table'));
  /** @type {Table|null} */
  #table = null;
  /** @type {Scene|null} */
  #scene = null;
  /** One for each η. @type {Marginals[]} */
  #crowds = [];
  /** Where it is, in states, between two of them while it moves. */
  #now = 0;
  #playing = false;
  #frame = 0;
  #last = 0;
  #started = false;
  #still = matchMedia('(prefers-reduced-motion: reduce)');
  #observer = new IntersectionObserver((entries) => this.#see(entries[0].isIntersecting), { threshold: 0.4 });

  constructor() {
    this.root = card(
      'forward-lemma',
      {
        title: 'The same crowd, other paths',
        text: 'One number instead of a picture. The dots go from noise (left) to two clusters (right); the bars show how all 2000 of them are spread at this moment, and the dashed outline is that of η = 0. Fresh noise changes the paths, never the crowd: that is why one network serves DDPM and DDIM.',
        terms: ['marginals', 'eta'],
      },
      equation(TERMS.marginals.math),
      element('div', { className: 'lanes' }, ...this.#lanes.map(({ root }) => root)),
      element('div', { className: 'lemma-time' }, this.#play, this.#scrub, this.#text),
      this.#folded,
    );
    this.#play.addEventListener('click', () => (this.#playing ? this.#pause() : this.#go()));
    this.#scrub.addEventListener('input', () => {
      this.#pause();
      this.#move(Number(this.#scrub.value));
    });
    this.#folded.addEventListener('toggle', () => this.#fillTable());
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#draw());
    new ResizeObserver(() => this.#draw()).observe(this.root);
    this.#observer.observe(this.root);
  }

  /** @param {Scene} scene */
  needs({ scheduler, values }) {
    return `${values.seed} ${scheduler}`;
  }

  /** @param {Scene} scene */
  async update(scene) {
    this.#scene = scene;
    /** @type {Marginals[]} */
    const crowds = [];
    for (const [eta] of ETAS) {
      await breath();
      if (scene !== this.#scene) return;
      crowds.push(scene.figures.marginals({ scheduler: scene.scheduler, steps: Math.min(STEPS, scene.T), tau: 'linspace', eta }, PLACES, scene.values.seed));
    }
    this.#crowds = crowds;
    this.#scrub.max = String(crowds[0].t.length - 1);
    this.#play.disabled = false;
    this.#scrub.disabled = false;
    this.#lanes.forEach((lane, i) => lane.begin(crowds[i], crowds[0]));
    // Where nothing has moved yet, whole paths say more than none.
    this.#move(this.#started ? Math.min(this.#now, this.#end) : this.#end);
    this.#fillTable();
  }

  enter() {
    this.#observer.observe(this.root);
  }

  leave() {
    this.#observer.unobserve(this.root);
    this.#pause();
  }

  /** It begins by itself once somebody sees it, and never where motion is not wanted. @param {boolean} visible */
  #see(visible) {
    if (!visible) this.#pause();
    else if (!this.#started && this.#crowds.length > 0) {
      if (!this.#still.matches) this.#go();
      this.#started = true;
    }
  }

  get #end() {
    return this.#crowds.length > 0 ? this.#crowds[0].t.length - 1 : 0;
  }

  #go() {
    if (this.#crowds.length === 0) return;
    if (this.#now >= this.#end) this.#now = 0;
    this.#playing = true;
    this.#play.textContent = 'Pause';
    this.#last = performance.now();
    this.#frame = requestAnimationFrame((now) => this.#step(now));
  }

  #pause() {
    cancelAnimationFrame(this.#frame);
    this.#playing = false;
    this.#play.textContent = 'Play';
  }

  /** @param {number} time */
  #step(time) {
    const passed = Math.min(100, Math.max(0, time - this.#last));
    this.#last = time;
    this.#move(Math.min(this.#end, this.#now + (passed / 1000) * FRAMES_PER_SECOND));
    if (this.#now >= this.#end) this.#pause();
    else this.#frame = requestAnimationFrame((now) => this.#step(now));
  }

  /** @param {number} now */
  #move(now) {
    this.#now = now;
    this.#scrub.value = String(now);
    const t = this.#crowds[0]?.t[Math.round(now)];
    const text = t === undefined ? '' : `t = ${t}`;
    this.#text.textContent = text;
    this.#scrub.setAttribute('aria-valuetext', text);
    this.#draw();
  }

  #draw() {
    for (const lane of this.#lanes) lane.draw(this.#now);
  }

  /** The means and variances of all crowds, at some of the states. */
  #fillTable() {
    const { figures } = this.#scene ?? {};
    if (!this.#folded.open || !figures || this.#crowds.length === 0) return;
    this.#table ??= new Table(this.#folded, 'Mean and variance of the points at each t');
    const every = Math.max(1, Math.floor(this.#end / ROWS));
    const states = Array.from({ length: this.#end + 1 }, (_, i) => i).filter((i) => i % every === 0);
    const statistics = this.#crowds.map(({ x }) => states.map((i) => figures.statistics(Float32Array.from(x[i]), 1, 1, POINTS)));
    this.#table.update([
      { label: 't', values: states.map((i) => this.#crowds[0].t[i]) },
      ...ETAS.flatMap(([eta], k) => [
        { label: `mean, η = ${eta}`, values: statistics[k].map(({ mean }) => mean) },
        { label: `variance, η = ${eta}`, values: statistics[k].map(({ variance }) => variance) },
      ]),
    ]);
  }
}
