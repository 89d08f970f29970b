// One engine for all views: the client with the model that is loaded, the queue of runs, and what the status line
// says. Views ask it and listen to it; it knows none of them, and nothing of the document.

import { nameClasses } from './classes.js';
import { Client } from './engine/client.js';
import { Failure } from './engine/errors.js';
import { Emitter } from './events.js';
import { sourceOf } from './models.js';
import { Task } from './run.js';
import { samplerOptions, setModels } from './state.js';
import { ignored, megabytes, sentenceOf } from './ui/words.js';

/**
 * @typedef {import('./models.js').Model} Model
 * @typedef {import('./engine/client.js').Loaded} Loaded
 * @typedef {import('./run.js').Job} Job
 * @typedef {import('./run.js').Run} Run
 * @typedef {import('./state.js').Values} Values
 * @typedef {Pick<Client, 'load'|'sample'|'rate'|'terminate'>} AnyClient  what the session needs of a client
 * @typedef {'loading'|'ready'|'running'|'done'|'stopped'|'error'} State
 *
 * @typedef {object} Status
 * @property {State} state
 * @property {string} text  one sentence
 * @property {string} figures  numbers beside it
 * @property {{value: number, max: number}|null} progress  null while nobody can tell
 * @property {number|null} step  of the current or last run: the newest one that was on show
 */

/** Settings that another client is needed for. @type {(keyof import('./state.js').Values)[]} */
const CHOICE = ['model', 'device', 'engine', 'storage'];

/** A worker that says nothing for this long (or for ten usual steps) may be stuck. */
const SILENCE_MS = 30_000;

/** @param {import('../pkg/ddim_web.js').Info} info @throws {Error} when no view can show what this model makes */
function checkShowable({ out_channels: channels, sample_size: size }) {
  if (![1, 3].includes(channels)) throw new Error(`The model makes pictures with ${channels} channels; this page can show 1 (grey) or 3 (colour).`);
  if (!size) throw new Error('config.json does not say how large the pictures are (sample_size).');
}

/**
 * Emits `status` when that has changed, `loaded` with a new model, `notice` with a sentence on a topic, and `clear`
 * with topics that no longer matter, `models` when the list is another one, and `wanted` with the address of a model that
 * the settings name and nobody has brought yet.
 * @extends {Emitter<{status: Status, loaded: Loaded, notice: {topic: string, text: string}, clear: string[], models: Model[], wanted: string}>}
 */
export class Session extends Emitter {
  /** @type {Status} */
  status = { state: 'loading', text: 'Starting…', figures: '', progress: null, step: null };
  /** @type {Loaded|null} */
  loaded = null;
  /** @type {AnyClient|null} */
  #client = null;
  /** Tasks that wait, the next one first. @type {Task[]} */
  #queue = [];
  /** @type {Task|null} */
  #current = null;
  /** The run of it that was begun last. @type {Run|null} */
  #run = null;
  /** The one that was loaded last, or is to be. @type {Model|null} */
  #chosen = null;
  /** The last load. @type {Promise<boolean>} */
  loading = Promise.resolve(false);
  #requests = 0;
  #silent = false;
  /** The view whose work the status is about. */
  #owner = '';
  /** What the last work of the other views came to. @type {Map<string, Status>} */
  #ends = new Map();
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #patience;

  /**
   * @param {import('./hash.js').Settings} settings
   * @param {Model[]} models
   * @param {(listener: (event: import('./engine/client.js').Remark) => void) => AnyClient} [connect]
   */
  constructor(settings, models, connect = (listener) => new Client(listener)) {
    super();
    this.settings = settings;
    this.models = models;
    this.connect = connect;
    settings.on('change', (keys) => {
      if (keys.includes('model') && this.wanted) this.emit('wanted', this.wanted);
      // One that is not there yet leaves the one that is.
      const other = CHOICE.some((key) => keys.includes(key) && (key !== 'model' || this.model !== this.#chosen));
      if (other) this.load();
      else if (keys.includes('view')) this.attend();
    });
  }

  /** The model that is chosen; while that is an address of one that is not there yet, the one before. @returns {Model} */
  get model() {
    const { models } = this;
    const chosen = models.find(({ id }) => id === this.settings.get('model'));
    return chosen ?? models.find(({ id }) => id === this.#chosen?.id) ?? models[0];
  }

  /** The address of the model that the settings name, unless it is in the list; else empty. */
  get wanted() {
    const id = this.settings.get('model');
    return this.models.some((model) => model.id === id) ? '' : id;
  }

  /** Another list of models; the one that is chosen stays in it. @param {Model[]} models */
  list(models) {
    this.models = models;
    setModels(models);
    this.settings.emit('choices', ['model', 'card', 'from']);
    this.emit('models', models);
  }

  /** What the sampler is asked for with the settings as they are, or as given. @param {Partial<Values>} [changes] */
  options(changes = {}) {
    const classes = this.loaded?.info.classes ?? null;
    return samplerOptions({ ...this.settings.all(), ...changes }, { classes, nullLabel: this.model.nullLabel });
  }

  /** Whether something is under way. */
  get busy() {
    return this.status.state === 'loading' || this.status.state === 'running';
  }

  /** The view whose work the status is about while another one is on show; else empty. */
  get elsewhere() {
    return this.loaded && this.#owner !== this.settings.get('view') ? this.#owner : '';
  }

  /** Whether loading the model again may help. */
  get reloadable() {
    return this.#silent || (this.status.state === 'error' && !this.loaded);
  }

  /** Shape of a picture of the loaded model. @returns {import('./ui/pixels.js').Shape|undefined} */
  get shape() {
    const { out_channels: channels, sample_size: size } = this.loaded?.info ?? {};
    return channels && size ? { channels, height: size[0], width: size[1] } : undefined;
  }

  /** Hears of the model that is loaded, now where there is one, and of every other one. @param {(loaded: Loaded) => void} listener */
  whenLoaded(listener) {
    this.on('loaded', listener);
    if (this.loaded) listener(this.loaded);
  }

  /** Loads the chosen model on the chosen device, with a new client; runs of the old one end. @returns {Promise<boolean>} whether it is there */
  load() {
    this.loading = this.#load();
    return this.loading;
  }

  async #load() {
    this.#client?.terminate();
    this.#client = null;
    this.loaded = null;
    this.clear('device', 'storage', 'lost', 'cores', 'memory');
    const { model } = this;
    model.own?.warn(this);
    this.#chosen = model;
    this.#enter('loading', `Loading ${model.name}…`, { figures: '', progress: null });
    /** @type {AnyClient|null} */
    let client = null;
    try {
      client = this.connect((event) => {
        if (client === this.#client) this.#hear(event);
      });
      this.#client = client;
      this.#expectSign();
      const loaded = await client.load(sourceOf(model), { ...this.settings.all(), sha256: model.sha256 });
      this.#insist(client);
      checkShowable(loaded.info);
      this.clear('classes');
      if (loaded.info.classes) {
        const problem = await nameClasses(model, loaded.info.classes);
        this.#insist(client);
        if (problem) this.tell('classes', problem);
      }
      this.loaded = loaded;
    } catch (error) {
      // Another load has begun, or the crash has been told.
      if (client !== this.#client) return false;
      client?.terminate();
      this.#client = null;
      this.fail(sentenceOf(error, 'load'));
      return false;
    }
    this.#expectNothing();
    this.#showLoaded(this.loaded);
    return true;
  }

  /**
   * Puts a task into the queue. `ended` of it is settled in any case: with an error when it fails, when the engine
   * crashes, or when another model is loaded before its end.
   * @param {Job} job
   * @returns {Task}
   */
  perform(job) {
    this.#requests += 1;
    const task = new Task(this.#requests, job, this.#client, this.settings.get('view'));
    this.#queue.push(task);
    if (!this.#current) this.#next();
    return task;
  }

  /** Ends the current task after the step that is being computed; what there is stays. */
  stop() {
    if (!this.#current) return;
    this.report({ text: 'Stopping after this step…' });
    this.#current.stop();
  }

  /** @param {string} text  one sentence */
  fail(text) {
    this.#expectNothing();
    this.#enter('error', text);
  }

  /** Changes what the status line says. @param {Partial<Omit<Status, 'state'>>} news */
  report(news) {
    Object.assign(this.status, news);
    this.emit('status', this.status);
  }

  /**
   * From now on the status is about the view on show: it has been opened, or a hand does something there. What is under
   * way, or that there is no model, concerns all views; but whose it is depends on which is on show.
   */
  attend() {
    const view = this.settings.get('view');
    if (!this.busy && this.loaded && view !== this.#owner) {
      this.#handTo(view);
      Object.assign(this.status, this.#ends.get(view) ?? this.#ready(this.loaded));
    }
    this.emit('status', this.status);
  }

  /** Says something that is worth knowing and no error. @param {string} topic @param {string} text  one sentence */
  tell(topic, text) {
    this.emit('notice', { topic, text });
  }

  /** @param {...string} topics */
  clear(...topics) {
    this.emit('clear', topics);
  }

  /** @param {string} view  whose work the status is about from now on */
  #handTo(view) {
    if (view === this.#owner) return;
    // A model that is on its way is no end of a view's work.
    if (this.status.state !== 'loading') this.#ends.set(this.#owner, { ...this.status });
    this.#owner = view;
  }

  #next() {
    const task = this.#queue.shift();
    this.#current = task ?? null;
    this.#run = null;
    if (!task) return;
    this.#perform(task)
      .then(task.resolve, task.reject)
      .finally(() => this.#next());
  }

  /** @param {Task} task */
  async #perform(task) {
    const client = this.#insist(task.client);
    if (!this.loaded) throw new Failure('ended', 'the model of this run is not loaded');
    if (task.stopping) return { stopped: true };
    this.clear('lost', 'cores');
    this.#handTo(task.view);
    this.#enter('running', task.job.text, { progress: null, step: 0 });
    this.#expectSign();
    task.begin(
      () => client === this.#client && this.#expectSign(),
      (run) => (this.#run = run),
    );
    try {
      const text = await task.job.work(task);
      this.#insist(client);
      this.#enter(task.stopping ? 'stopped' : 'done', text);
      return { stopped: task.stopping };
    } catch (error) {
      task.stop();
      // Where the client is another one, whoever replaced it has said so.
      if (client === this.#client) this.fail(sentenceOf(error, 'run'));
      throw error;
    } finally {
      task.end();
      if (client === this.#client) this.#expectNothing();
    }
  }

  /**
   * While one waits for a client, another may take its place: what comes of the old one is not wanted any more. To be
   * asked after every `await`.
   * @param {AnyClient|null} client @returns {AnyClient} the same
   * @throws {Failure} `ended`, unless it is the one in use
   */
  #insist(client) {
    if (!client || client !== this.#client) throw new Failure('ended', 'another model has taken the place of this one');
    return client;
  }

  /** What the client says of its own accord. @param {import('./engine/client.js').Remark} event */
  #hear(event) {
    this.#expectSign();
    if (event.type === 'notice') this.tell(event.topic, event.text);
    else if (event.type === 'cores') {
      this.tell('cores', `Only ${event.used} of ${event.wanted} processor cores are used. ${sentenceOf(event.failure, 'run')}`);
    } else if (event.type === 'bytes') {
      const { loaded, total } = event;
      const of = total > 0 ? ` of ${megabytes(total)}` : '';
      this.report({ figures: `${megabytes(loaded)}${of} MB`, progress: total > 0 ? { value: loaded, max: total } : null });
    } else if (event.type === 'phase') {
      const text = event.phase === 'model' ? `Preparing ${this.model.name}…` : 'Preparing more processor cores…';
      this.report({ text, figures: '', progress: null });
    } else if (event.type === 'compiling') {
      const { done, total } = event;
      this.report({ text: 'Preparing the graphics card…', figures: `${done} of ${total} kernels`, progress: { value: done, max: total } });
    } else {
      this.#client = null;
      this.loaded = null;
      this.fail(sentenceOf(event.failure, 'crash'));
    }
  }

  /** @param {Loaded} loaded */
  #showLoaded(loaded) {
    const { info, scheduler } = loaded;
    for (const [file, keys] of Object.entries({ 'config.json': info.unknown_keys, 'scheduler_config.json': scheduler.unknownKeys })) {
      this.clear(file);
      if (keys.length > 0) this.tell(file, ignored(file, keys));
    }
    this.clear('weights');
    const notes = [...info.notes, ...scheduler.notes];
    if (notes.length > 0) this.tell('weights', `${notes.join('; ')}.`);
    this.#ends.clear();
    this.emit('loaded', loaded);
    const { state, text, figures } = this.#ready(loaded);
    this.#enter(state, text, { figures });
  }

  /** What there is to say before a view has done anything. @param {Loaded} loaded @returns {Status} */
  #ready({ info }) {
    return { state: 'ready', text: 'Ready.', figures: `${(info.parameters / 1e6).toFixed(1)} million parameters`, progress: null, step: null };
  }

  #expectNothing() {
    clearTimeout(this.#patience);
    this.#silent = false;
    this.clear('silence');
  }

  /** Nothing is certain about a silent worker, so this only tells, and offers a way out. */
  #expectSign() {
    const wasSilent = this.#silent;
    this.#expectNothing();
    if (wasSilent) this.emit('status', this.status);
    if (this.#run?.held) return; // it is the hand that is silent
    const patience = Math.max(SILENCE_MS, this.#run?.times.length ? 10 * this.#run.msPerStep : 0);
    this.#patience = setTimeout(() => {
      this.#silent = true;
      this.emit('status', this.status);
      this.tell('silence', 'Nothing has happened for a while. It may still go on; if not, reload the model.');
    }, patience);
  }

  /** @param {State} state @param {string} text @param {Partial<Status>} [more] */
  #enter(state, text, more = {}) {
    // What one view has asked for begins and ends there, whichever is on show by then.
    if (this.status.state !== 'running' && state !== 'running') this.#handTo(this.settings.get('view'));
    Object.assign(this.status, more, { state, text });
    this.emit('status', this.status);
  }
}
