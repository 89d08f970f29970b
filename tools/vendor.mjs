// Usage: node tools/vendor.mjs
//
// Copies into www/vendor/ what the page takes from npm, in the version that package.json names: the page is served as it
// lies here, so its libraries are part of the repository. tests/e2e/plot.test.mjs holds the copies against the packages.

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('../', import.meta.url);
const UPLOT = new URL('node_modules/uplot/', ROOT);

/** The minified file is half the size of the package's own module, and only this line is missing for one. */
const EXPORT = 'export default uPlot;';

/** Every file under www/vendor/, with what it holds. @returns {Promise<Map<string, string>>} */
export async function vendored() {
  const read = (/** @type {string} */ path) => readFile(new URL(path, UPLOT), 'utf8');
  return new Map([
    ['uplot/uPlot.js', `${(await read('dist/uPlot.iife.min.js')).trimEnd()}\n${EXPORT}\n`],
    ['uplot/uPlot.d.ts', (await read('dist/uPlot.d.ts')).replace('export = uPlot;', EXPORT)],
    ['uplot/uPlot.css', await read('dist/uPlot.min.css')],
    ['uplot/LICENSE', await read('LICENSE')],
  ]);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [path, text] of await vendored()) {
    const file = new URL(`www/vendor/${path}`, ROOT);
    await mkdir(new URL('.', file), { recursive: true });
    await writeFile(file, text);
  }
}
