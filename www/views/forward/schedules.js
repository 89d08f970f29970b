// The part with all schedules side by side: what each step adds, what is left, and what noise the sampler would add.

import { oneLine } from '../../engine/errors.js';
import { settingOf } from '../../state.js';
import { element } from '../../ui/dom.js';
import { short } from '../../ui/numbers.js';
import { Plot, legendOf } from '../../ui/plot.js';
import { M, equation } from '../../ui/terms.js';
import { card } from './card.js';
import { breath, pick, times, withSchedule } from './scene.js';

/** @typedef {import('./scene.js').Scene} Scene @typedef {import('../../ui/plot.js').Line} Line */

/** @typedef {'beta'|'alpha_bar'|'snr'} Level */

/** @type {[Level, string, string, string, boolean][]} key, math, title, label, logarithmic */
const LEVELS = [
  ['beta', M.beta, 'The noise that each step adds', 'β', true],
  ['alpha_bar', M.alphaBar, 'How much of the picture is left', 'ᾱ', false],
  ['snr', M.row('<mi>SNR</mi>', M.inside(M.mi('t'))), 'The signal-to-noise ratio', 'SNR', true],
];

const COLOURS = ['--line-1', '--line-2', '--line-3', '--line-4', '--line-5', '--line-6'];
const DASHES = [[7, 4], [2, 3], [10, 3, 2, 3], [4, 2], [12, 4], [6, 2, 2, 2, 2, 2], [1, 2]];

/** As the control has it, without its source. @param {string} name */
function spoken(name) {
  const setting = settingOf('schedule');
  const [, text = name] = (setting.kind === 'choice' && setting.choices.find(([value]) => value === name)) || [];
  return text.split(' (')[0];
}

/** The chosen one stands out. @param {string[]} names @param {Scene} scene @returns {Omit<Line, 'values'>[]} */
function looks(names, { name, ownName }) {
  let others = 0;
  return names.map((each) => {
    const label = each === ownName ? `${spoken(each)} (the model’s)` : spoken(each);
    if (each === name) return { label, colour: '--text', dash: [], width: 3 };
    others += 1;
    return { label, colour: COLOURS[(others - 1) % COLOURS.length], dash: DASHES[(others - 1) % DASHES.length], width: 1.5 };
  });
}

/** A plot under a heading with its value at t. */
class Small {
  #value = element('span', { className: 'number' });
  heading = element('h4', { className: 'quiet' });

  /** @param {string} name @param {string} math @param {string} title */
  constructor(name, math, title) {
    this.heading.textContent = title;
    this.root = element('div', { className: 'small' }, element('p', { className: 'small-value' }, equation(math, 'inline'), ' ', this.#value), this.heading);
    this.plot = new Plot(this.root, { title, x: { label: 't', values: [] }, series: [], legend: false }, `forward-plot-${name}`);
  }

  /** @param {number|undefined} value */
  say(value) {
    this.#value.textContent = value === undefined ? '' : `= ${short(value)}`;
  }
}

/** @typedef {import('./scene.js').Part} Part */

/** @implements {Part} */
export class Schedules {
  #legend = element('div', { className: 'shared-legend' });
  #smalls = new Map(LEVELS.map(([key, math, title]) => [key, new Small(key, math, title)]));
  #sigma = new Small('sigma', M.sigma, 'The fresh noise of a step down');
  #problem = element('p', { className: 'problem', hidden: true });
  /** @type {Scene|null} */
  #scene = null;
  /** The schedule whose levels are drawn. */
  #drawn = '';
  #t = 0;

  constructor() {
    this.root = card(
      'forward-schedules',
      {
        title: 'The schedule',
        text: 'The numbers β say how much noise each step adds; everything else follows from them. The thick line is the schedule in use, the ticks are the steps τ that a run with these settings visits.',
        terms: ['beta', 'alpha_bar', 'snr', 'eta', 'tau'],
      },
      this.#legend,
      element('div', { className: 'smalls' }, ...[...this.#smalls.values(), this.#sigma].map(({ root }) => root)),
      this.#problem,
    );
  }

  /** @param {Scene} scene */
  async update(scene) {
    this.#scene = scene;
    const { figures, own, ownName, T } = scene;
    const known = figures.beta_schedules();
    const names = known.includes(ownName) ? known : [ownName, ...known];
    const schedulers = names.map((name) => (name === ownName ? own : withSchedule(own, name)));
    const lines = looks(names, scene);
    this.#legend.replaceChildren(legendOf(lines.map((line) => ({ ...line, values: [] })), 'τ'));

    const marks = this.#tau(scene);
    for (const { plot } of this.#smalls.values()) plot.update({ marks });
    if (scene.scheduler !== this.#drawn) {
      const t = times(T);
      const levels = schedulers.map((json) => figures.levels(json));
      for (const [key, , title, unit, log] of LEVELS) {
        await breath();
        if (scene !== this.#scene) return;
        const series = lines.map((line, i) => ({ ...line, values: pick(levels[i][key], t) }));
        this.#smalls.get(key)?.plot.update({ title, x: { label: 't', values: t }, series, unit, log: log ? 'y' : undefined });
      }
      this.#drawn = scene.scheduler;
    }
    this.at(this.#t);
    await this.#showSigma(scene, schedulers, lines);
  }

  /** The steps of a run, or none and why. @param {Scene} scene @returns {number[]} rising */
  #tau({ figures, options }) {
    try {
      const tau = figures.numbers(options).map(({ t }) => t).reverse();
      this.#problem.hidden = true;
      return tau;
    } catch (error) {
      this.#problem.textContent = oneLine(error);
      this.#problem.hidden = false;
      return [];
    }
  }

  /** @param {Scene} scene @param {string[]} schedulers @param {Omit<Line, 'values'>[]} lines */
  async #showSigma(scene, schedulers, lines) {
    const { figures, options } = scene;
    const quiet = options.method === 'ddim' && options.eta === 0;
    const asked = quiet ? { ...options, eta: 1 } : options;
    const series = [];
    /** @type {number[]} */
    let t = [];
    for (const [i, scheduler] of schedulers.entries()) {
      if (!this.#problem.hidden) break;
      const numbers = figures.numbers({ ...asked, scheduler }).reverse();
      t = numbers.map((step) => step.t);
      series.push({ ...lines[i], points: t.length <= 50, values: numbers.map(({ sigma }) => sigma) });
      await breath();
      if (scene !== this.#scene) return;
    }
    const noise = options.method === 'ddim' ? `η = ${asked.eta}` : String(options.method);
    const title = `The fresh noise of a step down with ${noise}${quiet ? '; with η = 0, as set, there is none' : ''}`;
    this.#sigma.plot.update({ title, x: { label: 't', values: t }, series, unit: 'σ', marks: t });
    this.#sigma.heading.textContent = title;
  }

  /** @param {number} t */
  at(t) {
    this.#t = t;
    for (const [key, small] of this.#smalls) {
      small.plot.at(t);
      small.say(this.#scene?.levels[key][t]);
    }
    this.#sigma.plot.at(t);
  }
}
