// Draws the pictures that the model `faces` is trained on: faces by DiceBear in several styles, a folder for each, as PNG
// files. The style is the class.
//
//     npm ci
//     node tools/make_faces.mjs --out data/faces
//     node tools/make_faces.mjs --out data/faces-test --first 50000 --count 1000    # unseen in training
//     ddim-web train --data data/faces --labels folders …
//
// Picture number N of a style is drawn from a seed made of N, so the same versions of the packages give the same set
// everywhere. Beside the folders stands faces.json: {size, first, styles}, with whose drawings they are.

import { existsSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { BACKGROUNDS, COLOURS, MAX_SIZE, NUMBERS, creditOf, draw, makeFolder, messageOf, nameOf, rendered, whole, writeWhole } from './dicebear.mjs';

/** @typedef {import('./dicebear.mjs').Drawing} Drawing */

/**
 * Styles with a free licence (CC0 1.0 or CC BY 4.0) that differ at a glance and stay readable at few pixels, with
 * DiceBear's options. All have the same backgrounds, so that nothing but the drawing tells the style.
 *
 * @type {Record<string, object>}
 */
const STYLES = {
  'big-ears': { ...COLOURS, scale: 120 },
  dylan: { ...COLOURS, scale: 110 },
  lorelei: { backgroundColor: BACKGROUNDS, scale: 115 },
  miniavs: COLOURS,
  'pixel-art': COLOURS,
  thumbs: { backgroundColor: BACKGROUNDS },
  'toon-head': { ...COLOURS, scale: 130, translateY: 6 },
};

const NAMES = Object.keys(STYLES);

const USAGE = `Usage: node tools/make_faces.mjs --out DIR [--count N] [--first N] [--size PIXELS] [--styles NAME,NAME,…]

Draws faces as DIR/STYLE/00000.png, DIR/STYLE/00001.png, …, and whose drawings they are as DIR/faces.json. Pictures that
exist are kept, so an interrupted run can be started again.

  --count N       number of pictures of each style, 1 to ${NUMBERS} [6000]
  --first N       number of the first picture, 0 to ${NUMBERS - 1} [0]
  --size PIXELS   width and height, 8 to ${MAX_SIZE} [32]
  --styles NAMES  some of ${NAMES.join(', ')} [all]
`;

/** A wrong command line. */
class Usage extends Error {}

function options() {
  const { values } = parseArgs({
    options: {
      out: { type: 'string' },
      count: { type: 'string', default: '6000' },
      first: { type: 'string', default: '0' },
      size: { type: 'string', default: '32' },
      styles: { type: 'string', default: NAMES.join(',') },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return null;
  if (!values.out) throw new Usage('--out DIR is missing; --help explains');
  const styles = [...new Set(values.styles.split(','))];
  const foreign = styles.find((name) => !Object.hasOwn(STYLES, name));
  if (foreign !== undefined) throw new Usage(`--styles: expected some of ${NAMES.join(', ')}, found ${foreign}`);
  const chosen = {
    out: values.out,
    styles,
    count: whole('count', values.count, 1, NUMBERS),
    first: whole('first', values.first, 0, NUMBERS - 1),
    size: whole('size', values.size, 8, MAX_SIZE),
  };
  if (chosen.first + chosen.count > NUMBERS) throw new Usage(`--first and --count: expected at most ${NUMBERS} together`);
  return chosen;
}

/** @typedef {NonNullable<ReturnType<typeof options>>} Chosen */

/** Refuses a folder whose pictures are others than those to be drawn. @param {Chosen} chosen */
async function checkFolder({ out, size, first }) {
  const path = join(out, 'faces.json');
  if (!existsSync(path)) {
    const [there] = await readdir(out);
    if (there) throw new Error(`${out}: holds ${there} but no faces.json; choose another folder`);
    return;
  }
  const made = JSON.parse(await readFile(path, 'utf8'));
  if (made.size !== size || made.first !== first) {
    throw new Error(`${out}: holds pictures of ${made.size} pixels from ${made.first}, not of ${size} from ${first}; choose another folder`);
  }
}

/** @param {string} name @returns {Promise<Drawing>} */
const styleOf = async (name) => import(`@dicebear/${name}`);

async function main() {
  const chosen = options();
  if (!chosen) {
    process.stdout.write(USAGE);
    return;
  }
  const { out, styles, count, first, size } = chosen;
  await makeFolder(out);
  await checkFolder(chosen);
  const drawings = await Promise.all(styles.map(async (name) => ({ name, style: await styleOf(name) })));
  const about = drawings.map(({ name, style: { meta } }) => ({ name, ...meta }));
  await writeWhole(join(out, 'faces.json'), `${JSON.stringify({ size, first, styles: about }, null, 2)}\n`);
  for (const { name, style } of drawings) {
    const folder = join(out, name);
    await makeFolder(folder);
    const present = new Set(await readdir(folder));
    let drawn = 0;
    for (let number = first; number < first + count; number += 1) {
      if (present.has(nameOf(number))) continue;
      await writeWhole(join(folder, nameOf(number)), rendered(draw(style, STYLES[name], number).toString(), size));
      drawn += 1;
    }
    process.stderr.write(`${folder}: ${count} pictures, ${drawn} of them new; ${creditOf(style)}\n`);
  }
}

main().catch((error) => {
  process.stderr.write(`make_faces: ${messageOf(error)}\n`);
  process.exit(error instanceof Usage || error instanceof RangeError || error instanceof TypeError ? 2 : 1);
});
