// A mixture of two pictures, made where they are noise: both are encoded, and what lies between their x_T on the sphere
// is decoded (DDIM, sections 4.3 and 5.3).

import { element } from '../../ui/dom.js';
import { Reel } from '../../ui/reel.js';
import { STOPPED, endOf } from './bench.js';
import { Cell } from './cell.js';

/**
 * @typedef {import('./bench.js').Bench} Bench
 * @typedef {import('./bench.js').Picture} Picture
 * @typedef {import('../../run.js').Task} Task
 * @typedef {import('./bench.js').Mode} Mode
 *
 * @typedef {object} Ends  the noises on both sides
 * @property {string} key  what they were made with
 * @property {Picture} picture
 * @property {Float32Array[]} latents
 */

/** While a slider is dragged a rough picture is enough. */
const DRAG_STEPS = 5;

/** @implements {Mode} */
export class Mix {
  lead = 'Two pictures are mixed as noise, and the mixture becomes a picture: no double exposure, but something in between.';
  run = 'Mix';
  /** @type {Mode['settings']} */
  settings = ['lambda', 'steps', 'seed'];
  #mixed = new Cell('mixed', 'The mixture', 'mixture');
  #end = new Cell('other', 'The other picture');
  #pick = element('select', { 'data-testid': 'reconstruct-other', id: 'reconstruct-other' });
  /** @type {Ends|null} */
  #ends = null;
  /** Whether λ has moved since the last mixture was begun. */
  #moved = false;
  #dragging = false;
  /** The mixture under way, where there is one. @type {import('../../run.js').Run|null} */
  #current = null;

  /** @param {Bench} bench */
  constructor(bench) {
    this.bench = bench;
    this.#pick.addEventListener('change', () => bench.settings.set('other', this.#pick.value));
    this.scene = { nodes: [bench.cell.root, this.#mixed.root, this.#end.root], columns: 3, narrow: 3 };
    this.tools = [element('div', { className: 'holes' }, element('label', { htmlFor: 'reconstruct-other', className: 'quiet' }, 'Mixed with'), this.#pick)];
    this.source = 'Spherical interpolation of the noises: DDIM, eq. 67; the view Interpolate walks between pictures that start as noise';
    bench.settings.on('change', (keys) => {
      if (keys.includes('other')) this.#showOther();
      if (keys.includes('lambda') && bench.settings.get('task') === 'mix') this.#follow();
    });
  }

  /** The other picture, where it is a sample. @returns {Picture|undefined} */
  get #other() {
    return this.bench.source.samples[Number(this.bench.settings.get('other'))];
  }

  /** @param {import('../../ui/pixels.js').Shape} shape */
  forget(shape) {
    this.#ends = null;
    this.#mixed.layout(shape);
    this.#showOther();
  }

  #showOther() {
    const { settings, source, session } = this.bench;
    const { samples } = source;
    this.#pick.replaceChildren(
      element('option', { value: 'seed' }, 'a picture out of the seed’s noise'),
      ...samples.map((_, i) => element('option', { value: i }, `sample ${i}`)),
    );
    const other = settings.get('other');
    session.clear('other');
    if (samples.length > 0 && other !== 'seed' && !this.#other) {
      settings.set('other', String(Math.min(1, samples.length - 1)));
      session.tell('other', `There is no sample ${other} to mix with; sample ${settings.get('other')} is taken.`);
      return;
    }
    this.#pick.value = this.#other ? other : 'seed';
    this.#end.layout(session.shape);
    this.#end.say(this.#other ? `sample ${other}` : 'out of the seed’s noise');
    if (this.#other) this.#end.draw(this.#other.levels);
  }

  /** What the ends depend on. */
  #key() {
    const { steps, tau, seed, label } = this.bench.settings.all();
    const other = this.#pick.value;
    return JSON.stringify([steps, tau, label, other, other === 'seed' && seed]);
  }

  /** A hand has taken the slider, or let it go. @param {boolean} dragging */
  drag(dragging) {
    const letGo = this.#dragging && !dragging;
    this.#dragging = dragging;
    if (letGo) this.#follow();
  }

  /** λ has moved: the newest one counts, and nothing else waits. */
  #follow() {
    this.#moved = true;
    if (this.#current) {
      if (this.#current.total > DRAG_STEPS) this.#current.stop();
    } else if (this.#ends && !this.bench.session.busy) this.bench.run();
  }

  /** Both noises, unless they are there. @param {Task} task @param {Picture} picture @param {import('./bench.js').Figures} figures */
  async #encode(task, picture, figures) {
    const { bench } = this;
    const key = this.#key();
    if (this.#ends?.picture === picture && this.#ends.key === key) return this.#ends;
    const other = this.#other;
    const pictures = Float32Array.from([...picture.values, ...(other?.values ?? [])]);
    const up = bench.encode(task, pictures, {}, { onStep: (step, run) => bench.report('Encoding…', run, step, 0, run.total) });
    const noise = await endOf(up);
    if (!noise || task.stopping) return null;
    let end = noise.subarray(bench.image);
    if (!other) {
      end = figures.noise(bench.settings.get('seed'), 0, 1, bench.image);
      const down = bench.decode(task, end, {}, {
        onStep: (step, run) => {
          if (bench.source.picture === picture) this.#end.draw(step.xt);
          bench.report('Making the other picture…', run, step, 0, run.total);
        },
      });
      if (!(await endOf(down)) || task.stopping) return null;
    }
    if (bench.source.picture !== picture) return null;
    this.#ends = { key, picture, latents: [noise.subarray(0, bench.image), end] };
    return this.#ends;
  }

  /** @param {Task} task @param {Picture} picture */
  async work(task, picture) {
    const { bench } = this;
    const figures = await bench.figures();
    const ends = await this.#encode(task, picture, figures);
    if (!ends) return STOPPED;
    for (;;) {
      this.#moved = false;
      const rough = this.#dragging;
      const { lambda, steps } = bench.settings.all();
      const latents = figures.at(ends.latents, lambda);
      const run = (this.#current = bench.decode(task, latents, rough ? { steps: Math.min(DRAG_STEPS, steps) } : {}, {
        pace: rough ? 0 : bench.pace,
        onStart: (run) => (bench.reel = new Reel(run.total)),
        onStep: (step, run) => {
          if (this.#ends !== ends) return;
          const last = step.index === run.total - 1;
          const levels = last ? step.xt : step.x0;
          bench.reel.add(levels);
          // Between two rough mixtures there is nothing to be seen.
          if (last || !rough) this.#mixed.draw(levels);
          bench.report('Mixing…', run, step, 0, run.total);
        },
      }));
      await run.ended;
      this.#current = null;
      if (task.stopping || this.#ends !== ends) return STOPPED;
      if (!this.#moved) return `Mixed: λ = ${lambda}, ${run.total} steps.`;
    }
  }
}
