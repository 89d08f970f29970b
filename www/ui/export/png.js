// The chunks of a PNG, and text in them: a browser writes the picture, this adds where it comes from.
// Names and layouts are those of https://www.w3.org/TR/png-3/.

import { entriesOf } from './credit.js';

export const SIGNATURE = new Uint8Array([137, 80, 78, 71, 13, 10, 26, 10]);

/** IHDR is the first chunk and always as long: length, name, 13 bytes, checksum. */
const END_OF_HEADER = SIGNATURE.length + 25;

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

/** The checksum of no bytes at all. */
export const CRC_START = 0;

/** @param {Uint8Array} bytes @param {number} [before]  the checksum of the bytes before them */
export function crc32(bytes, before = CRC_START) {
  let c = ~before;
  for (const byte of bytes) c = CRC_TABLE[(c ^ byte) & 255] ^ (c >>> 8);
  return ~c >>> 0;
}

/**
 * @param {string} name  four letters
 * @param {...(Uint8Array|number[])} parts  of its data
 */
export function chunk(name, ...parts) {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const bytes = new Uint8Array(length + 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, length);
  let at = 4;
  for (const part of [latin1(name), ...parts]) {
    bytes.set(part, at);
    at += part.length;
  }
  view.setUint32(at, crc32(bytes.subarray(4, at)));
  return bytes;
}

/** @param {string} text */
const latin1 = (text) => Array.from(text, (letter) => letter.charCodeAt(0));

/** @param {number} value @returns {number[]} four bytes, the highest first */
export const uint32 = (value) => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];

/** More programs read tEXt, which can hold Latin-1 only. @param {string} keyword @param {string} text */
function textChunk(keyword, text) {
  if (/^[\n\x20-\x7e\xa1-\xff]*$/.test(text)) return chunk('tEXt', latin1(keyword), [0], latin1(text));
  // Not compressed (two bytes), in no language that is told, with no translated keyword.
  return chunk('iTXt', latin1(keyword), [0, 0, 0, 0, 0], new TextEncoder().encode(text));
}

/** @param {import('./credit.js').Credit} credit */
export function textChunks(credit) {
  return entriesOf(credit).map(([keyword, text]) => textChunk(keyword, text));
}

/**
 * The same PNG with the credit in it.
 * @param {Blob} png @param {import('./credit.js').Credit} credit
 */
export async function withCredit(png, credit) {
  const start = new Uint8Array(await png.slice(0, SIGNATURE.length).arrayBuffer());
  if (start.some((byte, i) => byte !== SIGNATURE[i]) || png.size < END_OF_HEADER) throw new Error('The browser wrote another kind of picture than PNG.');
  return new Blob([png.slice(0, END_OF_HEADER), ...textChunks(credit), png.slice(END_OF_HEADER)], { type: 'image/png' });
}
