// A server of another origin, which has models and every fault that such servers have.

import { readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';

import { ROOT } from './demo.mjs';

/**
 * @typedef {object} Fault  of the next answers about files whose path matches
 * @property {RegExp} path
 * @property {number} [times]  so many answers; all without
 * @property {number} [status]  instead of the file
 * @property {string} [location]  where it leads
 * @property {string} [body]  instead of the file's
 * @property {string} [type]  of that
 * @property {boolean} [closed]  whether other pages may not read it
 * @property {number} [breaks]  the connection, after so many bytes
 * @property {number} [ends]  early, after so many bytes, as if that was all
 * @property {number} [stalls]  after so many bytes
 * @property {number} [claims]  so many bytes, whatever there is
 * @property {boolean} [whole]  whether it knows nothing of parts
 * @property {boolean} [closedInParts]  whether whoever asks for a part gets no answer
 * @property {string} [etag]  another version
 */

export class Elsewhere {
  /** Method, path and `Range` of all requests. @type {string[]} */
  asked = [];
  /** @type {Fault[]} */
  faults = [];
  /** Files that are on no disk, by path. @type {Record<string, Buffer|string>} */
  files = {};

  /** @param {string} folder  whose files it has, under the repository's */
  constructor(folder) {
    this.folder = folder;
    this.server = createServer((request, response) => this.#answer(request, response).catch(() => response.destroy()));
  }

  /** @returns {Promise<string>} its address */
  async start() {
    await new Promise((resolve) => this.server.listen(0, '127.0.0.1', () => resolve(undefined)));
    return `http://127.0.0.1:${/** @type {import('node:net').AddressInfo} */ (this.server.address()).port}/`;
  }

  stop() {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }

  /** @param {string} path */
  #faultOf(path) {
    const found = this.faults.find((fault) => fault.path.test(path) && fault.times !== 0);
    if (found?.times) found.times -= 1;
    return found;
  }

  /** @param {string} path @returns {Promise<Buffer|null>} */
  async #file(path) {
    if (path in this.files) return Buffer.from(this.files[path]);
    const file = join(ROOT, this.folder, path);
    return (await stat(file).catch(() => null))?.isFile() ? readFile(file) : null;
  }

  /** @param {import('node:http').IncomingMessage} request @param {import('node:http').ServerResponse} response */
  async #answer({ method, url = '/', headers }, response) {
    const path = decodeURIComponent(url.slice(1).split('?')[0]);
    this.asked.push([method, path, headers.range].filter(Boolean).join(' '));
    const fault = method === 'GET' ? this.#faultOf(path) : this.faults.find((each) => each.path.test(path) && (each.status ?? each.location ?? each.closed ?? each.type));
    if (!fault?.closed) response.setHeader('Access-Control-Allow-Origin', '*').setHeader('Access-Control-Expose-Headers', 'ETag, Content-Range');
    if (fault?.closedInParts && headers.range) return response.destroy();
    if (fault?.location) return response.writeHead(302, { Location: fault.location }).end();
    if (fault?.status) return response.writeHead(fault.status).end('no');
    const file = fault?.body !== undefined ? Buffer.from(fault.body) : await this.#file(path);
    if (!file) return response.writeHead(404).end('no');
    response.setHeader('ETag', fault?.etag ?? '"1"').setHeader('Content-Type', fault?.type ?? 'application/octet-stream');
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '') ?? [];
    const part = from !== undefined && !fault?.whole;
    const start = part ? Number(from) : 0;
    const end = part && to ? Math.min(Number(to) + 1, file.length) : file.length;
    if (start >= file.length && part) return response.writeHead(416).end();
    const size = fault?.claims ?? file.length;
    if (part) response.setHeader('Content-Range', `bytes ${start}-${end - 1}/${size}`);
    const cut = fault?.breaks ?? fault?.ends ?? fault?.stalls;
    // Without a length an early end looks like the end.
    if (fault?.ends === undefined) response.setHeader('Content-Length', fault?.claims ?? end - start);
    response.writeHead(part ? 206 : 200);
    if (method === 'HEAD') return response.end();
    if (cut === undefined) return response.end(file.subarray(start, end));
    await new Promise((resolve) => response.write(file.subarray(start, Math.min(start + cut, end)), resolve));
    if (fault?.stalls !== undefined) return undefined;
    if (fault?.ends !== undefined) return response.end();
    // What was written is on its way.
    setTimeout(() => response.destroy(), 20);
    return undefined;
  }
}
