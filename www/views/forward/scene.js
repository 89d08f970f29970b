// What all parts of the view look at: the chain of noise levels that is chosen, and the functions that know it.

import { OWN_SCHEDULE } from '../../state.js';

/**
 * @typedef {import('../../engine/figures.js').Figures} Figures
 *
 * @typedef {object} Scene
 * @property {Figures} figures
 * @property {string} own  the text of the model's scheduler_config.json
 * @property {string} scheduler  the same with the schedule that is chosen
 * @property {string} name  of that schedule
 * @property {string} ownName  of the model's
 * @property {number} T
 * @property {import('../../../pkg/figures/ddim_web.js').Levels} levels  of the schedule that is chosen
 * @property {import('../../state.js').Values} values
 * @property {import('../../../pkg/figures/ddim_web.js').SampleOptions} options  of a run of one picture with that schedule
 *
 * @typedef {object} Part  of the view, with its own place on the page
 * @property {HTMLElement} root
 * @property {(scene: Scene) => void | Promise<void>} update
 * @property {(scene: Scene) => unknown} [needs]  what it shows something else for; everything, where it does not say
 * @property {(t: number) => void} [at]  another time step is looked at
 * @property {() => void} [enter]
 * @property {() => void} [leave]
 */

/** @param {string} json  of a scheduler_config.json @param {string} name  of another schedule */
export function withSchedule(json, name) {
  return JSON.stringify({ ...JSON.parse(json), beta_schedule: name, trained_betas: null });
}

/** @param {string} json */
function nameOf(json) {
  const { trained_betas: trained, beta_schedule: name = 'linear' } = JSON.parse(json);
  return trained ? 'a list of its own' : name;
}

/**
 * @param {Figures} figures @param {import('../../session.js').Session} session  with a loaded model
 * @param {import('../../session.js').Loaded} loaded
 * @returns {Scene}
 */
export function sceneOf(figures, session, { scheduler: { json: own } }) {
  const values = session.settings.all();
  const ownName = nameOf(own);
  const chosen = values.schedule !== OWN_SCHEDULE;
  const scheduler = chosen ? withSchedule(own, values.schedule) : own;
  const levels = figures.levels(scheduler);
  return {
    figures, own, ownName, scheduler, levels, values,
    name: chosen ? values.schedule : ownName,
    T: levels.beta.length,
    options: { ...session.options({ batch: 1 }), scheduler },
  };
}

/** Lets the page paint and listen between two longer computations. */
export function breath() {
  return new Promise((resolve) => setTimeout(resolve));
}

/** A curve needs no more points than a screen has. */
const MOST_POINTS = 1000;

/** Every time step, or as many as can be seen. @param {number} T @param {number} [most] @returns {number[]} rising, the first and the last among them */
export function times(T, most = MOST_POINTS) {
  if (T <= most) return Array.from({ length: T }, (_, t) => t);
  return Array.from({ length: most }, (_, i) => Math.round((i * (T - 1)) / (most - 1)));
}

/** @param {ArrayLike<number>} values @param {number[]} at */
export function pick(values, at) {
  return at.map((t) => values[t]);
}
