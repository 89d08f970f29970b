// The lines about the model that is chosen: its name, what it draws, pictures that it made, and the way to its card.

import { formatHash } from '../hash.js';
import { previewOf } from '../models.js';
import { OPEN_CHOSEN, hasView } from '../state.js';

/** Follows the session from now on. @param {Document} page @param {import('../session.js').Session} session */
export function showModel(page, session) {
  const { settings } = session;
  /** @param {string} id */
  const part = (id) => page.getElementById(`model-${id}`);
  const [nameLine, noteLine, card, preview] = ['name', 'note', 'card', 'preview'].map(part);
  if (card && !hasView('model')) card.hidden = true;
  const poster = page.getElementById('poster');
  const tell = () => {
    const { model } = session;
    const { name, note } = model;
    if (nameLine) nameLine.textContent = name;
    if (noteLine) noteLine.textContent = note;
    if (preview instanceof HTMLImageElement) {
      const address = previewOf(model);
      preview.hidden = !address;
      preview.onerror = () => (preview.hidden = true);
      preview.src = address;
      if (poster instanceof HTMLImageElement && poster.src !== preview.src) poster.src = address;
      poster?.parentElement?.classList.toggle('without', !address);
    }
  };
  // Whoever opens it in a window of its own takes the settings along.
  const address = () => {
    if (card instanceof HTMLAnchorElement) card.href = `#${formatHash({ ...settings.all(), view: 'model', card: OPEN_CHOSEN })}`;
  };
  card?.addEventListener('click', (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    settings.set('card', OPEN_CHOSEN);
    settings.visit('model');
  });
  settings.on('change', (keys) => {
    if (keys.includes('model')) tell();
    address();
  });
  // What the settings name may have come only now.
  session.on('models', tell);
  tell();
  address();
}
