// A static file server for the demo, the tests and the benchmark: the page needs no more than what GitHub Pages
// gives it, so neither does this. It listens on 127.0.0.1 only, which browsers treat as a secure origin (WebGPU), and
// serves nobody who calls it by another name than this machine's own.

import { createReadStream } from 'node:fs';
import { readFile, realpath, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { spawn } from 'node:child_process';
import { extname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createGzip } from 'node:zlib';

/** @type {Record<string, string>} */
const TYPES = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.jpg': 'image/jpeg',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.md': 'text/markdown; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.png': 'image/png',
  '.safetensors': 'application/octet-stream',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
  '.webp': 'image/webp',
  '.woff2': 'font/woff2',
};

/** Types that static hosts compress. */
const COMPRESSIBLE = /^(text\/|image\/svg|application\/(json|manifest|wasm))/;

/**
 * @typedef {import('node:http').IncomingMessage} Request
 * @typedef {import('node:http').ServerResponse} Response
 */

/**
 * An answer without a file: one line of text.
 * @param {Response} response @param {number} status @param {string} text @param {Record<string, string>} [headers]
 */
function reply(response, status, text, headers = {}) {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-cache', ...headers });
  response.end(`${text}\n`);
}

/**
 * The list of a page's files, which a site has in its sw.js, of the repository: the page makes pages of models by it, and
 * without a line in index.html it is no service worker.
 * @param {string} root @returns {Promise<string|null>} null for any other folder
 */
async function listOfPage(root) {
  const code = await readFile(join(root, 'www/sw.js'), 'utf8').catch(() => null);
  if (code === null) return null;
  const { workerOf } = await import('./site.mjs');
  return (await workerOf(root, code)).script;
}

/** Names of this machine. A foreign name that leads here is a page that wants to read what is served (DNS rebinding). */
const OWN_HOST = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/i;

/** A part of a path that is nobody's business: .git, .., or what holds a NUL or a slash of Windows. @param {string} segment */
const isHidden = (segment) => segment.startsWith('.') || /[\\\0]/.test(segment);

/**
 * Where a file really is, once links are followed.
 * @param {string} file @param {string} root
 * @returns {Promise<string|null>} null for what is not there, not under the root, or hidden
 */
async function placeOf(file, root) {
  const real = await realpath(file).catch(() => null);
  if (real === null) return null;
  const inside = relative(root, real);
  return isAbsolute(inside) || inside.split(sep).some(isHidden) ? null : real;
}

/**
 * Whether the browser has the file already. The same file has the same ETag and date; one that is merely older is
 * another, as after a step back in a repository.
 * @param {import('node:http').IncomingHttpHeaders} asked @param {string} etag @param {string} modified
 */
function isKnown(asked, etag, modified) {
  const tags = asked['if-none-match'];
  if (tags === undefined) return asked['if-modified-since'] === modified;
  return tags.split(',').some((tag) => ['*', etag].includes(tag.trim().replace(/^W\//, '')));
}

/**
 * The one part of a file that is asked for.
 * @param {import('node:http').IncomingHttpHeaders} asked @param {number} size @param {string} etag @param {string} modified
 * @returns {{start: number, end: number}|'none'|null} both ends belong to it; `none` where the file has no such part, and
 *   null where the whole is sent: several parts are asked for, or a part of another version
 */
function partOf(asked, size, etag, modified) {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(asked.range ?? '') ?? [];
  const version = asked['if-range'];
  if (!first && !last) return null;
  if (version !== undefined && version !== etag && version !== modified) return null;
  if (first && last && Number(first) > Number(last)) return null;
  const start = first ? Number(first) : Math.max(0, size - Number(last));
  const end = first && last ? Math.min(Number(last), size - 1) : size - 1;
  return start <= end ? { start, end } : 'none';
}

/** @param {Request} request @param {Response} response @param {string} root @param {string} base @param {Record<string, string>} headers @param {boolean} gzip */
async function answer(request, response, root, base, headers, gzip) {
  if (!OWN_HOST.test(request.headers.host ?? '')) {
    return reply(response, 403, 'this server answers only to 127.0.0.1, localhost and [::1]');
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return reply(response, 405, 'only GET and HEAD', { Allow: 'GET, HEAD' });
  }
  const [rawPath, query] = (request.url ?? '').split(/\?(.*)/s);
  let path;
  try {
    path = decodeURIComponent(rawPath);
  } catch {
    return reply(response, 400, 'the address is not valid percent-encoding');
  }
  const missing = () => reply(response, 404, `not found: ${rawPath}`);
  if (!path.startsWith(base)) return missing();
  const segments = path.slice(base.length).split('/');
  if (segments.some(isHidden)) return missing();

  let file = await placeOf(join(root, ...segments), root);
  let info = file && (await stat(file).catch(() => null));
  if (file && info && info.isDirectory()) {
    if (!path.endsWith('/')) {
      const name = encodeURIComponent(segments.at(-1) ?? '');
      return reply(response, 301, 'moved', { Location: `${name}/${query === undefined ? '' : `?${query}`}` });
    }
    file = await placeOf(join(file, 'index.html'), root);
    info = file && (await stat(file).catch(() => null));
  } else if (path.endsWith('/')) {
    return missing();
  }
  if (!file || !info || !info.isFile()) {
    const script = segments.join('/') === 'sw.js' ? await listOfPage(root) : null;
    if (script === null) return missing();
    response.writeHead(200, { 'Content-Type': TYPES['.js'], 'Cache-Control': 'no-cache', ...headers });
    return response.end(script);
  }

  // A rebuilt pkg/ must not meet an old page: browsers ask every time, and are told when nothing changed.
  const { size } = info;
  const modified = info.mtime.toUTCString();
  const etag = `"${Math.round(info.mtimeMs * 1000).toString(16)}-${size.toString(16)}"`;
  const shared = { 'Cache-Control': 'no-cache', 'Last-Modified': modified, ETag: etag, 'Accept-Ranges': 'bytes', ...headers };
  if (isKnown(request.headers, etag, modified)) {
    response.writeHead(304, shared);
    return response.end();
  }
  const part = request.method === 'GET' ? partOf(request.headers, size, etag, modified) : null;
  if (part === 'none') return reply(response, 416, `the file has ${size} bytes`, { 'Content-Range': `bytes */${size}` });
  const type = TYPES[extname(file).toLowerCase()] ?? 'application/octet-stream';
  const compressed = gzip && !part && COMPRESSIBLE.test(type) && /\bgzip\b/.test(String(request.headers['accept-encoding']));
  response.writeHead(part ? 206 : 200, {
    'Content-Type': type,
    'X-Content-Type-Options': 'nosniff',
    ...(part && { 'Content-Range': `bytes ${part.start}-${part.end}/${size}` }),
    ...shared,
    ...(compressed ? { 'Content-Encoding': 'gzip', Vary: 'Accept-Encoding', ETag: `W/${etag}` } : { 'Content-Length': part ? part.end - part.start + 1 : size }),
  });
  if (request.method === 'HEAD') return response.end();
  const content = createReadStream(file, part ?? {});
  await (compressed ? pipeline(content, createGzip(), response) : pipeline(content, response));
}

/**
 * Serves the folder `root` under the path `base` (such as "/" or "/name/") on 127.0.0.1. Port 0 is any free one.
 * `headers` are added to every file; `gzip` compresses what static hosts do. Resolves to the address and a function that stops the server; rejects when the port is taken.
 */
export async function serve({ root = '.', port = 0, base = '/', headers = {}, gzip = false } = {}) {
  const folder = await realpath(root).catch(() => resolve(root));
  if (!(await stat(folder).catch(() => null))?.isDirectory()) throw new Error(`${folder} is not a folder`);
  if (!base.startsWith('/') || !base.endsWith('/')) throw new Error(`the base path must begin and end with /: ${base}`);
  const server = createServer((request, response) => {
    answer(request, response, folder, base, headers, gzip).catch(() => response.destroy()); // the browser went away, or the file did
  });
  await new Promise((done, failed) => {
    server.once('error', failed);
    server.listen(port, '127.0.0.1', () => done(undefined));
  });
  const { port: taken } = /** @type {import('node:net').AddressInfo} */ (server.address());
  const close = () =>
    new Promise((done) => {
      server.close(done);
      server.closeAllConnections();
    });
  return { url: `http://127.0.0.1:${taken}${base}`, close };
}

const USAGE = `node scripts/serve.mjs [options]
  --root DIR     folder to serve                              [.]
  --port N       port on 127.0.0.1; 0 is any free one         [8080, or a free one if that is taken]
  --base PATH    path that the folder appears under           [/]
  --open         open the address in the desktop's browser, where there is a desktop
  --help`;

/** Opens the address if somebody sits in front of this machine; a failure to do so is not one of the server's. @param {string} url */
function openInBrowser(url) {
  const mac = process.platform === 'darwin';
  if (process.env.SSH_CONNECTION || !(mac || process.env.DISPLAY || process.env.WAYLAND_DISPLAY)) return;
  spawn(mac ? 'open' : 'xdg-open', [url], { stdio: 'ignore', detached: true })
    .on('error', () => {})
    .unref();
}

/** @param {number} code @param {string} message @returns {never} */
function exit(code, message) {
  console.error(`serve: ${message}`);
  process.exit(code);
}

/** The command line. */
function read() {
  const string = /** @type {const} */ ({ type: 'string' });
  const boolean = /** @type {const} */ ({ type: 'boolean', default: false });
  try {
    return parseArgs({ options: { root: string, port: string, base: string, open: boolean, help: boolean } }).values;
  } catch (error) {
    return exit(2, `${error instanceof Error ? error.message : error}\n${USAGE}`);
  }
}

/** What happened, where the system has a name for it. @param {unknown} error */
function codeOf(error) {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

async function main() {
  const options = read();
  if (options.help) return console.log(USAGE);
  if (options.port !== undefined && !(/^\d{1,5}$/.test(options.port) && Number(options.port) < 65536)) {
    exit(2, `--port must be a number from 0 to 65535, not ${options.port}`);
  }
  const { root, base } = options;
  /** @type {Awaited<ReturnType<typeof serve>>} */
  let server;
  try {
    server = await serve({ root, base, port: Number(options.port ?? 8080) }).catch((error) => {
      if (codeOf(error) !== 'EADDRINUSE' || options.port !== undefined) throw error;
      console.log('Port 8080 is taken; using another one.');
      return serve({ root, base, port: 0 });
    });
  } catch (error) {
    /** @type {Record<string, string|undefined>} */
    const reasons = { EADDRINUSE: 'is taken', EACCES: 'needs more rights' };
    const reason = reasons[codeOf(error)];
    exit(1, reason ? `port ${options.port} ${reason}: choose another with --port` : error instanceof Error ? error.message : String(error));
  }
  console.log(`${server.url}   (Ctrl-C stops it)`);
  if (options.open) openInBrowser(server.url);
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) await main();
