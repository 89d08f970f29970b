// What a run is to begin with: the model that it starts from, what the pictures become, and their classes.

import { few } from '../../engine/errors.js';
import { freeId } from '../../own.js';
import { FROM_NOTHING } from '../../state.js';
import { keptId } from './kept.js';
import { Learner } from './learner.js';
import { namesOf, shapeOf, stepsFor, textsOf } from './plan.js';

/** A sentence names so many classes. */
const MOST_NAMED = 8;

/**
 * @typedef {import('../../ui/pixels.js').Shape} Shape
 * @typedef {import('../../models.js').Model} Model
 * @typedef {import('./plan.js').Classes} Classes
 * @typedef {ReturnType<typeof shapeOf>} Drawn
 */

export class Beginning {
  /** What the model to start from draws, where there is one. @type {Promise<Drawn|null>} */
  #ready = Promise.resolve(null);
  /** @type {Drawn|null} */
  #drawn = null;

  /** @param {import('../../session.js').Session} session @param {import('./pictures.js').Pictures} pictures @param {() => void} onRead */
  constructor(session, pictures, onRead) {
    this.session = session;
    this.pictures = pictures;
    this.onRead = onRead;
  }

  /** The model that a run is to start from. @returns {Model|undefined} */
  get from() {
    const id = this.session.settings.get('from');
    return id === FROM_NOTHING ? undefined : this.session.models.find((model) => model.id === id);
  }

  /** Another model is to be started from, or none. */
  read() {
    const model = this.from;
    this.#drawn = null;
    const reading = model ? textsOf(model).then(({ config }) => shapeOf(config)) : Promise.resolve(null);
    this.#ready = reading;
    reading.then(
      (drawn) => {
        if (reading !== this.#ready) return;
        this.#drawn = drawn;
        this.onRead();
      },
      // It is told when somebody wants to begin.
      () => {},
    );
  }

  /** What pictures become. @returns {Shape} */
  get shape() {
    if (this.#drawn) return this.#drawn;
    const { pictures, session: { settings } } = this;
    const size = settings.get('size');
    const side = size === 'auto' ? pictures.usualSize : Number(size);
    const colours = settings.get('colours');
    const grey = colours === 'grey' || (colours === 'auto' && pictures.grey);
    return { channels: grey ? 1 : 3, height: side, width: side };
  }

  /** Whether a choice of classes is left. */
  get hasKinds() {
    return !this.#drawn?.classes && this.pictures.kinds.length > 0;
  }

  /** The classes that the network is told. @returns {Classes|null} @throws {Error} a sentence */
  #classes() {
    const { pictures, from } = this;
    const kinds = pictures.kinds.map(({ name }) => name);
    if (!this.#drawn?.classes) {
      const told = kinds.length > 0 && this.session.settings.get('kinds') === 'folders';
      return told ? { names: kinds, none: kinds.length } : null;
    }
    const classes = { names: from?.labels ?? [], none: from?.nullLabel };
    const names = namesOf(classes);
    const same = names.length === kinds.length && names.every((name) => kinds.includes(name));
    if (!same) throw new Error(`The model to start from has classes, so each needs pictures from a folder of its name${names.length > 0 ? `: ${few(names, MOST_NAMED)}` : ''}.`);
    return classes;
  }

  /**
   * A new run of the pictures that there are.
   * @param {() => void} fix  is called before they are put together, after which none may come or go
   * @returns {Promise<Learner>} @throws {Error} a sentence: why there can be none
   */
  async make(fix) {
    const { pictures, session } = this;
    this.#drawn = await this.#ready;
    let { shape } = this;
    // What is read may change what is wanted.
    for (pictures.resize(shape.width); pictures.waiting > 0; pictures.resize(shape.width)) {
      await pictures.ready;
      shape = this.shape;
    }
    const { channels, height, width } = shape;
    const count = pictures.all.length;
    if (count === 0) throw new Error('There are no pictures to learn from: choose, drop, paste or draw some.');
    if (count === 1) throw new Error('One picture is not enough: the network would know nothing but that one; add another.');
    const classes = this.#classes();
    const values = session.settings.all();
    const mirror = values.flips === 'mirror';
    fix();
    const labels = classes && pictures.labels(classes.names, mirror);
    const pixels = await pictures.pixels(shape, mirror).catch(() => {
      throw new Error('The browser has no memory for so many pictures; take fewer, or make them smaller.');
    });
    const { id, number } = await freeId([...session.models.map((model) => model.id), await keptId()]);
    const name = `Mine${number > 1 ? ` ${number}` : ''}, ${width}×${height}`;
    const asked = stepsFor(values.train_steps, count);
    const run = `${Date.now()} ${Math.random()}`;
    const plan = { id, run, name, shape: { channels, height, width }, count, mirror, classes, seed: values.seed, asked, until: asked };
    return new Learner(plan, pixels, labels);
  }
}
