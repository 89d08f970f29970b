// One step of the first picture as the three terms that it adds up (DDIM, eq. 12): pictures with their factors.

import { element } from './dom.js';
import { contextOf, imageOf } from './pixels.js';
import { M, equation, explanation } from './terms.js';

/** @typedef {import('./film.js').Frame} Frame @typedef {import('./pixels.js').Shape} Shape */

const DIGITS = 4;

/** @param {number} value */
function number(value) {
  return M.mn(value.toFixed(DIGITS));
}

export class Dissection {
  /** @type {{canvas: HTMLCanvasElement, head: HTMLElement}[]} */
  #parts = [];
  #equation = element('div', { role: 'group', 'data-testid': 'dissect-equation' });
  /** What is to be drawn once it is open. @type {[Frame, Shape]|null} */
  #waiting = null;

  /** @param {HTMLDetailsElement} root */
  constructor(root) {
    this.root = root;
    const names = /** @type {const} */ ([
      ['x0', 'predicted picture', ''],
      ['eps', 'direction pointing to the noisy picture', '+'],
      ['z', 'fresh noise', '+'],
      ['xt', 'the result', '='],
    ]);
    const row = element('div', { className: 'terms' });
    for (const [kind, name, sign] of names) {
      const canvas = element('canvas', { width: 32, height: 32, role: 'img', 'aria-label': name, 'data-testid': `dissect-${kind}` });
      const head = element('span', { className: 'factor' });
      this.#parts.push({ canvas, head });
      if (sign) row.append(element('span', { className: 'sign', 'aria-hidden': 'true' }, sign));
      row.append(element('figure', { className: `term-of-${kind}` }, canvas, element('figcaption', {}, head, element('span', { className: 'quiet' }, name))));
    }
    root.append(explanation('step'), this.#equation, row);
    root.addEventListener('toggle', () => this.#draw());
  }

  /** @param {Frame} frame  with the terms of its step @param {Shape} shape */
  show(frame, shape) {
    this.#waiting = [frame, shape];
    this.#draw();
  }

  #draw() {
    if (!this.root.open || !this.#waiting) return;
    const [{ terms, xt, step, t }, shape] = this.#waiting;
    this.#waiting = null;
    if (!terms) return;
    const { a, b, sigma, tNext } = terms;
    const next = M.sub(M.mi('x'), tNext === null ? M.mn(0) : M.mn(tNext), 'xt');
    const { row, mo, x0Hat, epsHat, z } = M;
    this.#equation.replaceChildren(
      equation(row(next, mo('='), number(a), mo('⁢'), x0Hat, mo('+'), number(b), mo('⁢'), epsHat, mo('+'), number(sigma), mo('⁢'), z)),
    );
    this.#equation.setAttribute('aria-label', `step ${step}, t = ${t}`);
    const factors = [row(number(a), mo('⁢'), x0Hat), row(number(b), mo('⁢'), epsHat), row(number(sigma), mo('⁢'), z), next];
    const levels = [terms.predicted, terms.direction, terms.noise, xt];
    this.#parts.forEach(({ canvas, head }, i) => {
      Object.assign(canvas, { width: shape.width, height: shape.height });
      contextOf(canvas).putImageData(imageOf(levels[i], 0, shape), 0, 0);
      head.replaceChildren(equation(factors[i], 'inline'));
    });
  }
}
