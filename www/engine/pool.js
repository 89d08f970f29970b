// A batch over several workers: into how many parts it is cut, what each part is asked for, and how the
// parts' steps become steps of the whole batch again. Pure: knows no worker.

/** More instances of a network than this cost memory that a phone does not have. */
const MAX_WORKERS = 8;

/** Where the browser does not tell; nearly every computer and phone has as many. */
const USUAL_CORES = 2;

/** @param {number} batch @param {number|undefined} cores  `navigator.hardwareConcurrency` @returns {number} */
export function workersFor(batch, cores) {
  return Math.min(batch, cores || USUAL_CORES, MAX_WORKERS);
}

/**
 * @typedef {Omit<import('../../pkg/ddim_web.js').SampleOptions, 'scheduler'>} Options  of a run
 * @typedef {import('./remote.js').Started} Started
 * @typedef {import('./remote.js').Step} Step
 */

/**
 * Cuts a run into runs of neighbouring pictures, as even as can be. Each picture's noise is the same as in
 * the whole run.
 * @template {Options} T
 * @param {T} options
 * @param {number} parts  at most `batch`
 * @returns {(T & {batch: number, first_image: number})[]} options of each part
 */
export function split(options, parts) {
  const { batch = 1, first_image: firstImage = 0, same_noise: sameNoise = false, labels, latents } = options;
  return Array.from({ length: parts }, (_, i) => {
    const start = Math.floor((batch * i) / parts);
    const end = Math.floor((batch * (i + 1)) / parts);
    const part = { ...options, batch: end - start, first_image: sameNoise ? firstImage : firstImage + start };
    if (labels) part.labels = labels.slice(start, end);
    if (latents) {
      const image = latents.length / batch;
      part.latents = latents.slice(start * image, end * image);
    }
    return part;
  });
}

/**
 * @template {Uint8ClampedArray|Float32Array} T
 * @param {T[]} parts  one or more @returns {T}
 */
export function concatenate(parts) {
  const [first] = parts;
  if (parts.length === 1) return first;
  const Kind = /** @type {new (length: number) => T} */ (first.constructor);
  const whole = new Kind(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** Puts the steps of the parts together. A part may be ahead of the others; its steps wait here. */
export class Joiner {
  /** @type {Step[][]} */
  #waiting;
  #started = 0;
  /** Steps of the whole batch so far. */
  joined = 0;

  /**
   * @param {number} parts
   * @param {(event: Started | Step) => void} emit  hears of the run as if it were in one part; `ms` of a step is that of
   *   the slowest part, and its terms are those of the first
   */
  constructor(parts, emit) {
    this.#waiting = Array.from({ length: parts }, () => []);
    this.emit = emit;
  }

  /** @param {number} part @param {Started|Step} event  what its worker says */
  receive(part, event) {
    if (event.type === 'started') {
      this.#started += 1;
      if (this.#started < this.#waiting.length) return;
      this.emit(event);
    } else {
      this.#waiting[part].push(event);
      if (this.#waiting.every((steps) => steps.length > 0)) this.#join();
    }
  }

  #join() {
    const steps = this.#waiting.flatMap((waiting) => waiting.splice(0, 1));
    const ms = Math.max(...steps.map((step) => step.ms));
    this.joined += 1;
    const x0 = concatenate(steps.map((step) => step.x0));
    const xt = concatenate(steps.map((step) => step.xt));
    this.emit({ ...steps[0], ms, x0, xt });
  }
}
