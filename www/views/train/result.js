// The model that a run has made so far, and what one does with it.

import { oneLine } from '../../engine/errors.js';
import { WEIGHTS_FILE } from '../../engine/weights.js';
import { deleteOwn } from '../../own.js';
import { element } from '../../ui/dom.js';
import { download } from '../../ui/export/download.js';
import { PageButton } from '../../ui/page.js';

/** @typedef {import('../../models.js').Model} Model */

export class Result {
  #said = element('p', { className: 'quiet', role: 'status', 'data-testid': 'train-said' });
  /** @type {HTMLButtonElement[]} */
  #buttons;
  #title = element('h3', { id: 'train-model' });
  #about = element('p', { className: 'quiet', 'data-testid': 'train-about' });

  /**
   * @param {import('../../session.js').Session} session
   * @param {() => Model|undefined} own  the model, once it is in the list
   * @param {{rest: () => void, startOver: () => Promise<void>}} run  rest: gives back its memory
   */
  constructor(session, own, run) {
    this.session = session;
    this.own = own;
    this.run = run;
    /** @param {string} testId @param {string} text @param {(own: Model) => unknown} action */
    const button = (testId, text, action) => {
      const made = element('button', { type: 'button', 'data-testid': testId, disabled: true }, text);
      made.addEventListener('click', () => {
        const model = this.own();
        if (model) action(model);
      });
      return made;
    };
    this.#buttons = [
      button('train-use', 'Generate with it', (model) => this.#use(model)),
      button('train-download', 'Download', (model) => this.#download(model)),
      button('train-delete', 'Delete', (model) => this.#delete(model)),
    ];
    this.page = new PageButton('train', own);
    this.root = element('section', { className: 'card', 'aria-labelledby': 'train-model' },
      this.#title, this.#about,
      element('div', { className: 'take' }, ...this.#buttons, this.page.button), this.#said, this.page.said);
    session.on('models', () => this.follow());
    this.follow();
  }

  /** While it changes, it is not to be had. */
  follow() {
    const there = this.own() !== undefined;
    const usable = there && this.session.status.state !== 'running';
    for (const button of this.#buttons) button.disabled = !usable;
    this.page.enable(usable);
    this.#title.textContent = there ? 'The model so far' : 'Your model';
    this.#about.textContent = there
      ? 'It is kept in this browser and stands in the list of models. The download is a zip of the files that the class UNet2DModel of diffusers and this page load.'
      : 'There is none yet. A few seconds after the first step there will be one: kept in this browser, in the list of models, and ready to download.';
  }

  /** @param {string} text  a sentence, or nothing */
  say(text) {
    this.#said.textContent = text;
  }

  /** @param {Model} model */
  #use({ id }) {
    const { session } = this;
    // The network in training takes as much memory again.
    this.run.rest();
    if (session.settings.get('model') === id) session.load();
    else session.settings.set('model', id);
    session.settings.visit('generate');
  }

  /** @param {Model} model */
  async #download({ id, own }) {
    if (!own) return;
    const { config, scheduler, weights } = own.files;
    try {
      const { zip } = await import('../../ui/export/zip.js');
      const files = {
        'config.json': new Blob([config]),
        'scheduler_config.json': new Blob([scheduler]),
        [WEIGHTS_FILE]: weights,
        ...(own.classLabels && { 'class_labels.json': new Blob([own.classLabels]) }),
      };
      download(await zip(Object.entries(files).map(([name, file]) => ({ name: `${id}/${name}`, file }))), `${id}.zip`);
      this.say('');
    } catch (error) {
      this.say(`The files could not be packed (${oneLine(error)}).`);
    }
  }

  /** Forgets it, and its run. @param {Model} model */
  async #delete(model) {
    const gone = await deleteOwn(model, this.session);
    await this.run.startOver();
    this.say(gone ? `${model.name} is deleted.` : `${model.name} is gone from this page; the browser had kept nothing of it.`);
  }
}
