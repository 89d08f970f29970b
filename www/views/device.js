// The view `device`: what the network runs on and why, how fast that is, and what the browser says of the graphics
// adapter, the processor and its storage.

import { Failure, oneLine } from '../engine/errors.js';
import { fetchJsonText } from '../engine/weights.js';
import { sourceOf } from '../models.js';
import { OWN_TAU } from '../state.js';
import { Controls } from '../ui/controls.js';
import { copyText } from '../ui/copy.js';
import { element } from '../ui/dom.js';
import { factRows } from '../ui/facts.js';
import { followSession, layout } from '../ui/layout.js';
import { adapterLine, milliseconds, plural } from '../ui/words.js';
import { mainFacts, otherFacts, readAdapter } from './device/adapter.js';
import { BATCHES, BUDGET_MS, measure, onProcessor, summarize } from './device/benchmark.js';
import { Chart } from './device/chart.js';
import { browserOf, computerFacts, simdWord } from './device/computer.js';
import { ResultsTable, asJson } from './device/results.js';
import { StorageCard } from './device/storage.js';

/**
 * @typedef {import('../session.js').Loaded} Loaded
 * @typedef {import('../run.js').Task} Task
 * @typedef {import('./device/benchmark.js').Series} Series
 * @typedef {import('./device/benchmark.js').Sample} Sample
 */

/** A network with more parameters is not loaded a second time for a comparison. */
const COMPARABLE = 30e6;

/**
 * Why the network runs where it does, whether or not one would expect it.
 * @param {Loaded} loaded @param {'auto'|'webgpu'|'cpu'} wanted
 */
export function reasonOf({ info, why }, wanted) {
  if (why) return why;
  if (wanted !== 'auto') return `You have chosen ${wanted === 'cpu' ? 'the CPU' : 'WebGPU'}.`;
  return info.device === 'webgpu' ? 'The browser offers a real graphics card through WebGPU, as a rule the fastest choice here.' : 'There is no graphics card that this page can use.';
}

class Device {
  /** What was measured last. @type {import('./device/results.js').Report|null} */
  #report = null;
  /** The processor, where it is measured beside a graphics card. @type {{end: () => void}|null} */
  #second = null;
  #asked = false;

  /** @param {HTMLElement} root @param {import('../session.js').Session} session */
  constructor(root, session) {
    this.session = session;
    const parts = layout(root, {
      name: 'device',
      title: 'This device',
      lead: 'What the network runs on here, and how fast. The benchmark takes ten seconds.',
      run: 'Run benchmark',
    });
    this.verdict = element('p', { className: 'verdict', 'data-testid': 'device-verdict' }, 'Loading…');
    this.why = element('p', { className: 'quiet', 'data-testid': 'device-why' });
    this.chart = new Chart();
    this.table = new ResultsTable();
    this.table.begin(BATCHES.map((batch) => ({ device: 'cpu', batch })), 'Nothing is measured yet.');
    this.copy = element('button', { type: 'button', 'data-testid': 'device-copy', disabled: true }, 'Copy as JSON');
    this.controls = new Controls(parts.settings, session.settings, ['model', 'device', 'engine', 'storage']);
    this.adapter = element('dl', { className: 'facts', 'data-testid': 'device-adapter' });
    this.rest = element('dl', { className: 'facts' });
    this.more = element('details', { className: 'more', hidden: true }, element('summary', {}, 'All limits and features'), this.rest);
    this.computer = element('dl', { className: 'facts', 'data-testid': 'device-computer' });
    this.storage = new StorageCard();

    parts.head.append(element('div', { className: 'in-use' }, this.verdict, this.why));
    parts.stage.append(this.chart.root);
    parts.after.append(this.table.root, this.copy);
    parts.below.append(
      element('section', { className: 'card', 'aria-labelledby': 'device-adapter-title' },
        element('h3', { id: 'device-adapter-title' }, 'Graphics adapter'), this.adapter, this.more),
      element('section', { className: 'card', 'aria-labelledby': 'device-computer-title' },
        element('h3', { id: 'device-computer-title' }, 'Browser and processor'), this.computer),
      this.storage.root,
    );
    parts.run.addEventListener('click', () => this.run());
    parts.stop.addEventListener('click', () => this.stop());
    this.copy.addEventListener('click', () => this.#copy());
    followSession(parts, session);
    session.whenLoaded((loaded) => {
      this.#tellDevice(loaded);
      this.storage.look();
    });
    session.on('status', ({ state }) => {
      // Whoever loads another model does not wait for the rest of a comparison.
      if (state === 'loading' || state === 'error') this.#second?.end();
      if (session.loaded) return;
      this.verdict.textContent = state === 'error' ? 'Nothing is loaded' : 'Loading…';
      this.why.textContent = '';
    });
    this.computer.append(...factRows(computerFacts()));
    this.enter();
  }

  enter() {
    this.storage.look();
    if (!this.#asked) this.#readAdapter();
  }

  async #readAdapter() {
    this.#asked = true;
    this.adapter.replaceChildren(...factRows([{ name: 'Name', value: 'asking the browser…' }]));
    const adapter = await readAdapter();
    const missing = 'missing' in adapter;
    this.adapter.replaceChildren(...factRows(missing ? [{ name: 'Name', value: 'none', note: adapter.missing }] : mainFacts(adapter)));
    if (missing) return;
    this.rest.replaceChildren(...factRows(otherFacts(adapter)));
    this.more.hidden = false;
  }

  /** @param {Loaded} loaded */
  #tellDevice(loaded) {
    const { engine } = loaded.info;
    const program = engine === 'burn' ? 'the engine burn' : 'this page’s own engine';
    this.verdict.textContent = `${adapterLine(loaded, 1)} · ${program}`;
    this.why.textContent = reasonOf(loaded, this.session.settings.get('device'));
    this.controls.follow(loaded, this.session.model);
  }

  /** Measures; loads the model first if that has failed before. */
  async run() {
    const { session } = this;
    if (session.busy) return;
    session.settings.flush();
    if (!session.loaded && !(await session.load())) return;
    const task = session.perform({ text: 'Measuring…', work: (task) => this.#measure(task) });
    // What goes wrong is in the status line.
    await task.ended.catch(() => {});
    this.#second?.end();
    this.#second = null;
    this.chart.tell();
  }

  stop() {
    if (this.session.status.state === 'running') this.session.stop();
  }

  /** @param {Task} task @returns {Promise<string>} */
  async #measure(task) {
    const { session } = this;
    const { model } = session;
    const loaded = /** @type {Loaded} */ (session.loaded);
    const { info, scheduler } = loaded;
    const settings = session.settings.all();
    const compared = info.device === 'webgpu' && info.parameters <= COMPARABLE;
    /** @type {Pick<Series, 'device'|'batch'>[]} */
    const planned = [info.device, ...(compared ? [/** @type {const} */ ('cpu')] : [])].flatMap((device) => BATCHES.map((batch) => ({ device, batch })));
    const about = await this.#about(loaded);
    session.clear('device-compare');
    this.table.begin(planned, `${model.name}, ${new Date().toLocaleString('en', { dateStyle: 'medium', timeStyle: 'short' })}`);
    this.chart.begin(planned.length);
    this.copy.disabled = true;

    /** @type {(Series & {at: number[]})[]} */
    const series = [];
    this.#report = { about, series };
    const budget = BUDGET_MS / planned.length;
    /** @type {Sample} */
    let sample = (options, way) => task.sample(options, way);
    let steps = 0;
    for (const { device, batch } of planned) {
      if (task.stopping) break;
      if (device !== info.device && !this.#second) {
        session.report({ text: 'Preparing the CPU for comparison…', figures: '' });
        const second = await onProcessor(sourceOf(model), settings, () => task.sign()).catch((error) => {
          session.tell('device-compare', `The CPU could not be measured for comparison (${oneLine(error)}).`);
          return null;
        });
        if (!second || session.loaded !== loaded) {
          second?.end();
          break;
        }
        this.#second = second;
        ({ sample } = second);
      }
      /** @type {Series & {at: number[]}} */
      const one = { device, batch, workers: 1, times: [], at: [] };
      series.push(one);
      this.chart.add(one);
      session.report({ text: `Measuring ${plural(batch, 'picture')} on ${device === 'cpu' ? 'the CPU' : 'the graphics card'}…` });
      let began = 0;
      const options = session.options({ batch, steps: scheduler.trainSteps, tau: OWN_TAU, method: 'ddim', eta: 0, seed: 0, label: 0, guidance: 0 });
      await measure(sample, options, budget, (ms, workers) => {
        const now = performance.now();
        one.workers = workers;
        if (ms === null) began = now;
        else {
          steps += 1;
          one.times.push(ms);
          one.at.push((now - began) / budget);
          this.chart.update();
          const passed = (series.length - 1) * budget + Math.min(budget, now - began);
          session.report({ figures: `Step ${one.times.length} · ${milliseconds(ms)}`, progress: { value: passed, max: BUDGET_MS }, step: steps });
        }
        return !task.stopping;
      });
      this.table.show(series);
    }
    session.report({ figures: steps > 0 ? `${plural(steps, 'step')} measured` : '' });
    if (session.loaded !== loaded) throw new Failure('ended', 'another model was loaded');
    return this.#summary(series, task.stopping);
  }

  /** @param {Series[]} series @param {boolean} stopped */
  #summary(series, stopped) {
    const measured = series.filter(({ times }) => times.length > 0);
    this.copy.disabled = measured.length === 0;
    if (measured.length === 0) return 'Stopped before anything was measured.';
    const [first] = measured;
    const last = measured.findLast(({ device }) => device === first.device) ?? first;
    const took = (/** @type {Series} */ one) => `${milliseconds(summarize(one).median)} for ${plural(one.batch, 'picture')}`;
    const text = `A step takes ${took(first)}${last === first ? '' : `, ${took(last)} at once`}.`;
    return stopped ? `Stopped. ${text}` : text;
  }

  /** What the numbers belong to. @param {Loaded} loaded */
  async #about({ info, adapter, storage }) {
    const { session } = this;
    /** @type {{version?: string}} */
    const { version = 'unknown' } = await fetchJsonText(new URL('../../pkg/package.json', import.meta.url)).then(JSON.parse, () => ({}));
    return {
      ddim_web: version,
      date: new Date().toISOString(),
      browser: browserOf(navigator.userAgent),
      user_agent: navigator.userAgent,
      cores: navigator.hardwareConcurrency ?? null,
      simd: simdWord(),
      device: info.device,
      adapter,
      engine: info.engine,
      storage: storage ?? 'f32',
      model: session.model.id,
      parameters: info.parameters,
      picture: session.shape ?? null,
    };
  }

  async #copy() {
    if (!this.#report) return;
    if (!(await copyText(this.copy, asJson(this.#report)))) this.session.tell('copy', 'The browser did not allow copying.');
  }
}

/**
 * @param {HTMLElement} root @param {import('../session.js').Session} session
 * @returns {import('../main.js').View}
 */
export function mount(root, session) {
  return new Device(root, session);
}
