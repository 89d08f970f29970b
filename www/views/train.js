// The view `train`: a network learns the visitor's own pictures, draws what it has learned so far, and becomes a model
// that every other view can use.

import { FROM_NOTHING } from '../state.js';
import { Failure, oneLine } from '../engine/errors.js';
import { toGreyLevels } from '../engine/levels.js';
import { WEIGHTS_FILE } from '../engine/weights.js';
import { deleteOwn, freeId } from '../own.js';
import { Controls } from '../ui/controls.js';
import { element } from '../ui/dom.js';
import { download } from '../ui/export/download.js';
import { followSession, layout } from '../ui/layout.js';
import { plural } from '../ui/words.js';
import { Curve } from './train/curve.js';
import { nearestTo, wordsOn } from './train/heart.js';
import { forgetRun, keepPictures, keepRun, keptRun } from './train/kept.js';
import { Learner } from './train/learner.js';
import { optionsFor, shapeOf, stepsFor, textsOf } from './train/plan.js';
import { COUNT, Scene } from './train/scene.js';
import { Source } from './train/source.js';

/**
 * @typedef {import('../ui/pixels.js').Shape} Shape
 * @typedef {import('../run.js').Task} Task
 * @typedef {import('../state.js').Values} Values
 */

/** The first samples come soon; later ones take a fifth of the time at most. */
const FIRST_GLANCE_MS = 1500;
const GLANCE_MS = 3000;
const GLANCE_SHARE = 4;

/** A run is kept for the first time soon, and then every so often. */
const FIRST_KEEP_MS = 4000;
const KEEP_MS = 20_000;

/** How fast it is, is the mean over so many steps. */
const RECENT = 20;

/** What a run has begun with. @type {(keyof Values)[]} */
const FIXED = ['from', 'size', 'colours', 'flips', 'train_batch', 'seed'];

/** @param {number} count */
const grouped = (count) => count.toLocaleString('en');

/** What goes on beside the training, until it ends. */
class Beside {
  /** @type {() => void} */
  end = () => {};
  over = false;
  /** @type {Promise<void>} */
  ended = new Promise((resolve) => {
    this.end = () => {
      this.over = true;
      resolve();
    };
  });

  /** @param {number} ms @returns {Promise<void>} earlier where the training ends */
  pause(ms) {
    return Promise.race([this.ended, new Promise((/** @type {(nothing: void) => void} */ resolve) => setTimeout(resolve, ms))]);
  }
}

class Train {
  /** The run, from its first step until one starts over. @type {Learner|null} */
  #learner = null;
  /** @type {Task|null} */
  #task = null;
  #starting = false;
  /** What the model to start from draws, where there is one. @type {Promise<Shape|null>} */
  #fromReady = Promise.resolve(null);
  /** @type {Shape|null} */
  #fromShape = null;
  /** The run that this browser has kept is here. @type {Promise<void>} */
  #restored;
  /** The samples of the model in use are on their way. @type {Promise<void>} */
  #shipping = Promise.resolve();
  /** The last time that the run is being kept. @type {Promise<void>} */
  #keeping = Promise.resolve();
  /** The run of which it was said that it cannot be kept; once is enough. @type {Learner|null} */
  #told = null;
  /** ms of the last steps. @type {number[]} */
  #times = [];

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
    this.controls = new Controls(this.parts.settings, settings, ['from', 'size', 'colours', 'flips', 'train_steps'], ['device', 'seed', 'train_batch', 'lr']);
    this.curve = new Curve();
    /** @param {string} testId @param {string} text @param {() => void} action */
    const button = (testId, text, action) => {
      const made = element('button', { type: 'button', 'data-testid': testId, disabled: true }, text);
      made.addEventListener('click', action);
      return made;
    };
    this.one = button('train-step', 'One step', () => this.run(1));
    this.again = button('train-over', 'Start over', () => this.#startOver());
    this.use = button('train-use', 'Generate with it', () => this.#use());
    this.save = button('train-download', 'Download', () => this.#download());
    this.remove = button('train-delete', 'Delete', () => this.#delete());
    this.said = element('p', { className: 'quiet', role: 'status', 'data-testid': 'train-said' });
    const model = element('section', { className: 'card model-card-own', 'aria-labelledby': 'train-model' },
      element('h3', { id: 'train-model' }, 'The model so far'),
      element('p', { className: 'quiet' }, 'It is kept in this browser and stands in the list of models. The download is a zip of the three files that the class UNet2DModel of diffusers and this page load.'),
      element('div', { className: 'take' }, this.use, this.save, this.remove), this.said);
    this.parts.after.append(element('div', { className: 'take' }, this.one, this.again), place);
    this.parts.below.append(this.curve.root, model);

    followSession(this.parts, session);
    this.parts.run.addEventListener('click', () => this.run());
    this.parts.stop.addEventListener('click', () => this.stop());
    settings.on('change', (keys) => {
      if (keys.includes('from')) this.#readFrom();
      if (['from', 'size', 'colours'].some((key) => keys.includes(/** @type {keyof Values} */ (key)))) this.#follow();
    });
    session.on('status', () => this.#followStatus());
    session.on('models', () => this.#followStatus());
    this.#restored = this.#restore();
    session.whenLoaded(() => (this.#shipping = this.#showSamples()));
    document.addEventListener('visibilitychange', () => {
      // It may never be seen again.
      if (document.hidden && this.#task) this.#keep();
    });
    this.#readFrom();
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
    const { plan, pixels, losses, step } = learner;
    this.source.pictures.resize(plan.shape.width);
    this.source.pictures.restore(pixels.subarray(0, plan.count * plan.shape.channels * plan.shape.width ** 2), plan.shape);
    this.scene.clear(plan.shape);
    this.curve.show(losses);
    this.note.textContent = `A run on ${plural(plan.count, 'picture')} is kept in this browser, at step ${grouped(step)} of ${grouped(plan.until)}. Go on with it, or start over.`;
    this.#follow();
    this.#followStatus();
  }

  /** The model that a run is to start from. @returns {import('../models.js').Model|undefined} */
  get #from() {
    const id = this.settings.get('from');
    return id === FROM_NOTHING ? undefined : this.session.models.find((model) => model.id === id);
  }

  #readFrom() {
    const model = this.#from;
    this.#fromShape = null;
    const reading = model ? textsOf(model).then(({ config }) => shapeOf(config)) : Promise.resolve(null);
    this.#fromReady = reading;
    reading.then(
      (shape) => {
        if (reading !== this.#fromReady) return;
        this.#fromShape = shape;
        this.#follow();
      },
      // It is told when somebody wants to begin.
      () => {},
    );
  }

  /** What pictures become. @returns {Shape} */
  #shape() {
    if (this.#learner) return this.#learner.plan.shape;
    if (this.#fromShape) return this.#fromShape;
    const { pictures } = this.source;
    const size = this.settings.get('size');
    const side = size === 'auto' ? pictures.usualSize : Number(size);
    const colours = this.settings.get('colours');
    const grey = colours === 'grey' || (colours === 'auto' && pictures.grey);
    return { channels: grey ? 1 : 3, height: side, width: side };
  }

  /** Other pictures, or others are wanted of them. */
  #follow() {
    const shape = this.#shape();
    if (shape.width !== this.source.pictures.size) this.source.pictures.resize(shape.width);
    this.source.refresh();
    if (!this.#learner && !this.scene.fits(shape)) this.scene.clear(shape);
    const started = this.#learner !== null;
    this.controls.use(FIXED, !started);
    if (!started && this.settings.get('from') !== FROM_NOTHING) this.controls.use(['size', 'colours'], false);
    this.source.fix(started);
  }

  #followStatus() {
    const { busy, loaded, models, status } = this.session;
    const text = this.#learner ? 'Go on' : 'Train';
    if (this.parts.run.textContent !== text) this.parts.run.textContent = text;
    this.one.disabled = busy || !loaded;
    this.again.disabled = busy || !this.#learner;
    const made = models.some(({ id, own }) => own && id === this.#learner?.plan.id);
    for (const button of [this.use, this.save, this.remove]) button.disabled = status.state === 'running' || !made;
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
    const learner = /** @type {Learner} */ (/** @type {unknown} */ (this.#learner));
    const { plan, step } = learner;
    const asked = stepsFor(settings.get('train_steps'), plan.count);
    if (count === undefined && (step >= plan.until || asked !== plan.asked)) Object.assign(plan, { asked, until: step < asked ? asked : step + asked });
    this.#follow();
    const task = session.perform({ text: 'Preparing the network…', work: (task) => this.#work(task, learner, count) });
    this.#task = task;
    // What goes wrong is in the status line.
    await task.ended.catch(() => {});
    if (this.#task === task) this.#task = null;
    this.#followStatus();
  }

  /** A new run of the pictures that there are. @returns {Promise<string|null>} why there can be none */
  async #begin() {
    const { pictures } = this.source;
    try {
      this.#fromShape = await this.#fromReady;
    } catch (error) {
      return oneLine(error);
    }
    await this.#shipping;
    await pictures.ready;
    const shape = this.#shape();
    pictures.resize(shape.width);
    await pictures.ready;
    const count = pictures.all.length;
    if (count === 0) return 'There are no pictures to learn from: choose, drop, paste or draw some.';
    if (count === 1) return 'One picture is not enough: the network would know nothing but that one; add another.';
    const values = this.settings.all();
    const mirror = values.flips === 'mirror';
    // While they are put together none may come or go.
    this.source.fix(true);
    const pixels = await pictures.pixels(shape, mirror).catch(() => null);
    if (!pixels) {
      this.source.fix(false);
      return 'The browser has no memory for so many pictures; take fewer, or make them smaller.';
    }
    const { id, number } = freeId(this.session.models.map((model) => model.id));
    const name = `Mine${number > 1 ? ` ${number}` : ''}, ${shape.width}×${shape.height}`;
    const asked = stepsFor(values.train_steps, count);
    const plan = { id, name, shape, count, mirror, seed: values.seed, asked, until: asked };
    this.#learner = new Learner(plan, pixels);
    this.scene.clear(shape);
    this.curve.show([]);
    this.note.textContent = wordsOn(count, []);
    this.said.textContent = '';
    keepPictures(this.#learner).catch((error) => this.#tellLost(oneLine(error)));
    return null;
  }

  /** @param {Task} task @param {Learner} learner @param {number} [count]  of steps @returns {Promise<string>} what came of it */
  async #work(task, learner, count) {
    const { session, settings } = this;
    const { plan } = learner;
    let sign = () => {};
    this.#times = [];
    try {
      const values = settings.all();
      const options = () => optionsFor(values, plan.shape, plan.count, this.#from, (loaded, total) => session.report({ progress: total > 0 ? { value: loaded, max: total } : null }));
      await learner.wake(options, { device: values.device, lr: values.lr }, (event) => {
        sign();
        if (event.type === 'step') this.#showStep(task, learner, event.ms);
        else if (event.type === 'notice') session.tell(event.topic, event.text);
      });
      if (task.stopping) return 'Stopped before the first step.';
      session.report({ text: `Training on ${plural(plan.count, 'picture')}…`, step: learner.step, progress: { value: Math.min(learner.step, plan.until), max: plan.until } });
      await this.#train(task, learner, count ?? plan.until - learner.step, (began) => (sign = began));
    } catch (error) {
      throw this.#explained(error, learner);
    }
    const step = grouped(learner.step);
    if (task.stopping) return `Stopped after step ${step}; go on whenever you like.`;
    return count ? `One step more: it is at step ${step}.` : `Trained: ${step} step${learner.step === 1 ? '' : 's'} on ${plural(plan.count, 'picture')}.`;
  }

  /**
   * The steps, with samples and copies of the run meanwhile.
   * @param {Task} task @param {Learner} learner @param {number} count  of steps @param {(sign: () => void) => void} begin
   */
  async #train(task, learner, count, begin) {
    const beside = new Beside();
    const training = learner.train(count);
    begin(task.alongside({ stop: () => learner.stop(), ended: training }));
    const others = [this.#glances(learner, beside), this.#copies(beside)];
    try {
      await training;
    } finally {
      beside.end();
      if (task.stopping) learner.stop();
      await Promise.allSettled(others);
    }
    this.curve.show(learner.losses);
    if (!task.stopping) await this.#glance(learner);
    await this.#keep();
  }

  /** @param {unknown} error @param {Learner} learner @returns {Error} a sentence */
  #explained(error, learner) {
    const { kind, message } = Failure.from(error);
    if (kind === 'diverged') {
      const how = learner.checkpoint ? 'and go on: it continues from where it was kept last' : 'and start over';
      return new Error(`Step ${grouped(learner.step + 1)} gave numbers that are not finite. Choose a smaller learning rate ${how}.`);
    }
    if (learner.awake) return Failure.from(error);
    if (learner.step === 0) {
      // Nothing is lost, and other settings may do.
      this.#learner = null;
      this.#follow();
      const advice = kind === 'crash' ? '; there may be too little memory: try a smaller size or fewer pictures per step' : '';
      return new Error(`The training could not begin (${message})${advice}.`);
    }
    if (kind === 'weights' || kind === 'options') return new Error(`The run cannot go on (${message}); start over. Its model stays in the list.`);
    const from = learner.checkpoint ? 'it can go on from where it was kept last' : 'start over';
    return new Error(`${kind === 'lost' ? 'The graphics card stopped working for this page' : 'The training broke off'} (${message}); ${from}.`);
  }

  /** @param {Task} task @param {Learner} learner @param {number} ms  that the step took */
  #showStep(task, { step, losses, plan }, ms) {
    this.#times.push(ms);
    if (this.#times.length > RECENT) this.#times.shift();
    const rate = (1000 * this.#times.length) / this.#times.reduce((sum, time) => sum + time, 0);
    const figures = `step ${grouped(step)} of ${grouped(Math.max(step, plan.until))} · ${rate.toPrecision(2)} steps/s · loss ${losses[losses.length - 1].toFixed(3)}`;
    this.curve.show(losses, false);
    this.session.report({ figures, step, progress: { value: Math.min(step, plan.until), max: plan.until } });
  }

  /** Samples every now and then. @param {Learner} learner @param {Beside} beside */
  async #glances(learner, beside) {
    let wait = FIRST_GLANCE_MS;
    for (;;) {
      await beside.pause(wait);
      if (beside.over) return;
      const began = performance.now();
      await this.#glance(learner);
      wait = Math.max(GLANCE_MS, GLANCE_SHARE * (performance.now() - began));
    }
  }

  /** What the network draws now, and how near to the pictures that is. @param {Learner} learner */
  async #glance(learner) {
    try {
      const { values, step } = await learner.sample(COUNT);
      const levels = toGreyLevels(values);
      if (!levels || learner !== this.#learner) return;
      this.scene.draw(levels, step);
      const { channels, height, width } = learner.plan.shape;
      const near = await nearestTo(values, learner.pixels, channels * height * width, learner.plan.count);
      if (learner !== this.#learner) return;
      this.scene.match(learner.pixels, near);
      this.note.textContent = wordsOn(learner.plan.count, near);
      this.session.clear('samples');
    } catch (error) {
      const { kind, message } = Failure.from(error);
      if (kind !== 'ended') this.session.tell('samples', `No samples could be drawn (${message}); the training goes on.`);
    }
  }

  /** Keeps the run every now and then. @param {Beside} beside */
  async #copies(beside) {
    await beside.pause(FIRST_KEEP_MS);
    while (!beside.over) {
      await this.#keep();
      await beside.pause(KEEP_MS);
    }
  }

  /** Keeps the run and its model, one time after the other. */
  #keep() {
    this.#keeping = this.#keeping.then(async () => {
      const learner = this.#learner;
      if (!learner?.awake || learner.step === 0) return;
      try {
        const copy = await learner.keep();
        const preview = await this.scene.preview();
        if (learner !== this.#learner) return;
        const { own, problem } = await keepRun(learner.plan, copy, preview);
        this.#list(own);
        if (problem) this.#tellLost(problem);
        else {
          this.#told = null;
          this.session.clear('kept');
        }
      } catch (error) {
        const { kind, message } = Failure.from(error);
        if (kind !== 'ended') this.#tellLost(message);
      }
    });
    return this.#keeping;
  }

  /** @param {string} why  the middle of a sentence */
  #tellLost(why) {
    if (this.#told === this.#learner) return;
    this.#told = this.#learner;
    this.session.tell('kept', `The run could not be kept (${why}): it goes on, but a reload would lose it.`);
  }

  /** Puts the model into the list of all. @param {import('../models.js').Model} own */
  #list(own) {
    const { session } = this;
    const before = session.models.find(({ id }) => id === own.id);
    if (before) Object.assign(before, own);
    else session.list([...session.models, own]);
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
    this.#learner?.rest();
    this.#learner = null;
    this.note.textContent = '';
    this.said.textContent = '';
    this.curve.show([]);
    this.scene.clear(this.#shape());
    this.#follow();
    this.#followStatus();
    if (!this.session.busy) this.session.report({ text: 'Ready.', figures: '' });
    await forgetRun().catch(() => {});
  }

  #use() {
    const { session, settings } = this;
    const own = this.#own;
    if (!own) return;
    // The network in training takes as much memory again.
    this.#learner?.rest();
    if (settings.get('model') === own.id) session.load();
    else settings.set('model', own.id);
    settings.visit('generate');
  }

  async #download() {
    const own = this.#own;
    if (!own?.own) return;
    const { config, scheduler, weights } = own.own.files;
    this.save.disabled = true;
    try {
      const { zip } = await import('../ui/export/zip.js');
      const files = [['config.json', new Blob([config])], ['scheduler_config.json', new Blob([scheduler])], [WEIGHTS_FILE, weights]];
      download(await zip(files.map(([name, file]) => ({ name: `${own.id}/${name}`, file: /** @type {Blob} */ (file) }))), `${own.id}.zip`);
      this.said.textContent = '';
    } catch (error) {
      this.said.textContent = `The files could not be packed (${oneLine(error)}).`;
    }
    this.#followStatus();
  }

  /** Forgets the model and its run. */
  async #delete() {
    const own = this.#own;
    if (!own) return;
    const gone = await deleteOwn(own, this.session);
    await this.#startOver();
    this.said.textContent = gone ? `${own.name} is deleted.` : `${own.name} is gone from this page; this browser kept nothing of it.`;
  }

  enter() {
    this.source.arrivals.listen();
    this.scene.fit();
  }

  leave() {
    this.source.arrivals.rest();
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
