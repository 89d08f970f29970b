// From grey levels to pixels: pictures for canvases, and one PNG of the whole grid.

import { element } from './dom.js';

/** @typedef {{channels: number, height: number, width: number}} Shape  of one picture */

/**
 * @param {Uint8ClampedArray} levels  [B, C, H, W]
 * @param {number} index  which picture of the batch
 * @param {Shape} shape
 * @returns {ImageData}
 */
export function imageOf(levels, index, { channels, height, width }) {
  const plane = height * width;
  const start = index * channels * plane;
  const image = new ImageData(width, height);
  for (let i = 0; i < plane; i++) {
    for (let c = 0; c < 3; c++) {
      image.data[4 * i + c] = levels[start + (channels === 3 ? c * plane : 0) + i];
    }
    image.data[4 * i + 3] = 255;
  }
  return image;
}

/** @param {HTMLCanvasElement} canvas @param {CanvasRenderingContext2DSettings} [settings] @returns {CanvasRenderingContext2D} */
export function contextOf(canvas, settings) {
  const context = canvas.getContext('2d', settings);
  if (!context) throw new Error('The browser has no room for another picture.');
  return context;
}

/**
 * @param {HTMLCanvasElement} canvas  becomes as large as the picture
 * @param {Uint8ClampedArray} levels  [B, C, H, W] @param {number} index @param {Shape} shape
 */
export function paint(canvas, levels, index, shape) {
  const { width, height } = shape;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  contextOf(canvas).putImageData(imageOf(levels, index, shape), 0, 0);
}

/** A small picture on a button whose label names it. @param {Uint8ClampedArray} levels  [C, H, W] @param {Shape} shape */
export function iconOf(levels, shape) {
  const canvas = element('canvas', { 'aria-hidden': true });
  paint(canvas, levels, 0, shape);
  return canvas;
}

/**
 * The largest whole magnification that fits, counted in pixels of the screen, so that all pixels of a picture are
 * squares of one size.
 * @param {number} space  CSS pixels @param {number} pixels  of the picture
 * @returns {number} CSS pixels for the picture
 */
export function crisp(space, pixels) {
  const scale = Math.floor((space / pixels) * devicePixelRatio) / devicePixelRatio;
  return scale > 0 ? scale * pixels : space;
}

/** Decoration for a picture that is yet to come; the style makes it pale. @param {HTMLCanvasElement} canvas */
export function drawPlaceholder(canvas) {
  const { width, height } = canvas;
  const image = new ImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  // Grey and opaque; every processor that browsers run on keeps the last byte first.
  for (let i = 0; i < pixels.length; i++) pixels[i] = (Math.floor(256 * Math.random()) * 0x010101) | 0xff000000;
  contextOf(canvas).putImageData(image, 0, 0);
}

/** Columns that make a batch nearly square. @param {number} batch */
export function columnsFor(batch) {
  return Math.ceil(Math.sqrt(batch));
}

/** The length of a saved picture's longer side is at most this, unless its pixels alone exceed it. */
const PNG_SIDE = 1024;

/**
 * @param {HTMLCanvasElement[]} canvases  one per picture, all of one size
 * @param {number} [columns]
 * @returns {Promise<Blob>} the grid as PNG, every pixel magnified by a whole number
 */
export function gridAsPng(canvases, columns = columnsFor(canvases.length)) {
  const rows = Math.ceil(canvases.length / columns);
  const { width, height } = canvases[0];
  const gap = 1; // in picture pixels
  const across = columns * (width + gap) + gap;
  const down = rows * (height + gap) + gap;
  const scale = Math.max(1, Math.floor(PNG_SIDE / Math.max(across, down)));

  const sheet = document.createElement('canvas');
  sheet.width = across * scale;
  sheet.height = down * scale;
  const context = contextOf(sheet);
  context.fillStyle = '#fff';
  context.fillRect(0, 0, sheet.width, sheet.height);
  context.imageSmoothingEnabled = false;
  canvases.forEach((canvas, i) => {
    const x = gap + (i % columns) * (width + gap);
    const y = gap + Math.floor(i / columns) * (height + gap);
    context.drawImage(canvas, x * scale, y * scale, width * scale, height * scale);
  });
  return asPng(sheet);
}

/** @param {HTMLCanvasElement} canvas @returns {Promise<Blob>} */
export function asPng(canvas) {
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('The browser could not write the PNG.'))), 'image/png');
  });
}
