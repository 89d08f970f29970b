// The picture that becomes noise: one of those that come with the model, or one that the model makes.

import { oneLine } from '../../engine/errors.js';
import { toGreyLevels } from '../../engine/levels.js';
import { element } from '../../ui/dom.js';
import { toValues } from '../../ui/picture/fit.js';
import { readSamples } from '../../ui/picture/samples.js';
import { Chooser, MADE } from './chooser.js';

/** @typedef {import('../../state.js').Values} Values */

/** What a picture that the model makes depends on. @type {(keyof Values)[]} */
const OF_MADE = ['steps', 'eta', 'tau', 'method', 'seed', 'label', 'guidance'];

export class Subject {
  /** The one on show, -1 to 1. @type {Float32Array|null} */
  picture = null;
  /** Whether the pictures of the loaded model are there. */
  settled = false;
  placeholder = element('p', { className: 'placeholder', hidden: true }, 'This picture is made by the model: press the button.');
  credit = element('p', { className: 'source credit' });
  /** Those that come with the model. @type {Uint8ClampedArray[]} */
  #samples = [];
  /** The one that the model has made. @type {Uint8ClampedArray|null} */
  #made = null;

  /** @param {HTMLElement} place @param {import('../../session.js').Session} session @param {() => void} onPicture  another one is on show, or none */
  constructor(place, session, onPicture) {
    this.session = session;
    this.onPicture = onPicture;
    this.chooser = new Chooser(place, (subject) => session.settings.set('subject', subject));
    // The list of models knows it before there is a picture.
    if (session.settings.get('subject') !== MADE) this.credit.textContent = session.model.samples?.credit ?? '';
  }

  /** What was made with the one before is forgotten. @param {import('../../session.js').Loaded} loaded @returns {Promise<boolean>} whether it is still there */
  async takeModel(loaded) {
    const { session } = this;
    const { model, shape } = session;
    this.settled = false;
    this.#samples = [];
    this.#made = null;
    if (!shape) return false;
    try {
      const samples = await readSamples(model, shape);
      if (session.loaded === loaded) this.#samples = samples;
    } catch (error) {
      if (session.loaded === loaded) session.tell('forward', `${oneLine(error)}; the model can make one.`);
    }
    if (session.loaded !== loaded) return false;
    this.settled = true;
    this.chooser.list(this.#samples, shape, this.#chosen);
    this.#choose();
    return true;
  }

  /** @param {(keyof Values)[]} keys  settings that have changed */
  follow(keys) {
    const remade = this.#made !== null && OF_MADE.some((key) => keys.includes(key));
    if (remade) this.#made = null;
    if (!this.settled) return;
    if (keys.includes('subject') || (remade && this.#chosen === MADE)) {
      this.chooser.choose(this.#chosen);
      this.#choose();
    }
  }

  /** The picture that is asked for, or the one nearest to that: a model may come with fewer. */
  get #chosen() {
    return Math.min(this.session.settings.get('subject'), this.#samples.length);
  }

  #choose() {
    const { session } = this;
    const levels = this.#chosen === MADE ? this.#made : this.#samples[this.#chosen - 1];
    this.picture = levels ? toValues(levels) : null;
    this.placeholder.hidden = this.picture !== null || session.loaded === null;
    const made = this.#made ? `Made by the model from seed ${session.settings.get('seed')}.` : '';
    this.credit.textContent = this.#chosen === MADE ? made : (session.model.samples?.credit ?? '');
    this.onPicture();
  }

  /** Has the model make one. @param {import('../../run.js').Task} task @returns {Promise<boolean>} whether there is a picture */
  async make(task) {
    const { session } = this;
    const { loaded } = session;
    const options = session.options({ batch: 1 });
    const run = task.sample(options, {
      onStep: ({ index }, { total }) => session.report({ figures: `Step ${index + 1} of ${total}`, progress: { value: index + 1, max: total }, step: index + 1 }),
    });
    const { stopped, values } = await run.ended;
    if (stopped || !values || loaded !== session.loaded) return false;
    // With other settings it would be another picture.
    if (JSON.stringify(options) !== JSON.stringify(session.options({ batch: 1 }))) return false;
    this.#made = toGreyLevels(values);
    if (this.#chosen === MADE) this.#choose();
    return this.picture !== null;
  }
}
