// Draws the pictures that the model `avatars` was trained on: faces by DiceBear, one per seed, as PNG files.
//
//     npm ci
//     node tools/make_avatars.mjs --out data/avatars
//     node tools/make_avatars.mjs --out data/avatars-test --first 50000 --count 5000    # unseen in training
//
// Picture number N is drawn from a seed made of N, so the same versions of the packages give the same set everywhere.
// Colours are picked by the seed too, but from the ramps of dicebear.mjs.
//
// Beside 00000.png, 00001.png, … stands labels.json: {style, size, first, attribute, names, labels}. It tells one
// attribute of every picture, in the order of the files, as an index into names; a classifier can be trained from it.

import { existsSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import * as dylan from '@dicebear/dylan';
import * as toonHead from '@dicebear/toon-head';

import { COLOURS, MAX_SIZE, NUMBERS, creditOf, draw, makeFolder, messageOf, nameOf, rendered, whole, writeWhole } from './dicebear.mjs';

/** Pictures between two lines of progress. */
const PROGRESS = 2000;

/**
 * Styles with a free licence whose faces look at the viewer and stay readable at few pixels. `options` are DiceBear's;
 * scale and translation make the face fill the picture. `attribute` is what labels.json tells.
 */
const STYLES = {
  dylan: { style: dylan, attribute: 'hair', options: { ...COLOURS, scale: 110 } },
  'toon-head': { style: toonHead, attribute: 'mouth', options: { ...COLOURS, scale: 130, translateY: 6 } },
};

/** @typedef {keyof typeof STYLES} Style */

/** @param {string} name @returns {name is Style} */
function isStyle(name) {
  return Object.hasOwn(STYLES, name);
}

const USAGE = `Usage: node tools/make_avatars.mjs --out DIR [--count N] [--first N] [--size PIXELS] [--style NAME]

Draws faces as DIR/00000.png, DIR/00001.png, … and what they show as DIR/labels.json. Pictures that exist are
kept, so an interrupted run can be started again.

  --count N      number of pictures, 1 to ${NUMBERS} [50000]
  --first N      number of the first picture, 0 to ${NUMBERS - 1} [0]
  --size PIXELS  width and height, 8 to ${MAX_SIZE} [32]
  --style NAME   ${Object.keys(STYLES).join(' or ')} [dylan]
`;

/** @param {string} message @param {number} code @returns {never} */
function fail(message, code) {
  process.stderr.write(`make_avatars: ${message}\n`);
  process.exit(code);
}

/** The command line as it is written. */
function commandLine() {
  try {
    return parseArgs({
      options: {
        out: { type: 'string' },
        count: { type: 'string', default: '50000' },
        first: { type: 'string', default: '0' },
        size: { type: 'string', default: '32' },
        style: { type: 'string', default: 'dylan' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    return fail(messageOf(error), 2);
  }
}

/** @typedef {{out: string, style: Style, count: number, first: number, size: number}} Chosen */

/** @returns {Chosen} */
function options() {
  const values = commandLine();
  if (values.help) {
    process.stdout.write(USAGE);
    process.exit(0);
  }
  if (!values.out) fail('--out DIR is missing; --help explains', 2);
  const { style } = values;
  if (!isStyle(style)) fail(`--style: expected ${Object.keys(STYLES).join(' or ')}, found ${style}`, 2);
  /** @param {'count'|'first'|'size'} name @param {number} least @param {number} most */
  const read = (name, least, most) => {
    try {
      return whole(name, values[name], least, most);
    } catch (error) {
      return fail(messageOf(error), 2);
    }
  };
  const chosen = {
    out: values.out,
    style,
    count: read('count', 1, NUMBERS),
    first: read('first', 0, NUMBERS - 1),
    size: read('size', 8, MAX_SIZE),
  };
  if (chosen.first + chosen.count > NUMBERS) fail(`--first and --count: expected at most ${NUMBERS} together`, 2);
  return chosen;
}

/** Refuses a folder whose pictures are not the ones to be drawn, or some of them. @param {Chosen} chosen */
async function checkFolder({ out, style, size, first, count }) {
  const path = join(out, 'labels.json');
  if (!existsSync(path)) {
    const picture = (await readdir(out)).find((name) => name.endsWith('.png'));
    if (picture) throw new Error(`${out}: holds ${picture} but no labels.json; choose another folder`);
    return;
  }
  let made;
  try {
    made = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw new Error(`${path}: ${messageOf(error)}`);
  }
  if (!Array.isArray(made?.labels)) throw new Error(`${path}: not written by this script; choose another folder`);
  /** @param {string} what @param {number} size @param {number} first @param {number} count */
  const told = (what, size, first, count) => `${what}, ${size} pixels, ${count} pictures from ${first}`;
  const there = told(made.style, made.size, made.first, made.labels?.length);
  if (there !== told(style, size, first, made.labels?.length) || made.labels.length > count) {
    throw new Error(`${out}: holds ${there}, not ${told(style, size, first, count)}; choose another folder`);
  }
}

/** @param {Style} style @param {number} number */
function drawn(style, number) {
  const { style: drawing, options } = STYLES[style];
  return draw(/** @type {import('./dicebear.mjs').Drawing} */ (drawing), options, number);
}

/** All that the attribute of a style can be, by the style's own schema. @param {Style} style */
function namesOf(style) {
  const { style: drawing, attribute } = STYLES[style];
  const property = drawing.schema.properties?.[attribute];
  const items = typeof property === 'object' ? property.items : undefined;
  const names = typeof items === 'object' && !Array.isArray(items) ? items.enum : undefined;
  if (!names) throw new Error(`${style} does not say what ${attribute} can be`);
  return names;
}

/** What the pictures show. Written first, so that a started folder always tells what it holds. @param {Chosen} chosen */
function labels({ style, size, first, count }) {
  const { attribute } = STYLES[style];
  const names = namesOf(style);
  const indices = Array.from({ length: count }, (_, index) => {
    const shown = drawn(style, first + index).toJson().extra[attribute];
    const label = names.findIndex((name) => name === shown);
    if (label < 0) throw new Error(`picture ${first + index}: ${attribute} is ${shown}, which ${style} does not list`);
    return label;
  });
  return JSON.stringify({ style, size, first, attribute, names, labels: indices });
}

async function main() {
  const chosen = options();
  const { out, count, first, size, style } = chosen;
  await makeFolder(out);
  await checkFolder(chosen);
  await writeWhole(join(out, 'labels.json'), labels(chosen));

  const present = new Set(await readdir(out));
  const started = performance.now();
  let made = 0;
  for (let index = 0; index < count; index += 1) {
    const name = nameOf(first + index);
    if (!present.has(name)) {
      await writeWhole(join(out, name), rendered(drawn(style, first + index).toString(), size));
      made += 1;
    }
    if ((index + 1) % PROGRESS === 0 && made > 0) {
      const left = ((performance.now() - started) / made) * (count - index - 1) / 1000;
      process.stderr.write(`${index + 1} of ${count} pictures, ${Math.ceil(left)} s left\n`);
    }
  }
  process.stderr.write(`${creditOf(/** @type {import('./dicebear.mjs').Drawing} */ (STYLES[style].style))}\n`);
}

main().catch((error) => fail(messageOf(error), 1));
