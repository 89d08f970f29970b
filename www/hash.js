// The settings in the URL hash, so that a link makes the same pictures again: read, written and followed.

import { shorten } from './engine/errors.js';
import { Emitter } from './events.js';
import { SETTINGS, defaults, hasView, parse, settingsOf } from './state.js';

/** @typedef {import('./state.js').Values} Values */

/** A key without a value: whoever opens the link is to see the pictures come. */
const PLAY = 'play';

/** What a link to the settings is. @param {Values} values @returns {string} an address that makes the same pictures, unasked */
export function linkTo(values) {
  return new URL(`#${formatHash(values)}&${PLAY}`, location.href).href;
}

/** `view` was the name of `show` once. @param {URLSearchParams} given */
function readOldNames(given) {
  const text = given.get('view');
  if (text !== 'x0' && text !== 'xt') return;
  given.delete('view');
  if (!given.has('show')) given.set('show', text);
}

/**
 * Reads settings from a URL hash. Keys that are not in the table are ignored; a value that makes no
 * sense is replaced by the default and named in `problems`, one sentence each.
 * @param {string} hash  with or without the leading '#'
 * @returns {{values: Values, problems: string[]}}
 */
export function parseHash(hash) {
  const given = new URLSearchParams(hash.replace(/^#/, ''));
  readOldNames(given);
  const problems = [];
  /** @type {Record<string, string|number>} */
  const read = {};
  for (const setting of SETTINGS) {
    const text = given.get(setting.key);
    if (text === null) continue;
    const result = parse(setting, text);
    if ('value' in result) read[setting.key] = result.value;
    else {
      problems.push(
        `The link says ${setting.key}=${shorten(text)}, which is not ${result.expected}; ${setting.key}=${setting.default} is used instead.`,
      );
    }
  }
  return { values: { ...defaults(), ...read }, problems };
}

/**
 * @param {Values} values
 * @returns {string} the hash without '#', keys in the table's order; what only another view has is left out
 */
export function formatHash(values) {
  const encoded = new URLSearchParams(settingsOf(values.view).map((s) => [s.key, String(values[s.key])])).toString();
  // A hash may hold these as they are, and a list of numbers is easier to read that way.
  return encoded.replaceAll('%2C', ',').replaceAll('%3A', ':').replaceAll('%2F', '/');
}

/**
 * The current settings, mirrored in the URL hash. Emits `change` with the keys whose values are new, and `problems`
 * with the sentences about a hash that made no sense, `choices` with the keys that have others to choose from, and `own`
 * when somebody asks for a model of their own.
 * @extends {Emitter<{change: (keyof Values)[], problems: string[], choices: (keyof Values)[], own: true}>}
 */
export class Settings extends Emitter {
  /** Browsers refuse `replaceState` when it is called too often (Safari: 100 times in 30 s). */
  static WRITE_INTERVAL_MS = 350;

  /** Whether the page begins by itself: with nothing in the address, or a link that asks for it. */
  plays = false;
  /** What the address said when the page was opened. @type {ReadonlySet<string>} */
  given = new Set();
  #values = defaults();
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #timer;
  #lastWrite = -Infinity;

  /** Takes over what the hash says, and follows it from now on. */
  connect() {
    addEventListener('hashchange', () => this.#read());
    const hash = location.hash.replace(/^#/, '');
    this.given = new Set(new URLSearchParams(hash).keys());
    this.plays = hash === '' || this.given.has(PLAY);
    this.#read();
  }

  /** @template {keyof Values} K @param {K} key @returns {Values[K]} */
  get(key) {
    return this.#values[key];
  }

  /** A copy of all values. @returns {Values} */
  all() {
    return { ...this.#values };
  }

  /** @param {keyof Values} key @param {string|number} value  one that `parse` has accepted */
  set(key, value) {
    this.change({ [key]: value });
  }

  /** Several at once. @param {Partial<Values>} values  such as `parse` has accepted */
  change(values) {
    this.#assign({ ...this.#values, ...values });
    const wait = this.#lastWrite + Settings.WRITE_INTERVAL_MS - performance.now();
    clearTimeout(this.#timer);
    if (wait <= 0) this.flush();
    else this.#timer = setTimeout(() => this.flush(), wait);
  }

  /** Shows another view, if the page has it; the way back leads to the one before. @param {string} view */
  visit(view) {
    if (view === this.#values.view || !hasView(view)) return;
    this.flush();
    history.pushState(history.state, '', `#${formatHash({ ...this.#values, view })}`);
    this.#assign({ ...this.#values, view });
  }

  /** Writes the hash now, without adding an entry to the history. */
  flush() {
    clearTimeout(this.#timer);
    const hash = `#${formatHash(this.#values)}`;
    if (location.hash === hash) return;
    this.#lastWrite = performance.now();
    history.replaceState(history.state, '', hash);
  }

  #read() {
    const { values, problems } = parseHash(location.hash);
    const given = new URLSearchParams(location.hash.replace(/^#/, ''));
    // What belongs to other views is not in this link, and stays as it is.
    const kept = SETTINGS.filter(({ key, view }) => view && view !== values.view && !given.has(key));
    this.#assign({ ...values, ...Object.fromEntries(kept.map(({ key }) => [key, this.#values[key]])) });
    this.flush();
    this.emit('problems', problems);
  }

  /** @param {Values} values */
  #assign(values) {
    const keys = SETTINGS.map((s) => s.key).filter((key) => values[key] !== this.#values[key]);
    this.#values = values;
    if (keys.length > 0) this.emit('change', keys);
  }
}
