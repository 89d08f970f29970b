// The program ddim-web for tests that compare the page with it, or serve with it. scripts/test --native has built it.

import { execFile, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

import { ROOT } from './demo.mjs';

const execute = promisify(execFile);

/** @type {Promise<string>|undefined} */
let built;

/** Where it is, once it is as its sources are. @returns {Promise<string>} */
export function program() {
  built ??= execute('cargo', ['build', '--quiet', '--bin', 'ddim-web', '--no-default-features', '--features', 'cli'], { cwd: ROOT })
    .then(() => join(process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target'), 'debug/ddim-web'));
  return built;
}

/** Runs it to its end. @param {...string} args @returns {Promise<string>} what it says on standard output */
export async function ddimWeb(...args) {
  const { stdout } = await execute(await program(), args, { cwd: ROOT });
  return stdout;
}

/**
 * `ddim-web serve`.
 * @param {string} folder
 * @returns {Promise<{url: string, close: () => Promise<number|null>}>}  `close` is Ctrl-C, and gives the exit code
 */
export async function serveWith(folder) {
  const child = spawn(await program(), ['serve', folder, '--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve, reject) => child.on('exit', resolve).on('error', reject));
  for await (const line of createInterface(child.stdout)) {
    const [url] = /^http:\S+/.exec(line) ?? [];
    if (!url) throw new Error(`expected an address, found ${line}`);
    return {
      url,
      close: async () => {
        child.kill('SIGINT');
        return ended;
      },
    };
  }
  throw new Error('ddim-web serve ended at once');
}
