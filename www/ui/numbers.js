// Numbers as they stand beside a picture and in a table.

const SUPERSCRIPT = '⁰¹²³⁴⁵⁶⁷⁸⁹';

/** As many digits as single precision holds. */
const DIGITS = 7;

/** @param {number} value @returns {string} short, for an axis, an equation or a readout */
export function short(value) {
  const size = Math.abs(value);
  if (!Number.isFinite(value)) return Number.isNaN(value) ? '–' : value < 0 ? '−∞' : '∞';
  if (value !== 0 && (size < 1e-3 || size >= 1e5)) {
    const [digits, exponent] = value.toExponential(2).split('e');
    const raised = exponent.replace('+', '').replace('-', '⁻').replace(/\d/g, (digit) => SUPERSCRIPT[Number(digit)]);
    const factor = String(Number(digits));
    return factor === '1' ? `10${raised}` : `${factor.replace('-', '−')}·10${raised}`;
  }
  return String(Number(value.toPrecision(4))).replace('-', '−');
}

/** @param {number|null} value @returns {string} to three places, for statistics whose digits stand below each other */
export function toThousandths(value) {
  return value === null ? '–' : value.toFixed(3).replace('-', '−');
}

/** @param {number|string|null|undefined} value @returns {string} empty where there is none */
export function precise(value) {
  if (typeof value === 'string') return value;
  if (value === null || value === undefined || Number.isNaN(value)) return '';
  return String(Number(value.toPrecision(DIGITS)));
}
