// A run while it is under way: its steps, samples and copies meanwhile, and what is said of it.

import { Failure } from '../../engine/errors.js';
import { toGreyLevels } from '../../engine/levels.js';
import { plural } from '../../ui/words.js';
import { Beside } from './beside.js';
import { nearestTo, wordsOn } from './heart.js';
import { keepRun } from './kept.js';
import { optionsFor } from './plan.js';

/**
 * @typedef {import('../../run.js').Task} Task
 * @typedef {import('./learner.js').Learner} Learner
 *
 * @typedef {object} Shown  where a run is to be seen
 * @property {import('./scene.js').Scene} scene
 * @property {import('./curve.js').Curve} curve
 * @property {HTMLElement} note
 */

/** The first samples come soon; later ones take a fifth of the time at most. */
const FIRST_GLANCE_MS = 1500;
const GLANCE_MS = 3000;
const GLANCE_SHARE = 4;

/** A run is kept for the first time soon, and then every so often. */
const FIRST_KEEP_MS = 4000;
const KEEP_MS = 20_000;

/** How fast it is, is the mean over so many steps. */
const RECENT = 20;

/** @param {number} count */
export const grouped = (count) => count.toLocaleString('en');

/** @param {unknown} error  that a run ended with @param {Learner} learner @returns {Error} a sentence */
function explained(error, { awake, checkpoint, step }) {
  const { kind, message } = Failure.from(error);
  if (kind === 'diverged') {
    const how = checkpoint ? 'and go on: it continues from where it was kept last' : 'and start again';
    return new Error(`Step ${grouped(step + 1)} gave numbers that are not finite. Choose a smaller learning rate ${how}.`);
  }
  if (awake) return Failure.from(error);
  if (step === 0) {
    const advice = kind === 'crash' ? '; there may be too little memory: try a smaller size or fewer pictures per step' : '';
    return new Error(`The training could not begin (${message})${advice}.`);
  }
  if (kind === 'weights' || kind === 'options') return new Error(`The run cannot go on (${message}); start over. Its model stays in the list.`);
  const what = kind === 'lost' ? 'The graphics card stopped working for this page' : 'The training broke off';
  return new Error(`${what} (${message}); ${checkpoint ? 'it can go on from where it was kept last' : 'start again'}.`);
}

export class Work {
  /** ms of the last steps. @type {number[]} */
  #times = [];
  /** The last time that a run is being kept. @type {Promise<void>} */
  #keeping = Promise.resolve();
  /** The run of which it was said that it cannot be kept; once is enough. @type {Learner|null} */
  #told = null;

  /** @param {import('../../session.js').Session} session @param {Shown} shown */
  constructor(session, shown) {
    this.session = session;
    this.shown = shown;
  }

  /**
   * @param {Task} task @param {Learner} learner
   * @param {import('../../models.js').Model|undefined} from  the model that a new run starts from
   * @param {number} [count]  of steps; by default until it stops by itself
   * @returns {Promise<string>} what came of it @throws {Error} a sentence
   */
  async perform(task, learner, from, count) {
    const { session } = this;
    const { plan } = learner;
    const values = session.settings.all();
    this.#times = [];
    const onBytes = (/** @type {number} */ loaded, /** @type {number} */ total) => {
      task.sign();
      session.report({ progress: total > 0 ? { value: loaded, max: total } : null });
    };
    const wake = () =>
      learner.wake(() => optionsFor(values, plan, from, onBytes), { device: values.device, lr: values.lr }, (event) => {
        task.sign();
        if (event.type === 'step') this.#showStep(learner, event.ms);
        else if (event.type === 'notice') session.tell(event.topic, event.text);
      });
    try {
      await wake();
      if (task.stopping) return 'Stopped before the first step.';
      session.report({ text: `Training on ${plural(plan.count, 'picture')}…`, step: learner.step, progress: { value: Math.min(learner.step, plan.until), max: plan.until } });
      await this.#goOn(task, learner, count ?? plan.until - learner.step, wake);
    } catch (error) {
      throw explained(error, learner);
    }
    const step = grouped(learner.step);
    if (task.stopping) return `Stopped after step ${step}; go on whenever you like.`;
    return count ? `One step more: it is at step ${step}.` : `Trained: ${step} step${learner.step === 1 ? '' : 's'} on ${plural(plan.count, 'picture')}.`;
  }

  /**
   * The steps, also where the graphics card is lost on the way: from where the run was kept last, or else from its start.
   * @param {Task} task @param {Learner} learner @param {number} count  of steps @param {() => Promise<void>} wake
   */
  async #goOn(task, learner, count, wake) {
    const until = learner.step + count;
    /** @type {Blob|null|undefined} */
    let before;
    for (;;) {
      try {
        return await this.#train(task, learner, until - learner.step);
      } catch (error) {
        // A card that is lost twice at one place is lost for good.
        if (Failure.from(error).kind !== 'lost' || task.stopping || learner.checkpoint === before) throw error;
        before = learner.checkpoint;
        await wake();
        const from = learner.step > 0 ? `went on from step ${grouped(learner.step)}, where it was kept last` : 'began again, since nothing of it had been kept';
        this.session.tell('lost', `The graphics card was lost and found again; the run ${from}.`);
      }
    }
  }

  /**
   * The steps, with samples and copies of the run meanwhile.
   * @param {Task} task @param {Learner} learner @param {number} count  of steps
   */
  async #train(task, learner, count) {
    const beside = new Beside();
    const training = learner.train(count);
    task.alongside({ stop: () => learner.stop(), ended: training });
    const others = [beside.repeat(FIRST_GLANCE_MS, () => this.#glanced(learner)), beside.repeat(FIRST_KEEP_MS, () => this.keep(learner).then(() => KEEP_MS))];
    try {
      await training;
    } finally {
      beside.end();
      if (task.stopping) learner.stop();
      await Promise.allSettled(others);
    }
    this.shown.curve.show(learner.losses);
    if (!task.stopping) await this.#glance(learner);
    await this.keep(learner);
  }

  /** @param {Learner} learner @param {number} ms  that the step took */
  #showStep({ step, losses, plan }, ms) {
    this.#times.push(ms);
    if (this.#times.length > RECENT) this.#times.shift();
    const rate = (1000 * this.#times.length) / this.#times.reduce((sum, time) => sum + time, 0);
    const figures = `step ${grouped(step)} of ${grouped(Math.max(step, plan.until))} · ${rate.toPrecision(2)} steps/s · loss ${losses[losses.length - 1].toFixed(3)}`;
    this.shown.curve.show(losses, false);
    this.session.report({ figures, step, progress: { value: Math.min(step, plan.until), max: plan.until } });
  }

  /** One of many glances. @param {Learner} learner @returns {Promise<number>} when the next one is due, in ms */
  async #glanced(learner) {
    const began = performance.now();
    await this.#glance(learner);
    return Math.max(GLANCE_MS, GLANCE_SHARE * (performance.now() - began));
  }

  /** What the network draws now, and how near to the pictures that is. @param {Learner} learner */
  async #glance(learner) {
    const { scene, note } = this.shown;
    const { pixels, plan } = learner;
    try {
      const { values, step } = await learner.sample(scene.count);
      const levels = toGreyLevels(values);
      if (!levels || learner.ended) return;
      scene.draw(levels, step);
      const { channels, height, width } = plan.shape;
      const near = await nearestTo(values, pixels, channels * height * width, plan.count);
      if (learner.ended) return;
      scene.match(pixels, near);
      note.textContent = wordsOn(plan.count, near);
      this.session.clear('samples');
    } catch (error) {
      const { kind, message } = Failure.from(error);
      if (kind !== 'ended') this.session.tell('samples', `No samples could be drawn (${message}); the training goes on.`);
    }
  }

  /** Keeps the run and its model, one time after the other. @param {Learner} learner */
  keep(learner) {
    this.#keeping = this.#keeping.then(() => this.#keep(learner));
    return this.#keeping;
  }

  /** @param {Learner} learner */
  async #keep(learner) {
    if (!learner.awake || learner.step === 0) return;
    try {
      const copy = await learner.keep();
      const preview = await this.shown.scene.preview();
      if (learner.ended) return;
      const { own, problem } = await keepRun(learner.plan, copy, preview);
      this.#list(own);
      if (problem) this.tellLost(learner, problem);
      else {
        this.#told = null;
        this.session.clear('kept');
      }
    } catch (error) {
      const { kind, message } = Failure.from(error);
      if (kind !== 'ended') this.tellLost(learner, message);
    }
  }

  /** @param {Learner} learner @param {string} why  the middle of a sentence */
  tellLost(learner, why) {
    if (this.#told === learner) return;
    this.#told = learner;
    this.session.tell('kept', `The run could not be kept (${why}): it goes on, but a reload would lose it.`);
  }

  /** Puts the model into the list of all. @param {import('../../models.js').Model} own */
  #list(own) {
    const { session } = this;
    const before = session.models.find(({ id }) => id === own.id);
    if (before) Object.assign(before, own);
    else session.list([...session.models, own]);
  }
}
