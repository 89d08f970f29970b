// The ways from corner to corner. A path knows what a run is to begin with, at one place or for many frames at once; it
// makes no pictures itself. Places have two numbers from 0 to 1: u goes across and v down.

/**
 * @typedef {import('../../engine/figures.js').Figures} Figures
 * @typedef {import('../../engine/pool.js').Options & {batch: number}} Options
 *
 * @typedef {{u: number, v: number}} Place
 *
 * @typedef {{options: Options} | {pictures: Float32Array}} Start  of a run, or what needs none because it is done
 *
 * @typedef {object} Part  of all frames: neighbouring rows that are made at once
 * @property {number} first  its first frame
 * @property {number} count  of its frames
 * @property {Start} start
 *
 * @typedef {object} Path
 * @property {number} rows  of the whole map, where there are so many columns
 * @property {(place: Place) => Start} at
 * @property {() => Part[]} parts  of the whole map
 */

/** More pictures at once make a step so long that one waits for `stop`. */
const MOST_AT_ONCE = 25;

/** A mixture can be had at so many places; `mixed` gives all of them. */
const PLACES = 101;

/** On the straight line between two. @param {Figures} figures @param {Float32Array[]} ends @param {number} u */
function mixture(figures, [a, b], u) {
  const start = Math.round(u * (PLACES - 1)) * a.length;
  return figures.mixed(a, b, PLACES).slice(start, start + a.length);
}

/** Along the sphere between noises: DDIM, eq. 67 between two, the same in both directions between four. @implements {Path} */
export class NoisePath {
  /**
   * @param {Figures} figures @param {Float32Array[]} corners  x_T of two or four @param {number} columns
   * @param {boolean} straight  to see why not: between two, along a straight line
   * @param {boolean} exact  some of them are those of pictures, which are to come back
   */
  constructor(figures, corners, columns, straight, exact) {
    this.figures = figures;
    this.straight = straight && corners.length === 2;
    this.exact = exact;
    this.corners = corners;
    this.columns = columns;
    this.rows = corners.length === 4 ? columns : 1;
  }

  /** @param {Float32Array} latents @param {number} batch @returns {Start} */
  #from(latents, batch) {
    // What is clipped, or guided, is another step than the one that led from the picture to its noise.
    return { options: { latents, batch, method: 'ddim', eta: 0, ...(this.exact && { clip: false }) } };
  }

  /** The noise at a place. @param {Place} place */
  noise({ u, v }) {
    if (this.straight) return mixture(this.figures, this.corners, u);
    return this.figures.at(this.corners, u, this.corners.length === 4 ? v : undefined);
  }

  /** The noises of all frames. */
  noises() {
    if (this.straight) return this.figures.mixed(this.corners[0], this.corners[1], this.columns);
    return this.figures.between(this.corners, this.rows, this.columns);
  }

  /** @param {Place} place */
  at(place) {
    return this.#from(this.noise(place), 1);
  }

  parts() {
    const { rows, columns } = this;
    const noises = this.noises();
    const image = this.corners[0].length;
    const together = Math.max(1, Math.floor(MOST_AT_ONCE / columns));
    const parts = [];
    for (let row = 0; row < rows; row += together) {
      const first = row * columns;
      const count = Math.min(together, rows - row) * columns;
      parts.push({ first, count, start: this.#from(noises.slice(first * image, (first + count) * image), count) });
    }
    return parts;
  }
}

/** Between two pictures with noise: DDPM, section 4.3. Upwards there is more noise, down to none. @implements {Path} */
export class MixPath {
  /** Levels of noise in a map; DDPM, figure 9 has nine. */
  static ROWS = 5;
  rows = MixPath.ROWS;

  /**
   * @param {Figures} figures
   * @param {{json: string, trainSteps: number}} scheduler
   * @param {Float32Array[]} pictures  x_0 of both
   * @param {number} columns
   * @param {{seed: number, eta: number}} noise  the seed of all noise, and how much of it is added on the way back
   */
  constructor(figures, scheduler, pictures, columns, noise) {
    this.figures = figures;
    this.scheduler = scheduler;
    this.pictures = pictures;
    this.columns = columns;
    this.noise = noise;
  }

  /** How many steps of noise there are at a height. @param {number} v @param {number} trainSteps  T */
  static steps(v, trainSteps) {
    return Math.round((1 - v) * trainSteps);
  }

  /** Both pictures after so many steps of noise. @param {number} steps */
  #noised(steps) {
    const { figures, scheduler, pictures, noise } = this;
    if (steps === 0) return pictures;
    return pictures.map((picture, i) => figures.noised(scheduler.json, steps - 1, picture, picture.length, noise.seed, i));
  }

  /** @param {number} steps @param {Float32Array} latents @param {number} batch @returns {Start} */
  #from(steps, latents, batch) {
    if (steps === 0) return { pictures: latents };
    const { eta, seed } = this.noise;
    // The first step of noise leads to time step 0. The noises of the pictures came before those of the way back.
    return { options: { latents, batch, from: steps - 1, method: 'ddim', eta, seed, first_image: this.pictures.length, same_noise: true } };
  }

  /** @param {Place} place */
  at({ u, v }) {
    const steps = MixPath.steps(v, this.scheduler.trainSteps);
    return this.#from(steps, mixture(this.figures, this.#noised(steps), u), 1);
  }

  parts() {
    const { rows, columns } = this;
    return Array.from({ length: rows }, (_, row) => {
      const steps = MixPath.steps(row / (rows - 1), this.scheduler.trainSteps);
      const [a, b] = this.#noised(steps);
      return { first: row * columns, count: columns, start: this.#from(steps, this.figures.mixed(a, b, columns), columns) };
    });
  }
}
