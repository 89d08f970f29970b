// What is computed between pictures: all frames of the map when that is asked for, and the picture at the handle, which
// follows it in a few steps while it is dragged and in all of them once it rests.

import { Latest } from '../../ui/latest.js';
import { Painter } from '../../ui/painter.js';
import { duration, plural } from '../../ui/words.js';
import { Maker } from './maker.js';
import { placeOf, trainStepsOf } from './modes.js';
import { Progress } from './progress.js';

/**
 * @typedef {import('../../run.js').Task} Task
 * @typedef {import('../../run.js').Run} Run
 * @typedef {import('../../state.js').Values} Values
 */

/** The few steps of a drag begin at the highest level, where pure noise belongs: so they come closest to all S. */
const DRAG_TAU = 'trailing';

const FILLING = 'Making the frames…';
const FOLLOWING = 'Following the handle…';
const STOPPED = 'Stopped. The pictures so far are kept.';

/** How a picture was made. @param {Run} [run] */
function noteOn(run) {
  if (!run) return 'mixed pixels';
  const { times, total } = run;
  return times.length < total ? `step ${times.length} of ${total}` : plural(total, 'step');
}

export class Runs {
  /** The frames of the map, as far as there are any. @type {(Uint8ClampedArray|undefined)[]} */
  levels = [];
  filling = false;
  /** The settings of the picture on show, once there is one. @type {Values|null} */
  shown = null;
  /** Those of the frames. @type {Values|null} */
  filled = null;
  #painter = new Painter();
  /** Only the newest place of the handle counts. @type {Latest<{full: boolean}>} */
  #latest = new Latest((take) => this.#follow(take));
  /** The last task that followed the handle. @type {Task|null} */
  #following = null;

  /**
   * @param {import('../../session.js').Session} session @param {import('./board.js').Board} board  shows the pictures
   * @param {import('./ends.js').Ends} ends  what stands at the corners
   * @param {() => void} onFrames  the frames are there, or are gone
   */
  constructor(session, board, ends, onFrames) {
    this.session = session;
    this.ends = ends;
    this.settings = session.settings;
    this.board = board;
    this.onFrames = onFrames;
    this.maker = new Maker(session, ends);
  }

  /** The frames from the first corner to the last; those of a square in turns. @returns {number[]} none unless all are there */
  order() {
    const { rows, columns } = this.board.map;
    const all = Array.from({ length: rows * columns }, (_, i) => i);
    if (this.filling || all.some((i) => !this.levels[i])) return [];
    return all.map((i) => {
      const row = Math.floor(i / columns);
      return row % 2 === 0 ? i : (2 * row + 1) * columns - 1 - i;
    });
  }

  /** The picture at the handle. @param {boolean} full  whether in all steps */
  ask(full) {
    if (this.session.loaded) this.#latest.ask({ full });
  }

  /** A hand wants the engine for itself. */
  stopLong() {
    this.maker.stopLong();
  }

  /** Ends what is under way, and what waits behind it. */
  stop() {
    this.#latest.drop();
    if (this.session.status.state === 'running') this.session.stop();
    this.#following?.stop();
  }

  /** Other frames are asked for. */
  clear() {
    this.levels = [];
    this.onFrames();
  }

  /** Another model is there. */
  forget() {
    this.#latest.drop();
    this.#painter.drop();
    this.maker.forget();
    this.shown = null;
  }

  #showCorners() {
    const { shape } = this.session;
    if (shape) this.board.showCorners(this.settings.all(), shape, this.ends.of(this.settings.all()), (end) => this.maker.pictureOf(end));
  }

  /** @param {Values} values @param {boolean} long  whether a hand that begins to drag ends the runs @param {string} text  what is being done */
  #care(values, long, text) {
    const progress = new Progress(this.session, this.#painter, text);
    const keysOf = (/** @type {Values} */ of) => this.ends.of(of).map(({ key }) => key);
    const keys = keysOf(values);
    return {
      progress,
      long,
      onStep: (/** @type {Run} */ run) => progress.tell(run),
      onCorner: (/** @type {number} */ index, /** @type {Uint8ClampedArray} */ levels) =>
        this.#painter.later(`corner ${index}`, () => {
          const { shape } = this.session;
          if (shape && keysOf(this.settings.all())[index] === keys[index]) this.board.corners[index].paint(levels, shape);
        }),
    };
  }

  /** Makes all frames with the current settings, and the picture at the handle; what goes wrong is in the status line. */
  async fill() {
    const task = this.session.perform({ text: FILLING, work: (task) => this.#fill(task) });
    await task.ended.catch(() => {});
  }

  /** @param {Task} task */
  async #fill(task) {
    await this.ends.ready;
    const values = this.settings.all();
    const { map } = this.board;
    const { canvases } = map;
    const began = performance.now();
    this.filling = true;
    this.levels = [];
    this.filled = values;
    this.onFrames();
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
      this.filling = false;
      this.onFrames();
    }
  }

  /** @param {number} first @param {number} count @param {Uint8ClampedArray} levels  of so many frames */
  #showFrames(first, count, levels) {
    const { shape } = this.session;
    if (!shape) return;
    const size = levels.length / count;
    for (let i = 0; i < count; i++) {
      const frame = levels.subarray(i * size, (i + 1) * size);
      this.levels[first + i] = frame;
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
    await this.ends.ready;
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
   * @param {Task} task @param {Values} values @param {import('./paths.js').Path} path
   * @param {import('./maker.js').Care & {progress: Progress}} care
   */
  async #drawAt(task, values, path, care) {
    const first = this.shown === null;
    /** @type {(() => void)|null} */
    let show = null;
    care.progress.expect(1);
    const done = await this.maker.make(task, values, path.at(placeOf(values, trainStepsOf(this.session))), care, (levels, run) => {
      const note = noteOn(run);
      show = () => this.session.shape && this.board.showPicture(levels, this.session.shape, note);
      if (first) this.#painter.later('picture', show);
    });
    if (!show || (!done && !first)) return false;
    this.#painter.later('picture', show);
    this.shown = values;
    return done;
  }
}
