// What <ddim-sampler> shows: pictures beside each other, a line of text and a button.

import { element } from '../ui/dom.js';

/** Its own style, which no page's reaches; colours are those of the text around it. */
const STYLE = `
  :host { display: inline-block; max-inline-size: 100%; color-scheme: light dark; --line: var(--ddim-line, color-mix(in srgb, currentColor 25%, transparent)); }
  :host([hidden]) { display: none; }
  .grid { display: grid; gap: var(--ddim-gap, 4px); grid-template-columns: repeat(var(--columns, 2), minmax(0, 1fr)); min-block-size: 64px; min-inline-size: 128px; }
  canvas { inline-size: 100%; min-inline-size: 0; display: block; image-rendering: pixelated; background: var(--line); border-radius: 3px; }
  .bar { display: flex; gap: .75em; align-items: center; margin-block-start: .5em; }
  [hidden] { display: none !important; }
  button { font: inherit; color: inherit; background: transparent; border: 1px solid var(--line); border-radius: 6px; padding: .3em .9em; min-block-size: 2.25em; cursor: pointer; }
  button:hover { border-color: currentColor; }
  button:focus-visible { outline: 2px solid Highlight; outline-offset: 2px; }
  p { margin: 0; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
`;

/** Pictures are shown at this size where the page leaves room, CSS pixels. */
const USUAL = 128;

export class Picture {
  #grid = element('div', { className: 'grid', role: 'img', 'aria-label': 'Pictures that a diffusion model draws' });
  #button = element('button', { type: 'button' }, 'Draw');
  #text = element('p', { role: 'status' });
  #bar = element('div', { className: 'bar' });
  #controls = false;
  #shape = '';

  /** @param {ShadowRoot} root @param {() => void} onPress  of the button */
  constructor(root, onPress) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet];
    this.#button.addEventListener('click', onPress);
    this.#bar.append(this.#button, this.#text);
    root.append(this.#grid, this.#bar);
    this.#follow(false);
  }

  /** Whether there are a button and a line. @param {boolean} shown */
  controls(shown) {
    this.#controls = shown;
    this.#follow(false);
  }

  /** @param {import('./sampler.js').State} state @param {string} text */
  enter(state, text) {
    const busy = state === 'running';
    const label = busy ? 'Stop' : state === 'done' || state === 'stopped' ? 'Again' : 'Draw';
    if (this.#button.textContent !== label) this.#button.textContent = label;
    this.#button.setAttribute('aria-disabled', String(state === 'loading'));
    this.#grid.setAttribute('aria-busy', String(busy || state === 'loading'));
    // Every step would be read out else.
    this.#text.setAttribute('aria-live', busy ? 'off' : 'polite');
    this.#text.textContent = text;
    this.#follow(state === 'error');
  }

  /** @param {string} text */
  say(text) {
    this.#text.textContent = text;
  }

  /** What is to be seen, for those who do not see it. @param {string} text */
  describe(text) {
    this.#grid.setAttribute('aria-label', text);
  }

  /**
   * One canvas for each picture; those that are there stay, so that nothing flickers.
   * @param {number} batch @param {import('../ui/pixels.js').Shape} shape
   * @returns {HTMLCanvasElement[]}
   */
  room(batch, { height, width }) {
    const wanted = `${batch} ${height} ${width}`;
    if (wanted !== this.#shape) {
      this.#shape = wanted;
      const columns = Math.ceil(Math.sqrt(batch));
      this.#grid.style.setProperty('--columns', String(columns));
      this.#grid.style.inlineSize = `${columns * Math.max(USUAL, width)}px`;
      this.#grid.style.maxInlineSize = '100%';
      this.#grid.replaceChildren(...Array.from({ length: batch }, () => element('canvas', { width, height })));
    }
    return [...this.#grid.querySelectorAll('canvas')];
  }

  /** An error is shown even where there are no controls. @param {boolean} failed */
  #follow(failed) {
    this.#button.hidden = !this.#controls;
    this.#bar.hidden = !this.#controls && !failed;
  }
}
