// A static file server for the demo, the tests and the benchmark: the page needs no more than what GitHub Pages
// gives it, so neither does this. It listens on 127.0.0.1 only, which browsers treat as a secure origin (WebGPU).

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { spawn } from 'node:child_process';
import { extname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

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
  '.webp': 'image/webp',
  '.woff2': 'font/woff2',
};

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

/** @param {Request} request @param {Response} response @param {string} root @param {string} base @param {Record<string, string>} headers */
async function answer(request, response, root, base, headers) {
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
  // Whoever is served a folder of a repository has no business in .git, in .., or beyond a NUL.
  const segments = path.slice(base.length).split('/');
  if (segments.some((segment) => segment.startsWith('.') || /[\\\0]/.test(segment))) return missing();

  let file = join(root, ...segments);
  let info = await stat(file).catch(() => null);
  if (info?.isDirectory()) {
    if (!path.endsWith('/')) {
      const name = encodeURIComponent(segments.at(-1) ?? '');
      return reply(response, 301, 'moved', { Location: `${name}/${query === undefined ? '' : `?${query}`}` });
    }
    file = join(file, 'index.html');
    info = await stat(file).catch(() => null);
  } else if (path.endsWith('/')) {
    return missing();
  }
  if (!info?.isFile()) return missing();

  // A rebuilt pkg/ must not meet an old page: browsers ask every time, and are told when nothing changed.
  // Whole seconds, as the header has them.
  const modified = Math.floor(info.mtimeMs / 1000) * 1000;
  const shared = { 'Cache-Control': 'no-cache', 'Last-Modified': new Date(modified).toUTCString(), ...headers };
  if (Date.parse(request.headers['if-modified-since'] ?? '') >= modified) {
    response.writeHead(304, shared);
    return response.end();
  }
  response.writeHead(200, {
    'Content-Type': TYPES[extname(file).toLowerCase()] ?? 'application/octet-stream',
    'Content-Length': info.size,
    'X-Content-Type-Options': 'nosniff',
    ...shared,
  });
  if (request.method === 'HEAD') return response.end();
  await pipeline(createReadStream(file), response);
}

/**
 * Serves the folder `root` under the path `base` (such as "/" or "/name/") on 127.0.0.1. Port 0 is any free one.
 * `headers` are added to every file. Resolves to the address and a function that stops the server; rejects when the port is taken.
 */
export async function serve({ root = '.', port = 0, base = '/', headers = {} } = {}) {
  const folder = resolve(root);
  if (!(await stat(folder).catch(() => null))?.isDirectory()) throw new Error(`${folder} is not a folder`);
  if (!base.startsWith('/') || !base.endsWith('/')) throw new Error(`the base path must begin and end with /: ${base}`);
  const server = createServer((request, response) => {
    answer(request, response, folder, base, headers).catch(() => response.destroy()); // the browser went away, or the file did
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
