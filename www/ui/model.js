// The card of the model that is chosen: its name, what it draws, and pictures that it made.

import { FOLDER } from '../models.js';

/** @param {Document} page @param {import('../models.js').Model} model */
export function showModel(page, { name, path, note }) {
  /** @param {string} id */
  const part = (id) => page.getElementById(`model-${id}`);
  const [nameLine, noteLine, card, preview] = ['name', 'note', 'card', 'preview'].map(part);
  if (nameLine) nameLine.textContent = name;
  if (noteLine) noteLine.textContent = note;
  if (card instanceof HTMLAnchorElement) card.href = new URL(`${path}README.md`, FOLDER).href;
  if (preview instanceof HTMLImageElement) {
    preview.hidden = false;
    preview.onerror = () => (preview.hidden = true);
    preview.src = new URL(`${path}preview.png`, FOLDER).href;
  }
}
