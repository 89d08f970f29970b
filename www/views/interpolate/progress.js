// How far a task of several runs is, for the status line.

import { milliseconds } from '../../ui/words.js';

/** @typedef {import('../../run.js').Run} Run */

export class Progress {
  /** @type {Set<Run>} */
  #runs = new Set();
  #expected = 0;

  /** @param {import('../../session.js').Session} session @param {import('../../ui/painter.js').Painter} painter @param {string} text  what is being done */
  constructor(session, painter, text) {
    this.text = text;
    this.session = session;
    this.painter = painter;
  }

  /** @param {number} runs  so many more will come */
  expect(runs) {
    this.#expected += runs;
  }

  /** @param {Run} run  that has made a step */
  tell(run) {
    this.#runs.add(run);
    this.painter.later(this, () => this.#report(run));
  }

  /** @param {Run} newest */
  #report({ times, total, msPerStep }) {
    // A run that has failed has had its say.
    if (this.session.status.state !== 'running') return;
    const value = [...this.#runs].reduce((sum, run) => sum + run.times.length / run.total, 0);
    const figures = `Step ${times.length} of ${total} · ${milliseconds(msPerStep)} per step`;
    this.session.report({ text: this.text, figures, step: times.length, progress: { value, max: Math.max(this.#expected, this.#runs.size) } });
  }
}
