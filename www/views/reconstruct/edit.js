// Two ways to change a picture: noise it and let the network clean it (SDEdit, Meng et al. 2022), or keep a part and
// have the rest made anew.

import { toGreyLevels } from '../../engine/levels.js';
import { element } from '../../ui/dom.js';
import { Reel } from '../../ui/reel.js';
import { plural } from '../../ui/words.js';
import { STOPPED, letter } from './bench.js';
import { Cell } from './cell.js';
import { HOLES, MaskPainter, knownPixels, maskText, readMask } from './mask.js';

/**
 * @typedef {import('./bench.js').Bench} Bench
 * @typedef {import('./bench.js').Picture} Picture
 * @typedef {import('../../run.js').Task} Task
 * @typedef {import('../../run.js').Options} Options
 * @typedef {import('./bench.js').Mode} Mode
 */

/** What both do: draws beside the picture. */
class Draws {
  /** The picture that the draws on show are of. @type {Picture|null} */
  of = null;
  draws;

  /** @param {Bench} bench @param {string} label @param {string} caption */
  constructor(bench, label, caption) {
    this.bench = bench;
    this.draws = new Cell('draws', label, caption);
    bench.settings.on('change', (keys) => {
      if (keys.includes('batch') && !this.of) this.layout();
    });
  }

  /** Empty canvases, as many as there will be. */
  layout() {
    this.draws.layout(this.bench.session.shape, this.bench.settings.get('batch'));
    this.onLayout();
  }

  /** The sizes are to be worked out again. */
  onLayout = () => {};

  /** @param {Task} task @param {Picture} picture @param {Options} options @param {string} doing */
  async make(task, picture, options, doing) {
    this.of = picture;
    this.layout();
    const run = task.sample(options, {
      pace: this.bench.pace,
      onStart: (run) => (this.bench.reel = new Reel(run.total)),
      onStep: (step, run) => {
        if (this.of !== picture) return;
        const levels = step.index === run.total - 1 ? step.xt : step.x0;
        this.draws.draw(levels);
        this.bench.reel.add(levels);
        this.bench.report(doing, run, step, 0, run.total);
      },
    });
    const { stopped, values } = await run.ended;
    return stopped || !values || this.of !== picture ? null : run;
  }
}

/** @implements {Mode} */
export class Stroke extends Draws {
  lead = 'A rough drawing is put under noise up to t₀ and cleaned again: the network keeps the large shapes and makes up the rest.';
  run = 'Make pictures';
  /** @type {Mode['settings']} */
  settings = ['t0', 'steps', 'eta', 'batch', 'seed', 'method'];
  #noisy = new Cell('noisy', 'The picture under noise');

  /** @param {Bench} bench */
  constructor(bench) {
    super(bench, 'Picture', '→ cleaned by the network');
    this.#noisy.say('→ under noise, ', letter('x', 't₀', 'xt'));
    this.scene = { nodes: [bench.cell.root, this.#noisy.root, this.draws.root], columns: 3, narrow: 2 };
    this.source = 'SDEdit: Meng et al. 2022, section 3; the noise of DDPM, eq. 4';
  }

  /** @param {import('../../ui/pixels.js').Shape} shape */
  forget(shape) {
    this.of = null;
    this.#noisy.layout(shape);
    this.layout();
  }

  /** @param {Task} task @param {Picture} picture */
  async work(task, picture) {
    const { bench } = this;
    const figures = await bench.figures();
    const { t0, seed, batch } = bench.settings.all();
    const copies = new Float32Array(batch * bench.image);
    for (let i = 0; i < batch; i++) copies.set(picture.values, i * bench.image);
    const latents = figures.noised(bench.scheduler, t0, copies, bench.image, seed, 0);
    const noisy = toGreyLevels(latents.subarray(0, bench.image));
    if (noisy) this.#noisy.draw(noisy);
    const run = await this.make(task, picture, { ...bench.session.options(), from: t0, latents }, 'Cleaning the picture…');
    return run ? `Made ${plural(batch, 'picture')} from t₀ = ${t0} down in ${plural(run.total, 'step')}.` : STOPPED;
  }
}

/** @implements {Mode} */
export class Inpaint extends Draws {
  lead = 'A hole in the picture is filled so that it fits what is left. Paint the hole, or take a simple one.';
  run = 'Fill the hole';
  /** @type {Mode['settings']} */
  settings = ['steps', 'eta', 'batch', 'seed', 'method'];
  #painter;
  /** @type {Map<string, HTMLButtonElement>} */
  #holes = new Map();

  /** @param {Bench} bench */
  constructor(bench) {
    super(bench, 'Filled picture', '→ filled in');
    const { settings } = bench;
    this.#painter = new MaskPainter((cells) => settings.set('mask', maskText(cells)));
    for (const [name, { text }] of Object.entries(HOLES)) {
      const button = element('button', { type: 'button', 'data-testid': `reconstruct-hole-${name}` }, text);
      button.addEventListener('click', () => settings.set('mask', name));
      this.#holes.set(name, button);
    }
    const none = element('button', { type: 'button', 'data-testid': 'reconstruct-hole-none' }, 'None');
    none.addEventListener('click', () => settings.set('mask', '0'.repeat(64)));
    this.scene = { nodes: [bench.cell.root, this.draws.root], columns: 2, narrow: 1 };
    this.tools = [element('div', { className: 'holes', role: 'group', 'aria-label': 'Hole' }, element('span', { className: 'quiet' }, 'Hole:'), ...this.#holes.values(), none)];
    this.source = 'At each step the known part is put in anew, under the noise of that step. With η = 1 the two parts come to agree better than with 0.';
    settings.on('change', (keys) => keys.includes('mask') && this.#show());
    this.#show();
  }

  #show() {
    const mask = this.bench.settings.get('mask');
    this.#painter.show(readMask(mask));
    for (const [name, button] of this.#holes) button.setAttribute('aria-pressed', String(name === mask));
  }

  /** The hole lies over the picture while this task is chosen. */
  enter() {
    this.bench.cell.square.append(this.#painter.canvas);
  }

  leave() {
    this.#painter.canvas.remove();
  }

  forget() {
    this.of = null;
    this.layout();
  }

  /** @param {Task} task @param {Picture} picture */
  async work(task, picture) {
    const { bench } = this;
    const cells = readMask(bench.settings.get('mask'));
    const options = { ...bench.session.options(), known: picture.values, mask: knownPixels(cells, bench.shape) };
    const run = await this.make(task, picture, options, 'Filling the hole…');
    return run ? `Filled the hole in ${plural(bench.settings.get('batch'), 'way')}, with ${plural(run.total, 'step')} each.` : STOPPED;
  }
}
