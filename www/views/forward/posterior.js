// The part about the way back: where x_{t-1} must be if one knew the picture.

import { element } from '../../ui/dom.js';
import { short } from '../../ui/numbers.js';
import { Painter } from '../../ui/painter.js';
import { Plot } from '../../ui/plot.js';
import { M, equation } from '../../ui/terms.js';
import { card } from './card.js';
import { Mean } from './mean.js';
import { times } from './scene.js';

/** @typedef {import('./scene.js').Scene} Scene @typedef {NonNullable<import('../../../pkg/figures/ddim_web.js').StepNumbers['posterior']>} Numbers */

const { mi, mn, mo, row, inside, sub, hat, x0, xt, xBefore } = M;

/** The factors change with t too fast for more. */
const POINTS = 200;

const mean = sub(hat(mi('μ'), '˜'), mi('t'));
const variance = sub(hat(mi('β'), '˜'), mi('t'));
const POSTERIOR = row(mi('q'), inside(xBefore, mo('|'), xt, mo(','), x0), mo('='), mi('𝒩'), inside(mean, mo(','), variance, mo('⁢'), mi('I')));

/** @param {Numbers|undefined} numbers @returns {string[]} the mean and the variance */
function withNumbers(numbers) {
  const { of_x0: a, of_x_t: b, variance: c } = numbers ?? { of_x0: NaN, of_x_t: NaN, variance: NaN };
  const sum = row(mn(short(a)), mo('⁢'), x0, mo('+'), mn(short(b)), mo('⁢'), xt);
  return [row(mean, mo('='), sum), row(variance, mo('='), mn(short(c)))];
}

/** The posteriors of single steps from each of `from`. @param {Scene} scene @param {number[]} from @returns {Map<number, Numbers>} by t */
function posteriors({ figures, scheduler }, from) {
  const visited = [...new Set(from.flatMap((t) => (t > 0 ? [t - 1, t] : [0])))];
  const steps = figures.numbers({ scheduler, tau: `list:${visited.join(',')}`, method: 'ddim', eta: 1 });
  return new Map(steps.flatMap(({ t, t_next: next, posterior }) => (posterior && (next ?? -1) === t - 1 ? [[t, posterior]] : [])));
}

/** @typedef {import('./scene.js').Part} Part */

/** @implements {Part} */
export class Posterior {
  picture = new Mean(mean);
  #equation = element('div', { className: 'live-equation', 'data-testid': 'forward-posterior-equation' });
  /** @type {Scene|null} */
  #scene = null;
  #t = 0;
  #painter = new Painter();

  constructor() {
    this.root = card(
      'forward-posterior',
      {
        title: 'One step back, if one knew the picture',
        text: 'Between the picture and its noisy version there is little freedom: the step before is a mixture of both, and a little noise. A network has to guess the picture; the rest is this formula.',
        terms: ['posterior'],
      },
      equation(POSTERIOR),
      this.#equation,
      this.picture.root,
    );
    this.plot = new Plot(this.root, { title: 'The posterior of one step', x: { label: 't', values: [] }, series: [], log: 'y' }, 'forward-plot-posterior');
  }

  /** @param {Scene} scene */
  needs({ scheduler }) {
    return scheduler;
  }

  /** @param {Scene} scene */
  update(scene) {
    this.#scene = scene;
    const t = times(scene.T, POINTS);
    const all = posteriors(scene, t);
    const values = (/** @type {keyof Numbers} */ key) => t.map((each) => all.get(each)?.[key] ?? NaN);
    this.plot.update({
      x: { label: 't', values: t },
      series: [
        { label: 'factor of x₀', values: values('of_x0'), colour: '--x0' },
        { label: 'factor of xₜ', values: values('of_x_t'), colour: '--xt' },
        { label: 'variance', values: values('variance'), colour: '--eps' },
      ],
    });
    this.at(this.#t);
  }

  /** @param {number} t */
  at(t) {
    this.#t = t;
    this.plot.at(t);
    this.picture.at(t);
    this.#painter.later('step', () => this.#paint());
  }

  #paint() {
    const numbers = this.#scene ? posteriors(this.#scene, [this.#t]).get(this.#t) : undefined;
    this.#equation.replaceChildren(...withNumbers(numbers).map((math) => equation(math)));
  }
}
