// The view `train`: a network learns the visitor's own pictures, draws what it has learned so far, and becomes a model
// that every other view can use.

import { FROM_NOTHING } from '../state.js';
import { oneLine } from '../engine/errors.js';
import { Controls } from '../ui/controls.js';
import { element } from '../ui/dom.js';
import { followSession, layout } from '../ui/layout.js';
import { plural } from '../ui/words.js';
import { Beginning } from './train/beginning.js';
import { Curve } from './train/curve.js';
import { wordsOn } from './train/heart.js';
import { forgetRun, keepPictures, keptRun } from './train/kept.js';
import { levelsOf } from './train/pictures.js';
import { namesOf, stepsFor } from './train/plan.js';
import { Result } from './train/result.js';
import { Scene } from './train/scene.js';
import { Source } from './train/source.js';
import { Work, grouped } from './train/work.js';

/**
 * @typedef {import('../ui/pixels.js').Shape} Shape
 * @typedef {import('../run.js').Task} Task
 * @typedef {import('../state.js').Values} Values
 */

/** What a run has begun with. @type {(keyof Values)[]} */
const FIXED = ['from', 'size', 'colours', 'flips', 'kinds', 'train_batch', 'seed'];

class Train {
  /** The run, from its first step until one starts over. @type {import('./train/learner.js').Learner|null} */
  #learner = null;
  /** @type {Task|null} */
  #task = null;
  #starting = false;
  /** The animation frame that will show what there is to learn. */
  #offering = 0;
  /** The run that this browser has kept is here. @type {Promise<void>} */
  #restored;
  /** The samples of the model in use are on their way. @type {Promise<void>} */
  #shipping = Promise.resolve();

  /** @param {HTMLElement} root @param {import('../session.js').Session} session */
  constructor(root, session) {
    const { settings } = session;
    this.session = session;
    this.settings = settings;
    this.parts = layout(root, {
      name: 'train',
      title: 'Train on your pictures',
      lead: 'Noise is put over your pictures, and a network learns to take it out again. They never leave this computer.',
      run: 'Train',
    });
    this.scene = new Scene(this.parts.stage);
    this.note = element('p', { className: 'note', 'data-testid': 'train-note' });
    this.parts.stage.append(this.note);
    const place = element('div', { className: 'source-place' });
    this.source = new Source(root, place, session, () => this.#follow());
    this.source.shape = () => this.#shape();
    this.beginning = new Beginning(session, this.source.pictures, () => this.#follow());
    this.controls = new Controls(this.parts.settings, settings, ['from', 'size', 'colours', 'kinds', 'flips', 'train_steps'], ['device', 'seed', 'train_batch', 'lr']);
    this.curve = new Curve();
    this.work = new Work(session, this);
    /** @param {string} testId @param {string} text @param {() => void} action */
    const button = (testId, text, action) => {
      const made = element('button', { type: 'button', 'data-testid': testId, disabled: true }, text);
      made.addEventListener('click', action);
      return made;
    };
    this.one = button('train-step', 'One step', () => this.run(1));
    this.again = button('train-over', 'Start over', () => this.#startOver());
    this.result = new Result(session, () => this.#own, { rest: () => this.#learner?.rest(), startOver: () => this.#startOver() });
    this.parts.after.append(element('div', { className: 'take' }, this.one, this.again), place);
    this.parts.below.append(this.curve.root, this.result.root);

    followSession(this.parts, session);
    this.parts.run.addEventListener('click', () => this.run());
    this.parts.stop.addEventListener('click', () => this.stop());
    settings.on('change', (keys) => {
      if (keys.includes('from')) this.beginning.read();
      if (['from', 'size', 'colours', 'kinds', 'train_steps'].some((key) => keys.includes(/** @type {keyof Values} */ (key)))) this.#follow();
    });
    session.on('status', () => this.#followStatus());
    this.#restored = this.#restore();
    session.whenLoaded(() => (this.#shipping = this.#showSamples()));
    document.addEventListener('visibilitychange', () => {
      // It may never be seen again.
      if (document.hidden && this.#task && this.#learner) this.work.keep(this.#learner);
    });
    this.beginning.read();
    this.#follow();
  }

  /** Where nobody has brought pictures, there are those of the model in use. */
  async #showSamples() {
    await this.#restored;
    const { all, waiting, shipped } = this.source.pictures;
    if (!this.#learner && (shipped || (all.length === 0 && waiting === 0))) await this.source.showSamples();
  }

  /** Goes on where the last visit ended. */
  async #restore() {
    const learner = await keptRun().catch(() => null);
    if (!learner || this.#learner) return;
    this.#learner = learner;
    const { plan, pixels, labels, losses, step } = learner;
    const folders = (labels ?? []).map((label) => plan.classes?.names[label] ?? '');
    this.source.pictures.resize(plan.shape.width);
    this.source.pictures.restore(pixels.subarray(0, plan.count * plan.shape.channels * plan.shape.width ** 2), plan.shape, folders);
    this.scene.clear(plan.shape, namesOf(plan.classes));
    this.curve.show(losses);
    // It goes on as it was, unless the address says otherwise.
    const { settings } = this;
    settings.change(Object.fromEntries(Object.entries(plan.set ?? {}).filter(([key]) => !settings.given.has(key))));
    this.note.textContent = `A run on ${plural(plan.count, 'picture')} is kept in this browser, at step ${grouped(step)} of ${grouped(plan.until)}. Go on with it, or start over.`;
    this.#follow();
    this.#followStatus();
  }

  /** What pictures become. @returns {Shape} */
  #shape() {
    return this.#learner?.plan.shape ?? this.beginning.shape;
  }

  /** Other pictures, or others are wanted of them. */
  #follow() {
    const shape = this.#shape();
    if (shape.width !== this.source.pictures.size) this.source.pictures.resize(shape.width);
    this.source.refresh();
    if (!this.#learner && !this.scene.fits(shape)) this.scene.clear(shape);
    this.#sayRule();
    this.#offering ||= requestAnimationFrame(() => this.#offer());
    const started = this.#learner !== null;
    this.controls.use(FIXED, !started);
    if (!started && this.settings.get('from') !== FROM_NOTHING) this.controls.use(['size', 'colours'], false);
    if (!started && !this.beginning.hasKinds) this.controls.use(['kinds'], false);
    this.source.fix(started);
  }

  /** What the rule makes of the pictures, where the number of steps is left to it. */
  #sayRule() {
    const count = this.#learner?.plan.count ?? this.source.pictures.all.length;
    const steps = `${grouped(stepsFor(0, count))} steps${count > 0 ? ` for ${plural(count, 'picture')}` : ''}`;
    this.controls.remark('train_steps', this.settings.get('train_steps') === 0 ? `0 leaves it to the rule: ${steps}.` : '');
  }

  /** Shows what there is to learn. */
  #offer() {
    this.#offering = 0;
    const shape = this.#shape();
    const first = this.source.pictures.all.slice(0, this.scene.count).filter(({ size }) => size === shape.width);
    this.scene.offer(first.map((picture) => Uint8ClampedArray.from(levelsOf(picture, shape))), shape);
  }

  #followStatus() {
    const { busy, loaded, status } = this.session;
    const text = this.#learner ? 'Go on' : 'Train';
    if (this.parts.run.textContent !== text) this.parts.run.textContent = text;
    this.one.disabled = busy || !loaded;
    this.again.disabled = busy || !this.#learner;
    this.result.follow();
    // The engine of the page is gone, or another takes its place: everything that runs ends.
    if (['loading', 'error'].includes(status.state) && this.#task && !this.#task.stopping) this.#task.stop();
  }

  /**
   * Begins a run or goes on with it.
   * @param {number} [count]  of steps; by default until it stops by itself
   */
  async run(count) {
    const { session, settings } = this;
    if (session.busy || this.#starting || !this.controls.check(session)) return;
    this.#starting = true;
    try {
      settings.flush();
      if (!session.loaded && !(await session.load())) return;
      await this.#restored;
      const problem = this.#learner ? null : await this.#begin();
      if (problem) session.fail(problem);
      if (problem || session.busy) return;
    } finally {
      this.#starting = false;
    }
    const learner = /** @type {import('./train/learner.js').Learner} */ (/** @type {unknown} */ (this.#learner));
    const { plan, step } = learner;
    const asked = stepsFor(settings.get('train_steps'), plan.count);
    if (count === undefined && (step >= plan.until || asked !== plan.asked)) Object.assign(plan, { asked, until: step < asked ? asked : step + asked });
    plan.set = { lr: settings.get('lr'), train_steps: settings.get('train_steps') };
    this.#follow();
    const task = session.perform({ text: 'Preparing the network…', work: (task) => this.work.perform(task, learner, this.beginning.from, count) });
    this.#task = task;
    // What goes wrong is in the status line.
    await task.ended.catch(() => {});
    if (this.#task === task) this.#task = null;
    if (!learner.awake && !learner.checkpoint && learner === this.#learner) {
      // Nothing is left of it, and other settings may do.
      this.#learner = null;
      forgetRun(plan).catch(() => {});
      this.#follow();
    }
    this.#followStatus();
  }

  /** A new run of the pictures that there are. @returns {Promise<string|null>} why there can be none */
  async #begin() {
    await this.#shipping;
    try {
      const learner = await this.beginning.make(() => {
        this.source.fix(true);
        this.controls.use(FIXED, false);
      });
      const { plan } = learner;
      this.#learner = learner;
      this.scene.clear(plan.shape, namesOf(plan.classes));
      this.curve.show([]);
      this.note.textContent = wordsOn(plan.count, []);
      this.result.say('');
      keepPictures(learner).catch((error) => this.work.tellLost(learner, oneLine(error)));
      return null;
    } catch (error) {
      this.#follow();
      return oneLine(error);
    }
  }

  /** The model of the run, in the list. */
  get #own() {
    return this.session.models.find(({ id, own }) => own && id === this.#learner?.plan.id);
  }

  /** Ends the run after the step that is being computed; what there is stays. */
  stop() {
    if (this.session.status.state !== 'running') return;
    this.session.stop();
    this.parts.stop.disabled = true;
  }

  /** Another run; the model of the one before stays in the list. */
  async #startOver() {
    const plan = this.#learner?.plan;
    this.#learner?.end();
    this.#learner = null;
    this.note.textContent = '';
    this.result.say('');
    this.curve.show([]);
    this.scene.clear(this.#shape());
    this.#follow();
    this.#followStatus();
    this.session.attend();
    if (!this.session.busy) this.session.report({ text: 'Ready.', figures: '' });
    if (plan) await forgetRun(plan).catch(() => {});
  }

  enter() {
    this.source.arrivals.listen();
    this.scene.fit();
  }

  leave() {
    this.source.arrivals.rest();
    this.source.pad.close();
  }
}

/**
 * @param {HTMLElement} root @param {import('../session.js').Session} session
 * @returns {import('../main.js').View}
 */
export function mount(root, session) {
  const view = new Train(root, session);
  return { run: () => view.run(), stop: () => view.stop(), enter: () => view.enter(), leave: () => view.leave() };
}
