// The view `reconstruct`: one picture, and what the model can do with it: walk it to its noise and back, send it bit by
// bit, make something of a sketch, fill a hole, mix it with another.

import { element } from '../ui/dom.js';
import { Choice } from '../ui/choice.js';
import { Controls } from '../ui/controls.js';
import { followSession, layout } from '../ui/layout.js';
import { scrollingRow } from '../ui/row.js';
import { copyLink, shareButton } from '../ui/share.js';
import { gridAsPng } from '../ui/pixels.js';
import { Menu } from '../ui/menu.js';
import { Reel } from '../ui/reel.js';
import { filmItems, pngFile, saveFile, saveFilm, saving } from '../ui/take.js';
import { settingOf } from '../state.js';
import { loadFigures } from '../engine/figures.js';
import { Bench, STOPPED, letter } from './reconstruct/bench.js';
import { Cell } from './reconstruct/cell.js';
import { Inpaint, Stroke } from './reconstruct/edit.js';
import { Encode } from './reconstruct/encode.js';
import { Mix } from './reconstruct/mix.js';
import { Rate } from './reconstruct/rate.js';
import { Scene } from './reconstruct/scene.js';
import { Source } from './reconstruct/source.js';

/** @typedef {import('../state.js').Values} Values @typedef {import('./reconstruct/bench.js').Mode} Mode */

/** Settings that count in every task. @type {(keyof Values)[]} */
const ALWAYS = ['model', 'device', 'tau', 'engine', 'storage'];

class Reconstruct {
  /** The last task that was begun. @type {import('../run.js').Task|null} */
  #task = null;
  #starting = false;
  /** The settings that made what is on show. @type {Values|null} */
  #made = null;
  /** The task of the view that is chosen. @type {Mode|null} */
  #mode = null;

  /** @param {HTMLElement} root @param {import('../session.js').Session} session */
  constructor(root, session) {
    const { settings } = session;
    this.session = session;
    this.settings = settings;
    this.parts = layout(root, { name: 'reconstruct', title: 'Reconstruct and edit', lead: '', run: 'Reconstruct' });
    this.lead = /** @type {HTMLElement} */ (root.querySelector('.lead'));
    this.cell = new Cell('picture', 'The picture');
    this.cell.say('picture ', letter('x', '0', 'x0'));
    this.scene = new Scene(this.parts.stage);
    const place = element('div', { className: 'source-place' });
    this.source = new Source(root, place, session, () => this.#showPicture());
    this.bench = new Bench(session, this.source, this.cell);
    this.bench.run = () => this.run();
    this.bench.begun = (task) => this.#follow(task);
    this.encode = new Encode(this.bench);
    this.mix = new Mix(this.bench);
    /** @type {Record<Values['task'], Mode>} */
    this.modes = { encode: this.encode, rate: new Rate(this.bench), stroke: new Stroke(this.bench), inpaint: new Inpaint(this.bench), mix: this.mix };
    for (const mode of [this.modes.stroke, this.modes.inpaint]) Object.assign(mode, { onLayout: () => this.scene.fit() });

    this.controls = new Controls(this.parts.settings, settings, ['model', 't0', 'lambda', 'steps', 'eta', 'batch', 'seed', 'label', 'guidance'], ['device', 'method', 'tau', 'engine', 'storage']);
    this.#followSlider(root);
    this.tools = element('div', { className: 'tools' });
    this.save = new Menu('Save pictures', () => this.#takeItems(), 'reconstruct-save');
    this.copy = element('button', { type: 'button', 'data-testid': 'reconstruct-copy' }, 'Copy link');
    this.paper = element('p', { className: 'source paper' });
    this.parts.after.append(this.tools, place, element('div', { className: 'take' }, this.save.root, this.copy, shareButton('reconstruct-share', () => this.#shownSettings(), session, { menu: this.save, file: () => this.#picture() })), this.paper);
    this.tasks = this.#buildTasks();

    followSession(this.parts, session);
    this.parts.run.addEventListener('click', () => this.run());
    this.parts.stop.addEventListener('click', () => this.stop());
    this.copy.addEventListener('click', () => this.#copyLink());
    settings.on('change', (keys) => keys.includes('task') && this.#choose());
    session.on('status', () => this.#followStatus());
    session.whenLoaded((loaded) => {
      const { shape } = session;
      if (!shape) return;
      this.controls.follow(loaded, session.model);
      this.scene.resize(shape);
      this.cell.layout(shape);
      this.#forget();
      this.source.follow(shape);
    });
    this.#choose();
    this.#followStatus();
  }

  /** The choice of what is done with the picture. */
  #buildTasks() {
    const setting = settingOf('task');
    const choices = (setting.kind === 'choice' ? setting.choices : []).map(([value, text]) => ({ value, text }));
    const tasks = new Choice({ legend: setting.label, name: 'reconstruct-task', prefix: 'reconstruct-task', choices }, (value) => this.settings.set('task', value));
    tasks.root.classList.add('tasks');
    scrollingRow(tasks.root);
    this.parts.head.append(tasks.root);
    return tasks;
  }

  /** While a hand is at λ, the mixture follows it in few steps. @param {HTMLElement} root */
  #followSlider(root) {
    const slider = root.querySelector('[data-testid="lambda-slider"]');
    slider?.addEventListener('pointerdown', () => this.mix.drag(true));
    for (const end of ['change', 'pointercancel', 'pointerup']) slider?.addEventListener(end, () => this.mix.drag(false));
  }

  /** Shows the task that the settings name. */
  #choose() {
    const task = this.settings.get('task');
    const mode = this.modes[task];
    if (mode === this.#mode) return;
    this.#stopOwn();
    this.#mode?.leave?.();
    this.#mode = mode;
    this.#made = null;
    this.bench.reel = new Reel(0);
    this.tasks.show(task);
    this.lead.textContent = mode.lead;
    this.paper.textContent = mode.source;
    this.parts.run.textContent = mode.run;
    this.controls.present([...ALWAYS, ...mode.settings]);
    this.tools.replaceChildren(...(mode.tools ?? []));
    this.parts.below.replaceChildren(...(mode.below ?? []));
    this.scene.arrange(mode.scene);
    mode.enter?.();
    // What was said of another task.
    this.session.attend();
    if (['done', 'stopped'].includes(this.session.status.state)) this.session.report({ text: 'Ready.', figures: '' });
  }

  #stopOwn() {
    const { session } = this;
    if (this.#task && session.status.state === 'running') session.stop();
  }

  #showPicture() {
    const { picture } = this.source;
    this.#stopOwn();
    this.#forget();
    if (picture) this.cell.draw(picture.levels);
  }

  /** What was made with another picture or model. */
  #forget() {
    const { shape } = this.session;
    this.#made = null;
    this.bench.reel = new Reel(0);
    if (shape) for (const mode of Object.values(this.modes)) mode.forget(shape);
    this.scene.fit();
  }

  #followStatus() {
    const { busy, loaded } = this.session;
    this.encode.follow(busy || !loaded);
    this.save.enable(!busy && this.#made !== null);
  }

  /** Does the chosen task; loads the model first if that has failed before. */
  async run() {
    const { session, settings } = this;
    if (session.busy || this.#starting || !this.controls.check(session)) return;
    this.#starting = true;
    try {
      settings.flush();
      if (!session.loaded && !(await session.load())) return;
      await this.source.ready;
    } finally {
      this.#starting = false;
    }
    const { picture } = this.source;
    const mode = this.#mode;
    if (!picture || !mode || session.busy) {
      if (!picture) session.tell('picture', 'There is no picture yet: choose, drop, paste or draw one.');
      return;
    }
    const values = settings.all();
    const task = session.perform({
      text: 'Preparing…',
      work: async (task) => {
        await loadFigures();
        if (task.stopping) return STOPPED;
        const sentence = await mode.work(task, picture);
        if (this.source.picture === picture) this.#made = values;
        return sentence;
      },
    });
    await this.#follow(task);
    this.#followStatus();
  }

  /** @param {import('../run.js').Task} task  that ends with another picture */
  async #follow(task) {
    this.#task = task;
    // What goes wrong is in the status line.
    await task.ended.catch(() => {});
    if (this.#task === task) this.#task = null;
  }

  /** Ends the run after the step that is being computed; what there is stays. */
  stop() {
    if (this.session.status.state !== 'running') return;
    this.session.stop();
    this.parts.stop.disabled = true;
  }

  /** What made the pictures on show, and what a file of them is called. */
  #source() {
    const values = this.#shownSettings();
    return { source: { values, model: this.session.model }, name: `${values.model}-seed${values.seed}-reconstruct-${values.task}` };
  }

  /** The pictures on show as a PNG. */
  async #picture() {
    const { source, name } = this.#source();
    const canvases = /** @type {HTMLCanvasElement[]} */ ([...this.scene.root.querySelectorAll('[data-testid="reconstruct-canvas"]')]);
    return pngFile(await gridAsPng(canvases), source, `${name}.png`);
  }

  /** What one can take away. @returns {import('../ui/menu.js').Item[]} */
  #takeItems() {
    const { session, bench } = this;
    const { source, name } = this.#source();
    const { frames } = bench.reel;
    /** @type {import('../ui/menu.js').Item[]} */
    const items = [{ label: 'Pictures', hint: 'one PNG', action: saving(() => saveFile(this.#picture()), session) }];
    if (frames.length < 2) return items;
    return [...items, ...filmItems((format) => saveFilm({ format, frames, shape: bench.shape }, source, `${name}-film`, session), session)];
  }

  async #copyLink() {
    const { session } = this;
    if (!(await copyLink(this.copy, this.#shownSettings(), session))) return;
    if (this.source.picture?.sample === null) {
      session.tell('copy', 'The link has the settings, but not your own picture: it opens with a sample of the model in its place.');
    }
  }

  #shownSettings() {
    return { ...this.settings.all(), ...this.#made, view: 'reconstruct' };
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
  return new Reconstruct(root, session);
}
