// Wires the page: settings, the session, the views and which of them is on show, the keyboard.

import { oneLine } from './engine/errors.js';
import { fetchJsonText, pruneWeights } from './engine/weights.js';
import { Settings } from './hash.js';
import { FOLDER, readModels } from './models.js';
import { keepOffline, onNewVersion } from './offline.js';
import { Session } from './session.js';
import { setModels, setViews } from './state.js';
import { showModel } from './ui/model.js';
import { Notices } from './ui/notices.js';
import { StatusLine } from './ui/status.js';
import { mount as generate } from './views/generate.js';

/**
 * @typedef {object} View  what the keyboard can do with a view
 * @property {() => void} run
 * @property {() => void} stop
 */

/**
 * The views by name, as in `#view=NAME`; the first one is the default.
 * @type {Record<string, (root: HTMLElement, session: Session) => View>}
 */
const VIEWS = { generate };

/** Shows one view at a time. A view that is not on show is no part of the document, but keeps what it has. */
class Views {
  /** @type {Map<string, HTMLElement>} */
  #roots = new Map([...document.querySelectorAll('main')].map((root) => [root.dataset.view ?? '', root]));
  /** @type {Map<string, View>} */
  #mounted = new Map();

  /** @param {Session} session @param {HTMLElement} statusLine  it stands in the view that is on show */
  constructor(session, statusLine) {
    this.session = session;
    this.statusLine = statusLine;
  }

  /** @returns {View|undefined} the one on show */
  get current() {
    return this.#mounted.get(this.session.settings.get('view'));
  }

  /** Shows the one that the settings name. */
  show() {
    const name = this.session.settings.get('view');
    const root = this.#roots.get(name) ?? document.createElement('main');
    this.#roots.set(name, root);
    root.dataset.view = name;
    document.querySelector('main')?.replaceWith(root);
    if (!this.#mounted.has(name)) this.#mounted.set(name, VIEWS[name](root, this.session));
    const slot = root.querySelector('[data-slot="status"]');
    if (!slot) throw new Error(`The view ${name} has no place for the status line.`);
    slot.append(this.statusLine);
  }
}

async function start() {
  const notices = new Notices(/** @type {HTMLElement} */ (document.getElementById('notices')));
  onNewVersion(() => notices.show('version', 'A new version of this page is here.', { text: 'Reload', run: () => location.reload() }));
  const { models, problem } = readModels(JSON.parse(await fetchJsonText(new URL('index.json', FOLDER))));
  if (problem) notices.show('models', problem);
  else pruneWeights(FOLDER, models.map(({ path }) => new URL(path, FOLDER)));
  setModels(models);
  setViews(Object.keys(VIEWS));

  const settings = new Settings();
  settings.on('problems', (sentences) => {
    notices.clear('link');
    if (sentences.length > 0) notices.show('link', sentences.join(' '));
  });
  settings.connect();

  const session = new Session(settings, models);
  session.on('notice', ({ topic, text }) => notices.show(topic, text));
  session.on('clear', (topics) => notices.clear(...topics));
  session.on('status', ({ state }) => (document.body.dataset.state = state));
  const statusLine = /** @type {HTMLElement} */ (document.querySelector('.status-line'));
  new StatusLine(statusLine, session);

  const views = new Views(session, statusLine);
  settings.on('change', (keys) => {
    if (keys.includes('view')) views.show();
    if (keys.includes('model')) showModel(document, session.model);
  });
  views.show();
  showModel(document, session.model);

  addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      views.current?.run();
    } else if (event.key === 'Escape') views.current?.stop();
  });
  if (await session.load()) await keepOffline();
}

start().catch((error) => {
  const status = /** @type {HTMLElement} */ (document.querySelector('[data-testid="status"]'));
  status.dataset.state = 'error';
  status.textContent = `${oneLine(error)} Reload the page to try again.`;
  const progress = /** @type {HTMLElement} */ (document.querySelector('[data-testid="progress"]'));
  progress.hidden = true;
  document.body.dataset.state = 'error';
});
