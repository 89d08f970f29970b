// The view `model`: which models there are, the card and the facts of the one that is open, and which copies of weights
// the browser keeps. Another model is used only when somebody says so: a download may be large.

import { oneLine } from '../engine/errors.js';
import { WEIGHTS_FILE, sizeOfWeights } from '../engine/weights.js';
import { FOLDER } from '../models.js';
import { OPEN_CHOSEN } from '../state.js';
import { element } from '../ui/dom.js';
import { factRows } from '../ui/facts.js';
import { layout } from '../ui/layout.js';
import { PageButton } from '../ui/page.js';
import { megabytes } from '../ui/words.js';
import { factsOf, readFiles } from './model/files.js';
import { Gallery } from './model/gallery.js';
import { KeptList } from './model/kept.js';
import { drawNetwork } from './model/network.js';

/**
 * @typedef {import('../models.js').Model} Model
 * @typedef {import('./model/files.js').Files} Files
 */

class ModelView {
  /** The one whose card is on show. @type {Model|null} */
  #open = null;
  /** What is read of it. */
  #reading = new AbortController();
  /** Files of the one that is open, once they are there. @type {Files|null} */
  #files = null;
  /** Of the weights, by the model's id. @type {Map<string, number|null>} */
  #bytes = new Map();

  /** @param {HTMLElement} root @param {import('../session.js').Session} session */
  constructor(root, session) {
    this.session = session;
    const parts = layout(root, {
      name: 'model',
      title: 'The models',
      lead: 'Each is a network trained once, on one kind of picture. Open one to read how; use it, and all views work with it.',
      run: 'Use this model',
    });
    this.runButton = parts.run;
    this.stopButton = parts.stop;
    this.gallery = new Gallery(session.models, (id) => this.#choose(id), () => session.settings.emit('own', true));
    this.kept = new KeptList(session);
    this.name = element('h3', { className: 'open-name', 'data-testid': 'model-open' });
    this.facts = element('dl', { className: 'facts', 'data-testid': 'model-facts' });
    this.network = element('figure', { className: 'network-figure' });
    this.readme = element('article', { className: 'readme', 'data-testid': 'model-readme' });
    this.card = element('section', { className: 'card', 'aria-label': 'Card of the model', 'aria-busy': 'true' }, this.readme);
    parts.stage.append(this.gallery.root);
    const page = new PageButton('model', () => this.#open);
    parts.settings.append(this.name, this.facts, element('div', { className: 'take' }, page.button), page.said);
    parts.after.append(this.network);
    parts.below.append(this.card, this.kept.root);

    this.runButton.addEventListener('click', () => this.run());
    this.stopButton.addEventListener('click', () => this.stop());
    session.settings.on('change', (keys) => {
      if (keys.includes('card') || keys.includes('model')) this.#show();
    });
    session.on('status', () => this.#follow());
    session.on('models', (models) => {
      this.gallery.list(models);
      this.#open = null;
      this.#show();
      this.#measure();
      this.kept.look();
    });
    session.whenLoaded(() => {
      this.#tellFacts();
      this.kept.look();
    });
    this.#show();
    this.#measure();
  }

  /** Somebody may have loaded or deleted something meanwhile. */
  enter() {
    this.kept.look();
  }

  /** Uses the one that is open; loads it once more where that has failed. */
  run() {
    const { session } = this;
    if (this.runButton.disabled || !this.#open) return;
    if (this.#open.id !== session.model.id) session.settings.change({ model: this.#open.id, card: OPEN_CHOSEN });
    else session.load();
  }

  /** Ends what another view has begun. */
  stop() {
    this.session.stop();
  }

  /** @param {string} id */
  #choose(id) {
    this.session.settings.set('card', id === this.session.model.id ? OPEN_CHOSEN : id);
  }

  /** Shows the one that the settings name. */
  #show() {
    const { session } = this;
    const wanted = session.settings.get('card');
    const model = session.models.find(({ id }) => id === wanted) ?? session.model;
    this.gallery.open(model.id);
    if (model.id !== this.#open?.id) this.#read(model);
    this.#follow();
    this.#tellFacts();
  }

  /** @param {Model} model */
  #read(model) {
    this.#reading.abort();
    this.#reading = new AbortController();
    const { signal } = this.#reading;
    this.#open = model;
    this.#files = null;
    this.name.textContent = model.name;
    this.card.setAttribute('aria-busy', 'true');
    // The reader of Markdown is fetched together with the first card.
    const readme = import('./model/readme.js').then(({ readReadme }) => readReadme(model, signal));
    readme
      .catch((error) => [element('p', { className: 'quiet' }, `The card could not be shown (${oneLine(error)}).`)])
      .then((nodes) => {
        if (signal.aborted) return;
        this.readme.replaceChildren(...nodes);
        this.card.setAttribute('aria-busy', 'false');
      });
    readFiles(model, signal)
      .then((files) => {
        if (signal.aborted) return;
        this.#files = files;
        const drawing = drawNetwork(files.config);
        const caption = element('figcaption', { className: 'quiet' }, 'The U-Net: pictures get smaller from left to the middle and larger again. Numbers above are channels, below sizes; filled levels look at the whole picture at once (attention).');
        this.network.replaceChildren(...(drawing ? [drawing, caption] : []));
        this.network.hidden = !drawing;
        this.#tellFacts();
      })
      .catch((error) => {
        if (signal.aborted) return;
        this.network.hidden = true;
        this.facts.replaceChildren(...factRows([{ name: 'Files', value: oneLine(error) }]));
      });
  }

  /** Asks how large the weights are, without a download. */
  async #measure() {
    await Promise.all(
      this.session.models.map(async ({ id, path, own }) => {
        const bytes = own ? own.bytes : await sizeOfWeights(new URL(`${path}${WEIGHTS_FILE}`, FOLDER));
        this.#bytes.set(id, bytes);
        this.gallery.tellSize(id, bytes ? `${megabytes(bytes)} MB` : 'size unknown');
      }),
    );
    this.#tellFacts();
  }

  #tellFacts() {
    if (!this.#open || !this.#files) return;
    const { loaded, model } = this.session;
    const { id } = this.#open;
    this.facts.replaceChildren(...factRows(factsOf(this.#open, this.#files, this.#bytes.get(id) ?? null, id === model.id ? loaded : null)));
  }

  /** What the button says goes by what is loaded. */
  #follow() {
    const { loaded, model, status } = this.session;
    const inUse = this.#open?.id === model.id;
    const loading = status.state === 'loading';
    const text = !inUse ? 'Use this model' : loaded ? 'In use' : loading ? 'Loading…' : 'Load this model';
    if (this.runButton.textContent !== text) this.runButton.textContent = text;
    this.runButton.disabled = inUse && (loading || loaded !== null);
    this.stopButton.disabled = status.state !== 'running';
    this.gallery.tellUse(model.id, loaded ? 'in use' : loading ? 'loading…' : 'chosen');
  }
}

/**
 * @param {HTMLElement} root @param {import('../session.js').Session} session
 * @returns {import('../main.js').View}
 */
export function mount(root, session) {
  return new ModelView(root, session);
}
