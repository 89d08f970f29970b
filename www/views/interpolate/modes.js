// What this view can show: a row between two noises, a square between four, or mixtures of two pictures. The settings
// `path` and `corners` say which, and `at` and `mix` where the handle is.

import { MixPath } from './paths.js';

/**
 * @typedef {'line'|'square'|'mix'} Mode
 * @typedef {import('../../state.js').Values} Values
 * @typedef {import('./paths.js').Place} Place
 */

/** @type {Record<Mode, {text: string, title: string, lead: string, fill: string}>} */
export const MODES = {
  line: {
    text: 'Two noises',
    title: 'DDIM: on a sphere from one noise to the other, η = 0',
    lead: 'Between two noises lies a row of pictures. Drag the frame along it.',
    fill: 'Fill the row',
  },
  square: {
    text: 'Four noises',
    title: 'DDIM: on a sphere between four noises, η = 0',
    lead: 'Between four noises lies a square of pictures. Drag the frame over it.',
    fill: 'Fill the square',
  },
  mix: {
    text: 'Two pictures',
    title: 'DDPM: two pictures mixed after part of the noise',
    lead: 'Two pictures get noise, are mixed, and lose the noise again: the more noise, the coarser the mixture.',
    fill: 'Fill the map',
  },
};

/** @param {Values} values @returns {Mode} */
export function modeOf({ path, corners }) {
  if (path === 'mix') return 'mix';
  return corners.split(',').length === 4 ? 'square' : 'line';
}

/**
 * The settings that another mode needs.
 * @param {Mode} mode @param {Values} values @param {string[]} others  the last two corners, if there were any
 * @returns {Partial<Values>}
 */
export function switchTo(mode, { corners }, others) {
  if (mode === 'mix') return { path: 'mix' };
  const [a, b, ...rest] = corners.split(',');
  const more = rest.length > 0 ? rest : others;
  return { path: 'noise', corners: (mode === 'square' ? [a, b, ...more] : [a, b]).join() };
}

/** Where the handle is. @param {Values} values @param {number} trainSteps  T @returns {Place} */
export function placeOf(values, trainSteps) {
  const [u, v] = values.at.split(',').map(Number);
  return { u, v: modeOf(values) === 'mix' ? 1 - Math.min(values.mix, trainSteps) / trainSteps : v };
}

/** Links hold places in hundredths. @param {number} part */
const hundredths = (part) => Math.round(part * 100) / 100;

/** The settings that put it there. @param {Place} place @param {Values} values @param {number} trainSteps @returns {Partial<Values>} */
export function settingsAt({ u, v }, values, trainSteps) {
  if (modeOf(values) !== 'mix') return { at: `${hundredths(u)},${hundredths(v)}` };
  const [, down] = values.at.split(',');
  return { at: `${hundredths(u)},${down}`, mix: MixPath.steps(v, trainSteps) };
}

/** Where the handle is, in words. @param {Values} values @param {number} trainSteps */
export function describe(values, trainSteps) {
  const { u, v } = placeOf(values, trainSteps);
  const percent = (/** @type {number} */ part) => `${Math.round(part * 100)} %`;
  const mode = modeOf(values);
  if (mode === 'line') return `${percent(u)} of the way from A to B`;
  if (mode === 'square') return `${percent(u)} across, ${percent(v)} down`;
  return `${MixPath.steps(v, trainSteps)} steps of noise, ${percent(u)} of B`;
}

/** T, as long as no model says. */
const USUAL_TRAIN_STEPS = 1000;

/** @param {import('../../session.js').Session} session @returns {number} T */
export function trainStepsOf(session) {
  return session.loaded?.scheduler.trainSteps ?? USUAL_TRAIN_STEPS;
}
