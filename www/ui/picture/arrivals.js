// Pictures that somebody drops or pastes anywhere on the page, while a view listens.

import { few } from '../../engine/errors.js';

/**
 * @typedef {object} Receiver
 * @property {(file: File, remark: string, target: EventTarget|null) => void} [take]  the first file, what became of the others, and where it was dropped
 * @property {(files: File[]) => void} [takeAll]  in its place: all files, and those of folders
 * @property {(sentence: string) => void} refuse
 * @property {(over: boolean) => void} hover  whether something is held over the page
 */

/** @param {number} count  of files @returns {string} what is said about the others */
function onlyFirst(count) {
  return count > 1 ? `the first of ${count.toLocaleString('en')} files` : '';
}

/** @param {DataTransfer} data */
function holdsFolder(data) {
  return data.items?.[0]?.webkitGetAsEntry?.()?.isDirectory ?? false;
}

/** The folders that files were dropped in. @type {WeakMap<Blob, string>} */
const folders = new WeakMap();

/** The name of the folder that a file was chosen or dropped in, empty where it came alone. @param {Blob} file */
export function folderOf(file) {
  const path = file instanceof File ? file.webkitRelativePath : '';
  return folders.get(file) ?? path.split('/').at(-2) ?? '';
}

/** @param {FileSystemEntry} entry @returns {Promise<File[]>} it, or what is in it; without what cannot be read */
async function filesOf(entry) {
  if (entry.isFile) {
    const named = (/** @type {File} */ file) => {
      folders.set(file, entry.fullPath.split('/').at(-2) ?? '');
      return [file];
    };
    return new Promise((resolve) => /** @type {FileSystemFileEntry} */ (entry).file((file) => resolve(named(file)), () => resolve([])));
  }
  const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
  const files = [];
  for (;;) {
    // It hands out some at a time.
    const some = await new Promise((/** @type {(entries: FileSystemEntry[]) => void} */ resolve) => reader.readEntries(resolve, () => resolve([])));
    if (some.length === 0) return files;
    for (const each of some) files.push(...(await filesOf(each)));
  }
}

/** @param {DataTransfer} data @returns {Promise<File[]>} */
async function allOf(data) {
  // They are gone when the event has ended.
  const entries = [...data.items].map((item) => item.webkitGetAsEntry?.()).filter((entry) => entry !== null && entry !== undefined);
  if (entries.length === 0) return [...data.files];
  return (await Promise.all(entries.map(filesOf))).flat();
}

/** @param {EventTarget|null} target */
function takesText(target) {
  return target instanceof HTMLElement && (target.isContentEditable || target.matches('input:not([type="range"]):not([type="radio"]):not([type="file"]), textarea'));
}

export class Arrivals {
  /** @type {AbortController|null} */
  #listening = null;

  /** @param {Receiver} receiver */
  constructor(receiver) {
    this.receiver = receiver;
  }

  /** From now on. */
  listen() {
    this.#listening?.abort();
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    document.addEventListener('paste', (event) => this.#paste(event), { signal });
    document.addEventListener('dragover', (event) => this.#over(event), { signal });
    document.addEventListener('dragleave', (event) => event.relatedTarget === null && this.receiver.hover(false), { signal });
    document.addEventListener('drop', (event) => this.#drop(event), { signal });
  }

  /** No more. */
  rest() {
    this.#listening?.abort();
    this.receiver.hover(false);
  }

  /** @param {FileList|File[]} files @param {EventTarget|null} [target]  where they were dropped */
  give(files, target = null) {
    if (files.length === 0) return;
    if (this.receiver.takeAll) this.receiver.takeAll([...files]);
    else this.receiver.take?.(files[0], onlyFirst(files.length), target);
  }

  /** @param {ClipboardEvent} event */
  #paste(event) {
    if (takesText(event.target)) return;
    const { files, types = [] } = event.clipboardData ?? {};
    event.preventDefault();
    if (files && files.length > 0) this.give(files);
    else this.receiver.refuse(`The clipboard holds no picture${types.length > 0 ? ` (only ${few([...types], 3)})` : ''}; copy one first.`);
  }

  /** @param {DragEvent} event */
  #over(event) {
    if (!event.dataTransfer) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = 'copy';
    this.receiver.hover(true);
  }

  /** @param {DragEvent} event */
  #drop(event) {
    this.receiver.hover(false);
    if (!event.dataTransfer) return;
    event.preventDefault();
    const { files } = event.dataTransfer;
    if (this.receiver.takeAll) {
      allOf(event.dataTransfer).then((all) => (all.length > 0 ? this.give(all) : this.receiver.refuse('What was dropped holds no file; drop pictures or a folder of them.')));
    } else if (holdsFolder(event.dataTransfer)) this.receiver.refuse('A folder was dropped; drop one picture out of it.');
    else if (files.length > 0) this.give(files, event.target);
    else this.receiver.refuse('What was dropped is no file; drop a picture from a folder, or copy and paste it.');
  }
}
