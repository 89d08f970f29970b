// Draws the icons of an installed page from www/style/favicon.svg: www/style/icons/.
//
//     npm ci
//     node tools/make_icons.mjs
//
// A maskable icon may be cut to a circle of 80% of its side by whoever shows it, so the drawing becomes smaller and its
// background fills the square. iOS fills the corners of its icon itself and takes no transparent ones.

import { mkdir, readFile, writeFile } from 'node:fs/promises';

import { Resvg } from '@resvg/resvg-js';

const FOLDER = new URL('../www/style/', import.meta.url);

/** Half of the drawing's diagonal, 38.2, and 0.4 of this side are the same. */
const MASKABLE_SIDE = 96;

const svg = await readFile(new URL('favicon.svg', FOLDER), 'utf8');
const [, side, background] = /viewBox="0 0 (\d+) \1".*?<rect [^>]*fill="(#\w+)"\/>/.exec(svg) ?? [];
if (!side) throw new Error('www/style/favicon.svg does not begin with a square of one colour.');
const square = svg.replace(/ rx="\d+"/, '');
const margin = (MASKABLE_SIDE - Number(side)) / 2;
const maskable = square.replace(/viewBox="[^"]*"/, `viewBox="${-margin} ${-margin} ${MASKABLE_SIDE} ${MASKABLE_SIDE}"`);

await mkdir(new URL('icons/', FOLDER), { recursive: true });
for (const [name, drawing, width] of /** @type {[string, string, number][]} */ ([
  ['192.png', svg, 192],
  ['512.png', svg, 512],
  ['maskable-512.png', maskable, 512],
  ['apple-180.png', square, 180],
])) {
  const image = new Resvg(drawing, { background: drawing === svg ? undefined : background, fitTo: { mode: 'width', value: width } }).render();
  await writeFile(new URL(`icons/${name}`, FOLDER), image.asPng());
}
