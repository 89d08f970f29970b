// Numbers, failures and devices as people read them.

import { Failure, few, oneLine } from '../engine/errors.js';

/** @param {number} count @param {string} noun */
export function plural(count, noun) {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** @param {number} bytes */
export function megabytes(bytes) {
  return (bytes / 1e6).toFixed(1);
}

/** @param {number} ms */
export function milliseconds(ms) {
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}

/** @param {number} ms */
export function duration(ms) {
  const seconds = ms / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A notice has one line: of a file full of unknown keys it names the first few. */
const MAX_NAMED_KEYS = 6;

/** @param {string} file @param {string[]} keys  what the engine did not know in it */
export function ignored(file, keys) {
  return `Ignored in ${file}: ${few(keys, MAX_NAMED_KEYS)}.`;
}

/**
 * What the network runs on.
 * @param {import('../engine/client.js').Loaded} loaded @param {number} workers  that share a batch
 */
export function adapterLine({ info, adapter }, workers) {
  const device = info.device === 'webgpu' ? 'WebGPU' : 'CPU';
  const parts = adapter.toLowerCase().startsWith(info.device) ? [adapter] : [device, adapter];
  if (workers > 1) parts.push(`${workers} cores`);
  return parts.filter(Boolean).join(' · ');
}

/**
 * A failure as the status line tells it, with what one can do about it on this page.
 * @param {unknown} error  a sentence of its own unless it is a Failure
 * @param {'load'|'run'|'crash'} during
 */
export function sentenceOf(error, during) {
  if (!(error instanceof Failure)) return oneLine(error);
  const { kind, message } = error;
  if (kind === 'start') return `The engine could not be started (${message}); reload the page to try again.`;
  if (during === 'crash') {
    const what = kind === 'lost' ? 'The graphics card stopped working for this page' : 'The engine crashed';
    return `${what} (${message}). Reload the model to go on.`;
  }
  if (kind === 'crash' && during === 'run') return `The engine crashed (${message}); a new one takes its place for the next run.`;
  if (kind === 'webgpu') return `${message} Choose the device Automatic or CPU instead.`;
  if (during === 'run' || kind === 'browser' || kind === 'download') return message;
  const advice = kind === 'weights' ? '; reload it to download its files again' : '';
  return `The model could not be loaded (${message})${advice}.`;
}
