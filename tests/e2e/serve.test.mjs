// The two servers, that of the demo and `ddim-web serve`, without a browser: whom they answer, what they hand out, and that
// they do what static hosts do.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gunzipSync } from 'node:zlib';

import { serve } from '../../scripts/serve.mjs';
import { serveWith } from './program.mjs';

const folder = await mkdtemp(join(tmpdir(), 'serve-'));
const root = join(folder, 'root');
await mkdir(join(root, 'sub/.git'), { recursive: true });
await writeFile(join(folder, 'secret.txt'), 'secret');
await writeFile(join(root, 'sub/.git/config'), 'secret');
await writeFile(join(root, 'index.html'), 'home');
await writeFile(join(root, 'digits.txt'), '0123456789');
await writeFile(join(root, 'empty.txt'), '');
await symlink('digits.txt', join(root, 'within.txt'));
await symlink('../secret.txt', join(root, 'out.txt'));
await symlink('..', join(root, 'up'));
await symlink('sub/.git', join(root, 'hidden'));
await mkdir(join(root, 'page'));
await symlink('../../secret.txt', join(root, 'page/index.html'));
await symlink('root', join(folder, 'link'));

// The root may be a link itself.
const demo = await serve({ root: join(folder, 'link') });
const ours = await serveWith(join(folder, 'link'));
after(async () => {
  await demo.close();
  assert.equal(await ours.close(), 0, 'Ctrl-C is its ordinary end');
  await rm(folder, { recursive: true });
});

/** @param {string} url @param {Record<string, string>} headers @param {string} method @returns {Promise<{status: number|undefined, headers: import('node:http').IncomingHttpHeaders, body: string}>} */
function ask(url, headers, method) {
  return new Promise((resolve, reject) => {
    const sent = request(url, { headers, method }, async (response) => {
      let body = '';
      for await (const piece of response.setEncoding('utf8')) body += piece;
      resolve({ status: response.statusCode, headers: response.headers, body });
    });
    sent.on('error', reject).end();
  });
}

/** @typedef {(t: import('node:test').TestContext) => Promise<string>} Compressing  the address of a server that compresses */

for (const { name, url: address, compressing } of /** @type {{name: string, url: string, compressing: Compressing}[]} */ ([
  {
    name: 'scripts/serve.mjs',
    url: demo.url,
    compressing: async (t) => {
      const server = await serve({ root, gzip: true });
      t.after(() => server.close());
      return server.url;
    },
  },
  { name: 'ddim-web serve', url: ours.url, compressing: async () => ours.url },
])) {
  /** @param {string} path @param {Record<string, string>} [headers] @param {string} [method] */
  const get = (path, headers = {}, method = 'GET') => ask(address + path, headers, method);

  test(`${name}: it answers to the names of this machine and to no other, so that no foreign page reads what it serves`, async () => {
    const { port } = new URL(address);
    for (const host of ['127.0.0.1', 'localhost', 'LocalHost', '[::1]']) {
      for (const name of [host, `${host}:${port}`]) assert.equal((await get('', { host: name })).body, 'home', name);
    }
    for (const host of ['evil.example', `evil.example:${port}`, 'localhost.evil.example', '127.0.0.1.evil.example', '127.0.0.2', '[::2]', 'localhost@evil.example', 'localhost:x']) {
      const { status, body } = await get('', { host });
      assert.equal(status, 403, host);
      assert.equal(body, 'this server answers only to 127.0.0.1, localhost and [::1]\n');
    }
  });

  test(`${name}: it follows links inside of its folder, and none that leads out of it or to what is hidden`, async () => {
    assert.equal((await get('within.txt')).body, '0123456789');
    for (const path of ['out.txt', 'up/secret.txt', 'up/root/digits.txt/', 'up/', 'hidden/config', 'sub/.git/config', '%2e%2e/secret.txt', 'page/', 'nothing.txt']) {
      assert.equal((await get(path)).status, 404, path);
    }
  });

  test(`${name}: a file is unchanged if its ETag is the same, or without one its date, and not for being older`, async () => {
    const file = join(root, 'digits.txt');
    await utimes(file, 1e9, 1e9);
    const { headers } = await get('digits.txt');
    const [etag, modified] = [String(headers.etag), String(headers['last-modified'])];
    assert.equal(modified, new Date(1e12).toUTCString());
    const later = new Date(1e12 + 1e6).toUTCString();
    /** @type {[Record<string, string>, number][]} */
    const cases = [
      [{ 'if-modified-since': modified }, 304],
      [{ 'if-modified-since': later }, 200],
      [{ 'if-modified-since': new Date(1e12 - 1e6).toUTCString() }, 200],
      [{ 'if-modified-since': 'yesterday' }, 200],
      [{ 'if-none-match': etag }, 304],
      [{ 'if-none-match': `"x", W/${etag}` }, 304],
      [{ 'if-none-match': '*' }, 304],
      [{ 'if-none-match': '"x"' }, 200],
      [{ 'if-none-match': '"x"', 'if-modified-since': modified }, 200],
      [{ 'if-none-match': etag, 'if-modified-since': later }, 304],
    ];
    for (const [asked, status] of cases) {
      const answer = await get('digits.txt', asked);
      assert.equal(answer.status, status, JSON.stringify(asked));
      assert.equal(answer.body, status === 200 ? '0123456789' : '');
      assert.equal(answer.headers.etag, etag);
    }
    await utimes(file, 1e9, 1e9 + 0.5);
    assert.notEqual((await get('digits.txt')).headers.etag, etag, 'within the same second');
  });

  test(`${name}: a part of a file is sent alone, and one that is not there is refused`, async () => {
    const { headers } = await get('digits.txt');
    assert.equal(headers['accept-ranges'], 'bytes');
    for (const [range, body, content] of [
      ['bytes=0-0', '0', 'bytes 0-0/10'],
      ['bytes=2-4', '234', 'bytes 2-4/10'],
      ['bytes=7-', '789', 'bytes 7-9/10'],
      ['bytes=7-100', '789', 'bytes 7-9/10'],
      ['bytes=-3', '789', 'bytes 7-9/10'],
      ['bytes=-100', '0123456789', 'bytes 0-9/10'],
    ]) {
      const part = await get('digits.txt', { range });
      assert.deepEqual([part.status, part.body, part.headers['content-range'], part.headers['content-length']], [206, body, content, String(body.length)], range);
    }
    for (const range of ['bytes=10-', 'bytes=99-100', 'bytes=-0']) {
      const none = await get('digits.txt', { range });
      assert.deepEqual([none.status, none.headers['content-range']], [416, 'bytes */10'], range);
    }
    assert.equal((await get('empty.txt', { range: 'bytes=0-' })).status, 416);
    for (const range of ['bytes=0-1,3-4', 'bytes=4-2', 'bytes=-', 'bytes=a-b', 'lines=0-1', 'bytes=0x1-2']) {
      const whole = await get('digits.txt', { range });
      assert.deepEqual([whole.status, whole.body], [200, '0123456789'], range);
    }
    for (const [version, status] of /** @type {[string, number][]} */ ([
      [String(headers.etag), 206],
      [String(headers['last-modified']), 206],
      ['"x"', 200],
    ])) {
      assert.equal((await get('digits.txt', { range: 'bytes=0-0', 'if-range': version })).status, status);
    }
    const head = await get('digits.txt', { range: 'bytes=0-0' }, 'HEAD');
    assert.deepEqual([head.status, head.headers['content-length']], [200, '10']);
  });

  test(`${name}: where it is asked to, it compresses text for those who can unpack it, and the file stays the same version`, async (t) => {
    const url = `${await compressing(t)}digits.txt`;
    /** @param {Record<string, string>} headers @returns {Promise<{headers: import('node:http').IncomingHttpHeaders, body: Buffer, status: number|undefined}>} */
    const raw = (headers) =>
      new Promise((resolve, reject) => {
        request(url, { headers }, async (response) => {
          const pieces = [];
          for await (const piece of response) pieces.push(piece);
          resolve({ headers: response.headers, body: Buffer.concat(pieces), status: response.statusCode });
        }).on('error', reject).end();
      });
    const packed = await raw({ 'accept-encoding': 'br, gzip' });
    assert.equal(packed.headers['content-encoding'], 'gzip');
    assert.equal(gunzipSync(packed.body).toString(), '0123456789');
    const plain = await raw({});
    assert.deepEqual([plain.headers['content-encoding'], plain.body.toString()], [undefined, '0123456789']);
    assert.equal(packed.headers.etag, `W/${plain.headers.etag}`);
    assert.equal((await raw({ 'accept-encoding': 'gzip', 'if-none-match': String(packed.headers.etag) })).status, 304);
    assert.equal((await raw({ 'accept-encoding': 'gzip', range: 'bytes=0-0' })).body.toString(), '0');
  });
}
