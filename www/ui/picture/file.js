// A picture file as somebody hands it over, made fit for a model: turned as its EXIF data says, on white where it is
// transparent, cut to a square and averaged down. What cannot be used is refused in one sentence.

import { contextOf } from '../pixels.js';
import { Fit, crop } from './fit.js';
import { readHeader } from './header.js';

/** @typedef {import('../pixels.js').Shape} Shape @typedef {import('./header.js').Header} Header */

/**
 * - `empty`: there are no bytes
 * - `large`: more bytes or pixels than this page takes
 * - `format`: no picture, or of a kind that is not read here
 * - `damaged`: a picture that is cut off or cannot be decoded
 * - `unreadable`: the file itself cannot be read, as a folder cannot
 *
 * @typedef {'empty'|'large'|'format'|'damaged'|'unreadable'} Fault
 */

export class PictureFailure extends Error {
  /** @param {Fault} fault @param {string} message  a sentence */
  constructor(fault, message) {
    super(message);
    this.name = 'PictureFailure';
    this.fault = fault;
  }
}

/** More than the largest photographs have. */
const MOST_BYTES = 64 * 2 ** 20;

/** Decoded, a pixel takes four bytes: this is a quarter of a gigabyte. */
const MOST_PIXELS = 64 * 2 ** 20;

/** So many pixels at once keep a page alive while a photograph is averaged. */
const BAND_PIXELS = 2 ** 19;

const READ = 'PNG, JPEG, WebP, GIF, AVIF and BMP are read';

/** @type {Partial<Record<import('./header.js').Format, string>>} */
const REFUSED = {
  svg: 'an SVG drawing, which has no pixels of its own; save it as PNG first',
  markup: 'a text in HTML or XML, no picture',
  pdf: 'a PDF document, no picture',
  tiff: `a TIFF picture; ${READ}`,
  unknown: `no picture that can be read; ${READ}`,
};

/** @param {string} name */
function quoted(name) {
  return name ? `“${name.length > 40 ? `${name.slice(0, 24)}…${name.slice(-12)}` : name}”` : 'The picture';
}

/** @param {string} name @param {number} bytes  of the file @throws {PictureFailure} */
function checkBytes(name, bytes) {
  if (bytes === 0) throw new PictureFailure('empty', `${name} is empty: it has 0 bytes.`);
  if (bytes > MOST_BYTES) throw new PictureFailure('large', `${name} has ${Math.round(bytes / 2 ** 20)} MB; at most ${MOST_BYTES / 2 ** 20} MB are read.`);
}

/** @param {string} name @param {{width: number, height: number}} size @throws {PictureFailure} */
function checkSize(name, { width, height }) {
  if (width === 0 || height === 0) throw new PictureFailure('damaged', `${name} is damaged: it says that it is ${width} × ${height} pixels large.`);
  if (width * height > MOST_PIXELS) {
    const [has, most] = [width * height, MOST_PIXELS].map((pixels) => Math.round(pixels / 1e6));
    throw new PictureFailure('large', `${name} has ${width} × ${height} pixels, ${has} million; at most ${most} million are read.`);
  }
}

/** @param {Blob} blob @returns {Promise<ImageBitmap>} */
async function bitmapOf(blob) {
  try {
    return await createImageBitmap(blob, { imageOrientation: 'from-image', colorSpaceConversion: 'none' });
  } catch (error) {
    // Older browsers do not know the options.
    if (error instanceof TypeError) return createImageBitmap(blob);
    throw error;
  }
}

/** @param {ImageBitmap} bitmap @param {Shape} shape */
async function fitted(bitmap, shape) {
  const part = crop(bitmap, shape);
  const fit = new Fit(part, shape);
  const rows = Math.max(1, Math.floor(BAND_PIXELS / part.width));
  const canvas = document.createElement('canvas');
  Object.assign(canvas, { width: part.width, height: Math.min(rows, part.height) });
  const context = contextOf(canvas, { willReadFrequently: true });
  context.fillStyle = '#fff';
  for (let top = 0; top < part.height; top += rows) {
    const height = Math.min(rows, part.height - top);
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(bitmap, -part.left, -part.top - top);
    fit.add(context.getImageData(0, 0, part.width, height).data, top);
    if (top + rows < part.height) await new Promise((resolve) => setTimeout(resolve));
  }
  return { levels: fit.finish(), part };
}

/**
 * @param {Blob} file  a `File` has a name, too
 * @param {Shape} shape  of the model's pictures
 * @returns {Promise<{levels: Uint8ClampedArray, remarks: string[]}>} [C, H, W], and what was done to it
 * @throws {PictureFailure}
 */
export async function readPicture(file, shape) {
  const name = quoted(file instanceof File ? file.name : '');
  checkBytes(name, file.size);
  const bytes = new Uint8Array(
    await file.arrayBuffer().catch(() => {
      throw new PictureFailure('unreadable', `${name} could not be read; a folder cannot be, nor a file that has changed since.`);
    }),
  );
  const header = readHeader(bytes);
  const refusal = REFUSED[header.format];
  if (refusal) throw new PictureFailure('format', `${name} is ${refusal}.`);
  if (header.size) checkSize(name, header.size);
  if (!header.whole) throw new PictureFailure('damaged', `${name} is cut off: the end of the picture is missing.`);

  const bitmap = await bitmapOf(new Blob([bytes])).catch(() => {
    if (header.format === 'heic') throw new PictureFailure('format', `${name} is a HEIC picture, which this browser cannot read; ${READ}.`);
    throw new PictureFailure('damaged', `${name} is damaged, or a kind of ${header.format.toUpperCase()} that this browser cannot read.`);
  });
  try {
    checkSize(name, bitmap);
    const { levels, part } = await fitted(bitmap, shape);
    return { levels, remarks: remarksOn(header, bitmap, part, shape) };
  } finally {
    bitmap.close();
  }
}

/** @param {Header} header @param {ImageBitmap} bitmap @param {{width: number, height: number}} part @param {Shape} shape */
function remarksOn(header, { width, height }, part, shape) {
  const remarks = [];
  if (header.animated) remarks.push('first frame of an animation');
  if (part.width !== width || part.height !== height) remarks.push(`cut to the middle ${part.width} × ${part.height} of ${width} × ${height} pixels`);
  if (part.width !== shape.width || part.height !== shape.height) remarks.push(`scaled to ${shape.width} × ${shape.height}`);
  if (shape.channels === 1) remarks.push('in grey');
  return remarks;
}
