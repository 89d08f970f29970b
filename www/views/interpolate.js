// The view `interpolate`: pictures between pictures. A handle moves over the frames between two or four corners, and the
// picture follows it: in a few steps while it is dragged, in all of them once it rests.

import { loadFigures } from '../engine/figures.js';
import { Controls } from '../ui/controls.js';
import { element } from '../ui/dom.js';
import { followSession, layout } from '../ui/layout.js';
import { Menu } from '../ui/menu.js';
import { copyLink, shareButton } from '../ui/share.js';
import { aboutPaths } from './interpolate/about.js';
import { Board } from './interpolate/board.js';
import { Loop } from './interpolate/loop.js';
import { MODES, modeOf, seedsOf, settingsAt, switchTo, trainStepsOf } from './interpolate/modes.js';
import { Runs } from './interpolate/runs.js';
import { takeItems } from './interpolate/take.js';

/**
 * @typedef {import('../state.js').Values} Values
 * @typedef {import('./interpolate/modes.js').Mode} Mode
 * @typedef {import('./interpolate/paths.js').Place} Place
 */

/** What moves the handle or changes what is under it. @type {(keyof Values)[]} */
const PLACE = ['at', 'mix', 'corners', 'path'];

/** What asks for other frames. @type {(keyof Values)[]} */
const FRAMES = ['corners', 'path', 'frames'];

/** @type {[Values['path'], string][]} */
const WAYS = [
  ['noise', 'Over the sphere'],
  ['straight', 'Straight line'],
];

class Interpolate {
  #dragging = false;
  /** Seeds for the last two corners, when there are four. */
  #others = [3, 4];

  /** @param {HTMLElement} root @param {import('../session.js').Session} session */
  constructor(root, session) {
    const { settings } = session;
    this.root = root;
    this.session = session;
    this.settings = settings;
    this.layout = layout(root, {
      name: 'interpolate',
      title: 'Between pictures',
      lead: MODES.line.lead,
      run: MODES.line.fill,
    });
    const { head, stage, after, below, settings: place, run, stop } = this.layout;
    this.lead = /** @type {HTMLElement} */ (root.querySelector('.lead'));
    this.modes = this.#buildModes();
    this.ways = this.#buildWays();
    head.append(this.modes, this.ways);
    this.board = new Board({
      onSeed: (index, seed) => this.#setSeed(index, seed),
      onDrag: (at) => this.#drag(at),
      onDrop: (at) => this.#drop(at),
    });
    stage.append(this.board.root);
    this.runs = new Runs(session, this.board, () => this.#offerFrames());
    this.loop = new Loop((index) => this.#play(index), (index) => this.#drop(this.board.map.placeOf(index)));
    this.saveMenu = new Menu('Save frames', () => takeItems(() => this.#taken(), session), 'interpolate-save');
    const copy = element('button', { type: 'button', 'data-testid': 'interpolate-copy' }, 'Copy link');
    after.append(this.loop.root, element('div', { className: 'take' }, this.saveMenu.root, copy, shareButton('interpolate-share', () => this.runs.shown ?? settings.all(), session)));
    below.append(...aboutPaths());
    this.controls = new Controls(place, settings, ['model', 'steps', 'frames', 'mix_eta', 'seed', 'label', 'guidance'], ['drag', 'tau', 'device', 'engine', 'storage']);

    run.addEventListener('click', () => this.run());
    stop.addEventListener('click', () => this.stop());
    copy.addEventListener('click', () => copyLink(copy, this.runs.shown ?? settings.all(), session));
    followSession(this.layout, session);
    settings.on('change', (keys) => {
      if (FRAMES.some((key) => keys.includes(key))) this.#layOut();
      if (PLACE.some((key) => keys.includes(key))) this.board.showPlace(settings.all(), this.trainSteps);
    });
    this.#layOut();
    this.board.showPlace(settings.all(), this.trainSteps);
    session.whenLoaded((loaded) => {
      this.controls.follow(loaded, session.model);
      this.#forget();
    });
  }

  #buildModes() {
    const choices = /** @type {[Mode, typeof MODES[Mode]][]} */ (Object.entries(MODES));
    return element('fieldset', { className: 'shows' },
      element('legend', { className: 'quiet' }, 'Between'),
      ...choices.map(([mode, { text, title }]) => {
        const radio = element('input', { type: 'radio', name: 'interpolate-mode', value: mode, 'data-testid': `interpolate-${mode}` });
        radio.addEventListener('change', () => {
          this.settings.change(switchTo(mode, this.settings.all(), this.#others));
          this.#refresh();
        });
        return element('label', { title }, radio, element('span', {}, text));
      }));
  }

  /** Between two noises one may go straight, to see why DDIM does not. */
  #buildWays() {
    return element('fieldset', { className: 'shows' },
      element('legend', { className: 'quiet' }, 'Way'),
      ...WAYS.map(([path, text]) => {
        const radio = element('input', { type: 'radio', name: 'interpolate-way', value: path, 'data-testid': `interpolate-${path}` });
        radio.addEventListener('change', () => {
          this.settings.set('path', path);
          this.#refresh();
        });
        return element('label', {}, radio, element('span', {}, text));
      }));
  }

  /** T */
  get trainSteps() {
    return trainStepsOf(this.session);
  }

  // Hands

  /** @param {Place} at */
  #drag(at) {
    if (!this.#dragging) {
      this.#dragging = true;
      this.loop.halt();
      this.runs.stopLong();
    }
    this.#moveTo(at);
    if (this.runs.filling) this.#showFrame(this.board.map.nearest(at));
    this.runs.ask(false);
  }

  /** @param {Place} at */
  #drop(at) {
    this.#dragging = false;
    this.loop.halt();
    this.runs.stopLong();
    this.#moveTo(at);
    const { map } = this.board;
    const index = map.nearest(at);
    this.loop.seek(index);
    const frame = map.placeOf(index);
    if (Math.hypot(at.u - frame.u, at.v - frame.v) < 0.01) this.#showFrame(index);
    this.runs.ask(true);
  }

  /** @param {Place} at */
  #moveTo(at) {
    this.settings.change(settingsAt(at, this.settings.all(), this.trainSteps));
  }

  /** @param {number} index @param {number} seed */
  #setSeed(index, seed) {
    const corners = this.settings.get('corners').split(',');
    corners[index] = String(seed);
    this.settings.set('corners', corners.join());
    this.#refresh();
  }

  /** The picture, where one is on show already, is made again with other corners. */
  #refresh() {
    this.runs.stopLong();
    if (this.runs.shown) this.runs.ask(true);
  }

  // What is on show

  /** Another model is there: nothing of the old one is left. */
  #forget() {
    this.runs.forget();
    this.board.empty();
    this.#layOut();
    this.board.showPlace(this.settings.all(), this.trainSteps);
  }

  #layOut() {
    const values = this.settings.all();
    const mode = modeOf(values);
    const seeds = seedsOf(values);
    if (seeds.length === 4) this.#others = seeds.slice(2);
    this.root.dataset.mode = mode;
    for (const radio of this.modes.querySelectorAll('input')) radio.checked = radio.value === mode;
    for (const radio of this.ways.querySelectorAll('input')) radio.checked = radio.value === values.path;
    this.ways.hidden = mode !== 'line';
    this.layout.run.textContent = MODES[mode].fill;
    this.lead.textContent = MODES[mode].lead;
    if (!this.board.layOut(values, this.trainSteps)) return;
    this.loop.halt();
    this.runs.clear();
    this.#showNoises();
  }

  async #showNoises() {
    const { loaded } = this.session;
    if (!loaded) return;
    // Without it the frames are blank until there are pictures.
    const figures = await loadFigures().catch(() => null);
    const { shape } = this.session;
    if (!figures || !shape || loaded !== this.session.loaded) return;
    const values = this.settings.all();
    this.board.showNoises(this.runs.maker.noises(figures, values), values, shape, (seed) => this.runs.maker.pictureOf(seed));
    this.board.fit();
  }

  #offerFrames() {
    const frames = this.runs.order();
    this.loop.offer(frames);
    this.saveMenu.enable(frames.length > 0);
  }

  /** A frame of the map as the large picture. @param {number} index */
  #showFrame(index) {
    const levels = this.runs.levels[index];
    const { shape } = this.session;
    if (levels && shape) this.board.showPicture(levels, shape, `Frame ${index + 1}`);
  }

  /** @param {number} index */
  #play(index) {
    this.#showFrame(index);
    this.board.map.moveHandle(this.board.map.placeOf(index), `Frame ${index + 1}`);
  }

  // Runs

  /** Makes all frames with the current settings, and the picture at the handle. */
  async run() {
    const { session, settings } = this;
    if (session.busy || this.#refuses()) return;
    this.loop.halt();
    settings.flush();
    // The model may allow fewer steps than were asked for.
    if (!session.loaded && (!(await session.load()) || this.#refuses())) return;
    await this.runs.fill();
  }

  stop() {
    this.loop.pause();
    this.runs.stop();
  }

  enter() {
    // Not only when the browser tells that there is room: it has painted by then.
    this.board.fit();
  }

  leave() {
    this.loop.halt();
    this.board.showPlace(this.settings.all(), this.trainSteps);
  }

  #refuses() {
    if (!this.controls.check(this.session)) return true;
    const problem = this.board.problem();
    if (problem) this.session.fail(problem);
    return problem !== '';
  }

  // What leaves the page

  #taken() {
    const { canvases, columns } = this.board.map;
    const shape = /** @type {import('../ui/pixels.js').Shape} */ (this.session.shape);
    const frames = this.loop.order.flatMap((index) => this.runs.levels[index] ?? []);
    return { canvases, columns, frames, shape, delay: this.loop.delay, values: this.runs.filled ?? this.settings.all(), model: this.session.model };
  }
}

/**
 * @param {HTMLElement} root @param {import('../session.js').Session} session
 * @returns {import('../main.js').View}
 */
export function mount(root, session) {
  const view = new Interpolate(root, session);
  return { run: () => view.run(), stop: () => view.stop(), enter: () => view.enter(), leave: () => view.leave() };
}
