// The button that makes a page of a model: it says how far it is, and ends it while it runs.

import { oneLine } from '../engine/errors.js';
import { element } from './dom.js';
import { download } from './export/download.js';
import { megabytes } from './words.js';

const TEXT = 'Download as a page';

export class PageButton {
  /** What runs. @type {AbortController|null} */
  #running = null;

  /**
   * @param {string} name  of its view
   * @param {() => import('../models.js').Model|null|undefined} model  the one to make a page of
   */
  constructor(name, model) {
    this.model = model;
    this.button = element('button', { type: 'button', 'data-testid': `${name}-page`, title: 'A zip of a whole site with this model, for any web host' }, TEXT);
    this.said = element('p', { className: 'quiet', role: 'status', 'data-testid': `${name}-page-said` });
    this.button.addEventListener('click', () => (this.#running ? this.#running.abort() : this.#make()));
  }

  /** Whether there is a model to make one of; one that is being made is not ended. @param {boolean} usable */
  enable(usable) {
    this.button.disabled = !usable && !this.#running;
  }

  async #make() {
    const model = this.model();
    if (!model) return;
    const running = new AbortController();
    this.#running = running;
    this.button.textContent = 'Cancel';
    this.said.textContent = 'Collecting the files…';
    try {
      const { siteOf } = await import('./export/site.js');
      const site = await siteOf(model, (done, total) => {
        // Some files still come after the end.
        if (!running.signal.aborted) this.said.textContent = `${done} of ${total} files`;
      }, running.signal);
      download(site, site.name);
      this.said.textContent = `${site.name}, ${megabytes(site.size)} MB: unpack it and copy the folder in it to any web host. Its README.md says how.`;
    } catch (error) {
      this.said.textContent = running.signal.aborted ? '' : `The page could not be made (${oneLine(error)}).`;
    } finally {
      running.abort();
      this.#running = null;
      this.button.textContent = TEXT;
    }
  }
}
