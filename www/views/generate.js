// The Generate view: loads the model, runs the sampler, shows every step as it comes, and lets one
// go back through them afterwards. All that can go wrong ends here, as a sentence in the status line.

import { Engine } from '../engine/client.js';
import { Film } from '../ui/film.js';
import { EngineCrash, EngineReplaced } from '../engine/remote.js';
import { copyLink, savePng } from '../ui/share.js';
import { Stage } from '../ui/stage.js';
import { OWN_SPACING, shorten } from '../state.js';
import { duration, megabytes, milliseconds, plural } from '../ui/words.js';

/** A notice has one line: of a file full of unknown keys it names the first few. */
const MAX_NAMED_KEYS = 6;

/** A worker that says nothing for this long (or for ten usual steps) may be stuck. */
const SILENCE_MS = 30_000;

const find = (id) => document.getElementById(id);

export class Generate {
  /** @type {Engine|null} */
  #engine = null;
  /** @type {import('../engine/client.js').Loaded|null} */
  #loaded = null;
  /** @type {Film|null} */
  #film = null;
  #state = 'loading';
  /** @type {import('../state.js').Values|null} the settings of the current or last run */
  #running = null;
  #times = []; // ms of each step of the current run
  #painting = 0; // the animation frame that will show the newest step
  #silence = 0;

  /**
   * @param {object} parts
   * @param {import('../state.js').Settings} parts.settings
   * @param {import('../ui/controls.js').Controls} parts.controls
   * @param {import('../ui/notices.js').Notices} parts.notices
   * @param {{id: string, name: string, path: string, note: string}[]} parts.models
   */
  constructor({ settings, controls, notices, models }) {
    this.settings = settings;
    this.controls = controls;
    this.notices = notices;
    this.models = models;
    this.stage = new Stage(find('grid'), find('frame'));
    this.stage.layout(settings.get('batch'));

    find('generate').addEventListener('click', () => this.run());
    find('stop').addEventListener('click', () => this.stop());
    find('reload').addEventListener('click', () => this.load());
    find('scrub').addEventListener('input', () => this.#draw());
    find('save').addEventListener('click', () => this.#save());
    find('copy').addEventListener('click', () => this.#copy());
    for (const radio of document.querySelectorAll('input[name="view"]')) {
      radio.addEventListener('change', () => settings.set('view', radio.value));
    }
    settings.addEventListener('change', ({ detail }) => this.#follow(detail.keys));
    this.#showView();
  }

  /** Loads the chosen model on the chosen device, in a new engine. @returns {Promise<boolean>} whether it is there */
  async load() {
    this.#engine?.terminate();
    this.#loaded = null;
    this.notices.clear('device', 'storage', 'lost', 'cores');
    const model = this.models.find(({ id }) => id === this.settings.get('model'));
    this.#setState('loading', `Loading ${model.name}…`);
    find('adapter').textContent = '';
    find('figures').textContent = '';
    const engine = new Engine((event) => {
      if (engine === this.#engine) this.#hear(event);
    });
    this.#engine = engine;
    this.#expectSign();
    try {
      const { device, engine: program, storage } = this.settings.all();
      this.#loaded = await engine.load(model, { device, engine: program, storage });
    } catch (error) {
      if (error instanceof EngineReplaced || error instanceof EngineCrash) return false;
      engine.terminate();
      this.#engine = null;
      this.#fail(error.message);
      return false;
    }
    this.#expectNothing();
    this.#showLoaded();
    return true;
  }

  /** Makes pictures with the current settings; loads the model first if that has failed before. */
  async run() {
    if (this.#state === 'running' || this.#state === 'loading') return;
    if (this.#refuses()) return;
    this.settings.flush();
    if (!this.#loaded) {
      // The model may allow fewer steps than were asked for.
      if (!(await this.load()) || this.#refuses()) return;
    }

    const settings = this.settings.all();
    const { model, device, engine, storage, view, tau, ...options } = settings;
    if (tau !== OWN_SPACING) options.tau = tau;
    this.#running = settings;
    this.#times = [];
    this.notices.clear('lost', 'cores');
    find('status').dataset.step = '0';
    find('progress').removeAttribute('value');
    this.#setState('running', `Making ${plural(settings.batch, 'picture')}…`);
    this.#expectSign();
    try {
      const { stopped } = await this.#engine.sample(options);
      this.#end(stopped);
    } catch (error) {
      if (!(error instanceof EngineReplaced || error instanceof EngineCrash)) this.#fail(error.message);
    } finally {
      this.#expectNothing();
    }
  }

  /** Says so when a field holds nonsense. @returns {boolean} whether one does */
  #refuses() {
    const problem = this.controls.firstProblem();
    if (problem) this.#fail(problem);
    return problem !== null;
  }

  /** Ends the run after the step that is being computed; what there is stays. */
  stop() {
    if (this.#state !== 'running') return;
    this.#engine.stop();
    find('stop').disabled = true;
    find('status').textContent = 'Stopping after this step…';
  }

  /** The sampler has accepted the options. @param {{total: number, workers: number}} event */
  #begin({ total, workers }) {
    this.#showAdapter(workers);
    const film = new Film(this.#shape(), this.#running, total);
    this.#film = film;
    this.stage.layout(film.settings.batch, film.shape);
    Object.assign(find('scrub'), { max: film.expectedLength - 1, value: 0 });
    Object.assign(find('progress'), { max: total, value: 0 });
    find('placeholder').hidden = true;
    find('save').disabled = true;
    find('scrub-text').textContent = '–';
    find('figures').textContent = `Step 0 of ${total}`;
    find('status').textContent = `Making ${plural(film.settings.batch, 'picture')} in ${plural(total, 'step')}…`;
    this.notices.clear('film');
    if (film.stride > 1) this.notices.show('film', `To save memory, the slider will hold one step in ${film.stride}.`);
  }

  /** @param {boolean} stopped */
  #end(stopped) {
    const { total, settings } = this.#film;
    const spent = duration(this.#times.reduce((sum, ms) => sum + ms, 0));
    if (stopped) {
      this.#setState('stopped', `Stopped after step ${this.#times.length} of ${total}. The pictures so far are kept.`);
    } else {
      this.#setState('done', `Done: ${plural(settings.batch, 'picture')} in ${plural(total, 'step')}, ${spent}.`);
    }
  }

  /** What the engine says of its own accord. */
  #hear(event) {
    this.#expectSign();
    if (event.type === 'step') this.#receive(event);
    else if (event.type === 'started') this.#begin(event);
    else if (event.type === 'notice') this.notices.show(event.topic, event.text);
    else if (event.type === 'compiling') this.#showKernels(event);
    else if (event.type === 'phase') {
      find('status').textContent = event.text;
      find('progress').removeAttribute('value');
      find('figures').textContent = '';
    } else if (event.type === 'bytes') this.#showBytes(event);
    else if (event.type === 'crashed') {
      this.#engine = null;
      this.#loaded = null;
      this.#fail(event.message);
    }
  }

  #receive({ index, t, ms, x0, xt }) {
    const step = index + 1;
    this.#film.add({ step, t, x0, xt });
    this.#times.push(ms);
    // A fast engine makes more steps than a screen can show: every one is kept, the newest is painted.
    this.#painting ||= requestAnimationFrame(() => this.#paint());
  }

  /** Shows the newest step, if it is not on show yet. */
  #paint() {
    if (!this.#painting) return;
    cancelAnimationFrame(this.#painting);
    this.#painting = 0;
    const newest = this.#film.length - 1;
    const { step, t } = this.#film.at(newest);
    find('scrub').value = newest;
    this.#draw();
    find('progress').value = step;
    find('status').dataset.step = String(step);
    this.#showFigures(step, t);
  }

  /** The first step makes buffers and, with burn, compiles shaders, so it says little about the others. */
  #msPerStep() {
    const times = this.#times.length > 1 ? this.#times.slice(1) : this.#times;
    return times.reduce((sum, ms) => sum + ms, 0) / times.length;
  }

  #showFigures(step, t) {
    const { total } = this.#film;
    const ms = this.#msPerStep();
    const left = this.#state === 'running' && step < total ? ` · ${duration((total - step) * ms)} left` : '';
    find('figures').textContent = `Step ${step} of ${total} · t = ${t}${left} · ${milliseconds(ms)} per step`;
  }

  #showBytes({ loaded, total }) {
    const progress = find('progress');
    if (total > 0) Object.assign(progress, { max: total, value: loaded });
    else progress.removeAttribute('value');
    const of = total > 0 ? ` of ${megabytes(total)}` : '';
    find('figures').textContent = `${megabytes(loaded)}${of} MB`;
  }

  #showKernels({ done, total }) {
    find('status').textContent = 'Preparing the graphics card…';
    find('figures').textContent = `${done} of ${total} kernels`;
    Object.assign(find('progress'), { max: total, value: done });
  }

  #expectNothing() {
    clearTimeout(this.#silence);
    this.notices.clear('silence');
    if (this.#state === 'running' || this.#state === 'loading') find('reload').hidden = true;
  }

  /** Nothing is certain about a silent worker, so this only tells, and offers a way out. */
  #expectSign() {
    this.#expectNothing();
    const patience = Math.max(SILENCE_MS, this.#times.length > 0 ? 10 * this.#msPerStep() : 0);
    this.#silence = setTimeout(() => {
      find('reload').hidden = false;
      this.notices.show('silence', 'Nothing has happened for a while. It may still go on; if not, reload the model.');
    }, patience);
  }

  #shape() {
    const { out_channels: channels, sample_size: size } = this.#loaded.info;
    return { channels, height: size[0], width: size[1] };
  }

  #showLoaded() {
    const { info, scheduler } = this.#loaded;
    this.#showAdapter(1);
    find('figures').textContent = `${(info.parameters / 1e6).toFixed(1)} million parameters`;
    find('progress').value = 0;
    this.controls.follow(scheduler);
    this.#showIgnored('config.json', info.unknown_keys);
    this.#showIgnored('scheduler_config.json', scheduler.unknownKeys);
    if (!this.#film) this.stage.layout(this.settings.get('batch'), this.#shape());
    this.#setState('ready', 'Ready. Press Generate.');
  }

  /** @param {number} workers  that share the batch */
  #showAdapter(workers) {
    const { info, adapter } = this.#loaded;
    const device = info.device === 'webgpu' ? 'WebGPU' : 'CPU';
    const parts = adapter?.toLowerCase().startsWith(info.device) ? [adapter] : [device, adapter];
    if (workers > 1) parts.push(`${workers} cores`);
    find('adapter').textContent = parts.filter(Boolean).join(' · ');
  }

  /** @param {string} file @param {string[]} keys  what the engine did not know in it */
  #showIgnored(file, keys) {
    this.notices.clear(file);
    if (keys.length === 0) return;
    const named = keys.slice(0, MAX_NAMED_KEYS).map(shorten).join(', ');
    const more = keys.length > MAX_NAMED_KEYS ? ` and ${keys.length - MAX_NAMED_KEYS} more` : '';
    this.notices.show(file, `Ignored in ${file}: ${named}${more}.`);
  }

  /** @param {string[]} keys  settings that have changed */
  #follow(keys) {
    if (keys.includes('view')) this.#showView();
    if (keys.includes('batch') && !this.#film) this.stage.layout(this.settings.get('batch'));
    if (['model', 'device', 'engine', 'storage'].some((key) => keys.includes(key))) this.load();
  }

  #showView() {
    const view = this.settings.get('view');
    for (const radio of document.querySelectorAll('input[name="view"]')) radio.checked = radio.value === view;
    this.#draw();
  }

  /** Draws the step that the slider is at. */
  #draw() {
    const frame = this.#film?.at(Number(find('scrub').value));
    if (!frame) return;
    this.stage.draw(frame[this.settings.get('view')]);
    const { total } = this.#film;
    find('scrub-text').textContent = `${frame.step} / ${total}`;
    find('scrub').setAttribute('aria-valuetext', `step ${frame.step} of ${total}, t = ${frame.t}`);
    if (this.#state !== 'running' && this.#state !== 'loading') this.#showFigures(frame.step, frame.t);
  }

  #fail(message) {
    this.#expectNothing();
    this.#setState('error', message);
  }

  /** @param {'loading'|'ready'|'running'|'done'|'stopped'|'error'} state @param {string} text  one sentence */
  #setState(state, text) {
    this.#paint();
    this.#state = state;
    const status = find('status');
    status.dataset.state = state;
    status.textContent = text;
    document.body.dataset.state = state;

    const busy = state === 'loading' || state === 'running';
    const focused = document.activeElement;
    find('generate').disabled = busy;
    find('stop').disabled = state !== 'running';
    // A disabled button loses the focus; hand it to its partner.
    if (state === 'running' && focused === find('generate')) find('stop').focus();
    if (!busy && focused === find('stop')) find('generate').focus();

    const frames = this.#film?.length ?? 0;
    if (!busy && frames > 0) find('scrub').max = frames - 1;
    find('scrub').disabled = state === 'running' || frames === 0;
    find('save').disabled = frames === 0;
    find('reload').hidden = !(state === 'error' && !this.#loaded);
    find('progress').hidden = !busy;
    find('placeholder').hidden = this.#film !== null;
  }

  /** The settings that made the picture on show, with the view that is on show. */
  #shownSettings() {
    return { ...(this.#film?.settings ?? this.settings.all()), view: this.settings.get('view') };
  }

  async #save() {
    const { step } = this.#film.at(Number(find('scrub').value));
    try {
      await savePng(this.stage.canvases, this.#shownSettings(), step);
    } catch (error) {
      this.notices.show('save', error.message);
    }
  }

  async #copy() {
    const button = find('copy');
    try {
      await copyLink(this.#shownSettings());
      button.textContent = 'Link copied';
      setTimeout(() => (button.textContent = 'Copy link'), 2000);
    } catch {
      this.notices.show('copy', 'The browser did not allow copying; the address bar holds the link too.');
    }
  }
}
