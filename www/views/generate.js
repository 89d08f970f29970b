// The view `generate`: makes pictures with the settings, shows every step as it comes, and lets one go back through
// them afterwards, or make them one by one.

import { oneLine } from '../engine/errors.js';
import { find } from '../ui/dom.js';
import { Controls } from '../ui/controls.js';
import { Film } from '../ui/film.js';
import { Scrubber } from '../ui/scrubber.js';
import { Painter } from '../ui/painter.js';
import { copyLink, tellShared } from '../ui/share.js';
import { Stage } from '../ui/stage.js';
import { adapterLine, duration, milliseconds, plural } from '../ui/words.js';

/** @typedef {import('../run.js').Run} Run @typedef {import('../state.js').Values} Values */

/** A run that is to be watched lasts so long at least. */
const WATCH_MS = 2000;

class Generate {
  /** @type {Film|null} */
  #film = null;
  /** The current or last run. @type {Run|null} */
  #run = null;
  /** x_0 of the last run, once it is there. @type {Float32Array|undefined} */
  #result;
  /** Its code comes when it is opened. @type {import('../ui/dissection.js').Dissection|null} */
  #dissection = null;
  /** Its code comes after the first pictures. @type {import('../ui/menu.js').Menu|null} */
  #save = null;
  #painter = new Painter();
  /** What the buttons follow. */
  #followed = '';

  /** @param {HTMLElement} root @param {import('../session.js').Session} session */
  constructor(root, session) {
    const { settings } = session;
    this.root = root;
    this.session = session;
    this.settings = settings;
    const always = /** @type {const} */ (['model', 'device', 'steps', 'eta', 'seed', 'batch', 'label', 'guidance']);
    this.controls = new Controls(find(root, 'controls', HTMLElement), settings, [...always], ['method', 'tau', 'pace', 'engine', 'storage']);
    this.stage = new Stage(find(root, 'frame', HTMLElement), (index) => this.#enlarge(index));
    this.scrubber = new Scrubber(root, () => {
      session.attend();
      this.#draw();
    });
    this.dissect = find(root, 'dissect', HTMLDetailsElement);
    this.dissect.addEventListener('toggle', () => this.#dissect());
    this.adapter = find(root, 'adapter', HTMLElement);
    this.placeholder = find(root, 'placeholder', HTMLElement);
    /** @param {string} testId @param {() => void} action */
    const button = (testId, action) => {
      const found = find(root, testId, HTMLButtonElement);
      found.addEventListener('click', action);
      return found;
    };
    this.generateButton = button('generate', () => this.run());
    this.stopButton = button('stop', () => this.stop());
    this.backButton = button('back', () => this.#back());
    this.stepButton = button('step', () => this.#step());
    const copyButton = button('copy', () => copyLink(copyButton, this.#shownSettings(), session));
    this.shareButton = button('share', () => tellShared(async () => (await import('../ui/take.js')).shareTaken(this.#taken()), session));
    this.shareButton.hidden = typeof navigator.share !== 'function';
    this.shows = ['x0', 'xt', 'both'].map((value) => find(root, `show-${value}`, HTMLInputElement));

    for (const radio of this.shows) radio.addEventListener('change', () => settings.set('show', radio.value));
    settings.on('change', (keys) => {
      if (keys.includes('show')) this.#showChoice();
      if (keys.includes('batch')) this.#layOut();
    });
    session.whenLoaded((loaded) => {
      this.adapter.textContent = adapterLine(loaded, 1);
      this.controls.follow(loaded, session.model);
      this.#layOut();
    });
    session.on('status', () => this.#follow());
    this.#layOut();
    this.#showChoice();
    this.#follow();
  }

  /** Makes pictures with the current settings, or goes on with a run that waits; loads the model first if that has failed before. */
  run() {
    if (this.#holding) {
      this.#run?.go();
      this.session.report({ text: this.#making });
      this.#follow();
      return;
    }
    return this.#begin(false);
  }

  /** Ends the run after the step that is being computed; what there is stays. */
  stop() {
    if (this.session.status.state !== 'running') return;
    this.session.stop();
    this.stopButton.disabled = true;
  }

  /** A run that waits for a hand would wait for ever. */
  leave() {
    if (this.#holding) this.stop();
  }

  /** Whether the run under way waits for the next press of the button. */
  get #holding() {
    return this.session.status.state === 'running' && (this.#run?.held ?? false);
  }

  get #making() {
    const { settings, total } = /** @type {Film} */ (this.#film);
    return `Making ${plural(settings.batch, 'picture')} in ${plural(total, 'step')}…`;
  }

  /** @param {boolean} held  whether it waits after the first step */
  async #begin(held) {
    const { session, settings } = this;
    if (session.busy || !this.controls.check(session)) return;
    settings.flush();
    // The model may allow fewer steps than were asked for.
    if (!session.loaded && (!(await session.load()) || !this.controls.check(session))) return;

    const values = settings.all();
    const pictures = plural(values.batch, 'picture');
    const task = session.perform({
      text: `Making ${pictures}…`,
      work: async (task) => {
        const run = task.sample(session.options(), {
          held,
          dissect: true,
          pace: values.pace === 'watch' ? WATCH_MS : 0,
          onStart: (run, workers) => this.#start(values, run, workers),
          onStep: ({ index, t, x0, xt, terms }) => this.#receive({ step: index + 1, t, x0, xt, ...(terms && { terms }) }),
        });
        this.#run = run;
        if (held) run.step();
        const { stopped, values: result } = await run.ended;
        const { times, total } = run;
        if (stopped) return `Stopped after step ${times.length} of ${total}; what there is stays.`;
        this.#result = result;
        session.model.own?.made(session, this.#film);
        return `Done: ${pictures} in ${plural(total, 'step')}, ${duration(run.ms)}.`;
      },
    });
    // What goes wrong is in the status line.
    await task.ended.catch(() => {});
  }

  /** One step forward: through the film, or else by the engine. */
  #step() {
    if (this.session.status.state === 'running' && !this.#holding) {
      this.#run?.hold();
      this.#pausedAt();
    } else if (this.scrubber.move(1)) return;
    else if (this.#holding) this.#run?.step();
    else this.#begin(true);
    this.#follow();
  }

  #back() {
    this.scrubber.move(-1);
  }

  #pausedAt() {
    this.session.report({ text: 'Waiting for Step or Go on.' });
  }

  /** The sampler has accepted the options. @param {Values} values @param {Run} run @param {number} workers */
  #start(values, { total, held }, workers) {
    const { shape, loaded } = this.session;
    if (!shape || !loaded) return;
    this.adapter.textContent = adapterLine(loaded, workers);
    const film = new Film(shape, values, total);
    this.#film = film;
    this.stage.layout(values.batch, shape);
    this.scrubber.begin(film);
    this.placeholder.hidden = true;
    this.#result = undefined;
    this.#save?.enable(false);
    this.shareButton.disabled = true;
    this.session.report({ text: this.#making, figures: `Step 0 of ${total}`, progress: { value: 0, max: total } });
    if (held) this.#pausedAt();
    this.session.clear('film');
    if (film.stride > 1) this.session.tell('film', `To save memory, the slider will hold one step in ${film.stride}.`);
  }

  /** @param {import('../ui/film.js').Frame} frame */
  #receive(frame) {
    this.#film?.add(frame);
    // A fast engine makes more steps than a screen can show: every one is kept, the newest is painted.
    this.#painter.later('step', () => this.#paint());
  }

  /** Shows the newest step. */
  #paint() {
    this.scrubber.follow();
    this.#draw();
    const { film, frame } = this.scrubber;
    if (!film || !frame) return;
    this.session.report({ progress: { value: frame.step, max: film.total }, step: frame.step, figures: this.#figures(frame) });
    this.#follow();
  }

  /** Draws the step that the slider is at. */
  #draw() {
    const { frame } = this.scrubber;
    if (!frame || !this.#film) return;
    this.stage.draw(this.settings.get('show') === 'xt' ? frame.xt : frame.x0, frame.xt);
    this.scrubber.tell();
    this.#dissection?.show(frame, this.#film.shape);
    this.backButton.disabled = this.scrubber.place < 1 || this.scrubber.slider.disabled;
    if (!this.session.busy || this.#holding) this.session.report({ figures: this.#figures(frame) });
  }

  /** Fills the part that takes a step apart, when it is opened for the first time. */
  async #dissect() {
    if (this.#dissection) return;
    try {
      const { Dissection } = await import('../ui/dissection.js');
      this.#dissection ??= new Dissection(this.dissect);
      this.#draw();
    } catch (error) {
      this.dissect.open = false;
      this.session.tell('dissect', `This part of the page could not be loaded (${oneLine(error)}).`);
    }
  }

  /** @param {import('../ui/film.js').Frame} frame */
  #figures({ step, t }) {
    const { total } = /** @type {Film} */ (this.#film);
    const ms = this.#run?.msPerStep ?? 0;
    const running = this.session.status.state === 'running' && !this.#holding;
    const left = running && step < total ? ` · ${duration((total - step) * ms)} left` : '';
    return `Step ${step} of ${total} · t = ${t}${left} · ${milliseconds(ms)} per step`;
  }

  /** Before the first run there are as many empty pictures as there will be. */
  #layOut() {
    if (!this.#film) this.stage.layout(this.settings.get('batch'), this.session.shape);
  }

  /** The choice between x̂₀ and x_t. */
  #showChoice() {
    const show = this.settings.get('show');
    for (const radio of this.shows) radio.checked = radio.value === show;
    this.stage.both(show === 'both');
    this.#draw();
  }

  #follow() {
    const { busy, status } = this.session;
    const holding = this.#holding;
    const followed = `${status.state} ${holding} ${this.#film?.length}`;
    if (followed === this.#followed) return;
    this.#followed = followed;
    const running = status.state === 'running';
    if (!running) this.#painter.flush();
    if (status.state === 'loading') this.adapter.textContent = '';
    const focused = document.activeElement;
    this.generateButton.disabled = busy && !holding;
    this.generateButton.textContent = holding ? 'Go on' : 'Generate';
    this.stopButton.disabled = !running;
    this.stepButton.disabled = status.state === 'loading';
    this.stepButton.textContent = running && !holding ? 'Pause' : 'Step ›';
    // A disabled button loses the focus; hand it to its partner.
    if (running && focused === this.generateButton && !holding) this.stopButton.focus();
    if (!busy && focused === this.stopButton) this.generateButton.focus();
    this.scrubber.enable(running && !holding, busy);
    this.backButton.disabled = this.scrubber.place < 1 || this.scrubber.slider.disabled;
    this.#offer(running);
    this.shareButton.disabled = !this.#film?.length;
    this.placeholder.hidden = this.#film !== null;
  }

  /** @param {number} index */
  async #enlarge(index) {
    if (!this.#film?.length) return;
    try {
      const { enlarge } = await import('../ui/enlarge.js');
      enlarge(this.#film, index, { show: this.settings.get('show') === 'xt' ? 'xt' : 'x0', step: this.scrubber.frame?.step ?? 0 });
    } catch (error) {
      this.session.tell('enlarge', `This part of the page could not be loaded (${oneLine(error)}).`);
    }
  }

  /** The settings that made the picture on show, with the choice that is on show. */
  #shownSettings() {
    return { ...(this.#film?.settings ?? this.settings.all()), show: this.settings.get('show') };
  }

  /** What can be saved. @param {boolean} running */
  async #offer(running) {
    const frames = this.#film?.length ?? 0;
    if (!this.#save && (frames > 1 || (frames === 1 && !running))) {
      const code = await import('./generate/save.js').catch(() => null);
      // The end of the next run may bring it.
      if (code) this.#save ??= code.saveMenu(this.root, () => this.#taken(), this.session);
    }
    this.#save?.enable(Boolean(this.#film?.length));
  }

  /** What is on show, for whoever takes it away. @returns {import('../ui/take.js').Taken} */
  #taken() {
    const film = /** @type {Film} */ (this.#film);
    const model = this.session.models.find(({ id }) => id === film.settings.model) ?? this.session.model;
    const values = /** @type {Values} */ (this.#shownSettings());
    return { film, place: this.scrubber.place, canvases: this.stage.canvases, values, model, result: this.#result };
  }
}

/**
 * @param {HTMLElement} root @param {import('../session.js').Session} session
 * @returns {import('../main.js').View}
 */
export function mount(root, session) {
  return new Generate(root, session);
}
