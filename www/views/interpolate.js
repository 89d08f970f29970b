// The view `interpolate`: pictures between pictures. A handle moves over the frames between two or four corners, and the
// picture follows it: in a few steps while it is dragged, in all of them once it rests.

import { loadFigures } from '../engine/figures.js';
import { Controls } from '../ui/controls.js';
import { element } from '../ui/dom.js';
import { followSession, layout } from '../ui/layout.js';
import { Latest } from '../ui/latest.js';
import { Menu } from '../ui/menu.js';
import { Painter } from '../ui/painter.js';
import { copyLink, shareButton } from '../ui/share.js';
import { duration, plural } from '../ui/words.js';
import { aboutPaths } from './interpolate/about.js';
import { Board } from './interpolate/board.js';
import { Loop } from './interpolate/loop.js';
import { Maker } from './interpolate/maker.js';
import { MODES, modeOf, placeOf, seedsOf, settingsAt, switchTo } from './interpolate/modes.js';
import { Progress } from './interpolate/progress.js';
import { takeItems } from './interpolate/take.js';

/**
 * @typedef {import('../run.js').Task} Task
 * @typedef {import('../run.js').Run} Run
 * @typedef {import('../state.js').Values} Values
 * @typedef {import('./interpolate/modes.js').Mode} Mode
 * @typedef {import('./interpolate/paths.js').Place} Place
 */

/** T, as long as no model says. */
const USUAL_TRAIN_STEPS = 1000;

/** What moves the handle or changes what is under it. @type {(keyof Values)[]} */
const PLACE = ['at', 'mix', 'corners', 'path'];

/** What asks for other frames. @type {(keyof Values)[]} */
const FRAMES = ['corners', 'path', 'frames'];

/** The few steps of a drag begin at the highest level, where pure noise belongs: so they come closest to all S. */
const DRAG_TAU = 'trailing';

/** @type {[Values['path'], string][]} */
const WAYS = [
  ['noise', 'Over the sphere'],
  ['straight', 'Straight line'],
];

const FILLING = 'Making the frames…';
const FOLLOWING = 'Following the handle…';
const STOPPED = 'Stopped. The pictures so far are kept.';

/** How a picture was made. @param {Run} [run] */
function noteOn(run) {
  if (!run) return 'mixed pixels';
  const { times, total } = run;
  return times.length < total ? `step ${times.length} of ${total}` : plural(total, 'step');
}

class Interpolate {
  /** The frames of the map, as far as there are any. @type {(Uint8ClampedArray|undefined)[]} */
  #levels = [];
  #filling = false;
  #dragging = false;
  /** The settings of the picture on show, once there is one. @type {Values|null} */
  #shown = null;
  /** Those of the frames. @type {Values|null} */
  #filled = null;
  /** Seeds for the last two corners, when there are four. */
  #others = [3, 4];
  #painter = new Painter();
  /** The last task that followed the handle. @type {Task|null} */
  #following = null;

  /** @param {HTMLElement} root @param {import('../session.js').Session} session */
  constructor(root, session) {
    const { settings } = session;
    this.root = root;
    this.session = session;
    this.settings = settings;
    this.maker = new Maker(session);
    this.latest = new Latest((take) => this.#follow(take));
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
    this.loop = new Loop((index) => this.#play(index), (index) => this.#drop(this.board.map.placeOf(index)));
    this.saveMenu = new Menu('Save', () => takeItems(() => this.#taken(), session), 'interpolate-save');
    const copy = element('button', { type: 'button', 'data-testid': 'interpolate-copy' }, 'Copy link');
    after.append(this.loop.root, element('div', { className: 'take' }, this.saveMenu.root, copy, shareButton('interpolate-share', () => this.#shown ?? settings.all(), session)));
    below.append(...aboutPaths());
    this.controls = new Controls(place, settings, ['model', 'steps', 'frames', 'mix_eta', 'seed', 'label', 'guidance'], ['drag', 'tau', 'device', 'engine', 'storage']);

    run.addEventListener('click', () => this.run());
    stop.addEventListener('click', () => this.stop());
    copy.addEventListener('click', () => copyLink(copy, this.#shown ?? settings.all(), session));
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
    return this.session.loaded?.scheduler.trainSteps ?? USUAL_TRAIN_STEPS;
  }

  /** The frames from the first corner to the last; those of a square in turns. @returns {number[]} none unless all are there */
  frames() {
    const { rows, columns } = this.board.map;
    const all = Array.from({ length: rows * columns }, (_, i) => i);
    if (this.#filling || all.some((i) => !this.#levels[i])) return [];
    return all.map((i) => {
      const row = Math.floor(i / columns);
      return row % 2 === 0 ? i : (2 * row + 1) * columns - 1 - i;
    });
  }

  // Hands

  /** @param {Place} at */
  #drag(at) {
    if (!this.#dragging) {
      this.#dragging = true;
      this.loop.halt();
      this.maker.stopLong();
    }
    this.#moveTo(at);
    if (this.#filling) this.#showFrame(this.board.map.nearest(at));
    this.#ask(false);
  }

  /** @param {Place} at */
  #drop(at) {
    this.#dragging = false;
    this.loop.halt();
    this.maker.stopLong();
    this.#moveTo(at);
    const { map } = this.board;
    const index = map.nearest(at);
    this.loop.seek(index);
    const frame = map.placeOf(index);
    if (Math.hypot(at.u - frame.u, at.v - frame.v) < 0.01) this.#showFrame(index);
    this.#ask(true);
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
    this.maker.stopLong();
    if (this.#shown) this.#ask(true);
  }

  /** @param {boolean} full  whether in all steps */
  #ask(full) {
    if (this.session.loaded) this.latest.ask({ full });
  }

  // What is on show

  /** Another model is there: nothing of the old one is left. */
  #forget() {
    this.latest.drop();
    this.#painter.drop();
    this.maker.forget();
    this.#shown = null;
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
    this.#levels = [];
    this.#offerFrames();
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
    this.board.showNoises(this.maker.noises(figures, values), values, shape, (seed) => this.maker.pictureOf(seed));
    this.board.fit();
  }

  #showCorners() {
    const { shape } = this.session;
    if (shape) this.board.showCorners(this.settings.all(), shape, (seed) => this.maker.pictureOf(seed));
  }

  #offerFrames() {
    const frames = this.frames();
    this.loop.offer(frames);
    this.saveMenu.enable(frames.length > 0);
  }

  /** A frame of the map as the large picture. @param {number} index */
  #showFrame(index) {
    const levels = this.#levels[index];
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
    const task = session.perform({ text: FILLING, work: (task) => this.#fill(task) });
    // What goes wrong is in the status line.
    await task.ended.catch(() => {});
  }

  stop() {
    this.latest.drop();
    this.loop.pause();
    if (this.session.status.state === 'running') this.session.stop();
    // It may wait behind what is under way.
    this.#following?.stop();
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

  /** @param {Values} values @param {boolean} long  whether a hand that begins to drag ends the runs @param {string} text  what is being done */
  #care(values, long, text) {
    const progress = new Progress(this.session, this.#painter, text);
    const seeds = seedsOf(values);
    return {
      progress,
      long,
      onStep: (/** @type {Run} */ run) => progress.tell(run),
      onCorner: (/** @type {number} */ index, /** @type {Uint8ClampedArray} */ levels) =>
        this.#painter.later(`corner ${index}`, () => {
          const { shape } = this.session;
          if (shape && seedsOf(this.settings.all())[index] === seeds[index]) this.board.corners[index].paint(levels, shape);
        }),
    };
  }

  /** @param {Task} task */
  async #fill(task) {
    const values = this.settings.all();
    const { map } = this.board;
    const { canvases } = map;
    const began = performance.now();
    this.#filling = true;
    this.#levels = [];
    this.#filled = values;
    this.#offerFrames();
    try {
      const care = this.#care(values, false, FILLING);
      care.progress.expect(this.maker.missing(values));
      const path = await this.maker.path(task, values, care);
      if (!path) return STOPPED;
      const parts = path.parts();
      care.progress.expect(parts.length);
      const frames = async () => {
        for (const { first, count, start } of parts) {
          const onLevels = (/** @type {Uint8ClampedArray} */ levels) =>
            // Others may have been asked for meanwhile.
            this.#painter.later(`frames ${first}`, () => map.canvases === canvases && this.#showFrames(first, count, levels));
          if (!(await this.maker.make(task, values, start, care, onLevels))) return;
        }
      };
      await Promise.all([this.maker.corners(task, values, care), this.#drawAt(task, values, path, care), frames()]);
      this.#painter.flush();
      return task.stopping ? STOPPED : `Done: ${plural(canvases.length, 'frame')} in ${duration(performance.now() - began)}.`;
    } finally {
      this.#filling = false;
      this.#offerFrames();
    }
  }

  /** @param {number} first @param {number} count @param {Uint8ClampedArray} levels  of so many frames */
  #showFrames(first, count, levels) {
    const { shape } = this.session;
    if (!shape) return;
    const size = levels.length / count;
    for (let i = 0; i < count; i++) {
      const frame = levels.subarray(i * size, (i + 1) * size);
      this.#levels[first + i] = frame;
      this.board.map.paint(first + i, frame, shape);
    }
  }

  /** The picture follows the handle. @param {() => {full: boolean}|undefined} take */
  #follow(take) {
    const task = this.session.perform({
      text: FOLLOWING,
      work: async (task) => {
        let text = STOPPED;
        for (let request = take(); request && !task.stopping; request = take()) text = await this.#draw(task, request.full);
        this.#painter.flush();
        return task.stopping ? STOPPED : text;
      },
    });
    this.#following = task;
    return task.ended;
  }

  /** @param {Task} task @param {boolean} full  whether in all steps @returns {Promise<string>} how that went */
  async #draw(task, full) {
    const values = this.settings.all();
    const care = this.#care(values, full, FOLLOWING);
    const path = await this.maker.path(task, values, care);
    if (!path) return STOPPED;
    if (full || values.drag >= values.steps) {
      const [drawn] = await Promise.all([this.#drawAt(task, values, path, care), this.maker.corners(task, values, care)]);
      this.#painter.later('corners', () => this.#showCorners());
      return drawn ? 'Done: the picture at the handle.' : STOPPED;
    }
    await this.#drawAt(task, { ...values, steps: values.drag, tau: DRAG_TAU }, path, care);
    return `${plural(values.drag, 'step')} while you drag; let go for all ${values.steps}.`;
  }

  /**
   * The picture at the handle. Only the first one is seen to come along: later a guess would take the place of a picture.
   * @param {Task} task @param {Values} values @param {import('./interpolate/paths.js').Path} path
   * @param {import('./interpolate/maker.js').Care & {progress: Progress}} care
   */
  async #drawAt(task, values, path, care) {
    const first = this.#shown === null;
    /** @type {(() => void)|null} */
    let show = null;
    care.progress.expect(1);
    const done = await this.maker.make(task, values, path.at(placeOf(values, this.trainSteps)), care, (levels, run) => {
      const note = noteOn(run);
      show = () => this.session.shape && this.board.showPicture(levels, this.session.shape, note);
      if (first) this.#painter.later('picture', show);
    });
    if (!show || (!done && !first)) return false;
    this.#painter.later('picture', show);
    this.#shown = values;
    return done;
  }

  // What leaves the page

  #taken() {
    const { canvases, columns } = this.board.map;
    const shape = /** @type {import('../ui/pixels.js').Shape} */ (this.session.shape);
    const frames = this.loop.order.flatMap((index) => this.#levels[index] ?? []);
    return { canvases, columns, frames, shape, delay: this.loop.delay, values: this.#filled ?? this.settings.all(), model: this.session.model };
  }
}

/**
 * @param {HTMLElement} root @param {import('../session.js').Session} session
 * @returns {import('../main.js').View}
 */
export function mount(root, session) {
  const view = new Interpolate(root, session);
  return { run: () => view.run(), stop: () => view.stop(), leave: () => view.leave() };
}
