// Small picture files, made byte by byte.

import { deflateSync } from 'node:zlib';

/** @param {string} type @param {Buffer} data */
export function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  let crc = 0xffffffff;
  for (const byte of body) {
    crc ^= byte;
    for (let k = 0; k < 8; k++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  const ends = Buffer.alloc(8);
  ends.writeUInt32BE(data.length, 0);
  ends.writeUInt32BE(~crc >>> 0, 4);
  return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
}

/**
 * A PNG.
 * @param {number} width @param {number} height @param {{depth?: number, type?: number, row: Buffer, more?: Buffer[]}} what  every row is the same
 */
export function png(width, height, { depth = 8, type = 0, row, more = [] }) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, type], 8);
  const rows = Buffer.concat(Array.from({ length: Math.min(height, 4096) }, () => Buffer.concat([Buffer.of(0), row])));
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', header), ...more, chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))]);
}

/** Two frames of 1 × 1, white and black. */
export const GIF = Buffer.from(
  '47494638396101000100800000000000ffffff' + '21f904000a000000' + '2c00000000010001000002024c0100' + '21f904000a000000' + '2c0000000001000100000202440100' + '3b',
  'hex',
);

/** @param {string} name @param {Buffer|string} content */
export const file = (name, content) => ({ name, mimeType: 'image/png', buffer: Buffer.from(content) });
