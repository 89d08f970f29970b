// The view `compare`: one first noise and several ways to make a picture of it, side by side in a table. All of them
// are made at once, a step each in turn.

import { Failure } from '../engine/errors.js';
import { loadFigures } from '../engine/figures.js';
import { SETTINGS, settingOf } from '../state.js';
import { Controls } from '../ui/controls.js';
import { element } from '../ui/dom.js';
import { followSession, layout } from '../ui/layout.js';
import { Menu } from '../ui/menu.js';
import { Painter } from '../ui/painter.js';
import { copyLink, shareButton } from '../ui/share.js';
import { TERMS, explanation } from '../ui/terms.js';
import { duration, plural } from '../ui/words.js';
import { Enlarged } from './compare/enlarge.js';
import { Grid } from './compare/grid.js';
import { UNUSED, planOf, settle } from './compare/plan.js';
import { Presets } from './compare/presets.js';
import { Runs } from './compare/runs.js';
import { pictureOf, takeItems } from './compare/sheet.js';
import { NOTES, TERMS_OF, legendOf, summary, typeset } from './compare/words.js';

/**
 * @typedef {import('./compare/plan.js').Plan} Plan
 * @typedef {import('../run.js').Task} Task
 */

/** What the table is made of. @type {(keyof import('../state.js').Values)[]} */
const TABLE = ['preset', 'rows', 'columns', 'across'];

/** Settings in sight, and those folded away. @type {(keyof import('../state.js').Values)[]} */
const ALWAYS = ['rows', 'columns', 'across', 'steps', 'model', 'seed', 'label', 'guidance'];
/** @type {(keyof import('../state.js').Values)[]} */
const MORE = ['eta', 'tau', 'method', 'device', 'engine', 'storage'];

class Compare {
  #painter = new Painter();
  /** Whether the table has pictures. */
  #made = false;
  /** What is under way. @type {Task|null} */
  #task = null;
  /** When the current or last task began. */
  #began = 0;

  /** @param {HTMLElement} root @param {import('../session.js').Session} session */
  constructor(root, session) {
    const { settings } = session;
    this.session = session;
    this.settings = settings;
    this.parts = layout(root, {
      name: 'compare',
      title: 'Samplers side by side',
      lead: 'The same noise, many ways to a picture, all at once.',
      run: 'Compare',
    });
    this.presets = new Presets(this.parts.head, settings);
    this.note = element('p', { className: 'about-table', 'data-testid': 'compare-note' });
    this.enlarged = new Enlarged(root);
    this.grid = new Grid(this.parts.stage, (cell) => this.enlarged.open(cell, this.grid.plan?.kind === 'draw'));
    this.legend = element('p', { className: 'quiet legend' });
    this.save = new Menu('Save table', () => takeItems(() => this.#taken(), session), 'compare-save');
    this.save.enable(false);
    const copy = element('button', { type: 'button', 'data-testid': 'compare-copy' }, 'Copy link');
    copy.addEventListener('click', () => copyLink(copy, this.#shown, session));
    this.parts.after.append(element('div', { className: 'take' }, this.save.root, copy, shareButton('compare-share', () => this.#shown, session, { menu: this.save, file: () => pictureOf(this.#taken(), session) })), this.note, this.legend);
    this.controls = new Controls(this.parts.settings, settings, ALWAYS, MORE);
    this.parts.run.addEventListener('click', () => this.run());
    this.parts.stop.addEventListener('click', () => this.stop());
    followSession(this.parts, session);

    settings.on('change', (keys) => {
      this.#follow(keys);
      if (keys.includes('seed')) this.#showNoises();
    });
    session.whenLoaded((loaded) => {
      this.controls.follow(loaded, session.model);
      // What was made with another model is no part of this comparison.
      this.#forget();
    });
    this.#follow(['preset', ...SETTINGS.map(({ key }) => key).filter((key) => settings.get(key) !== settingOf(key).default)]);
  }

  /** Makes all pictures of the table. */
  async run() {
    const { session, settings } = this;
    if (session.busy || !this.controls.check(session)) return;
    settings.flush();
    if (!session.loaded && !(await session.load())) return;
    const plan = planOf(settings.all(), session.loaded?.scheduler.trainSteps);
    if ('problem' in plan) {
      session.fail(plan.problem);
      return;
    }
    const count = plan.cells.flat().length;
    const task = session.perform({ text: `Making ${plural(count, 'picture')}…`, work: (task) => this.#work(task, plan) });
    this.#task = task;
    // What goes wrong is in the status line.
    await task.ended.catch(() => {});
    this.#task = null;
  }

  /** Ends all runs after the step that is being computed; what there is stays. */
  stop() {
    if (this.session.status.state === 'running') this.session.stop();
  }

  enter() {
    // Not only when the browser tells that there is room: it has painted by then.
    this.grid.fit();
    this.presets.reveal();
  }

  leave() {
    this.enlarged.close();
  }

  /** @param {Task} task @param {Plan} plan @returns {Promise<string>} how it went */
  async #work(task, plan) {
    const figures = await loadFigures();
    this.#made = true;
    this.#began = performance.now();
    this.grid.layOut(plan, this.session.shape);
    this.#showNoises();
    this.#describe(plan);
    this.save.enable(true);
    const cells = this.grid.all.filter(({ state }) => state !== 'refused');
    this.#report();
    const runs = new Runs(task, this.session, this.grid, plan, figures, () => this.#paintSoon());
    const ends = await Promise.allSettled(plan.kind === 'draw' ? runs.draws() : cells.map((view) => runs.make(view)));
    this.#painter.drop();
    this.#paint();
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed) throw failed.reason;
    this.#report();
    this.session.report({ figures: '' });
    const stopped = task.stopping && this.grid.all.some(({ state }) => state === 'stopped' || state === 'empty');
    const reasons = this.grid.all.map(({ refusal }) => refusal);
    if (!stopped && reasons.every(Boolean)) throw new Failure('options', reasons[0]);
    return summary(plan, this.grid.cells, runs.spreads, { ms: performance.now() - this.#began, stopped });
  }

  #paintSoon() {
    this.#painter.later('table', () => {
      this.#paint();
      this.#report();
    });
  }

  #paint() {
    this.grid.paint();
    this.enlarged.paint();
  }

  #report() {
    // An engine that has crashed has had its say.
    if (this.session.status.state !== 'running') return;
    const made = this.grid.all.reduce((sum, view) => sum + view.made, 0);
    const expected = this.grid.all.reduce((sum, { state, run, cell }) => sum + (state === 'refused' ? 0 : (run?.total ?? cell.values.steps)), 0);
    const left = ((performance.now() - this.#began) / made) * (expected - made);
    this.session.report({
      text: `Making ${plural(this.grid.all.length, 'picture')}…`,
      figures: `${made} of ${plural(expected, 'step')}${made > 0 && made < expected ? ` · ${duration(left)} left` : ''}`,
      progress: { value: made, max: Math.max(1, expected) },
      step: made,
    });
  }

  /** @param {(keyof import('../state.js').Values)[]} keys  settings that have changed */
  #follow(keys) {
    if (!TABLE.some((key) => keys.includes(key))) return;
    const more = settle(this.settings.all(), keys);
    const differs = Object.entries(more).some(([key, value]) => this.settings.get(/** @type {keyof import('../state.js').Values} */ (key)) !== value);
    if (differs) {
      this.settings.change(more);
      return;
    }
    this.presets.show();
    const unused = UNUSED[this.settings.get('columns')];
    this.controls.present([...ALWAYS, ...MORE].filter((key) => !unused.includes(key)));
    if (this.#task) return;
    // While somebody types, what was made stays in sight.
    if (keys.includes('preset') && this.settings.get('preset') !== 'custom') this.#made = false;
    if (keys.includes('columns')) this.#made = false;
    if (!this.#made) this.#forget();
  }

  /** An empty table, as the settings have it. */
  #forget() {
    this.#made = false;
    this.save.enable(false);
    this.enlarged.close();
    const plan = planOf(this.settings.all(), this.session.loaded?.scheduler.trainSteps);
    if (!('problem' in plan)) {
      this.grid.layOut(plan, this.session.shape);
      this.#describe(plan);
      this.#showNoises();
    }
  }

  /** Cells that are empty show the noise that their pictures will come from. */
  async #showNoises() {
    const { shape } = this.session;
    if (!shape) return;
    try {
      const figures = await loadFigures();
      const seed = this.settings.get('seed');
      this.grid.showNoises((firstImage) => figures.noise(seed, firstImage, 1, shape.channels * shape.height * shape.width));
    } catch {
      // They stay blank until there are pictures; a run says itself what is wrong.
    }
  }

  /** @param {Pick<Plan, 'kind'>} [plan] */
  #describe({ kind } = { kind: this.settings.get('columns') }) {
    this.note.replaceChildren(...typeset(NOTES[kind]));
    this.legend.textContent = legendOf(kind);
    this.parts.below.replaceChildren(
      ...TERMS_OF[kind].map((name) => element('section', { className: 'card' }, element('h3', {}, TERMS[name].name), explanation(name))),
    );
  }

  /** The settings of what is on show. */
  get #shown() {
    const values = (this.#made && this.grid.plan?.values) || this.settings.all();
    return { ...values, view: 'compare' };
  }

  /** What is on show, for whoever takes it away. @returns {import('./compare/sheet.js').Table} */
  #taken() {
    const { plan, cells } = this.grid;
    return { plan: /** @type {import('./compare/plan.js').Plan} */ (plan), cells };
  }
}

/**
 * @param {HTMLElement} root @param {import('../session.js').Session} session
 * @returns {import('../main.js').View}
 */
export function mount(root, session) {
  return new Compare(root, session);
}
