// What is printed: a JSON line per case, and a table of us beside the others.
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

/** @typedef {import('./cases.mjs').Case} Case */

/** Two digits after the point are enough of a number; other things stay as they are. @template T @param {T} value @returns {T} */
const round = (value) => (typeof value === 'number' ? /** @type {T & number} */ (Math.round(value * 100) / 100) : value);

/** Bytes of the files that a browser downloads, for each of the builds. @returns {object[]} */
export function transferSizes() {
  return ['', 'cpu/', 'cpu/relaxed/', 'webgpu/', 'burn/', 'training/', 'training/cpu/', 'training/cpu/relaxed/', 'training/webgpu/', 'figures/'].map((folder) => {
    const names = ['ddim_web_bg.wasm', 'ddim_web.js'].map((name) => `pkg/${folder}${name}`);
    const files = names.map((name) => readFileSync(new URL(`../../${name}`, import.meta.url)));
    /** @param {number[]} sizes */
    const sum = (sizes) => sizes.reduce((a, b) => a + b, 0);
    return {
      case: 'transfer',
      files: names,
      raw_bytes: sum(files.map((file) => file.length)),
      gzip_bytes: sum(files.map((file) => gzipSync(file, { level: 9 }).length)),
    };
  });
}

/** The line of a case: fields that it does not have are left out. @param {Case} entry @param {Record<string, any>} result @param {number} runs */
export function line({ run, ...about }, result, runs) {
  const { minMs, medianMs, initMs, loadMs, firstForwardMs, dispatches, submits, maxAbsDiff, ...more } = result;
  const onGpu = about.device === 'webgpu';
  const rest = Object.fromEntries(Object.entries(more).filter(([key]) => key !== 'output').map(([key, value]) => [snake(key), round(value)]));
  return {
    ...about,
    runs,
    min_ms: round(minMs),
    median_ms: round(medianMs),
    ...(onGpu && { dispatches: round(dispatches), submits: round(submits) }),
    init_ms: round(initMs),
    load_ms: round(loadMs),
    first_forward_ms: round(firstForwardMs),
    max_abs_diff: maxAbsDiff,
    ...rest,
  };
}

/** @param {string} key */
const snake = (key) => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** The others beside ddim-web for the same network, device and batch; below 1 we are faster. @param {ReturnType<typeof line>[]} lines */
export function ratioTable(lines) {
  const rows = [['architecture', 'device', 'batch', 'ddim-web', 'ms', 'other', 'threads', 'ms', 'ratio']];
  const ours = lines.filter((l) => l.engine === 'ddim-web');
  for (const other of lines.filter((l) => l.engine !== 'ddim-web')) {
    /** @param {typeof other} l */
    const same = (l) => l.architecture === other.architecture && l.device === other.device && l.batch === other.batch;
    for (const own of ours.filter(same)) {
      const ratio = (own.median_ms / other.median_ms).toFixed(2);
      const name = [own.build, own.simd, (own.threads ?? 1) > 1 && own.device === 'cpu' ? `${own.threads} workers` : ''].filter(Boolean).join(', ');
      rows.push(
        [own.architecture, own.device, own.batch, name, own.median_ms, other.engine, other.threads, other.median_ms, ratio].map(String),
      );
    }
  }
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column])).join('  ').trimEnd()).join('\n');
}
