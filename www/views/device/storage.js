// How much room the page takes in the browser, and whether the browser may clear it when it needs room itself.

import { oneLine } from '../../engine/errors.js';
import { element } from '../../ui/dom.js';
import { factRows } from '../../ui/facts.js';
import { megabytes } from '../../ui/words.js';

/** @param {number|undefined} bytes */
function sizeOf(bytes) {
  if (bytes === undefined) return 'not told';
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${megabytes(bytes)} MB`;
}

export class StorageCard {
  constructor() {
    this.facts = element('dl', { className: 'facts', 'data-testid': 'device-storage' });
    this.ask = element('button', { type: 'button', 'data-testid': 'device-persist', hidden: true }, 'Ask the browser to keep it');
    this.said = element('p', { className: 'quiet said', role: 'status', 'data-testid': 'device-persist-said' });
    this.ask.addEventListener('click', () => this.#persist());
    this.root = element('section', { className: 'card', 'aria-labelledby': 'device-storage-title' },
      element('h3', { id: 'device-storage-title' }, 'Storage'), this.facts, this.ask, this.said);
  }

  async look() {
    // Plain http has none of it.
    const { storage } = navigator;
    if (!storage?.estimate) {
      this.facts.replaceChildren(...factRows([{ name: 'In use', value: 'This browser does not tell at this address (it needs https or localhost).' }]));
      return;
    }
    try {
      const [{ usage, quota }, persisted] = await Promise.all([storage.estimate(), storage.persisted?.() ?? false]);
      this.facts.replaceChildren(...factRows([
        { name: 'In use', value: sizeOf(usage), note: 'weights of models and what else this address keeps' },
        { name: 'Allowed', value: sizeOf(quota) },
        { name: 'Kept for good', value: persisted ? 'yes' : 'no', note: persisted ? 'until you delete it' : 'the browser may clear it when its disk is full' },
      ]));
      this.ask.hidden = persisted || !storage.persist;
    } catch (error) {
      this.facts.replaceChildren(...factRows([{ name: 'In use', value: `The browser does not tell (${oneLine(error)}).` }]));
    }
  }

  async #persist() {
    this.ask.disabled = true;
    try {
      const agreed = await navigator.storage.persist();
      this.said.textContent = agreed
        ? 'The browser agreed: it will not clear what this page keeps by itself.'
        : 'The browser did not agree, and gives no reason; most do so for pages that are bookmarked or visited often.';
    } catch (error) {
      this.said.textContent = `The browser could not be asked (${oneLine(error)}).`;
    }
    this.ask.disabled = false;
    await this.look();
  }
}
