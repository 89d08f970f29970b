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
    super(brief(message));
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

/** Whether the graphics card was to blame, and the CPU may do better. @param {Failure} failure */
export function isOfDevice({ kind }) {
  return ['device', 'lost', 'memory', 'crash', 'unknown'].includes(kind);
}

/** The longest text of a file's making: with a sentence around it, a line has 500 characters at most. */
const LONGEST = 360;

/** What files say can be arbitrarily long; a line cannot. @param {string} text */
export function brief(text) {
  if (text.length <= LONGEST) return text;
  const rest = `… (${text.length} characters in all)`;
  // Not half of a character that takes two.
  return text.slice(0, LONGEST - rest.length).replace(/[\ud800-\udbff]$/, '') + rest;
}

/** @param {string} text  a name or a value, for a list of such @returns {string} */
export function shorten(text) {
  const line = text.replace(/\s+/g, ' ');
  return line.length > 24 ? `${line.slice(0, 23).replace(/[\ud800-\udbff]$/, '')}…` : line;
}

/** @param {string[]} names @param {number} most  how many of them are named @returns {string} the first few, and how many more there are */
export function few(names, most) {
  const more = names.length > most ? ` and ${names.length - most} more` : '';
  return names.slice(0, most).map(shorten).join(', ') + more;
}

/** @param {unknown} error @returns {string} its message in one line that is not too long */
export function oneLine(error) {
  const message = error instanceof Error ? error.message : String(error);
  return brief(message.replace(/\s+/g, ' ').trim());
}

/**
 * Why an instance of WebAssembly has ended, in one line. One that runs out of memory traps without a word of its own.
 * @param {unknown} reason @returns {string}
 */
export function lastWords(reason) {
  const said = oneLine(reason) || 'no reason given';
  return /^(Uncaught RuntimeError: |RuntimeError: )?unreachable/i.test(said) ? 'it stopped without a word, as it does without memory' : said;
}

/**
 * How a worker answers a request: with what comes of the work, or why nothing does.
 * @param {number} request @param {() => unknown} work
 * @param {(message: {type: 'answer', request: number, value: unknown} | {type: 'failed', request: number, kind: Kind, message: string}) => void} say
 * @param {(trap: WebAssembly.RuntimeError) => void} crash  a trap inside wasm leaves the module's memory in an unknown state
 */
export async function answer(request, work, say, crash) {
  try {
    say({ type: 'answer', request, value: await work() });
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError) crash(error);
    else {
      const { kind, message } = Failure.from(error);
      say({ type: 'failed', request, kind, message });
    }
  }
}
