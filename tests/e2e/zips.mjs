// Zip archives that the page makes, and folders to compare them with.

import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

/** The files of a zip, by name. @param {Buffer} bytes @returns {Map<string, Buffer>} */
export function unzipped(bytes) {
  const end = bytes.length - 22;
  assert.equal(bytes.readUInt32LE(end), 0x06054b50);
  const files = new Map();
  for (let at = bytes.readUInt32LE(end + 16), i = bytes.readUInt16LE(end + 10); i > 0; i--) {
    const [size, length, local] = [bytes.readUInt32LE(at + 24), bytes.readUInt16LE(at + 28), bytes.readUInt32LE(at + 42)];
    const body = bytes.subarray(local + 30 + length, local + 30 + length + size);
    const name = bytes.toString('utf8', at + 46, at + 46 + length);
    assert.equal(bytes.readUInt32LE(at + 16), crc32(body), name);
    files.set(name, body);
    at += 46 + length;
  }
  return files;
}

/** The files of a folder, by their paths. @param {string} folder @returns {Promise<Map<string, Buffer>>} */
export async function filesIn(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath ?? entry.path, entry.name));
  return new Map(await Promise.all(paths.map(async (path) => /** @type {const} */ ([path.slice(folder.length + 1), await readFile(path)]))));
}

/** The picture for those who show a link, which another program packs. */
const CARD = 'www/style/card.png';

/**
 * A page in a zip is the one in the folder, file for file.
 * @param {import('playwright-core').Page} page  to look at pictures with @param {Buffer} bytes  of the zip
 * @param {string} top  the folder in it @param {string} folder @param {boolean} [smaller]  whether the card shows pictures smaller than they are
 */
export async function isPublished(page, bytes, top, folder, smaller = false) {
  const found = new Map([...unzipped(bytes)].map(([name, body]) => [name.slice(top.length), body]));
  const wanted = await filesIn(folder);
  assert.deepEqual([...found.keys()].sort(), [...wanted.keys()].sort());
  const different = [...wanted].filter(([path, body]) => path !== CARD && !body.equals(found.get(path) ?? Buffer.of())).map(([path]) => path);
  assert.deepEqual(different, []);
  const cards = [found, wanted].map((files) => files.get(CARD)?.toString('base64') ?? '');
  const off = await page.evaluate(async (pictures) => {
    const [one, other] = await Promise.all(pictures.map(async (base64) => {
      const image = await createImageBitmap(new Blob([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))]));
      const context = new OffscreenCanvas(image.width, image.height).getContext('2d');
      context?.drawImage(image, 0, 0);
      return context?.getImageData(0, 0, image.width, image.height).data ?? new Uint8ClampedArray();
    }));
    return one.length === other.length ? one.reduce((sum, level, i) => sum + Math.abs(level - other[i]), 0) / one.length : Infinity;
  }, cards);
  // Two programs make a picture smaller in two ways.
  assert.ok(off <= (smaller ? 1 : 0), `levels of the card differ by ${off}`);
}
