// What the scripts that draw faces with DiceBear have in common: colours, seeds, and files that are there whole or not at
// all.

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

import { createAvatar } from '@dicebear/core';
import { Resvg } from '@resvg/resvg-js';

/** @typedef {import('@dicebear/core').Style<object>} Drawing */

/** Numbers have five digits, so that file names sort as they do. */
export const NUMBERS = 100_000;
export const MAX_SIZE = 1024;

/** `steps` colours on the straight lines between the stops, both ends included. Colours are six hexadecimal digits. @param {string[]} stops @param {number} steps */
function ramp(stops, steps) {
  const rgb = stops.map((stop) => [0, 2, 4].map((at) => Number.parseInt(stop.slice(at, at + 2), 16)));
  return Array.from({ length: steps }, (_, step) => {
    const along = (step / (steps - 1)) * (stops.length - 1);
    const from = Math.min(Math.floor(along), stops.length - 2);
    return rgb[from].map((value, channel) => {
      const mixed = value + (rgb[from + 1][channel] - value) * (along - from);
      return Math.round(mixed).toString(16).padStart(2, '0');
    }).join('');
  });
}

export const BACKGROUNDS = ['b6e3f4', 'd1d4f9', 'ffd5dc', 'c9ecc8', 'ffe9b0'];

/** Between two of them there is always a third, so that a face can change into another without leaving what a model has seen. */
export const COLOURS = {
  backgroundColor: BACKGROUNDS,
  skinColor: ramp(['ffe0d0', 'f0b48c', 'c87f55', '96563a'], 64),
  hairColor: ramp(['17110f', '5c3622', 'c4512d', 'f0bd4c', 'faf3e6'], 64),
};

/** @param {Drawing} style @param {object} options  DiceBear's @param {number} number */
export function draw(style, options, number) {
  // DiceBear's generator gives seeds that differ in one digit alike faces; those of hashes have nothing in common.
  const seed = createHash('sha256').update(String(number)).digest('hex');
  return createAvatar(style, { ...options, seed });
}

/** @param {string} svg @param {number} size @returns {Buffer} a PNG file */
export function rendered(svg, size) {
  return new Resvg(svg, { fitTo: { mode: 'width', value: size }, font: { loadSystemFonts: false } }).render().asPng();
}

/** @param {number} number */
export const nameOf = (number) => `${String(number).padStart(5, '0')}.png`;

/** Whose drawing it is, and what one may do with it. @param {Drawing} style */
export function creditOf({ meta }) {
  const { title, creator, license, source } = meta ?? {};
  return `"${title}" by ${creator}, ${license?.name} (${license?.url}), ${source}`;
}

/** Makes `folder` and those above it. Not with `recursive`, which never comes back below /proc (Node 20). @param {string} folder */
export async function makeFolder(folder) {
  if (existsSync(folder)) return;
  if (dirname(folder) !== folder) await makeFolder(dirname(folder));
  try {
    await mkdir(folder);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
}

/** A file is there whole or not at all: what an interrupted run leaves behind is never taken for a picture. @param {string} path @param {string|Buffer} content */
export async function writeWhole(path, content) {
  await writeFile(`${path}.partial`, content);
  await rename(`${path}.partial`, path);
}

/** @param {unknown} error @returns {string} */
export function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}

/** Reads a whole number of the command line. @param {string} name @param {string} text @param {number} least @param {number} most */
export function whole(name, text, least, most) {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value > most) {
    throw new RangeError(`--${name}: expected a whole number from ${least} to ${most}, found ${text}`);
  }
  return value;
}
