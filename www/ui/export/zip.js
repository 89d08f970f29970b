// A zip file of a few files as they are, uncompressed: weights are noise to a packer.
// Records and their numbers are those of PKWARE's APPNOTE.TXT, sections 4.3.7, 4.3.12 and 4.3.16.

import { CRC_START, crc32 } from './png.js';

/** So many bytes are summed up at once, so that the page stays alive. */
const AT_ONCE = 2 ** 20;

/** 1 January 1980, midnight: the same files make the same bytes. */
const DATE = 0x21;

/** Names are UTF-8. */
const FLAGS = 0x800;

/** @param {...[2|4, number]} fields  how many bytes a number takes, and the number */
function record(...fields) {
  const bytes = new DataView(new ArrayBuffer(fields.reduce((sum, [size]) => sum + size, 0)));
  let at = 0;
  for (const [size, value] of fields) {
    if (size === 2) bytes.setUint16(at, value, true);
    else bytes.setUint32(at, value, true);
    at += size;
  }
  return bytes;
}

/** @param {Blob} file */
async function sumOf(file) {
  let sum = CRC_START;
  for (let start = 0; start < file.size; start += AT_ONCE) {
    sum = crc32(new Uint8Array(await file.slice(start, start + AT_ONCE).arrayBuffer()), sum);
  }
  return sum;
}

/**
 * @param {{name: string, file: Blob}[]} files  names with `/` between folders; less than 4 GB in all
 * @returns {Promise<Blob>}
 */
export async function zip(files) {
  /** @type {BlobPart[]} */
  const parts = [];
  /** @type {BlobPart[]} */
  const directory = [];
  let [offset, directorySize] = [0, 0];
  for (const { name, file } of files) {
    const title = new TextEncoder().encode(name);
    const sum = await sumOf(file);
    /** @type {[2|4, number][]} */
    const common = [[2, 20], [2, FLAGS], [2, 0], [2, 0], [2, DATE], [4, sum], [4, file.size], [4, file.size], [2, title.length], [2, 0]];
    const local = record([4, 0x04034b50], ...common);
    const central = record([4, 0x02014b50], [2, 20], ...common, [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]);
    parts.push(local, title, file);
    directory.push(central, title);
    offset += local.byteLength + title.length + file.size;
    directorySize += central.byteLength + title.length;
  }
  const end = record([4, 0x06054b50], [2, 0], [2, 0], [2, files.length], [2, files.length], [4, directorySize], [4, offset], [2, 0]);
  return new Blob([...parts, ...directory, end], { type: 'application/zip' });
}
