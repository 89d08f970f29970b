// What the browser keeps of models, so that they need not be downloaded again, and a way to be rid of it.

import { WEIGHTS_FILE, forgetWeights, keptWeights } from '../../engine/weights.js';
import { shorten } from '../../engine/errors.js';
import { FOLDER } from '../../models.js';
import { deleteOwn } from '../../own.js';
import { element } from '../../ui/dom.js';
import { megabytes, plural } from '../../ui/words.js';

/** @typedef {import('../../engine/weights.js').Kept} Kept */

/** @param {number} bytes */
const sizeOf = (bytes) => (bytes > 0 ? `${megabytes(bytes)} MB` : 'size unknown');

export class KeptList {
  /** Only the newest look counts. */
  #looks = 0;

  /** @param {import('../../session.js').Session} session */
  constructor(session) {
    this.session = session;
    this.list = element('ul', { className: 'kept', 'data-testid': 'model-kept' });
    this.total = element('p', { 'data-testid': 'model-kept-total', tabIndex: -1 });
    this.said = element('p', { className: 'quiet', role: 'status', 'data-testid': 'model-kept-said' });
    this.all = element('button', { type: 'button', 'data-testid': 'model-forget-all', hidden: true }, 'Delete all');
    this.all.addEventListener('click', () => this.#forget(null));
    this.root = element('section', { className: 'card', 'aria-labelledby': 'model-kept-title' },
      element('h3', { id: 'model-kept-title' }, 'Kept in this browser'),
      element('p', { className: 'quiet' }, 'Weights are downloaded once and then kept, so that the next visit starts at once and without a network.'),
      this.list, this.total, this.all, this.said);
  }

  /** Looks again at what there is. */
  async look() {
    this.#looks += 1;
    const look = this.#looks;
    const kept = await keptWeights();
    if (look !== this.#looks) return;
    const own = this.session.models.filter((model) => model.own);
    this.list.replaceChildren(...own.map((model) => this.#ownEntry(model)), ...(kept ?? []).map((copy) => this.#entry(copy)));
    this.all.hidden = (kept?.length ?? 0) < 2;
    const sizes = [...own.map((model) => model.own?.bytes ?? 0), ...(kept ?? []).map((copy) => copy.bytes)];
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    this.total.textContent = !kept
      ? 'This browser keeps nothing for this page: it is a private window, its storage is switched off, or the address is not a secure one.'
      : sizes.length > 0
        ? `${plural(sizes.length, 'model')}, ${sizeOf(bytes)} in all.`
        : 'Nothing at present.';
  }

  /** @param {string} url  of weights @returns {string} what people call them */
  #nameOf(url) {
    const model = this.session.models.find(({ path }) => new URL(`${path}${WEIGHTS_FILE}`, FOLDER).href === url);
    return model?.name ?? `From ${shorten(new URL('.', url).pathname.split('/').at(-2) ?? url)}`;
  }

  /** @param {Kept} copy */
  #entry({ url, bytes }) {
    const name = this.#nameOf(url);
    const button = element('button', { type: 'button', 'data-testid': 'model-forget', 'aria-label': `Delete ${name}` }, 'Delete');
    button.addEventListener('click', () => this.#forget(url));
    return element('li', {}, element('span', { className: 'of' }, name), element('span', { className: 'size' }, sizeOf(bytes)), button);
  }

  /** One of the visitor's own. @param {import('../../models.js').Model} model */
  #ownEntry(model) {
    const { name, own } = model;
    const button = element('button', { type: 'button', 'data-testid': 'model-delete-own', 'aria-label': `Delete ${name}` }, 'Delete');
    button.addEventListener('click', async () => {
      if (!own?.origin && this.session.status.state === 'running') {
        this.said.textContent = `${name} is not deleted: a run is under way, and it may be the one that makes it. Stop that first.`;
        return;
      }
      await deleteOwn(model, this.session);
      await this.look();
      this.total.focus();
      this.said.textContent = own?.origin ? `${name} is deleted.` : `${name} is deleted; nobody else has it.`;
    });
    return element('li', {}, element('span', { className: 'of' }, `${name}, ${own?.origin ? `from ${own.origin}` : 'trained here'}`), element('span', { className: 'size' }, sizeOf(own?.bytes ?? 0)), button);
  }

  /** @param {string|null} url  null for all of them */
  async #forget(url) {
    const urls = url ? [url] : ((await keptWeights()) ?? []).map((copy) => copy.url);
    const gone = (await Promise.all(urls.map(forgetWeights))).filter(Boolean).length;
    await this.look();
    // The button that was pressed is no more.
    this.total.focus();
    const inUse = new URL(`${this.session.model.path}${WEIGHTS_FILE}`, FOLDER).href;
    const rest = this.session.loaded && urls.includes(inUse) ? ` ${this.session.model.name} is in use and stays so until the page is reloaded or another model is chosen.` : '';
    this.said.textContent = gone > 0 ? `Deleted.${rest}` : 'There was nothing to delete.';
  }
}
