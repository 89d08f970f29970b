// The Generate view: loads the model, runs the sampler, shows every step as it comes, and lets one
// go back through them afterwards. All that can go wrong ends here, as a sentence in the status line.

import { Engine, EngineCrash, EngineReplaced } from './engine.js';
import { Film } from './film.js';
import { gridAsPng } from './pixels.js';
import { Stage } from './stage.js';
import { formatHash } from './state.js';

/** A worker that says nothing for this long (or for ten usual steps) may be stuck. */
const SILENCE_MS = 30_000;

const find = (id) => document.getElementById(id);
const plural = (count, noun) => `${count} ${noun}${count === 1 ? '' : 's'}`;
const megabytes = (bytes) => (bytes / 1e6).toFixed(1);

/** @param {number} ms */
function duration(ms) {
  const seconds = ms / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

export class Generate {
  /** @type {Engine|null} */
  #engine = null;
  /** @type {import('./engine.js').Loaded|null} */
  #loaded = null;
  /** @type {Film|null} */
  #film = null;
  #state = 'loading';
  #times = []; // ms of each step of the current run
  #silence = 0;

  /**
   * @param {object} parts
   * @param {import('./state.js').Settings} parts.settings
   * @param {import('./controls.js').Controls} parts.controls
   * @param {import('./notices.js').Notices} parts.notices
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

  /** Loads the chosen model on the chosen device, in a new worker. @returns {Promise<boolean>} whether it is there */
  async load() {
    this.#engine?.terminate();
    this.#loaded = null;
    this.notices.clear('device', 'silence');
    const model = this.models.find(({ id }) => id === this.settings.get('model'));
    this.#setState('loading', `Loading ${model.name}…`);
    find('adapter').textContent = '';
    find('figures').textContent = '';
    const engine = new Engine((event) => {
      if (engine === this.#engine) this.#hear(event);
    });
    this.#engine = engine;
    try {
      const loaded = await engine.load({ name: model.name, path: model.path }, this.settings.get('device'));
      this.#loaded = loaded;
    } catch (error) {
      if (error instanceof EngineReplaced || error instanceof EngineCrash) return false;
      engine.terminate();
      this.#engine = null;
      this.#fail(error.message);
      return false;
    }
    this.#showLoaded();
    return true;
  }

  /** Makes pictures with the current settings; loads the model first if that has failed before. */
  async run() {
    if (this.#state === 'running' || this.#state === 'loading') return;
    const problem = this.controls.firstProblem();
    if (problem) {
      this.#fail(problem);
      return;
    }
    this.settings.flush();
    if (!this.#loaded && !(await this.load())) return;

    const { model, device, view, ...options } = this.settings.all();
    const engine = this.#engine;
    this.#begin();
    try {
      const { stopped } = await engine.sample(options);
      this.#end(stopped);
    } catch (error) {
      if (!(error instanceof EngineReplaced || error instanceof EngineCrash)) this.#fail(error.message);
    } finally {
      clearTimeout(this.#silence);
      this.notices.clear('silence');
    }
  }

  /** Ends the run after the step that is being computed; what there is stays. */
  stop() {
    if (this.#state !== 'running') return;
    this.#engine.stop();
    find('stop').disabled = true;
    find('status').textContent = 'Stopping after this step…';
  }

  #begin() {
    const { channels, height, width } = this.#shape();
    const settings = this.settings.all();
    this.#film = new Film({ channels, height, width }, settings);
    this.#times = [];
    this.stage.layout(settings.batch, this.#film.shape);
    find('scrub').value = '0';
    find('status').dataset.step = '0';
    Object.assign(find('progress'), { max: settings.steps, value: 0 });
    find('figures').textContent = `Step 0 of ${settings.steps}`;
    this.notices.clear('film');
    if (this.#film.stride > 1) {
      this.notices.show('film', `To save memory, the slider will hold one step in ${this.#film.stride}.`);
    }
    this.#setState('running', `Making ${plural(settings.batch, 'picture')} in ${plural(settings.steps, 'step')}…`);
    this.#expectSign();
  }

  /** @param {boolean} stopped */
  #end(stopped) {
    const { steps, batch } = this.#film.settings;
    const spent = duration(this.#times.reduce((sum, ms) => sum + ms, 0));
    if (stopped) {
      this.#setState('stopped', `Stopped after step ${this.#times.length} of ${steps}. The pictures so far are kept.`);
    } else {
      this.#setState('done', `Done: ${plural(batch, 'picture')} in ${plural(steps, 'step')}, ${spent}.`);
    }
  }

  /** Messages of the worker that belong to no request. */
  #hear(event) {
    if (event.type === 'step') this.#receive(event);
    else if (event.type === 'notice') this.notices.show('device', event.text);
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

  #receive({ index, total, t, ms, x0, xt }) {
    const step = index + 1;
    this.#film.add({ step, t, x0, xt });
    this.#times.push(ms);
    const scrub = find('scrub');
    scrub.max = String(this.#film.length - 1);
    scrub.value = scrub.max;
    this.#draw();
    find('progress').value = step;
    find('status').dataset.step = String(step);
    this.#showFigures(step, total, t);
    this.#expectSign();
  }

  /** The first step compiles shaders, so it says little about the others. */
  #msPerStep() {
    const times = this.#times.length > 1 ? this.#times.slice(1) : this.#times;
    return times.reduce((sum, ms) => sum + ms, 0) / times.length;
  }

  #showFigures(step, total, t) {
    const ms = this.#msPerStep();
    const left = this.#state === 'running' && step < total ? ` · ${duration((total - step) * ms)} left` : '';
    const speed = ms < 10 ? ms.toFixed(1) : Math.round(ms);
    find('figures').textContent = `Step ${step} of ${total} · t = ${t}${left} · ${speed} ms per step`;
  }

  #showBytes({ loaded, total }) {
    const progress = find('progress');
    if (total > 0) Object.assign(progress, { max: total, value: loaded });
    else progress.removeAttribute('value');
    const of = total > 0 ? ` of ${megabytes(total)}` : '';
    find('figures').textContent = `${megabytes(loaded)}${of} MB`;
  }

  /** Nothing is certain about a silent worker, so this only tells, and offers a way out. */
  #expectSign() {
    clearTimeout(this.#silence);
    this.notices.clear('silence');
    const patience = Math.max(SILENCE_MS, this.#times.length > 0 ? 10 * this.#msPerStep() : 0);
    this.#silence = setTimeout(() => {
      find('reload').hidden = false;
      this.notices.show('silence', 'This step is taking very long. It may still finish; if not, reload the model.');
    }, patience);
  }

  #shape() {
    const { out_channels: channels, sample_size: size } = this.#loaded.info;
    return { channels, height: size[0], width: size[1] };
  }

  #showLoaded() {
    const { info, adapter, trainSteps } = this.#loaded;
    const device = info.device === 'webgpu' ? 'WebGPU' : 'CPU';
    find('adapter').textContent = adapter && adapter.toLowerCase() !== info.device ? `${device} · ${adapter}` : device;
    find('figures').textContent = `${(info.parameters / 1e6).toFixed(1)} million parameters`;
    find('progress').value = 0;
    this.controls.limitSteps(trainSteps);
    this.notices.clear('config');
    if (info.unknown_keys?.length > 0) {
      this.notices.show('config', `The model's files have settings that are not used here: ${info.unknown_keys.join(', ')}.`);
    }
    if (!this.#film) this.stage.layout(this.settings.get('batch'), this.#shape());
    this.#setState('ready', 'Ready.');
  }

  /** @param {string[]} keys  settings that have changed */
  #follow(keys) {
    if (keys.includes('view')) this.#showView();
    if (keys.includes('batch') && !this.#film) this.stage.layout(this.settings.get('batch'));
    if (keys.includes('model') || keys.includes('device')) this.load();
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
    const { steps } = this.#film.settings;
    find('scrub-text').textContent = `${frame.step} / ${steps}`;
    find('scrub').setAttribute('aria-valuetext', `step ${frame.step} of ${steps}, t = ${frame.t}`);
    if (this.#state !== 'running' && this.#state !== 'loading') this.#showFigures(frame.step, steps, frame.t);
  }

  #fail(message) {
    this.#setState('error', message);
  }

  /** @param {'loading'|'ready'|'running'|'done'|'stopped'|'error'} state @param {string} text  one sentence */
  #setState(state, text) {
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
    const { model, seed, steps, eta, tau, method, view } = this.#shownSettings();
    const { step } = this.#film.at(Number(find('scrub').value));
    try {
      const blob = await gridAsPng(this.stage.canvases);
      const link = document.createElement('a');
      link.href = URL.createObjectURL(blob);
      link.download = `${model}-seed${seed}-steps${steps}-eta${eta}-${tau}-${method}-${view}-step${step}.png`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    } catch (error) {
      this.notices.show('save', error.message);
    }
  }

  async #copy() {
    const link = new URL(`#${formatHash(this.#shownSettings())}`, location.href).href;
    const button = find('copy');
    try {
      await navigator.clipboard.writeText(link);
      button.textContent = 'Link copied';
      setTimeout(() => (button.textContent = 'Copy link'), 2000);
    } catch {
      this.notices.show('copy', 'The browser did not allow copying; the address bar holds the link too.');
    }
  }
}
