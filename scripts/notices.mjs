// Prints what is compiled into the packages of pkg/ beside this project's own code, under which licences, and their
// texts: for people who publish those files. scripts/build writes it to pkg/NOTICES.txt.
//
//   node scripts/notices.mjs

import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Folder of pkg/ -> features of the crate that it is built with; the same as in scripts/build. */
const PACKAGES = {
  'pkg/': 'network,cpu,gpu',
  'pkg/cpu/': 'network,cpu',
  'pkg/webgpu/': 'network,gpu',
  'pkg/burn/': 'network,cpu,burn-gpu',
  'pkg/training/': 'training,cpu,gpu',
  'pkg/training/cpu/': 'training,cpu',
  'pkg/training/webgpu/': 'training,gpu',
  'pkg/figures/': 'figures',
};

/** @typedef {{id: string, name: string, version: string, license: string|null, manifest_path: string}} Crate */

/** @param {string[]} args */
const cargo = (...args) => execFileSync('cargo', args, { encoding: 'utf8', maxBuffer: 1 << 28 });

/** @type {Map<string, Crate>} */
const crates = new Map(
  JSON.parse(cargo('metadata', '--format-version', '1', '--locked', '--all-features', '--filter-platform', 'wasm32-unknown-unknown'))
    .packages.map((/** @type {Crate} */ crate) => [`${crate.name} v${crate.version}`, crate]),
);

/**
 * The crates whose code a build with `features` contains. Macros run in the compiler; what they write is the work of
 * those who use them.
 * @param {string} features @returns {Crate[]}
 */
function compiled(features) {
  const graph = ['--edges', 'normal,no-proc-macro', '--target', 'wasm32-unknown-unknown'];
  const out = cargo('tree', '--locked', ...graph, '--no-default-features', '--features', features, '--prefix', 'none', '--format', '{p}');
  const names = new Set(out.split('\n').map((line) => line.split(' ').slice(0, 2).join(' ')).filter((name) => name && !name.startsWith('ddim-web ')));
  return [...names].map((name) => {
    const crate = crates.get(name);
    if (!crate) throw new Error(`cargo metadata does not know ${name}`);
    return crate;
  });
}

/** Texts of licences and notices that come with a crate; of those to choose from MIT's alone. @param {Crate} crate */
function textsOf({ license, manifest_path: manifest }) {
  const folder = dirname(manifest);
  const names = readdirSync(folder).filter((name) => /^(licen[cs]e|copying|notice|copyright|unlicense)/i.test(name)).sort();
  const chosen = /\bMIT\b/.test(license ?? '') && !/\bAND\b/.test(license ?? '') ? names.filter((name) => /mit/i.test(name)) : [];
  return (chosen.length > 0 ? chosen : names).flatMap((name) => {
    try {
      return [readFileSync(join(folder, name), 'utf8').replaceAll('\r\n', '\n').trim()];
    } catch {
      return []; // a folder
    }
  });
}

/** @type {Map<string, {crate: Crate, where: string[]}>} */
const all = new Map();
for (const [where, features] of Object.entries(PACKAGES)) {
  for (const crate of compiled(features)) {
    const entry = all.get(crate.id) ?? { crate, where: [] };
    entry.where.push(where);
    all.set(crate.id, entry);
  }
}
const entries = [...all.values()].sort((a, b) => `${a.crate.name} ${a.crate.version}`.localeCompare(`${b.crate.name} ${b.crate.version}`, 'en'));
/** @type {Map<string, string[]>} */
const texts = new Map();
for (const { crate } of entries) {
  for (const text of textsOf(crate)) texts.set(text, [...(texts.get(text) ?? []), `${crate.name} ${crate.version}`]);
}

const lines = [
  'What is compiled into the WebAssembly modules of this folder beside ddim-web (MIT OR Apache-2.0) and the standard',
  'library of Rust (MIT OR Apache-2.0, https://github.com/rust-lang/rust). The source of each crate, as it was used, is at',
  'https://crates.io/crates/NAME/VERSION.',
  '',
  ...entries.map(({ crate, where }) => `${crate.name} ${crate.version}: ${crate.license ?? 'see its text below'}; in ${where.join(', ')}`),
  '',
  ...[...texts].flatMap(([text, names]) => ['-'.repeat(80), names.join(', '), '', text, '']),
];
process.stdout.write(`${lines.join('\n')}\n`);
