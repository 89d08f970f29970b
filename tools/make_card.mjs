// Draws the picture that other sites show beside a link to the page: www/style/card.png, 1200×630, out of what the
// models' preview.png show. Each row is one picture that comes out of noise, mixed as in DDPM, eq. 4.
//
//     npm ci
//     node tools/make_card.mjs

import { readFile, writeFile } from 'node:fs/promises';
import { deflateSync } from 'node:zlib';

import { Resvg } from '@resvg/resvg-js';

import { SIGNATURE, chunk, uint32 } from '../www/ui/export/png.js';

const ROOT = new URL('../', import.meta.url);

const WIDTH = 1200;
const HEIGHT = 630;
const BACKGROUND = [18, 22, 21];

/** A preview holds 4×4 pictures of 32×32, twice as large, 2 pixels apart. */
const SIZE = 32;
const PITCH = 66;

/** Model, row and column in its preview: one row of the card each. @type {[string, number, number][]} */
const PICTURES = [
  ['avatars', 1, 3],
  ['avatars', 3, 0],
  ['fashion-mnist', 0, 3],
];

/** How much of each column is the picture: the square root of alpha-bar. */
const SIGNALS = [0, 0.25, 0.45, 0.65, 0.82, 0.94, 1];

/** Pixels of the card for one of a picture, and between pictures. */
const SCALE = 4;
const GAP = 12;

/** @param {string} svg @returns {Uint8Array} RGBA */
const draw = (svg) => new Resvg(svg, { font: { defaultFontFamily: 'DejaVu Sans' } }).render().pixels;

/** The pictures of a model's preview, one after another. @param {string} model */
async function previewOf(model) {
  const png = await readFile(new URL(`www/models/${model}/preview.png`, ROOT));
  const side = 4 * PITCH + 2;
  return draw(`<svg xmlns="http://www.w3.org/2000/svg" width="${side}" height="${side}"><image width="${side}" height="${side}" href="data:image/png;base64,${png.toString('base64')}"/></svg>`);
}

/** Numbers from 0 to 1, the same every time (mulberry32). @param {number} state */
function randomFrom(state) {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const random = randomFrom(1);
const gaussian = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

const favicon = (await readFile(new URL('www/style/favicon.svg', ROOT), 'utf8')).replace('<svg ', '<svg x="116" y="44" width="88" height="88" ');
const words = draw(`
  <svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}">
    <rect width="${WIDTH}" height="${HEIGHT}" fill="rgb(${BACKGROUND})"/>${favicon}
    <text x="230" y="86" font-family="DejaVu Sans" font-size="46" font-weight="bold" fill="#e9eeec">ddim-web</text>
    <text x="230" y="127" font-family="DejaVu Sans" font-size="26" fill="#a2aeab">Watch a neural network turn noise into pictures, in your browser</text>
  </svg>`);

const card = new Uint8Array(3 * WIDTH * HEIGHT);
for (let i = 0; i < WIDTH * HEIGHT; i++) card.set(words.subarray(4 * i, 4 * i + 3), 3 * i);

const left = (WIDTH - SIGNALS.length * (SIZE * SCALE + GAP) + GAP) / 2;
const top = 172;
for (const [row, [model, down, across]] of PICTURES.entries()) {
  const preview = await previewOf(model);
  const grey = model !== 'avatars';
  const noise = Array.from({ length: SIZE * SIZE }, () => (grey ? Array(3).fill(gaussian()) : [gaussian(), gaussian(), gaussian()]));
  for (const [column, signal] of SIGNALS.entries()) {
    for (let i = 0; i < SIZE * SIZE; i++) {
      const [y, x] = [Math.floor(i / SIZE), i % SIZE];
      const from = 4 * ((2 + PITCH * down + 2 * y) * (4 * PITCH + 2) + 2 + PITCH * across + 2 * x);
      const levels = noise[i].map((z, c) => {
        const mixed = signal * (preview[from + c] / 127.5 - 1) + Math.sqrt(1 - signal ** 2) * z;
        return Math.min(255, Math.max(0, Math.round((mixed + 1) * 127.5)));
      });
      for (let dy = 0; dy < SCALE; dy++) {
        for (let dx = 0; dx < SCALE; dx++) {
          const toY = top + row * (SIZE * SCALE + GAP) + y * SCALE + dy;
          const toX = left + column * (SIZE * SCALE + GAP) + x * SCALE + dx;
          card.set(levels, 3 * (toY * WIDTH + toX));
        }
      }
    }
  }
}

const rowBytes = 3 * WIDTH;
const filtered = new Uint8Array(HEIGHT * (rowBytes + 1));
for (let y = 0; y < HEIGHT; y++) {
  const to = y * (rowBytes + 1);
  filtered[to] = 2; // the difference to the row above
  for (let x = 0; x < rowBytes; x++) filtered[to + 1 + x] = card[y * rowBytes + x] - (y > 0 ? card[(y - 1) * rowBytes + x] : 0);
}
const header = chunk('IHDR', uint32(WIDTH), uint32(HEIGHT), [8, 2, 0, 0, 0]);
const data = chunk('IDAT', new Uint8Array(deflateSync(filtered, { level: 9 })));
await writeFile(new URL('www/style/card.png', ROOT), Buffer.concat([SIGNATURE, header, data, chunk('IEND')]));
