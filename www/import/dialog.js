// The way of a model from elsewhere to the views: a link asks first; then one reads what it is, says what is left to say,
// and it is downloaded and used. Closing the dialog ends what is under way; what has come stays until the page is closed.

import { oneLine } from '../engine/errors.js';
import { hasView } from '../state.js';
import { keepKeys } from '../ui/dialog.js';
import { addSheet, droppedOf, element } from '../ui/dom.js';
import { fileButton } from '../ui/picture/choose.js';
import { aboutModel } from './about.js';
import { readAddress } from './address.js';
import { FilesSource, filesOf } from './files.js';
import { adopt } from './keep.js';
import { Meter } from './meter.js';
import { Reader } from './reader.js';
import { shortage } from './memory.js';
import { ScheduleQuestion } from './schedule.js';
import { WebSource } from './web.js';

/** @typedef {import('../session.js').Session} Session @typedef {import('./reader.js').Found} Found */

/** @type {Promise<unknown>|null} */
let styled = null;

/** Its style sheet comes with it. */
const style = () => (styled ??= addSheet(new URL('../style/own.css', import.meta.url)));

/** @param {string} text @param {string} testId @param {() => unknown} action @param {boolean} [primary] */
function button(text, testId, action, primary = false) {
  const made = element('button', { type: 'button', 'data-testid': testId, ...(primary && { className: 'primary' }) }, text);
  made.addEventListener('click', action);
  return made;
}

/** What to call where it is from. @param {import('./address.js').Address} address */
const originOf = ({ hub, host, id }) => (hub ? `${host}/${hub.repo}` : id.replace(/^https?:\/\//, '').replace(/[?#].*$/, '').replace(/\/$/, ''));

class Import {
  #work = new AbortController();
  /** @type {Reader|null} */
  #reader = null;
  #title = element('h2', { id: 'own-title', tabIndex: -1 }, 'Your own model');
  #inside = element('div', { className: 'own-inside' });
  #buttons = element('div', { className: 'own-buttons' });
  /** The link that was written last. */
  #written = '';
  /** What is to be done when the model is there that a link asks for. */
  #then = () => {};

  /** @param {Session} session */
  constructor(session) {
    this.session = session;
    this.dialog = element('dialog', { className: 'own', 'aria-labelledby': 'own-title', 'data-testid': 'own-dialog' }, this.#title, this.#inside, this.#buttons);
    keepKeys(this.dialog);
    // What is dropped or pasted while it is open is meant for it, not for the view behind it.
    for (const type of ['dragover', 'drop', 'paste']) this.dialog.addEventListener(type, (event) => event.stopPropagation());
    this.dialog.addEventListener('dragover', (event) => event.dataTransfer?.types.includes('Files') && event.preventDefault());
    this.dialog.addEventListener('drop', (event) => {
      const dropped = droppedOf(event);
      if (dropped.length === 0) return;
      event.preventDefault();
      filesOf(dropped).then((files) => this.files(files));
    });
    // The event comes a little later: it may be open again by then.
    this.dialog.addEventListener('close', () => this.dialog.open || this.#end());
    document.body.append(this.dialog);
  }

  /** @param {string} title @param {Node[]} nodes @param {HTMLButtonElement[]} buttons  the first one has the focus */
  #show(title, nodes, buttons) {
    this.#title.textContent = title;
    this.#inside.replaceChildren(...nodes);
    this.#buttons.replaceChildren(...buttons);
    if (!this.dialog.open) this.dialog.showModal();
    buttons[0]?.focus();
  }

  #close = () => {
    this.dialog.close();
    this.#end();
  };

  /** Closed by whatever means: nothing goes on, and settings that name what is not there name what is. */
  #end() {
    this.#work.abort();
    this.#work = new AbortController();
    this.#reader = null;
    this.#then = () => {};
    this.#inside.replaceChildren();
    this.#buttons.replaceChildren();
    const { session } = this;
    if (session.wanted) session.settings.set('model', session.model.id);
  }

  /** @param {string} written @param {() => unknown} [then]  what is to be done when it is there */
  async ask(written, then = () => {}) {
    const { session } = this;
    await style();
    // Another link may have been followed meanwhile.
    if (!written) return;
    this.#work.abort();
    const address = this.#addressOf(written);
    if (!address) return;
    // The same place in another spelling, or brought before.
    if (session.models.some(({ id }) => id === address.id)) {
      session.settings.set('model', address.id);
      if (await session.loading) then();
    } else {
      this.#then = then;
      this.#show('A model from elsewhere', [
        element('p', {}, 'This link asks for a model that is not part of this page:'),
        element('p', { className: 'own-address', 'data-testid': 'own-address' }, address.id),
        element('p', { className: 'quiet' }, `It would be downloaded from ${address.host}, which learns your network address as any site does that you visit. What it is and how large, its first bytes will tell; nothing in its files is run.`),
      ], [button('Download', 'own-yes', () => this.#look(address), true), button('No, thanks', 'own-no', this.#close)]);
    }
  }

  /** @param {string} written @returns {import('./address.js').Address|null} */
  #addressOf(written) {
    try {
      return readAddress(written);
    } catch (error) {
      this.#fail(oneLine(error));
      return null;
    }
  }

  /** Files, a folder, an archive or a link, whichever somebody has. */
  async any() {
    await style();
    this.#work.abort();
    this.#then = () => {};
    const take = (/** @type {File[]} */ files) => this.files(files);
    const link = element('input', { type: 'text', inputMode: 'url', autocomplete: 'off', spellcheck: false, value: this.#written, placeholder: 'huggingface.co/OWNER/NAME', 'data-testid': 'own-link' });
    const look = element('button', { type: 'submit', 'data-testid': 'own-look' }, 'Look');
    const form = element('form', { className: 'own-form' }, element('label', {}, element('span', {}, 'Or its link'), link), look);
    const problem = element('p', { className: 'own-problem', role: 'alert', 'data-testid': 'own-problem' });
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#written = link.value;
      try {
        this.#look(readAddress(link.value));
      } catch (error) {
        problem.textContent = oneLine(error);
        link.focus();
      }
    });
    const folder = fileButton('A folder', { webkitdirectory: true, 'data-testid': 'own-folder' }, take);
    // Phones know no folders.
    folder.classList.add('folder');
    this.#show('Your own model', [
      element('p', {}, 'A UNet2DModel of diffusers, unconditional or with classes: its files, their folder, or a zip of it.'),
      element('div', { className: 'own-drop' },
        element('p', {}, 'Drop it anywhere on this page'),
        element('div', { className: 'own-ways' }, fileButton('Choose files', { multiple: true, 'data-testid': 'own-files' }, take), folder)),
      form, problem,
      element('p', { className: 'quiet' }, 'A link to a model on the Hugging Face hub, to one of its files, or to any folder that other pages may read. Files that you choose are read here and go nowhere.'),
    ], [button('Cancel', 'own-no', this.#close)]);
    link.focus();
  }

  /** @param {import('./address.js').Address} address */
  async #look(address) {
    const source = new WebSource(address);
    const origin = originOf(address);
    await this.#read(source, { id: address.id, name: address.name, origin }, () => this.#look(address));
  }

  /** @param {File[]} files */
  async files(files) {
    await style();
    this.#then = () => {};
    const source = new FilesSource(files);
    await this.#read(source, { id: '', name: source.name || 'Your model', origin: 'files of this computer' }, null);
  }

  /** @param {import('./reader.js').Source} source @param {{id: string, name: string, origin: string}} about @param {(() => void)|null} again */
  async #read(source, about, again) {
    this.#work.abort();
    this.#work = new AbortController();
    const { signal } = this.#work;
    const reader = new Reader(source, signal);
    this.#reader = reader;
    const meter = new Meter();
    this.#show(about.name, [element('p', { role: 'status' }, 'Reading what it is…'), meter.root], [button('Stop', 'own-stop', this.#close)]);
    try {
      const found = await reader.look((have, size) => meter.tell(have, size));
      const question = found.scheduler === null ? new ScheduleQuestion(await reader.proposal()) : null;
      if (!signal.aborted) this.#tell(found, question, about, again);
    } catch (error) {
      if (!signal.aborted) this.#fail(oneLine(error), again);
    }
  }

  /** @param {Found} found @param {ScheduleQuestion|null} question @param {{id: string, name: string, origin: string}} about @param {(() => void)|null} again */
  #tell(found, question, about, again) {
    const local = !again || found.ready !== null;
    const problem = element('p', { className: 'own-problem', role: 'alert' }, shortage(about.name, found.needs, this.session.settings.all()));
    const use = button(local ? 'Use it' : 'Download and use it', 'own-use', async () => {
      const scheduler = found.scheduler ?? question?.text ?? '';
      use.disabled = true;
      try {
        await this.#reader?.schedule(scheduler);
      } catch (error) {
        problem.textContent = `${oneLine(error)}.`;
        use.disabled = false;
        use.focus();
        return;
      }
      this.#take(found, scheduler, about, again ? () => this.#tell(found, question, about, again) : null);
    }, true);
    this.#show(about.name, [aboutModel(found, about.origin), ...(question ? [question.root] : []), problem], [use, button('Cancel', 'own-no', this.#close)]);
    // To be read from the top.
    this.#title.focus();
  }

  /** @param {Found} found @param {string} scheduler @param {{id: string, name: string, origin: string}} about @param {(() => void)|null} again */
  async #take(found, scheduler, about, again) {
    const reader = this.#reader;
    if (!reader) return;
    const { signal } = reader;
    const meter = new Meter();
    const says = element('p', { role: 'status' }, again ? 'Downloading…' : 'Reading the weights…');
    this.#show(about.name, [says, meter.root], [button('Stop', 'own-stop', this.#close)]);
    try {
      const { weights, notes } = await reader.weights(found, (have, size) => meter.tell(have, size));
      if (signal.aborted) return;
      says.textContent = 'Loading it…';
      this.#buttons.replaceChildren();
      const { session } = this;
      const why = await adopt(session, { ...about, found, scheduler, weights });
      reader.done();
      if (why) {
        await session.loading;
        this.#fail(why);
        return;
      }
      // Of the tensors' names the engine tells when it has loaded them.
      const said = notes.filter((note) => !note.startsWith('weights: '));
      if (said.length > 0) session.tell('own', `${about.name}: ${said.join('; ')}.`);
      const then = this.#then;
      this.#close();
      then();
    } catch (error) {
      if (!signal.aborted) this.#fail(oneLine(error), again);
    }
  }

  /** @param {string} sentence @param {(() => void)|null} [again]  what may do better another time */
  #fail(sentence, again = null) {
    const rest = this.session.loaded ? element('p', { className: 'quiet' }, `${this.session.model.name} is in use as before.`) : '';
    const close = button('Close', 'own-no', this.#close);
    const text = /[.!?]$/.test(sentence) ? sentence : `${sentence}.`;
    // A name of a file or a model is spelled as it is.
    const words = /^[a-z]+[\s,:]/.test(text) ? `${text.charAt(0).toUpperCase()}${text.slice(1)}` : text;
    const another = button('Another one', 'own-another', () => this.any());
    const buttons = again ? [button('Try again', 'own-again', again, true), another, close] : [close, another];
    this.#show('This model cannot be used', [element('p', { role: 'alert', 'data-testid': 'own-error' }, words), ...(rest ? [rest] : [])], buttons);
  }
}

/** @type {Import|null} */
let shown = null;

/** @param {Session} session @returns {Import} */
const the = (session) => (shown ??= new Import(session));

/** Asks whether a model that a link names is to be downloaded. @param {Session} session @param {string} address @param {() => unknown} [then]  what is to be done when it is there */
export const askFor = (session, address, then) => the(session).ask(address, then);

/** @param {Session} session */
export const bringAny = (session) => the(session).any();

/** Views that have a use for pictures, with what their tabs say. */
const FOR_PICTURES = { reconstruct: 'Reconstruct', interpolate: 'Interpolate', train: 'Train' };

/** @param {Session} session @param {import('./files.js').Dropped[]} dropped */
export async function bringDropped(session, dropped) {
  const files = await filesOf(dropped);
  const views = Object.entries(FOR_PICTURES).flatMap(([view, tab]) => (hasView(view) ? [tab] : []));
  if (files.length === 0 || !files.every(({ type }) => type.startsWith('image/'))) await the(session).files(files);
  else session.tell('own', `This view has no use for a picture${views.length > 0 ? `; drop it in ${views.join(' or ')}` : ''}.`);
}
