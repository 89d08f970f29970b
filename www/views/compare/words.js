// What the view says about a comparison: what there is to see before it is made, and how it went.

import { duration, plural } from '../../ui/words.js';
import { clock, distanceText } from './cell.js';
import { groupsOf, textOf } from './plan.js';

/** @typedef {import('./cell.js').CellView} CellView @typedef {import('./plan.js').Plan} Plan @typedef {import('./plan.js').Kind} Kind */

/** @type {Record<Kind, string>} */
export const NOTES = {
  eta: 'All cells begin with the same noise x_T. Downwards there are more steps, to the right more fresh noise after each. With η = 0 a few steps are nearly as good as many; with σ̂ few steps leave noise in the picture (DDIM, table 1).',
  picture: 'Each column begins with a noise x_T of its own, the same in all its rows. With η = 0, x_T alone decides what is drawn; the number of steps only decides how finely (DDIM, figure 5).',
  race: 'From the same noise x_T, DDPM goes down through all its noise levels and adds fresh noise after each; DDIM leaves most of them out. In the DDIM paper 20 to 100 steps come close to DDPM’s 1000, which makes it 10 to 50 times faster (section 5.1).',
  tau: 'The same number of steps, taken at other noise levels. Spacings that begin at the highest level keep what x_T says of the whole picture; quadratic ones spend more of their steps on its details (DDIM, appendix D.2).',
  method: 'The rule for a step differs from column to column. The ones that add much noise need many steps to get rid of it again; probability flow is the same equation as DDIM, in steps of time (DDIM, eq. 15).',
  draw: 'All pictures of a row come from the one noisy x_t on its left, each with fresh noise of its own (η = 1). The lower t is, the more of them is already decided: the outline comes first, the details last (DDPM, figure 7).',
};

/** What the figures below the pictures are. @type {Record<'draw'|'other', string>} */
export const LEGENDS = {
  other: 'Below each picture: the time that the engine took for it, and Δ, how far it is from the finest one, that with the most steps in its column: root mean square, black to white being 255.',
  draw: 'Below each picture: the time that the engine took for it. On the left ±, how far apart the pictures of the row are on average: root mean square, black to white being 255.',
};

/** What to look up beside it. @type {Record<Kind, import('../../ui/terms.js').TermName[]>} */
export const TERMS_OF = {
  eta: ['eta', 'sigma_hat'],
  picture: ['step', 'x0_hat'],
  race: ['step', 'tau'],
  tau: ['tau', 'x_t'],
  method: ['step', 'sigma_hat', 'probability_flow'],
  draw: ['x_t', 'posterior'],
};

/** What both pictures of a race being different means. */
const QUALITY = 'DDPM’s fresh noise leads it to another picture: equal quality is one of many pictures together.';

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
  const noisy = begun.some(({ cell }) => cell.values.method.startsWith('ddpm'));
  const distance = apart === null ? '' : ` The two pictures are ${distanceText(apart)} of 255 apart.${noisy ? ` ${QUALITY}` : ''}`;
  return `${name(slow)} ${took} ${clock(whole(slow))}, ${factor}.${distance}`;
}

/** The first group that has a fast and a finest picture. @param {Plan} plan @param {CellView[][]} cells */
function gridSentence(plan, cells) {
  for (const [i, group] of groupsOf(plan, cells).entries()) {
    const finest = group.find((view) => view.finest);
    const others = group.filter(({ distance }) => distance !== null);
    if (!finest?.run || others.length === 0) continue;
    const coarse = others.reduce((a, b) => (b.cell.values.steps < a.cell.values.steps ? b : a));
    const where = textOf(plan.columns[i]);
    return `With ${where}, ${plural(coarse.cell.values.steps, 'step')} took ${clock(coarse.run?.ms ?? 0)} and ${finest.cell.values.steps} took ${clock(finest.run.ms)}; the two pictures are ${distanceText(coarse.distance ?? 0)} of 255 apart.`;
  }
  return '';
}

/** @param {Plan} plan @param {(number|null)[]} spreads  of the rows */
function drawSentence(plan, spreads) {
  const known = spreads.flatMap((spread, i) => (spread === null ? [] : [{ t: textOf(plan.rows[i]), spread }]));
  if (known.length < 2) return '';
  const [first, last] = [known[0], known[known.length - 1]];
  return `Pictures from ${first.t} are ${distanceText(first.spread)} of 255 apart on average, those from ${last.t} ${distanceText(last.spread)}.`;
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
  const began = stopped ? `Stopped after ${plural(steps, 'step')}; what there is stays.` : `Done: ${plural(made.length, 'picture')} in ${plural(steps, 'step')}, ${duration(ms)}.`;
  const compared = plan.kind === 'race' ? raceSentence(plan, cells[0]) : plan.kind === 'draw' ? drawSentence(plan, spreads) : gridSentence(plan, cells);
  const missing = refused > 0 ? `${refused === 1 ? 'One is' : `${refused} are`} not possible; the reason stands in ${refused === 1 ? 'its' : 'their'} place.` : '';
  return [began, compared, missing].filter(Boolean).join(' ');
}
