// What the view says about a comparison: what there is to see, and how it went.

import { element } from '../../ui/dom.js';
import { duration, plural } from '../../ui/words.js';
import { clock, distanceText } from './cell.js';
import { groupsOf, textOf } from './plan.js';

/** @typedef {import('./cell.js').CellView} CellView @typedef {import('./plan.js').Plan} Plan @typedef {import('./plan.js').Kind} Kind */

/** @type {Record<Kind, string>} */
export const NOTES = {
  eta: 'All pictures begin with the same noise x_T. Downwards there are more steps, to the right more fresh noise after each. With η = 0 more steps soon change little; fresh noise leads every run elsewhere, and with σ̂ a few steps cannot take away again what they add (DDIM, table 1).',
  picture: 'Each column begins with a noise x_T of its own, the same in all its rows. With η = 0, x_T alone decides what is drawn; the number of steps decides how finely (DDIM, figure 5).',
  race: 'From the same noise x_T, DDPM goes down through all its noise levels and adds fresh noise after each; DDIM leaves most of them out. The noise leads DDPM to another picture, so only many pictures together can be equally good. In the DDIM paper those of 20 to 100 steps come close to those of DDPM’s 1000, 10 to 50 times faster (section 5.1, table 1).',
  tau: 'The same number of steps, taken at other noise levels. What begins below the highest level, as leading does with few steps and quad always, leaves out what is decided there, and may draw another thing from the same x_T. Quadratic spacings spend more of their steps on the details (DDIM, appendix D.2).',
  method: 'The rule for a step differs from column to column. Those that add much noise need many steps to get rid of it again; probability flow is the equation behind DDIM, in steps of time (DDIM, eq. 15).',
  draw: 'All pictures of a row come from the one noisy x_t on its left, each with fresh noise of its own (η = 1). The lower t is, the more is already decided: the kind of thing first, the details last (DDPM, figure 7).',
};

const TIME = 'Below each picture stands the time that the engine took for it';
const MEASURE = 'the root mean square of their difference, where black and white are 255 apart';

/** What the figures beside the pictures are. @param {Kind} kind */
export function legendOf(kind) {
  if (kind === 'race') return `${TIME}, and Δ, how far the two are apart: ${MEASURE}.`;
  if (kind === 'draw') return `${TIME}; on the left Δ, how far the pictures of the row are apart on average: ${MEASURE}.`;
  return `${TIME}, and Δ, how far it is from the finest picture of its column, the one with the most steps: ${MEASURE}. The bars are as long as the runs have steps.`;
}

/** A note, its letters set as in the papers. @param {string} text @returns {(Node|string)[]} */
export function typeset(text) {
  return text.split(/(x_[Tt]|σ̂|η)/).map((part) => {
    if (part.startsWith('x_')) return element('var', { className: 'xt' }, 'x', element('sub', {}, part.slice(2)));
    return part === 'η' || part === 'σ̂' ? element('var', {}, part) : part;
  });
}

/** What to look up beside it. @type {Record<Kind, import('../../ui/terms.js').TermName[]>} */
export const TERMS_OF = {
  eta: ['eta', 'sigma_hat'],
  picture: ['step', 'x0_hat'],
  race: ['step', 'tau'],
  tau: ['tau', 'x_t'],
  method: ['step', 'sigma_hat', 'probability_flow'],
  draw: ['x_t', 'posterior'],
};

/** @param {Plan} plan @param {CellView[]} racers */
function raceSentence(plan, racers) {
  const begun = racers.filter(({ run, made }) => run && made > 0);
  if (begun.length < 2) return '';
  /** @param {CellView} view  the whole of it, at its own speed */
  const whole = ({ run, made, cell }) => (run && made < run.total ? run.msPerStep * run.total : run?.ms ?? cell.values.steps);
  const sorted = [...begun].sort((a, b) => whole(a) - whole(b));
  const [fast, slow] = [sorted[0], sorted[sorted.length - 1]];
  /** @param {CellView} view */
  const name = ({ cell: { values, column } }) => `${textOf(plan.columns[column]).split(',')[0]}’s ${plural(values.steps, 'step')}`;
  const times = whole(slow) / whole(fast);
  const took = slow.state === 'done' ? 'took' : 'would have taken about';
  const factor = `${times < 9.95 ? times.toFixed(1) : Math.round(times)} times as long as ${name(fast)} (${clock(whole(fast))})`;
  const apart = fast.distance ?? slow.distance;
  return `${name(slow)} ${took} ${clock(whole(slow))}, ${factor}${apart === null ? '' : `; the two pictures are ${distanceText(apart)} of 255 apart`}.`;
}

/** The column that a sentence is about. @type {Record<Kind, (head: string) => string>} */
const WHERE = {
  eta: (head) => `With ${head}`,
  tau: (head) => `With the spacing ${head}`,
  method: (head) => `With ${head}`,
  picture: (head) => `From ${head.toLowerCase()}`,
  race: (head) => head,
  draw: (head) => head,
};

/** The first group that has a fast and a finest picture. @param {Plan} plan @param {CellView[][]} cells */
function gridSentence(plan, cells) {
  for (const [i, group] of groupsOf(plan, cells).entries()) {
    const finest = group.find((view) => view.finest);
    const others = group.filter(({ distance }) => distance !== null);
    if (!finest?.run || others.length === 0) continue;
    const coarse = others.reduce((a, b) => (b.cell.values.steps < a.cell.values.steps ? b : a));
    return `${WHERE[plan.kind](textOf(plan.columns[i]))}, ${plural(coarse.cell.values.steps, 'step')} took ${clock(coarse.run?.ms ?? 0)} and ${finest.cell.values.steps} took ${clock(finest.run.ms)}; the two pictures are ${distanceText(coarse.distance ?? 0)} of 255 apart.`;
  }
  return '';
}

/** @param {Plan} plan @param {(number|null)[]} spreads  of the rows */
function drawSentence(plan, spreads) {
  const known = spreads.flatMap((spread, i) => (spread === null ? [] : [{ t: textOf(plan.rows[i]), spread }]));
  if (known.length < 2) return '';
  const sorted = known.sort((a, b) => b.spread - a.spread);
  const [first, last] = [sorted[0], sorted[sorted.length - 1]];
  return `Pictures from ${first.t} are ${distanceText(first.spread)} of 255 apart on average, those from ${last.t} only ${distanceText(last.spread)}.`;
}

/**
 * How it went.
 * @param {Plan} plan @param {CellView[][]} cells @param {(number|null)[]} spreads @param {{ms: number, stopped: boolean}} end  ms from its beginning to its end
 */
export function summary(plan, cells, spreads, { ms, stopped }) {
  const all = cells.flat();
  const made = all.filter(({ state }) => state === 'done');
  const refused = all.filter(({ state }) => state === 'refused').length;
  const steps = all.reduce((sum, view) => sum + view.made, 0);
  const began = stopped
    ? `Stopped after ${plural(steps, 'step')}; what there is stays.`
    : `Done: ${plural(made.length, 'picture')} in ${plural(steps, 'step')}, ${duration(ms)}.`;
  const compared = plan.kind === 'race' ? raceSentence(plan, cells[0]) : plan.kind === 'draw' ? drawSentence(plan, spreads) : gridSentence(plan, cells);
  const missing = refused > 0 ? `${refused === 1 ? 'One is' : `${refused} are`} not possible; the reason stands in ${refused === 1 ? 'its' : 'their'} place.` : '';
  return [began, compared, missing].filter(Boolean).join(' ');
}
