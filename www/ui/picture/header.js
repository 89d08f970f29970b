// What the first bytes of a file say before anybody decodes it: which kind of picture it is, how large, whether it moves
// and whether its end is there. Browsers show half a picture without a word, and take any number of pixels.

/**
 * @typedef {'png'|'jpeg'|'gif'|'webp'|'bmp'|'avif'|'heic'|'svg'|'markup'|'tiff'|'pdf'|'unknown'} Format
 *
 * @typedef {object} Header
 * @property {Format} format
 * @property {{width: number, height: number}|null} size  null where the bytes do not say
 * @property {boolean} animated  there is more than one frame
 * @property {boolean} whole  its end is there, as far as one can tell
 */

/** Where text may say that it is a drawing: comments and declarations come first. */
const TEXT_BYTES = 4096;

/** Where the properties of an AVIF or HEIC picture are. */
const BOX_BYTES = 65_536;

/** @param {Uint8Array} bytes @param {number} at @param {string} text */
function says(bytes, at, text) {
  return at + text.length <= bytes.length && [...text].every((letter, i) => bytes[at + i] === letter.charCodeAt(0));
}

/** @param {Uint8Array} bytes @returns {Format} */
function formatOf(bytes) {
  if (says(bytes, 0, '\x89PNG\r\n\x1a\n')) return 'png';
  if (says(bytes, 0, '\xff\xd8\xff')) return 'jpeg';
  if (says(bytes, 0, 'GIF87a') || says(bytes, 0, 'GIF89a')) return 'gif';
  if (says(bytes, 0, 'RIFF') && says(bytes, 8, 'WEBP')) return 'webp';
  if (says(bytes, 0, 'BM') && bytes.length >= 26) return 'bmp';
  if (says(bytes, 4, 'ftyp')) {
    if (says(bytes, 8, 'avif') || says(bytes, 8, 'avis')) return 'avif';
    if (['heic', 'heix', 'mif1', 'heim', 'hevc'].some((brand) => says(bytes, 8, brand))) return 'heic';
  }
  if (says(bytes, 0, 'II*\0') || says(bytes, 0, 'MM\0*')) return 'tiff';
  if (says(bytes, 0, '%PDF')) return 'pdf';
  const text = new TextDecoder('utf-8').decode(bytes.subarray(0, TEXT_BYTES)).trimStart();
  if (!text.startsWith('<')) return 'unknown';
  return /<svg[\s>]/i.test(text) && !/^<(!doctype\s+)?html/i.test(text) ? 'svg' : 'markup';
}

/** @typedef {Omit<Header, 'format'>} Facts */

/** @param {Uint8Array} bytes @param {DataView} view @returns {Facts} */
function ofPng(bytes, view) {
  const size = bytes.length >= 24 ? { width: view.getUint32(16), height: view.getUint32(20) } : null;
  let animated = false;
  let at = 8;
  while (at + 12 <= bytes.length) {
    if (says(bytes, at + 4, 'acTL')) animated = true;
    if (says(bytes, at + 4, 'IEND')) return { size, animated, whole: true };
    at += 12 + view.getUint32(at);
  }
  return { size, animated, whole: false };
}

/** Segments that hold the size: the starts of frames, but for the tables that share their numbers. @param {number} marker */
const isFrame = (marker) => marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);

/** @param {Uint8Array} bytes @param {DataView} view @returns {Facts} */
function ofJpeg(bytes, view) {
  /** @type {Header['size']} */
  let size = null;
  let at = 2;
  while (at + 4 <= bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1];
    if (marker === 0xff) {
      at += 1; // a fill byte
      continue;
    }
    if (isFrame(marker) && at + 9 <= bytes.length) size = { height: view.getUint16(at + 5), width: view.getUint16(at + 7) };
    at += 2 + view.getUint16(at + 2);
    // Thumbnails in the segments before the scan have ends of their own (ITU-T T.81, B.1.1.5).
    if (marker === 0xda) break;
  }
  let whole = false;
  for (let i = at; i + 1 < bytes.length && !whole; i++) whole = bytes[i] === 0xff && bytes[i + 1] === 0xd9;
  return { size, animated: false, whole };
}

/** Where the sub-blocks that begin at `at` end. @param {Uint8Array} bytes @param {number} at */
function afterBlocks(bytes, at) {
  while (at < bytes.length && bytes[at] !== 0) at += bytes[at] + 1;
  return at + 1;
}

/** @param {number} packed  the byte that says whether there is a table of colours @returns {number} its bytes */
const tableBytes = (packed) => (packed & 0x80 ? 3 * 2 ** ((packed & 7) + 1) : 0);

/** @param {Uint8Array} bytes @param {DataView} view @returns {Facts} */
function ofGif(bytes, view) {
  if (bytes.length < 13) return { size: null, animated: false, whole: false };
  const size = { width: view.getUint16(6, true), height: view.getUint16(8, true) };
  let at = 13 + tableBytes(bytes[10]);
  let frames = 0;
  while (at < bytes.length && frames < 2) {
    if (bytes[at] === 0x21) at = afterBlocks(bytes, at + 2);
    else if (bytes[at] === 0x2c && at + 10 <= bytes.length) {
      at = afterBlocks(bytes, at + 11 + tableBytes(bytes[at + 9]));
      // Some programs leave out the last byte of the file; a picture whose blocks end is whole.
      if (at <= bytes.length) frames += 1;
    } else break;
  }
  return { size, animated: frames > 1, whole: frames > 0 };
}

/** @param {Uint8Array} bytes @param {DataView} view @returns {Facts} */
function ofWebp(bytes, view) {
  const whole = bytes.length >= view.getUint32(4, true) + 8;
  /** @param {number} at */
  const three = (at) => view.getUint16(at, true) + 65_536 * bytes[at + 2];
  if (bytes.length < 30) return { size: null, animated: false, whole };
  if (says(bytes, 12, 'VP8X')) return { size: { width: three(24) + 1, height: three(27) + 1 }, animated: (bytes[20] & 2) !== 0, whole };
  if (says(bytes, 12, 'VP8 ')) return { size: { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff }, animated: false, whole };
  const packed = view.getUint32(21, true);
  return { size: { width: (packed & 0x3fff) + 1, height: ((packed >>> 14) & 0x3fff) + 1 }, animated: false, whole };
}

/** The boxes that a picture is in; what somebody has put behind them is no matter. */
const BOXES = ['ftyp', 'meta', 'moov', 'mdat'];

/** Whether its boxes end before the file does (ISO/IEC 14496-12, 4.2). @param {Uint8Array} bytes @param {DataView} view */
function boxesEnd(bytes, view) {
  let at = 0;
  while (at + 16 <= bytes.length) {
    const isKnown = BOXES.some((name) => says(bytes, at + 4, name));
    const size = view.getUint32(at);
    // The last one may go to the end of the file, and large ones have another field.
    if (!isKnown || size === 0) return true;
    at += size === 1 ? Number(view.getBigUint64(at + 8)) : Math.max(8, size);
  }
  return at <= bytes.length;
}

/** The largest of its pictures; a thumbnail has a size too. @param {Uint8Array} bytes @param {DataView} view @returns {Facts} */
function ofBoxes(bytes, view) {
  /** @type {Header['size']} */
  let size = null;
  for (let at = 4; at + 16 <= Math.min(bytes.length, BOX_BYTES); at++) {
    if (!says(bytes, at, 'ispe')) continue;
    const [width, height] = [view.getUint32(at + 8), view.getUint32(at + 12)];
    if (!size || width * height > size.width * size.height) size = { width, height };
  }
  return { size, animated: says(bytes, 8, 'avis'), whole: boxesEnd(bytes, view) };
}

/** @type {Partial<Record<Format, (bytes: Uint8Array, view: DataView) => Facts>>} */
const READERS = {
  png: ofPng,
  jpeg: ofJpeg,
  gif: ofGif,
  webp: ofWebp,
  avif: ofBoxes,
  heic: ofBoxes,
  bmp: (_, view) => ({ size: { width: view.getUint32(18, true), height: Math.abs(view.getInt32(22, true)) }, animated: false, whole: true }),
};

/** @param {Uint8Array} bytes  of the whole file @returns {Header} */
export function readHeader(bytes) {
  const format = formatOf(bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const facts = READERS[format]?.(bytes, view) ?? { size: null, animated: false, whole: true };
  return { format, ...facts };
}
