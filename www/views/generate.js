// The view `generate`: makes pictures with the settings, shows every step as it comes, and lets one go back through
// them afterwards.

import { find } from '../ui/dom.js';
import { Controls } from '../ui/controls.js';
import { Film } from '../ui/film.js';
import { Scrubber } from '../ui/scrubber.js';
import { copyLink, savePng } from '../ui/share.js';
import { Stage } from '../ui/stage.js';
import { adapterLine, duration, milliseconds, plural } from '../ui/words.js';

/** @typedef {import('../run.js').Run} Run */

/** A run that is to be watched lasts so long at least. */
const WATCH_MS = 2000;

class Generate {
  /** @type {Film|null} */
  #film = null;
  /** The current or last run. @type {Run|null} */
  #run = null;
  #painting = 0; // the animation frame that will show the newest step
  /** What the buttons follow. @type {import('../session.js').State|null} */
  #state = null;

  /** @param {HTMLElement} root @param {import('../session.js').Session} session */
  constructor(root, session) {
    const { settings } = session;
    this.session = session;
    this.settings = settings;
    this.controls = new Controls(find(root, 'controls', HTMLElement), settings, ['model', 'steps', 'eta', 'seed', 'batch', 'label', 'guidance'], ['device', 'method', 'tau', 'pace', 'engine', 'storage']);
    this.stage = new Stage(find(root, 'grid', HTMLElement), find(root, 'frame', HTMLElement));
    this.scrubber = new Scrubber(root, () => this.#draw());
    this.adapter = find(root, 'adapter', HTMLElement);
    this.placeholder = find(root, 'placeholder', HTMLElement);
    this.generateButton = find(root, 'generate', HTMLButtonElement);
    this.stopButton = find(root, 'stop', HTMLButtonElement);
    this.saveButton = find(root, 'save', HTMLButtonElement);
    this.copyButton = find(root, 'copy', HTMLButtonElement);
    this.shows = ['x0', 'xt'].map((value) => find(root, `show-${value}`, HTMLInputElement));

    this.generateButton.addEventListener('click', () => this.run());
    this.stopButton.addEventListener('click', () => this.stop());
    this.saveButton.addEventListener('click', () => this.#save());
    this.copyButton.addEventListener('click', () => this.#copy());
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
    session.on('status', () => this.#followState());
    this.#layOut();
    this.#showChoice();
    this.#followState();
  }

  /** Makes pictures with the current settings; loads the model first if that has failed before. */
  async run() {
    const { session, settings } = this;
    if (session.busy || this.#refuses()) return;
    settings.flush();
    // The model may allow fewer steps than were asked for.
    if (!session.loaded && (!(await session.load()) || this.#refuses())) return;

    const values = settings.all();
    const pictures = plural(values.batch, 'picture');
    const task = session.perform({
      text: `Making ${pictures}…`,
      work: async (task) => {
        const run = task.sample(session.options(), {
          pace: values.pace === 'watch' ? WATCH_MS : 0,
          onStart: (run, workers) => this.#begin(values, run, workers),
          onStep: ({ index, t, x0, xt }) => this.#receive({ step: index + 1, t, x0, xt }),
        });
        this.#run = run;
        const { stopped } = await run.ended;
        const { times, total } = run;
        if (stopped) return `Stopped after step ${times.length} of ${total}. The pictures so far are kept.`;
        return `Done: ${pictures} in ${plural(total, 'step')}, ${duration(run.ms)}.`;
      },
    });
    // What goes wrong is in the status line.
    await task.ended.catch(() => {});
  }

  /** Ends the run after the step that is being computed; what there is stays. */
  stop() {
    if (this.session.status.state !== 'running') return;
    this.session.stop();
    this.stopButton.disabled = true;
  }

  /** Says so when a field holds nonsense. @returns {boolean} whether one does */
  #refuses() {
    const problem = this.controls.firstProblem();
    if (problem) this.session.fail(problem);
    return problem !== null;
  }

  /** The sampler has accepted the options. @param {import('../state.js').Values} values @param {Run} run @param {number} workers */
  #begin(values, { total }, workers) {
    const { shape, loaded } = this.session;
    if (!shape || !loaded) return;
    this.adapter.textContent = adapterLine(loaded, workers);
    const film = new Film(shape, values, total);
    this.#film = film;
    this.stage.layout(values.batch, shape);
    this.scrubber.begin(film);
    this.placeholder.hidden = true;
    this.saveButton.disabled = true;
    this.session.report({
      text: `Making ${plural(values.batch, 'picture')} in ${plural(total, 'step')}…`,
      figures: `Step 0 of ${total}`,
      progress: { value: 0, max: total },
    });
    this.session.clear('film');
    if (film.stride > 1) this.session.tell('film', `To save memory, the slider will hold one step in ${film.stride}.`);
  }

  /** @param {import('../ui/film.js').Frame} frame */
  #receive(frame) {
    this.#film?.add(frame);
    // A fast engine makes more steps than a screen can show: every one is kept, the newest is painted.
    this.#painting ||= requestAnimationFrame(() => this.#paint());
  }

  /** Shows the newest step, if it is not on show yet. */
  #paint() {
    if (!this.#painting) return;
    cancelAnimationFrame(this.#painting);
    this.#painting = 0;
    this.scrubber.follow();
    this.#draw();
    const { film, frame } = this.scrubber;
    if (!film || !frame) return;
    this.session.report({ progress: { value: frame.step, max: film.total }, step: frame.step, figures: this.#figures(frame) });
  }

  /** Draws the step that the slider is at. */
  #draw() {
    const { frame } = this.scrubber;
    if (!frame) return;
    const show = this.settings.get('show');
    this.stage.draw(frame[show === 'both' ? 'x0' : show]);
    this.scrubber.tell();
    if (!this.session.busy) this.session.report({ figures: this.#figures(frame) });
  }

  /** @param {import('../ui/film.js').Frame} frame */
  #figures({ step, t }) {
    const { total } = /** @type {Film} */ (this.#film);
    const ms = this.#run?.msPerStep ?? 0;
    const running = this.session.status.state === 'running';
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
    this.#draw();
  }

  #followState() {
    const { busy, status } = this.session;
    if (status.state === this.#state) return;
    this.#state = status.state;
    const running = status.state === 'running';
    if (!running) this.#paint();
    if (status.state === 'loading') this.adapter.textContent = '';
    const focused = document.activeElement;
    this.generateButton.disabled = busy;
    this.stopButton.disabled = !running;
    // A disabled button loses the focus; hand it to its partner.
    if (running && focused === this.generateButton) this.stopButton.focus();
    if (!busy && focused === this.stopButton) this.generateButton.focus();
    this.scrubber.enable(running, busy);
    this.saveButton.disabled = !this.#film?.length;
    this.placeholder.hidden = this.#film !== null;
  }

  /** The settings that made the picture on show, with the choice that is on show. */
  #shownSettings() {
    return { ...(this.#film?.settings ?? this.settings.all()), show: this.settings.get('show') };
  }

  async #save() {
    const { frame } = this.scrubber;
    if (!frame) return;
    try {
      await savePng(this.stage.canvases, this.#shownSettings(), frame.step);
    } catch (error) {
      this.session.tell('save', error instanceof Error ? error.message : String(error));
    }
  }

  async #copy() {
    try {
      await copyLink(this.#shownSettings());
      this.copyButton.textContent = 'Link copied';
      setTimeout(() => (this.copyButton.textContent = 'Copy link'), 2000);
    } catch {
      this.session.tell('copy', 'The browser did not allow copying; the address bar holds the link too.');
    }
  }
}

/**
 * @param {HTMLElement} root @param {import('../session.js').Session} session
 * @returns {import('../main.js').View}
 */
export function mount(root, session) {
  const view = new Generate(root, session);
  return { run: () => view.run(), stop: () => view.stop() };
}
