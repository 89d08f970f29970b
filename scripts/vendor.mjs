// What scripts/vendor does.

import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';

const ROOT = new URL('../', import.meta.url);
const VENDOR = new URL('www/vendor/', ROOT);

/** uPlot's minified file is half the size of its module, and only this line is missing for one. */
const UPLOT = 'export default uPlot;';

/**
 * @typedef {object} File
 * @property {string} from  inside of the package
 * @property {string} to  inside of its folder
 * @property {(text: string) => string} [change]
 *
 * @typedef {object} Package
 * @property {File[]} files
 * @property {string[]} [ours]  files beside them that we wrote
 */

/** By the name that package.json has. @type {Record<string, Package>} */
const PACKAGES = {
  gifenc: {
    files: [
      { from: 'dist/gifenc.esm.js', to: 'gifenc.js' },
      { from: 'LICENSE.md', to: 'LICENSE' },
    ],
    ours: ['gifenc.d.ts'],
  },
  marked: {
    files: [
      { from: 'lib/marked.esm.js', to: 'marked.js' },
      { from: 'lib/marked.d.ts', to: 'marked.d.ts' },
      { from: 'LICENSE', to: 'LICENSE' },
    ],
  },
  uplot: {
    files: [
      { from: 'dist/uPlot.iife.min.js', to: 'uPlot.js', change: (text) => `${text.trimEnd()}\n${UPLOT}\n` },
      { from: 'dist/uPlot.d.ts', to: 'uPlot.d.ts', change: (text) => text.replace('export = uPlot;', UPLOT) },
      { from: 'dist/uPlot.min.css', to: 'uPlot.css' },
      { from: 'LICENSE', to: 'LICENSE' },
    ],
  },
};

/** @param {string} sentence @returns {never} */
function die(sentence) {
  console.error(`vendor: ${sentence}`);
  process.exit(1);
}

/** @param {URL} file @returns {Promise<string|null>} its text, if it is there */
const textOf = (file) => readFile(file, 'utf8').catch(() => null);

/** @param {URL} file */
const json = async (file) => JSON.parse((await textOf(file)) ?? '{}');

/** What belongs into a package's folder. @param {string} name @param {string} version @returns {Promise<Map<string, string>>} by file */
async function filesOf(name, version) {
  const folder = new URL(`node_modules/${name}/`, ROOT);
  const there = (await json(new URL('package.json', folder))).version;
  if (there !== version) die(`node_modules has ${there ? `${name} ${there}` : `no ${name}`}, package.json names ${version}: run npm ci`);
  /** @type {Map<string, string>} */
  const files = new Map();
  for (const { from, to, change } of PACKAGES[name].files) {
    const text = (await textOf(new URL(from, folder))) ?? die(`${name} ${version} has no ${from}`);
    const head = to === 'LICENSE' ? '' : `/* ${name} ${version}, see LICENSE. Copied by scripts/vendor. */\n`;
    // Without the address of a source map that is not here.
    files.set(to, head + (change ? change(text) : text).replace(/^\/\/# sourceMappingURL=.*\n?/m, ''));
  }
  return files;
}

const check = process.argv[2] === '--check';
const { devDependencies } = await json(new URL('package.json', ROOT));
const folders = (await readdir(VENDOR).catch(() => /** @type {string[]} */ ([]))).filter((name) => !(name in PACKAGES));
if (folders.length > 0) die(`www/vendor/${folders[0]} is not one of the packages of scripts/vendor.mjs`);
for (const [name, { ours = [] }] of Object.entries(PACKAGES)) {
  const folder = new URL(`${name}/`, VENDOR);
  const files = await filesOf(name, devDependencies[name]);
  const others = (await readdir(folder).catch(() => /** @type {string[]} */ ([]))).filter((file) => !files.has(file) && !ours.includes(file));
  if (others.length > 0) die(`www/vendor/${name}/${others[0]} is not of the package: remove it`);
  if (!check) await mkdir(folder, { recursive: true });
  for (const [file, text] of files) {
    const place = new URL(file, folder);
    if (!check) await writeFile(place, text);
    else if ((await textOf(place)) !== text) die(`www/vendor/${name}/${file} is not that of ${name} ${devDependencies[name]}: run scripts/vendor`);
  }
}
