// The runs that fill a table, all of them at once: one for each picture, or for rows that are drawn from states on the way
// down, those states first.

import { Failure } from '../../engine/errors.js';
import { distanceText } from './cell.js';
import { compare, spread } from './distances.js';

/**
 * @typedef {import('./plan.js').Plan} Plan
 * @typedef {import('./cell.js').CellView} CellView
 * @typedef {import('../../run.js').Task} Task
 * @typedef {import('../../engine/figures.js').Figures} Figures
 * @typedef {import('../../engine/pool.js').Options} Options
 */

/** Failures that concern all runs; any other stays in its cell. @type {import('../../engine/errors.js').Kind[]} */
const FATAL = ['ended', 'crash', 'lost', 'start', 'device'];

export class Runs {
  /**
   * @param {Task} task @param {import('../../session.js').Session} session @param {import('./grid.js').Grid} grid  laid out as `plan` says
   * @param {Plan} plan @param {Figures} figures @param {() => void} onChange  there is more to show
   */
  constructor(task, session, grid, plan, figures, onChange) {
    this.task = task;
    this.session = session;
    this.grid = grid;
    this.plan = plan;
    this.figures = figures;
    this.onChange = onChange;
    /** Mean distance of the pictures of each row, where the rows are draws. @type {(number|null)[]} */
    this.spreads = plan.rows.map(() => null);
  }

  /**
   * One picture. What the sampler refuses is said in the cell.
   * @param {CellView} view @param {Partial<Options>} [more]
   */
  async make(view, more) {
    const { values, firstImage } = view.cell;
    await this.#possible(() =>
      this.task.sample({ ...this.session.options(values), first_image: firstImage, ...more }, {
        onStart: (run) => view.begin(run),
        onStep: (step) => {
          view.receive(step);
          this.onChange();
        },
      }).ended.then((end) => {
        view.end(end);
        if (this.grid.plan) compare(this.figures, this.grid.plan, this.grid.cells);
      }), (reason) => view.refuse(reason));
    this.onChange();
  }

  /**
   * Many pictures from one x_t: on the way from x_T down, every row takes the state that it begins with.
   * @returns {Promise<void>[]}
   */
  draws() {
    const { task, session, grid, plan, figures } = this;
    const { channels, height, width } = /** @type {import('../../ui/pixels.js').Shape} */ (session.shape);
    const { trainSteps } = /** @type {import('../../session.js').Loaded} */ (session.loaded).scheduler;
    const values = { ...plan.values, method: 'ddim', eta: 1, batch: 1 };
    let latents = figures.noise(values.seed, 0, 1, channels * height * width);
    /** @type {{from?: number}} */
    let place = {};
    /** The rows, each once its state is there. @type {Promise<unknown>} */
    let trunk = Promise.resolve();
    const order = plan.times.map((t, row) => ({ t, row })).sort((a, b) => b.t - a.t);
    return order.map(async ({ t, row }) => {
      const views = grid.cells[row].filter(({ state }) => state !== 'refused');
      const before = trunk;
      const state = (async () => {
        await before;
        if (task.stopping || views.length === 0) return false;
        if (t < trainSteps && t !== place.from) {
          /** @param {import('../../engine/client.js').End} end */
          const arrive = ({ stopped, values: reached }) => {
            if (stopped || !reached) return;
            latents = reached;
            place = { from: t };
          };
          await this.#possible(
            () => task.sample({ ...session.options(values), latents, ...place, to: t }).ended.then(arrive),
            (reason) => views.forEach((view) => view.refuse(reason)),
          );
          if (place.from !== t) return false;
        }
        grid.rowHeads[row].show(latents);
        return true;
      })();
      trunk = state.catch(() => {});
      if (!(await state)) return;
      const more = { latents, ...place };
      await Promise.all(views.map((view) => this.make(view, more)));
      const far = spread(figures, grid.cells[row]);
      this.spreads[row] = far;
      if (far !== null) grid.rowHeads[row].tell(`Δ ${distanceText(far)}`);
    });
  }

  /**
   * Does what the sampler may refuse.
   * @param {() => Promise<unknown>} work @param {(reason: string) => void} refuse
   */
  async #possible(work, refuse) {
    try {
      await work();
    } catch (error) {
      const { kind, message } = Failure.from(error);
      if (kind === 'ended' && this.task.stopping) return;
      if (FATAL.includes(kind)) throw error;
      refuse(message);
    }
  }
}
