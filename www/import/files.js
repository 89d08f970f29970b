// The files of a model that somebody has chosen or dropped: single files, folders, or one archive.

/** A text of a model is smaller. */
export const MOST_TEXT = 4 * 2 ** 20;

/** A folder with more files than this is no model's. */
const MOST_FILES = 5000;

/** Deeper than any model's folder. */
const DEEPEST = 8;

/** Paths of files that were dropped in folders, as the system names them. @type {WeakMap<File, string>} */
const paths = new WeakMap();

/** @param {FileSystemEntry} entry @param {File[]} files  where they go @param {number} depth */
async function gather(entry, files, depth) {
  if (files.length > MOST_FILES || depth > DEEPEST) return;
  if (entry.isFile) {
    const file = await new Promise((/** @type {(file: File|null) => void} */ resolve) => /** @type {FileSystemFileEntry} */ (entry).file(resolve, () => resolve(null)));
    if (!file) return;
    paths.set(file, entry.fullPath.replace(/^\//, ''));
    files.push(file);
    return;
  }
  const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
  for (;;) {
    // It hands out some at a time.
    const some = await new Promise((/** @type {(entries: FileSystemEntry[]) => void} */ resolve) => reader.readEntries(resolve, () => resolve([])));
    if (some.length === 0) return;
    for (const each of some) await gather(each, files, depth + 1);
  }
}

/** @typedef {import('../ui/dom.js').Dropped} Dropped */

/** All that was dropped, folders with what is in them. @param {Dropped[]} dropped @returns {Promise<File[]>} */
export async function filesOf(dropped) {
  /** @type {File[]} */
  const files = [];
  for (const each of dropped) {
    if (each instanceof File) files.push(each);
    else if (each) await gather(each, files, 0);
  }
  return files;
}

/** @param {File} file @returns {string} */
const pathOf = (file) => paths.get(file) ?? (file.webkitRelativePath || file.name);

/** @param {File} file @param {number} count */
async function read(file, count) {
  try {
    return new Uint8Array(await file.slice(0, count).arrayBuffer());
  } catch {
    throw new Error(`${pathOf(file)} could not be read; it may have changed since it was chosen.`);
  }
}

export class FilesSource {
  /** @type {Map<string, File>} */
  #files;

  /** @param {File[]} files */
  constructor(files) {
    this.#files = new Map(files.slice(0, MOST_FILES).map((file) => [pathOf(file), file]));
  }

  /** What to call the model: its folder, or its archive. */
  get name() {
    const [first = ''] = this.#files.keys();
    const [folder] = first.includes('/') ? first.split('/') : [''];
    return folder || (this.#files.size === 1 ? first.replace(/\.\w+$/, '') : '');
  }

  async names() {
    return [...this.#files.keys()];
  }

  /** @param {string} name */
  #file(name) {
    return /** @type {File} */ (this.#files.get(name));
  }

  /** @param {string} name */
  sizeOf(name) {
    return this.#file(name).size;
  }

  /** @param {string} name */
  text(name) {
    return this.start(name, MOST_TEXT);
  }

  /** @param {string} name @param {number} count */
  start(name, count) {
    return read(this.#file(name), count);
  }

  /** @param {string} name @returns {Promise<Blob>} */
  async whole(name) {
    return this.#file(name);
  }

  forget() {}
}
