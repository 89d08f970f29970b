// The one error that this library throws. Who catches it goes by its kind; its message is for people and says what
// happened, not what to press.

/**
 * Kinds beside those of the wasm package:
 *
 * - `browser`: this browser cannot run the package at all
 * - `download`: a file could not be fetched, or is not what it should be
 * - `start`: the package or its worker could not be started
 * - `webgpu`: WebGPU was asked for by name and cannot be had
 * - `crash`: the engine is of no further use; only another client will do
 * - `ended`: the client was ended while the request was under way
 * - `unknown`: nobody has given it a kind
 *
 * @typedef {import('../../pkg/ddim_web.js').ErrorKind | 'browser' | 'download' | 'start' | 'webgpu' | 'crash' | 'ended' | 'unknown'} Kind
 */

export class Failure extends Error {
  /** @param {Kind} kind @param {string} message  in one line */
  constructor(kind, message) {
    super(message);
    this.name = 'Failure';
    this.kind = kind;
  }

  /** What anybody has thrown. @param {unknown} error @param {Kind} [kind]  where it does not say itself @returns {Failure} */
  static from(error, kind = 'unknown') {
    if (error instanceof Failure) return error;
    const own = error instanceof Error && 'kind' in error ? /** @type {Kind} */ (error.kind) : kind;
    return new Failure(own, oneLine(error));
  }
}

/** @param {unknown} error @returns {string} its message in one line */
export function oneLine(error) {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/\s+/g, ' ').trim();
}
