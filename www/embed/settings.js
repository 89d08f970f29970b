// The attributes of <ddim-sampler> as values, and what is wrong with one of them.

/**
 * @typedef {object} Values
 * @property {URL} src  the model's folder
 * @property {number} steps
 * @property {number} seed
 * @property {number} batch
 * @property {number} eta
 * @property {number} label
 * @property {'auto'|'webgpu'|'cpu'} device
 * @property {'watch'|'fast'} pace
 * @property {'x0'|'xt'} show
 */

/** @type {Record<string, {default: number, min: number, max: number, whole: boolean}>} */
const NUMBERS = {
  steps: { default: 20, min: 1, max: 1_000_000, whole: true },
  seed: { default: 1, min: 0, max: Number.MAX_SAFE_INTEGER, whole: true },
  batch: { default: 4, min: 1, max: 16, whole: true },
  eta: { default: 0, min: 0, max: 1, whole: false },
  label: { default: 0, min: 0, max: 1_000_000, whole: true },
};

/** The first one is the default. @type {Record<string, string[]>} */
const CHOICES = {
  device: ['auto', 'webgpu', 'cpu'],
  pace: ['watch', 'fast'],
  show: ['x0', 'xt'],
};

/** @param {string} text  of somebody else */
const shown = (text) => (text.length > 40 ? `${text.slice(0, 39)}…` : text);

/** @param {string} src @param {string} base @returns {URL|null}  with a slash at its end, or its files would be looked for beside it */
function addressOf(src, base) {
  try {
    const url = new URL(src, base);
    if (!/^https?:$/.test(url.protocol)) return null;
    if (!url.pathname.endsWith('/')) url.pathname += '/';
    return url;
  } catch {
    return null;
  }
}

/**
 * @param {Pick<Element, 'getAttribute'>} element
 * @param {string} [base]  what addresses are relative to
 * @returns {{values: Values, fault: null} | {values: null, fault: string}}  a sentence
 */
export function read(element, base = document.baseURI) {
  /** @param {string} fault @returns {{values: null, fault: string}} */
  const refuse = (fault) => ({ values: null, fault });
  const src = element.getAttribute('src')?.trim() ?? '';
  if (src === '') return refuse('The attribute src must name the folder of a model.');
  const url = addressOf(src, base);
  if (!url) return refuse(`The attribute src must be the address of a folder, not ${shown(src)}.`);
  /** @type {Record<string, unknown>} */
  const values = { src: url };
  for (const [name, { default: usual, min, max, whole }] of Object.entries(NUMBERS)) {
    const text = element.getAttribute(name)?.trim() ?? '';
    const value = text === '' ? usual : Number(text);
    if (!(value >= min && value <= max) || (whole && !Number.isInteger(value))) {
      return refuse(`The attribute ${name} must be a ${whole ? 'whole ' : ''}number from ${min} to ${max}, not ${shown(text)}.`);
    }
    values[name] = value;
  }
  for (const [name, choices] of Object.entries(CHOICES)) {
    const text = element.getAttribute(name)?.trim() ?? '';
    if (text !== '' && !choices.includes(text)) return refuse(`The attribute ${name} must be one of ${choices.join(', ')}, not ${shown(text)}.`);
    values[name] = text === '' ? choices[0] : text;
  }
  return { values: /** @type {Values} */ (values), fault: null };
}
