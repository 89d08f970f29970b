// npm's package: what scripts/npm does.

import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** What is in it, under the paths that it has in the repository: its files name each other by these. */
const PARTS = ['npm', 'pkg', 'www/engine', 'www/embed', 'www/pace.js', 'www/ui/dom.js', 'www/ui/pixels.js'];

/** Of the packages of wasm-pack: what is for the repository alone, and the engines in burn, which are 15 MB. */
const LEFT = ['pkg/burn', 'pkg/package.json', 'pkg/SOURCES'];

/** What stands at its top, as npm wants it. */
const TOP = { 'npm/package.json': 'package.json', 'npm/README.md': 'README.md', 'LICENSE-MIT': 'LICENSE-MIT', 'LICENSE-APACHE': 'LICENSE-APACHE' };

/** Where types are made from: what somebody may import. */
const ENTRIES = ['npm/index.js', 'npm/trainer.js', 'npm/figures.js', 'npm/element.js'];

/** @param {string} folder  of the package */
async function writeTypes(folder) {
  const config = join(ROOT, 'target', 'npm.tsconfig.json');
  await mkdir(dirname(config), { recursive: true });
  await writeFile(config, JSON.stringify({
    extends: '../tsconfig.json',
    compilerOptions: { noEmit: false, declaration: true, emitDeclarationOnly: true, rootDir: '..', outDir: folder },
    files: ENTRIES.map((entry) => join(ROOT, entry)),
    include: [],
  }));
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  await run(process.execPath, [tsc, '-p', config]).catch(({ stdout }) => {
    throw new Error(stdout);
  });
}

/** What wasm-bindgen's types use, and projects need not have. */
const DISPOSE = '/// <reference lib="esnext.disposable" />\n';

/** @param {string} folder  pkg/ of the package */
async function nameLibrary(folder) {
  const files = (await readdir(folder, { recursive: true })).filter((path) => path.endsWith('ddim_web.d.ts'));
  for (const file of files) await writeFile(join(folder, file), DISPOSE + (await readFile(join(folder, file), 'utf8')));
}

/** @param {string} out @returns {Promise<string>} path of the .tgz */
export async function makePackage(out) {
  const folder = resolve(out, 'package');
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await writeTypes(folder);
  const left = LEFT.map((path) => join(ROOT, path));
  for (const part of PARTS) {
    await cp(join(ROOT, part), join(folder, part), { recursive: true, filter: (path) => !left.includes(path) });
  }
  await nameLibrary(join(folder, 'pkg'));
  for (const [from, to] of Object.entries(TOP)) await cp(join(ROOT, from), join(folder, to));
  for (const path of ['npm/package.json', 'npm/README.md']) await rm(join(folder, path));
  // The one of Cargo.toml.
  const { version } = JSON.parse(await readFile(join(ROOT, 'pkg/package.json'), 'utf8'));
  const { name, ...rest } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  await writeFile(join(folder, 'package.json'), `${JSON.stringify({ name, version, ...rest }, null, 2)}\n`);
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', dirname(folder)], { cwd: folder });
  const [{ filename }] = JSON.parse(stdout);
  return join(dirname(folder), filename);
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    console.log(await makePackage(process.argv[2]));
  } catch (error) {
    console.error(`npm: ${error instanceof Error ? error.message : error}`);
    process.exit(1);
  }
}
