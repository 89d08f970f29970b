// The view `interpolate`: pictures between pictures. A handle moves over the frames between two or four corners, and the
// picture follows it: in a few steps while it is dragged, in all of them once it rests.

import { loadFigures } from '../engine/figures.js';
import { Controls } from '../ui/controls.js';
import { element } from '../ui/dom.js';
import { followSession, layout } from '../ui/layout.js';
import { Menu } from '../ui/menu.js';
import { Arrivals } from '../ui/picture/arrivals.js';
import { copyLink, shareButton } from '../ui/share.js';
import { aboutPaths } from './interpolate/about.js';
import { Board } from './interpolate/board.js';
import { Choices } from './interpolate/choices.js';
import { Ends, sampleOf } from './interpolate/ends.js';
import { Loop } from './interpolate/loop.js';
import { MODES, modeOf, settingsAt, switchTo, trainStepsOf } from './interpolate/modes.js';
import { Picker } from './interpolate/picker.js';
import { Runs } from './interpolate/runs.js';
import { pictureOf, takeItems } from './interpolate/take.js';

/**
 * @typedef {import('../state.js').Values} Values
 * @typedef {import('./interpolate/paths.js').Place} Place
 */

/** What moves the handle or changes what is under it. @type {(keyof Values)[]} */
const PLACE = ['at', 'mix', 'corners', 'path'];

/** What asks for other frames. @type {(keyof Values)[]} */
const FRAMES = ['corners', 'path', 'frames'];

class Interpolate {
  #dragging = false;
  /** The last two corners, when there are four. */
  #others = ['3', '4'];

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
    this.choices = new Choices(
      head,
      (mode) => this.#choose(switchTo(mode, settings.all(), this.#others)),
      (path) => this.#choose({ path }),
    );
    this.board = new Board({
      onSeed: (index, seed) => this.#put(index, String(seed)),
      onPick: (index) => this.#pick(index),
      onDrag: (at) => this.#drag(at),
      onDrop: (at) => this.#drop(at),
    });
    stage.append(this.board.root);
    this.ends = new Ends(session, () => this.#changeEnds());
    this.runs = new Runs(session, this.board, this.ends, () => this.#offerFrames());
    this.picker = new Picker(root, {
      onSample: (index, sample) => this.#put(index, `s${sample}`),
      onSeed: (index) => this.#put(index, sampleOf(this.#token(index)) === null ? this.#token(index) : String(index + 1)),
      onFiles: (files) => this.arrivals.give(files),
    });
    this.arrivals = new Arrivals({
      take: (file, remark, target) => this.#take(file, remark, target),
      refuse: (sentence) => session.tell('picture', sentence),
      hover: (over) => root.classList.toggle('hovered', over),
    });
    this.remark = element('p', { className: 'remark quiet', 'data-testid': 'interpolate-remark' });
    this.loop = new Loop((index) => this.#play(index), (index) => this.#drop(this.board.map.placeOf(index)));
    this.saveMenu = new Menu('Save frames', () => takeItems(() => this.#taken(), session), 'interpolate-save');
    const copy = element('button', { type: 'button', 'data-testid': 'interpolate-copy' }, 'Copy link');
    after.append(this.remark, this.loop.root, element('div', { className: 'take' }, this.saveMenu.root, copy, shareButton('interpolate-share', () => this.runs.shown ?? settings.all(), session, { menu: this.saveMenu, file: () => pictureOf(this.#taken()) })));
    below.append(...aboutPaths());
    this.controls = new Controls(place, settings, ['model', 'steps', 'frames', 'mix_eta', 'seed', 'label', 'guidance'], ['drag', 'tau', 'device', 'engine', 'storage']);

    run.addEventListener('click', () => this.run());
    stop.addEventListener('click', () => this.stop());
    copy.addEventListener('click', () => this.#copyLink(copy));
    followSession(this.layout, session);
    this.ends.follow(settings.all());
    settings.on('change', (keys) => {
      if (keys.includes('corners')) this.ends.follow(settings.all());
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

  /** T */
  get trainSteps() {
    return trainStepsOf(this.session);
  }

  /** @param {Partial<Values>} changes */
  #choose(changes) {
    this.settings.change(changes);
    this.#refresh();
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

  // Corners

  /** What the settings have at a corner. @param {number} index */
  #token(index) {
    return this.settings.get('corners').split(',')[index];
  }

  /** @param {number} index @param {string} token  a seed or a sample, as in the settings */
  #put(index, token) {
    const corners = this.settings.get('corners').split(',');
    corners[index] = token;
    if (this.ends.release(index)) this.#layOut();
    this.settings.set('corners', corners.join());
    this.#refresh();
  }

  /** Asks for a picture at a corner. @param {number} index */
  #pick(index) {
    const { session, settings, ends } = this;
    this.picker.open(index, ends.of(settings.all())[index], ends.samples, session.shape, session.model.samples?.credit ?? '');
  }

  /** A file for the corner that is asked about, or where it was dropped, or else the first. @param {File} file @param {string} remark @param {EventTarget|null} target */
  async #take(file, remark, target) {
    const dropped = this.board.corners.findIndex(({ root }) => target instanceof Node && root.contains(target));
    const asked = this.picker.isOpen ? this.picker.index : -1;
    if (await this.ends.take(Math.max(0, dropped, asked), file, remark)) this.picker.close();
  }

  /** Other pictures stand at the corners, though the settings are the same. */
  #changeEnds() {
    this.#layOut();
    this.#showNoises();
    this.#refresh();
  }

  /** @param {HTMLButtonElement} button */
  async #copyLink(button) {
    const { session, runs, settings } = this;
    const values = runs.shown ?? settings.all();
    if (!(await copyLink(button, values, session))) return;
    const missing = this.ends.notCarried(values);
    if (missing) session.tell('copy', missing);
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
    const { shape } = this.session;
    if (shape) this.ends.takeModel(shape);
    this.#layOut();
    this.board.showPlace(this.settings.all(), this.trainSteps);
  }

  #layOut() {
    const values = this.settings.all();
    const mode = modeOf(values);
    const corners = values.corners.split(',');
    if (corners.length === 4) this.#others = corners.slice(2);
    this.remark.textContent = this.ends.remarks(values).join(' ');
    this.root.dataset.mode = mode;
    this.choices.show(values);
    this.layout.run.textContent = MODES[mode].fill;
    this.lead.textContent = MODES[mode].lead;
    if (!this.board.layOut(values, this.ends.of(values), this.trainSteps)) return;
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
    this.board.showNoises(this.runs.maker.noises(figures, values), values, shape, this.ends.of(values), (end) => this.runs.maker.pictureOf(end));
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
    this.arrivals.listen();
    // Not only when the browser tells that there is room: it has painted by then.
    this.board.fit();
  }

  leave() {
    this.arrivals.rest();
    this.picker.close();
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
  return new Interpolate(root, session);
}
