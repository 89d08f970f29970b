// The files of a model on some server: which there are, and their bytes when they are asked for. On the hub a list says
// it; a plain folder is asked for the names that diffusers gives.

import { Failure } from '../engine/errors.js';
import { listOf, urlOf } from './address.js';
import { Download, unreachable } from './download.js';
import { MOST_TEXT } from './files.js';

/** @typedef {import('./address.js').Address} Address */

/** Pages of a list that are read; each names up to a thousand files. */
const MOST_PAGES = 20;

/** What lies around a folder and belongs to it. */
const AROUND = /(^|\/)(scheduler_config|class_labels|model_index)\.json$/;

const WEIGHTS = /\.(safetensors|bin|pt|pth|ckpt|index\.json)$/i;

/** Where diffusers and its training scripts put the network, the better one first, and the names that they give. */
const HOMES = ['unet_ema/', 'unet/', ''];
const NAMES = ['diffusion_pytorch_model.safetensors', 'diffusion_pytorch_model.fp16.safetensors', 'diffusion_pytorch_model.safetensors.index.json', 'model.safetensors', 'diffusion_pytorch_model.bin', 'model.pt'];

/** What has come of files, by address: it stays as long as the page is open. @type {Map<string, Download>} */
const downloads = new Map();

/** @param {URL} url @param {string} name @returns {Download} */
function downloadOf(url, name) {
  const download = downloads.get(url.href) ?? new Download(url, name);
  downloads.set(url.href, download);
  return download;
}

export class WebSource {
  /** Where each file is. @type {Map<string, URL>} */
  #urls = new Map();
  /** How large, where somebody has said so. @type {Map<string, number>} */
  #sizes = new Map();

  /** @param {Address} address */
  constructor(address) {
    this.address = address;
  }

  /** @param {AbortSignal} signal @returns {Promise<string[]>} names of the files that the model may consist of */
  async names(signal) {
    const { hub, file } = this.address;
    if (/\.zip$/i.test(file) && !hub) return this.#add([file]);
    return hub ? this.#listed(hub, signal) : this.#probed(signal);
  }

  /** @param {string} name @returns {number} bytes of a file; 0 while nobody has said it */
  sizeOf(name) {
    return this.#sizes.get(name) || this.#download(name).size;
  }

  /** A text, whole. @param {string} name @param {AbortSignal} signal @returns {Promise<Uint8Array>} */
  async text(name, signal) {
    const download = this.#download(name);
    const bytes = await download.start(MOST_TEXT, signal);
    if (bytes.length >= MOST_TEXT) throw new Failure('download', `${name} has more than ${MOST_TEXT / 2 ** 20} MB, which is no text of a model.`);
    return bytes;
  }

  /** @param {string} name @param {number} count @param {AbortSignal} signal @returns {Promise<Uint8Array>} its first bytes */
  start(name, count, signal) {
    return this.#download(name).start(count, signal);
  }

  /** @param {string} name @param {import('./download.js').OnBytes} onBytes @param {AbortSignal} signal @returns {Promise<Blob>} */
  whole(name, onBytes, signal) {
    return this.#download(name).whole(onBytes, signal);
  }

  /** All was read, or is of no use: nothing of it stays. */
  forget() {
    for (const { href } of this.#urls.values()) downloads.delete(href);
  }

  /** @param {string} name */
  #download(name) {
    const url = this.#urls.get(name) ?? urlOf(this.address, name);
    this.#urls.set(name, url);
    return downloadOf(url, name);
  }

  /** @param {string[]} names */
  #add(names) {
    for (const name of names) this.#urls.set(name, urlOf(this.address, name));
    return names;
  }

  /** @param {{repo: string, revision: string}} hub @param {AbortSignal} signal @returns {Promise<string[]>} */
  async #listed(hub, signal) {
    const names = [];
    /** @type {URL|null} */
    let page = listOf(hub);
    for (let pages = 0; page && pages < MOST_PAGES; pages++) {
      const { entries, next } = await this.#page(hub, page, signal);
      for (const { type, path, size } of entries) {
        if (type !== 'file' || typeof path !== 'string') continue;
        names.push(path);
        if (typeof size === 'number') this.#sizes.set(path, size);
      }
      page = next;
    }
    return this.#add(this.#chosen(names));
  }

  /**
   * @param {{repo: string}} hub @param {URL} url @param {AbortSignal} signal
   * @returns {Promise<{entries: Record<string, unknown>[], next: URL|null}>}
   */
  async #page({ repo }, url, signal) {
    const response = await fetch(url, { signal, credentials: 'omit', referrerPolicy: 'no-referrer' }).catch(() => {
      signal.throwIfAborted();
      throw new Failure('download', `The list of files of ${repo} could not be had from ${url.host}; check the connection.`);
    });
    // The hub does not tell whoever asks without a login that a model is there.
    if (response.status === 401 || response.status === 403) throw new Failure('download', `${repo} is not there, or ${url.host} wants a login for it (HTTP ${response.status}), which this page cannot give.`);
    if (response.status === 404) throw new Failure('download', `${url.host} has no model ${repo}, or not this revision of it (HTTP 404).`);
    if (!response.ok) throw new Failure('download', `${url.host} did not hand out the list of files of ${repo} (HTTP ${response.status}).`);
    const entries = await response.json().catch(() => null);
    signal.throwIfAborted();
    if (!Array.isArray(entries)) throw new Failure('download', `What ${url.host} sent is no list of files.`);
    const [, next] = /<([^>]+)>\s*;\s*rel="next"/.exec(response.headers.get('link') ?? '') ?? [];
    return { entries: entries.filter((entry) => typeof entry === 'object' && entry !== null), next: next && new URL(next, url).host === url.host ? new URL(next, url) : null };
  }

  /** Those in the folder that was asked for, and of the weights only those that were. @param {string[]} names */
  #chosen(names) {
    const { folder, file } = this.address;
    const within = names.filter((name) => name.startsWith(folder) || AROUND.test(name));
    if (!file) return within;
    if (/\.zip$/i.test(file)) return within.filter((name) => name === folder + file);
    const isList = file.endsWith('.index.json');
    return within.filter((name) => isList || !WEIGHTS.test(name) || name === folder + file || !name.startsWith(folder));
  }

  /** Whether a file is there. @param {string} name @param {AbortSignal} signal */
  async #isThere(name, signal) {
    const url = urlOf(this.address, name);
    const head = await fetch(url, { method: 'HEAD', signal, credentials: 'omit', referrerPolicy: 'no-referrer' }).catch(() => {
      signal.throwIfAborted();
      throw new Failure('download', unreachable(name, url.host));
    });
    if (head.status === 401 || head.status === 403) throw new Failure('download', `${url.host} wants a login for ${name} (HTTP ${head.status}), which this page cannot give; download the files yourself and drop them here.`);
    // Servers answer a wrong address with a page surprisingly often.
    if (!head.ok || head.headers.get('content-type')?.includes('text/html')) return false;
    if (!head.headers.get('content-encoding')) this.#sizes.set(name, Number(head.headers.get('content-length') ?? 0));
    return true;
  }

  /** @param {string[]} names @param {AbortSignal} signal @returns {Promise<string[]>} those that are there */
  async #those(names, signal) {
    const there = await Promise.all(names.map((name) => this.#isThere(name, signal)));
    return names.filter((_, i) => there[i]);
  }

  /** @param {AbortSignal} signal @returns {Promise<string[]>} */
  async #probed(signal) {
    const { file } = this.address;
    const homes = file ? [''] : HOMES;
    const configs = await this.#those(homes.map((home) => `${home}config.json`), signal);
    if (configs.length === 0) return this.#add(file ? [file] : []);
    const [home] = homes.filter((each) => configs.includes(`${each}config.json`));
    const around = await this.#those([...new Set(['scheduler_config.json', 'scheduler/scheduler_config.json', `${home}scheduler_config.json`, 'class_labels.json', `${home}class_labels.json`, 'model_index.json'])], signal);
    return this.#add([...configs, ...around, ...(await this.#weights(home, signal))]);
  }

  /** The first weights that are there, and the shards that a list names. @param {string} home @param {AbortSignal} signal */
  async #weights(home, signal) {
    const { file } = this.address;
    for (const name of file ? [file] : NAMES.map((each) => home + each)) {
      if (!(await this.#isThere(name, signal))) continue;
      if (!name.endsWith('.index.json')) return [name];
      const shards = Object.values(JSON.parse(new TextDecoder().decode(await this.text(name, signal))).weight_map ?? {});
      return [name, ...new Set(shards.map((shard) => `${home}${shard}`))];
    }
    return [];
  }
}
