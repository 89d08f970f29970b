// The page as a folder to publish: what scripts/site does. It copies the page, with small scripts and style sheets, and
// writes what only a published site has: the list of files for its service worker, and absolute addresses for those who
// show a link to it.

import { createHash } from 'node:crypto';
import { cp, mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { basename, extname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { findShrink } from './shrink.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/**
 * What the page consists of, where the service worker's code is, which works at the top of a site only, and which files it
 * keeps: by their ending, without those apart, and `later` once they have been used (large, or for other pages). Weights are kept by
 * www/engine/weights.js. `ddim-web publish` goes by the same rules.
 * @type {{parts: string[], worker: string, kept: string[], apart: string[], later: string[]}}
 */
const { parts: PARTS, worker: WORKER, kept: KEPT, apart: APART, later: LATER } = JSON.parse(await readFile(join(ROOT, 'src/site/rules.json'), 'utf8'));

/** @param {string} path */
const keeps = (path) => KEPT.includes(extname(path).slice(1)) && !APART.includes(path);

/** The picture for those who show a link. */
const CARD = 'www/style/card.png';

/** The style sheets that index.html names one after the other, and the one that they become: each would be waited for. */
const SHEETS = /(?:^ *<link rel="stylesheet" href="www\/style\/[\w-]+\.css">\n){2,}/m;
const SHEET = 'www/style/all.css';

/** @param {string} folder @returns {Promise<string[]>} paths of its files, with slashes, sorted */
async function filesUnder(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath ?? entry.path, entry.name));
  return files.map((file) => file.slice(folder.length + 1).replaceAll('\\', '/')).sort();
}

/** @param {Buffer|string} data @returns {string} as in `integrity` */
const checksum = (data) => `sha256-${createHash('sha256').update(data).digest('base64')}`;

/** @param {string} html @param {string|undefined} url  where it will be, with a slash at its end */
function published(html, url) {
  const worker = '<meta name="service-worker" content="sw.js">';
  const tags = html.includes(worker) ? [] : [worker];
  let page = html;
  if (url) {
    page = page.replaceAll(`content="${CARD}"`, `content="${url}${CARD}"`);
    tags.push(`<link rel="canonical" href="${url}">`, `<meta property="og:url" content="${url}">`);
  }
  return page.replace('  </head>', `${tags.map((tag) => `    ${tag}\n`).join('')}  </head>`);
}

/** @param {string} folder  the site */
async function joinSheets(folder) {
  const index = join(folder, 'index.html');
  const html = await readFile(index, 'utf8');
  const [tags] = SHEETS.exec(html) ?? [];
  if (!tags) return;
  let all = '';
  for (const [, path] of tags.matchAll(/href="(.*?)"/g)) {
    all += await readFile(join(folder, path), 'utf8');
    await rm(join(folder, path));
  }
  await writeFile(join(folder, SHEET), all);
  await writeFile(index, html.replace(tags, `    <link rel="stylesheet" href="${SHEET}">\n`));
}

/** @param {string} folder  the site @param {import('./shrink.mjs').Shrink} shrink */
async function shrinkAll(folder, shrink) {
  const paths = (await filesUnder(folder)).filter((path) => /\.(js|css)$/.test(path));
  await Promise.all(paths.map(async (path) => writeFile(join(folder, path), await shrink(path, await readFile(join(folder, path), 'utf8')))));
}

/** @param {string} out @throws {Error} when something else is there */
async function makeRoom(out) {
  const there = await readdir(out).catch(() => /** @type {string[]} */ ([]));
  if (there.length > 0 && !(there.includes('sw.js') && there.includes('index.html'))) throw new Error(`${out} holds something else; name a new folder`);
  await rm(out, { recursive: true, force: true });
  await mkdir(out, { recursive: true });
}

/**
 * The service worker of the page in a folder, with the list of its files before it.
 * @param {string} folder @param {string} code  of the worker
 */
export async function workerOf(folder, code) {
  /** @type {Record<string, string>} */
  const files = {};
  /** @type {string[]} */
  const others = [];
  const paths = await Promise.all(PARTS.map(async (part) => (part.includes('.') ? [part] : (await filesUnder(join(folder, part))).map((path) => `${part}/${path}`))));
  for (const path of paths.flat().sort()) {
    if (path === WORKER || path.split('/').some((name) => name.startsWith('.'))) continue;
    if (keeps(path)) files[path === 'index.html' ? './' : path] = checksum(await readFile(join(folder, path)));
    else others.push(path);
  }
  const version = createHash('sha256').update(JSON.stringify(files)).update(code).digest('hex').slice(0, 16);
  return { version, files, script: `self.SITE = ${JSON.stringify({ version, files, later: LATER, others })};\n${code}` };
}

/**
 * @param {string} out  a new folder, or one that this made before
 * @param {{url?: string, root?: string, plain?: boolean}} [options]  where it will be published; where the page is; whether
 *   its scripts and style sheets stay as they are
 * @returns {Promise<{version: string, files: Record<string, string>, small: boolean}>}  whether scripts and style sheets are small
 */
export async function makeSite(out, { url, root = ROOT, plain = false } = {}) {
  const folder = resolve(out);
  const address = url && new URL(url.endsWith('/') ? url : `${url}/`).href;
  await makeRoom(folder);
  for (const part of PARTS) {
    await cp(join(root, part), join(folder, part), { recursive: true, filter: (path) => !basename(path).startsWith('.') });
  }
  await rm(join(folder, WORKER));
  const index = join(folder, 'index.html');
  await writeFile(index, published(await readFile(index, 'utf8'), address));
  if (!plain) await joinSheets(folder);
  const shrink = plain ? null : await findShrink();
  if (shrink) await shrinkAll(folder, shrink);

  const { version, files, script } = await workerOf(folder, await readFile(join(root, WORKER), 'utf8'));
  await writeFile(join(folder, 'sw.js'), script);
  return { version, files, small: shrink !== null };
}

/** @param {number} code @param {unknown} error @returns {never} */
function exit(code, error) {
  console.error(`site: ${error instanceof Error ? error.message : error}`);
  process.exit(code);
}

/** The command line. */
function read() {
  try {
    const { values, positionals } = parseArgs({ options: { url: { type: 'string' } }, allowPositionals: true });
    if (positionals.length !== 1) throw new Error('name one folder (see scripts/site --help)');
    const { url } = values;
    if (url !== undefined && !/^https?:\/\/[^\s"<>]+$/.test(url)) throw new Error(`--url must be the address of the site, beginning with https://, not ${url}`);
    return { out: positionals[0], url };
  } catch (error) {
    return exit(2, error);
  }
}

async function main() {
  const { out, url } = read();
  const { version, files, small } = await makeSite(out, { url }).catch((error) => exit(1, error));
  const first = Object.keys(files).filter((path) => !LATER.some((folder) => path.startsWith(folder)));
  const sizes = await Promise.all(first.map(async (path) => (await stat(join(out, path === './' ? 'index.html' : path))).size));
  console.log(`${out}: version ${version}; ${first.length} files, ${(sizes.reduce((a, b) => a + b, 0) / 1e6).toFixed(1)} MB, are kept for use without a network`);
  if (!small) console.log('Comments and blanks are in it: esbuild, which leaves them out, is not installed (npm ci).');
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) await main();
