// Wires the page: settings, the session, the views and which of them is on show, the keyboard.

import { oneLine } from './engine/errors.js';
import { fetchJsonText, pruneWeights } from './engine/weights.js';
import { Settings, formatHash } from './hash.js';
import { FOLDER, readModels } from './models.js';
import { Session } from './session.js';
import { NAME, viewsOf } from './site.js';
import { setModels, setViews } from './state.js';
import { addSheet, droppedOf, element } from './ui/dom.js';
import { followInvitations } from './ui/invitations.js';
import { showModel } from './ui/model.js';
import { Notices } from './ui/notices.js';
import { reveal, scrollingRow } from './ui/row.js';
import { StatusLine } from './ui/status.js';
import { mount as generate } from './views/generate.js';

/**
 * @typedef {object} View  what the page can do with a view
 * @property {() => void} run
 * @property {() => void} stop
 * @property {() => void} [enter]  it is on show from now on
 * @property {() => void} [leave]  another one takes its place
 *
 * @typedef {object} Room  where a view lives
 * @property {string} tab  what its tab says
 * @property {string} title  of the page while it is on show
 * @property {() => Promise<{mount: (root: HTMLElement, session: Session) => View}>} load
 */

/** Style sheets of views, by name; settled when they are there. @type {Map<string, Promise<unknown>>} */
const sheets = new Map();

/**
 * The code of a view, together with its own style sheet.
 * @template T
 * @param {string} name @param {Promise<T>} code
 * @returns {Promise<T>}
 */
async function room(name, code) {
  const styled = sheets.get(name) ?? addSheet(new URL(`./style/views/${name}.css`, import.meta.url));
  sheets.set(name, styled);
  await styled;
  return code;
}

/**
 * The views by name, as in `#view=NAME`; the first one that the site has is the default. The others load their own code when opened.
 * @type {Record<string, Room>}
 */
const VIEWS = {
  generate: { tab: 'Generate', title: 'Pictures out of noise', load: async () => ({ mount: generate }) },
  compare: { tab: 'Compare', title: 'Samplers side by side', load: () => room('compare', import('./views/compare.js')) },
  interpolate: { tab: 'Interpolate', title: 'Between pictures', load: () => room('interpolate', import('./views/interpolate.js')) },
  reconstruct: { tab: 'Reconstruct', title: 'Reconstruct and edit', load: () => room('reconstruct', import('./views/reconstruct.js')) },
  forward: { tab: 'Forward', title: 'From picture to noise', load: () => room('forward', import('./views/forward.js')) },
  train: { tab: 'Train', title: 'Train on your pictures', load: () => room('train', import('./views/train.js')) },
  model: { tab: 'Model', title: 'The models', load: () => room('model', import('./views/model.js')) },
  device: { tab: 'Device', title: 'This device', load: () => room('device', import('./views/device.js')) },
};

const OFFERED = viewsOf(Object.keys(VIEWS));

/** Shows one view at a time. A view that is not on show is no part of the document, but keeps what it has. */
class Views {
  /** @type {Map<string, HTMLElement>} */
  #roots = new Map([...document.querySelectorAll('main')].map((root) => [root.dataset.view ?? '', root]));
  /** @type {Map<string, View>} */
  #mounted = new Map();
  /** The one on show. @type {string|null} */
  #shown = null;
  /** @type {Map<string, HTMLAnchorElement>} */
  #tabs = new Map();
  /** The tab is chosen of what the settings name already. */
  again = () => {};

  /** @param {Session} session @param {HTMLElement} statusLine  it stands in the view that is on show */
  constructor(session, statusLine) {
    this.session = session;
    this.statusLine = statusLine;
    const nav = /** @type {HTMLElement} */ (document.getElementById('tabs'));
    for (const name of OFFERED) {
      const link = element('a', { 'data-testid': `tab-${name}` }, VIEWS[name].tab);
      link.addEventListener('click', (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        // What could not be loaded is chosen again.
        if (session.settings.get('view') === name) this.again();
        else session.settings.visit(name);
      });
      this.#tabs.set(name, link);
    }
    nav.replaceChildren(...this.#tabs.values());
    const skip = element('button', { type: 'button', className: 'skip', 'data-testid': 'skip' }, 'Skip to the view');
    skip.addEventListener('click', () => document.querySelector('main')?.focus());
    document.querySelector('.top')?.prepend(skip);
    nav.hidden = this.#tabs.size < 2;
    scrollingRow(nav);
    this.nav = nav;
    session.settings.on('change', () => this.#address());
    this.#address();
  }

  /** Whoever opens a tab in a window of its own takes the settings along. */
  #address() {
    const values = this.session.settings.all();
    // In full: tabs that are scrolled away would pass for hidden links to parts of this page.
    for (const [view, link] of this.#tabs) link.href = new URL(`#${formatHash({ ...values, view })}`, location.href).href;
  }

  /** @returns {View|undefined} the one on show */
  get current() {
    return this.#mounted.get(this.#shown ?? '');
  }

  /** Shows the one that the settings name, once its code is there. */
  async show() {
    const { settings } = this.session;
    const name = settings.get('view');
    if (name === this.#shown) return;
    const { title, load } = VIEWS[name];
    const root = this.#roots.get(name) ?? element('main', { 'data-view': name });
    root.tabIndex = -1;
    this.#roots.set(name, root);
    if (!this.#mounted.has(name)) {
      const { mount } = await load();
      await turn();
      if (!this.#mounted.has(name)) this.#mounted.set(name, mount(root, this.session));
      await turn();
    }
    // Another one may have been asked for meanwhile.
    if (settings.get('view') !== name || name === this.#shown) return;
    // The first title is read with the page; what a tab brings would come unheard.
    if (this.#shown !== null) /** @type {HTMLElement} */ (document.getElementById('on-show')).textContent = title;
    this.current?.leave?.();
    // Whoever comes from a link further down wants to see the view, not its end.
    if (this.#shown) scrollTo(0, 0);
    this.#shown = name;
    delete document.documentElement.dataset.opens;
    document.querySelector('main')?.replaceWith(root);
    /** @type {Element} */ (root.querySelector('[data-slot="status"]')).append(this.statusLine);
    document.title = `${title} · ${NAME}`;
    document.body.dataset.view = name;
    for (const [tab, link] of this.#tabs) {
      if (tab === name) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
    // With the layout that the frame has anyhow.
    requestAnimationFrame(() => reveal(this.nav, /** @type {HTMLElement} */ (this.#tabs.get(name))));
    this.current?.enter?.();
  }
}

/** A notice about a link names so many of its faults. */
const MOST_PROBLEMS = 8;

/** Whether the page may begin by itself. */
function mayPlay() {
  const { connection } = /** @type {{connection?: {saveData?: boolean}}} */ (navigator);
  return !document.hidden && !connection?.saveData && !matchMedia('(prefers-reduced-motion: reduce)').matches;
}

/** Code is read, a view is made, and the page laid out: one after the other, so that what waits gets its turn. */
const turn = () => new Promise((resolve) => setTimeout(resolve));

/** A page that nobody looks at is not painted; it does not wait longer for that, in ms. */
const UNPAINTED = 100;

/** Lets the browser do what waits, and paint. @returns {Promise<void>} */
const pause = () =>
  new Promise((resolve) => {
    requestAnimationFrame(() => setTimeout(resolve));
    setTimeout(resolve, UNPAINTED);
  });

/** Waits until nothing is under way. @param {Session} session @returns {Promise<void>} */
function quiet(session) {
  return new Promise((resolve) => {
    const look = () => session.busy || resolve();
    session.on('status', look);
    look();
  });
}

/** Fetches the view that the address names, which is shown a little later: that tells whether it could be had. */
function fetchEarly() {
  const name = new URLSearchParams(location.hash.replace(/^#/, '')).get('view') ?? '';
  if (OFFERED.includes(name)) VIEWS[name].load().catch(() => {});
}

/** The visitor's own models; their code is for those who have some. @returns {Promise<import('./models.js').Model[]>} */
async function keptModels() {
  const kept = await Promise.resolve()
    .then(() => indexedDB.databases())
    .catch(() => null);
  if (kept?.length === 0) return [];
  const { ownModels } = await import('./own.js');
  return ownModels();
}

async function start() {
  fetchEarly();
  const notices = new Notices(/** @type {HTMLElement} */ (document.getElementById('notices')));
  // A newer version of the page has been kept (offline.js): a reload shows it.
  navigator.serviceWorker?.addEventListener('controllerchange', () =>
    notices.show('version', 'A new version of this page is here.', { text: 'Reload', run: () => location.reload() }));
  const [list, own] = await Promise.all([fetchJsonText(new URL('index.json', FOLDER)), keptModels()]);
  const { models, problem } = readModels(JSON.parse(list));
  if (problem) notices.show('models', problem);
  else pruneWeights(FOLDER, models.map(({ path }) => new URL(path, FOLDER)));
  // Whatever is in the list, these are the visitor's.
  models.push(...own.filter(({ id }) => models.every((model) => model.id !== id)));
  setModels(models);
  setViews(OFFERED);

  const settings = new Settings();
  settings.on('problems', (sentences) => {
    notices.clear('link');
    const more = sentences.length - MOST_PROBLEMS;
    const told = more > 0 ? [...sentences.slice(0, MOST_PROBLEMS), `${more} more of its values are wrong, too.`] : sentences;
    if (told.length > 0) notices.show('link', told.join(' '));
  });
  settings.connect();

  const session = new Session(settings, models);
  session.on('notice', ({ topic, text }) => notices.show(topic, text));
  session.on('clear', (topics) => notices.clear(...topics));
  session.on('status', ({ state }) => (document.body.dataset.state = state));
  const statusLine = /** @type {HTMLElement} */ (document.querySelector('.status-line'));
  new StatusLine(statusLine, session, (view) => VIEWS[view].tab);

  await pause();
  const views = new Views(session, statusLine);
  const show = () => {
    notices.clear('view');
    return views.show().catch((error) => notices.show('view', `This view could not be loaded (${oneLine(error)}). Choose it again to try once more.`));
  };
  views.again = show;
  settings.on('change', (keys) => {
    if (keys.includes('view')) show();
  });
  const shown = show();
  const bring = (/** @type {(code: typeof import('./import/dialog.js')) => unknown} */ work) =>
    import('./import/dialog.js').then(work).catch((error) => notices.show('own', `A part of this page could not be loaded (${oneLine(error)}); try again.`));
  showModel(document, session);
  followInvitations(document, settings);

  // Files that are dropped where a view has no use for them are a model, or nothing.
  addEventListener('dragover', (event) => event.dataTransfer?.types.includes('Files') && event.preventDefault());
  addEventListener('drop', (event) => {
    const dropped = droppedOf(event);
    if (event.defaultPrevented || dropped.length === 0) return;
    event.preventDefault();
    bring(({ bringDropped }) => bringDropped(session, dropped));
  });
  addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      views.current?.run();
    } else if (event.key === 'Escape') views.current?.stop();
  });
  // What there is to see comes before the weights, which take all of a slow connection.
  await shown;
  await pause();
  const play = () => settings.plays && !session.wanted && session.status.state === 'ready' && mayPlay() && views.current?.run();
  /** @param {() => unknown} [then]  what is to be done when it is there */
  const ask = (then) => bring(({ askFor }) => askFor(session, session.wanted, then));
  session.on('wanted', () => ask());
  settings.on('own', () => bring(({ bringAny }) => bringAny(session)));
  if (session.wanted) ask(play);
  await session.load();
  play();
  // What it downloads would delay the first pictures.
  await quiet(session);
  if (session.loaded) await import('./offline.js').then((code) => code.keepOffline()).catch(() => {});
}

start().catch((error) => {
  const status = /** @type {HTMLElement} */ (document.querySelector('[data-testid="status"]'));
  status.dataset.state = 'error';
  status.textContent = `${oneLine(error)} Reload the page to try again.`;
  const progress = /** @type {HTMLElement} */ (document.querySelector('[data-testid="progress"]'));
  progress.hidden = true;
  document.body.dataset.state = 'error';
});
