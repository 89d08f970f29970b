// The view `forward`: what the model was trained to undo. One picture at every noise level, drawn at once and step by
// step; the numbers behind it; and what the picture costs by the variational bound, which a run measures.

import { oneLine } from '../engine/errors.js';
import { loadFigures } from '../engine/figures.js';
import { Controls } from '../ui/controls.js';
import { element } from '../ui/dom.js';
import { followSession, layout } from '../ui/layout.js';
import { short } from '../ui/numbers.js';
import { Painter } from '../ui/painter.js';
import { copyLink, shareButton } from '../ui/share.js';
import { M, equation, termButton } from '../ui/terms.js';
import { duration } from '../ui/words.js';
import { BoundPart } from './forward/bound.js';
import { Lemma } from './forward/lemma.js';
import { Pair } from './forward/pair.js';
import { Posterior } from './forward/posterior.js';
import { breath, sceneOf } from './forward/scene.js';
import { Schedules } from './forward/schedules.js';
import { Steps } from './forward/steps.js';
import { Subject } from './forward/subject.js';
import { WeightsPart } from './forward/weights.js';

/**
 * @typedef {import('./forward/scene.js').Scene} Scene
 * @typedef {import('../state.js').Values} Values
 */

/** Enough to see the shape of the bound, and done within seconds. */
const TERMS_OF_THE_BOUND = 50;

/** What the numbers on show depend on. @type {(keyof Values)[]} */
const OF_SCENE = ['schedule', 'steps', 'eta', 'tau', 'method', 'seed'];

/** What the noise on show depends on. @type {(keyof Values)[]} */
const OF_NOISE = ['schedule', 'seed'];

class Forward {
  /** @type {import('./forward/scene.js').Figures|null} */
  #figures = null;
  /** @type {Scene|null} */
  #scene = null;
  #painter = new Painter();
  /** Whether the noise of the pictures is another since they were drawn. */
  #noise = false;
  /** What each part shows, where that is all of its scene. @type {Map<import('./forward/scene.js').Part, unknown>} */
  #shown = new Map();
  #bound = new BoundPart();
  #lemma = new Lemma();
  #posterior = new Posterior();
  /** @type {import('./forward/scene.js').Part[]} */
  #parts = [this.#bound, this.#posterior, new Schedules(), this.#lemma, new WeightsPart(), new Steps()];
  #time = element('input', { type: 'range', id: 'forward-t', min: 0, max: 999, step: 1, 'aria-label': 'Time step t', 'data-testid': 'forward-t' });
  #timeText = element('span', { className: 'time-text', 'data-testid': 'forward-t-text' });
  #numbers = { alpha_bar: this.#number('alpha-bar'), snr: this.#number('snr'), beta: this.#number('beta') };
  #copy = element('button', { type: 'button', 'data-testid': 'forward-copy' }, 'Copy link');

  /** @param {HTMLElement} root @param {import('../session.js').Session} session */
  constructor(root, session) {
    const { settings } = session;
    this.session = session;
    this.settings = settings;
    this.layout = layout(root, {
      name: 'forward',
      title: 'From picture to noise',
      lead: 'In training, noise is put over pictures, and the network learns to tell one from the other. Move t for more or less.',
      run: 'Measure its cost',
    });
    this.subject = new Subject(this.layout.head, session, () => this.#changePicture());
    this.pair = new Pair(this.layout.stage);
    this.layout.stage.append(
      this.subject.placeholder,
      element('div', { className: 'time' }, element('label', { htmlFor: 'forward-t', 'aria-hidden': true }, equation(M.mi('t'), 'inline')), this.#time, this.#timeText),
      element('div', { className: 'live' },
        this.#live(M.alphaBar, this.#numbers.alpha_bar, 'alpha_bar'),
        this.#live('<mi>SNR</mi>', this.#numbers.snr, 'snr'),
        this.#live(M.beta, this.#numbers.beta, 'beta')),
    );
    this.layout.below.append(...this.#parts.map(({ root }) => root));
    this.layout.after.append(element('div', { className: 'take' }, this.#copy, shareButton('forward-share', () => settings.all(), session)), this.subject.credit);
    this.#copy.addEventListener('click', () => copyLink(this.#copy, this.settings.all(), session));
    this.controls = new Controls(this.layout.settings, settings, ['model', 'schedule', 'seed', 'steps', 'eta'], ['tau', 'method', 'label', 'guidance', 'device']);
    this.layout.run.addEventListener('click', () => this.run());
    this.layout.stop.addEventListener('click', () => this.stop());
    this.#time.addEventListener('input', () => settings.set('t', Number(this.#time.value)));
    followSession(this.layout, session);
    settings.on('change', (keys) => this.#follow(keys));
    session.whenLoaded((loaded) => this.#takeModel(loaded));
    this.#showTime();
  }

  async #takeFigures() {
    try {
      this.#figures = await loadFigures();
      this.session.clear('figures');
      this.#refresh();
    } catch (error) {
      this.session.tell('figures', `${oneLine(error)} Choose another view and then this one again to try once more.`);
    }
  }

  /** @param {string} name */
  #number(name) {
    return element('span', { className: 'number', 'data-testid': `forward-${name}` }, '–');
  }

  /** @param {string} math @param {HTMLElement} number @param {import('../ui/terms.js').TermName} term */
  #live(math, number, term) {
    return element('div', {}, equation(M.row(math, M.mo('=')), 'inline'), ' ', number, termButton(term));
  }

  /** @param {import('../session.js').Loaded} loaded */
  async #takeModel(loaded) {
    const { session } = this;
    this.controls.follow(loaded, session.model);
    this.#scene = null;
    this.#bound.clear();
    session.clear('forward');
    if (!session.shape) return;
    for (const each of this.#pictures) each.fit(session.shape);
    if (await this.subject.takeModel(loaded)) this.#refresh();
  }

  /** @param {(keyof Values)[]} keys */
  #follow(keys) {
    const has = (/** @type {(keyof Values)[]} */ some) => some.some((key) => keys.includes(key));
    if (keys.includes('t')) this.#showTime();
    this.subject.follow(keys);
    if (this.subject.settled && has(OF_SCENE)) this.#refresh(has(OF_NOISE));
  }

  /** Another picture is on show, or none. */
  #changePicture() {
    this.#bound.clear();
    this.#showPicture();
  }

  #showPicture() {
    const { picture } = this.subject;
    const { shape } = this.session;
    for (const each of this.#pictures) {
      if (this.#scene && picture && shape) each.show(this.#scene, picture, shape, this.#t);
      else each.clear();
    }
  }

  /** What shows the picture. */
  get #pictures() {
    return [this.pair, this.#posterior.picture];
  }

  /** The time step on show: a link may name one that this chain does not have. */
  get #t() {
    return Math.min(this.settings.get('t'), (this.#scene?.T ?? Infinity) - 1);
  }

  #showTime() {
    const t = this.#t;
    const { levels, T = Number(this.#time.max) + 1 } = this.#scene ?? {};
    this.#time.max = String(T - 1);
    this.#time.value = String(t);
    this.#timeText.textContent = `${t} of ${T - 1}`;
    for (const [key, place] of Object.entries(this.#numbers)) {
      place.textContent = levels ? short(levels[/** @type {keyof typeof levels} */ (key)][t]) : '–';
    }
    this.#time.setAttribute('aria-valuetext', `t = ${t} of ${T - 1}`);
    this.pair.at(t);
    for (const part of this.#parts) part.at?.(t);
  }

  /** Everything with the settings as they are, once however many have changed. @param {boolean} [noise]  whether that of the pictures is another */
  #refresh(noise = true) {
    this.#noise ||= noise;
    this.#painter.later('scene', () => this.#build());
  }

  async #build() {
    const { session } = this;
    const { loaded } = session;
    if (!this.#figures || !loaded || !this.subject.settled) return;
    let scene;
    try {
      scene = sceneOf(this.#figures, session, loaded);
    } catch (error) {
      session.tell('forward', `This schedule cannot be shown (${oneLine(error)}).`);
      return;
    }
    this.#scene = scene;
    if (this.#noise) this.#showPicture();
    this.#noise = false;
    this.#showTime();
    for (const part of this.#parts) {
      const needed = part.needs?.(scene) ?? scene;
      if (this.#shown.get(part) === needed) continue;
      await breath();
      if (scene !== this.#scene) return;
      await part.update(scene);
      if (scene !== this.#scene) return;
      this.#shown.set(part, needed);
    }
  }

  /** Makes the picture where there is none, and measures what it costs. */
  async run() {
    const { session, settings } = this;
    if (session.busy || !this.controls.check(session)) return;
    settings.flush();
    if (!session.loaded && !(await session.load())) return;
    const task = session.perform({ text: this.subject.picture ? 'Measuring the cost…' : 'Making a picture…', work: (task) => this.#work(task) });
    // What goes wrong is in the status line.
    await task.ended.catch(() => {});
    if (this.#bound.count === 0) this.#bound.clear();
  }

  /** @param {import('../run.js').Task} task @returns {Promise<string>} */
  async #work(task) {
    const { session } = this;
    const { loaded } = session;
    if (!this.subject.picture && !(await this.subject.make(task))) return 'Stopped before the picture was made.';
    const { picture } = this.subject;
    if (!picture || !loaded) return 'Nothing was measured.';
    const terms = Math.min(TERMS_OF_THE_BOUND, loaded.scheduler.trainSteps);
    const { seed, label } = this.settings.all();
    const begun = performance.now();
    const current = () => picture === this.subject.picture;
    this.#bound.clear('Measuring…');
    session.report({ text: 'Measuring the cost…', figures: '', progress: { value: 0, max: terms }, step: 0 });
    let count = 0;
    const { stopped } = await task.rate({ image: picture, terms, seed, ...(loaded.info.classes && { label }) }, (points, total) => {
      count += points.length;
      if (current()) this.#bound.add(points);
      session.report({ figures: `Part ${count} of ${total}`, progress: { value: count, max: total }, step: count });
    });
    if (stopped) return `Stopped after ${count} of ${terms} parts. What is measured stays.`;
    if (!current()) return 'Done, but another picture has been chosen meanwhile.';
    session.report({ figures: '' });
    return `Done: ${this.#bound.bits} bits per dimension, ${duration(performance.now() - begun)}.`;
  }

  /** Ends what is under way after the step that is being computed. */
  stop() {
    if (this.session.status.state === 'running') this.session.stop();
  }

  enter() {
    if (!this.#figures) this.#takeFigures();
    for (const part of this.#parts) part.enter?.();
  }

  leave() {
    for (const part of this.#parts) part.leave?.();
  }
}

/**
 * @param {HTMLElement} root @param {import('../session.js').Session} session
 * @returns {import('../main.js').View}
 */
export function mount(root, session) {
  return new Forward(root, session);
}
