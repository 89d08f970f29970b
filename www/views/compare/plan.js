// What is compared: from the settings to a table of cells, each with the run that makes its picture. Knows no document.

import { parse, settingOf } from '../../state.js';

/**
 * @typedef {import('../../state.js').Values} Values
 * @typedef {'noise'|'figure5'|'race'|'spacing'|'samplers'|'many'|'custom'} Preset
 * @typedef {'eta'|'tau'|'method'|'picture'|'race'|'draw'} Kind  what the columns differ in
 *
 * @typedef {object} Head  of a row or a column
 * @property {string} symbol  the papers' letter, empty where there is none
 * @property {string} text  the value
 *
 * @typedef {object} Cell
 * @property {number} row
 * @property {number} column
 * @property {string} name  how it differs from the others
 * @property {Values} values  the settings that make its picture
 * @property {number} firstImage  whose noise it gets
 * @property {string|null} refusal  why it cannot be made, where that is known beforehand
 *
 * @typedef {object} Plan
 * @property {Values} values  the settings that it was made of
 * @property {Kind} kind
 * @property {Head[]} rows  none in a race, which is one row
 * @property {Head[]} columns
 * @property {Cell[][]} cells  row by row
 * @property {number[]} times  t of each row, where the rows are time steps
 */

/** More of them are too small to be seen, and too many runs at once. */
const MOST_CELLS = 48;

/** What each preset fills in. @type {Record<Exclude<Preset, 'custom'>, Pick<Values, 'rows'|'columns'|'across'>>} */
export const PRESETS = {
  noise: { rows: '5,10,20,50', columns: 'eta', across: '0,0.5,1,sigma_hat' },
  figure5: { rows: '5,10,20,50,100', columns: 'picture', across: '1,2,3,4,5,6' },
  race: { rows: '1000,20', columns: 'race', across: 'ddpm_fixed_large,ddim' },
  spacing: { rows: '5,10,20,50', columns: 'tau', across: 'leading,trailing,linspace,quad,paper-linear,paper-quadratic' },
  samplers: { rows: '10,20,50', columns: 'method', across: 'ddim,sigma_hat,ddpm_noisy,ddpm_fixed_small,ddpm_fixed_large,probability_flow' },
  many: { rows: '1000,750,500,250', columns: 'draw', across: '1,2,3,4,5,6' },
};

/** The settings that a preset fills. @type {('rows'|'columns'|'across')[]} */
const FILLED = ['rows', 'columns', 'across'];

/** @param {string} list */
const itemsOf = (list) => list.split(',').map((item) => item.trim());

/**
 * What has to change after some settings have, so that preset and table agree: a preset that was chosen fills what the
 * table has by default, another kind of columns brings values of its kind, and a table that was touched is no preset.
 * @param {Values} values @param {(keyof Values)[]} changed
 * @returns {Partial<Values>}
 */
export function settle(values, changed) {
  const { preset, columns } = values;
  const touched = FILLED.filter((key) => changed.includes(key));
  if (preset !== 'custom') {
    const wanted = PRESETS[preset];
    if (FILLED.every((key) => values[key] === wanted[key])) return {};
    if (changed.includes('preset')) {
      const own = touched.filter((key) => values[key] !== settingOf(key).default);
      const kept = Object.fromEntries(own.map((key) => [key, values[key]]));
      return { ...wanted, ...kept, ...(own.some((key) => values[key] !== wanted[key]) && { preset: 'custom' }) };
    }
  }
  const byHand = !changed.includes('preset') && touched.join() === 'columns';
  return { ...(byHand && Object.values(PRESETS).find((other) => other.columns === columns)), preset: 'custom' };
}

/**
 * Settings that mean nothing here, because the table says them or every picture is alone.
 * @type {Record<Kind, (keyof Values)[]>}
 */
export const UNUSED = {
  eta: ['steps', 'eta', 'method'],
  tau: ['steps', 'tau'],
  method: ['steps', 'method'],
  picture: ['steps'],
  race: ['steps', 'method'],
  draw: ['eta', 'method'],
};

/** @param {keyof Values} key @param {string} value */
function nameOf(key, value) {
  const setting = settingOf(key);
  const choice = setting.kind === 'choice' ? setting.choices.find(([name]) => name === value) : undefined;
  return choice?.[1].split(' (')[0].split(':')[0] ?? value;
}

/**
 * A column's head and what it changes, or why there cannot be such a column.
 * @typedef {{head: Head, changes: Partial<Values>, firstImage?: number, refusal?: string}} Column
 */

/** The largest number of a picture; only its noise goes by it. */
const MOST_PICTURES = 100_000;

/** @param {string} text @param {string} noun @returns {Column} */
function numbered(text, noun) {
  const number = /^\d+$/.test(text) ? Number(text) : 0;
  const fits = number >= 1 && number <= MOST_PICTURES;
  return {
    head: { symbol: '', text: `${noun} ${text}` },
    changes: {},
    firstImage: number - 1,
    ...(!fits && { refusal: `A ${noun.toLowerCase()} must be a whole number from 1 to ${MOST_PICTURES}; “${text}” is not.` }),
  };
}

/** @type {Record<Kind, (text: string, values: Values) => Column>} */
const COLUMNS = {
  eta(text) {
    if (text === 'sigma_hat') return { head: { symbol: 'σ̂', text: '' }, changes: { method: 'sigma_hat' } };
    const read = parse(settingOf('eta'), text);
    const head = { symbol: 'η', text };
    if ('value' in read) return { head, changes: { method: 'ddim', eta: Number(read.value) } };
    return { head, changes: {}, refusal: `η must be ${read.expected}, or sigma_hat; “${text}” is not.` };
  },
  tau: (text) => ({ head: { symbol: '', text }, changes: { tau: text } }),
  method: (text, { eta }) => ({ head: { symbol: '', text: `${nameOf('method', text)}${text === 'ddim' && eta > 0 ? `, η = ${eta}` : ''}` }, changes: { method: text } }),
  picture: (text) => numbered(text, 'Noise'),
  race: (text, values) => COLUMNS.method(text, values),
  // The draws would be all the same without fresh noise.
  draw: (text) => ({ ...numbered(text, 'Draw'), changes: { method: 'ddim', eta: 1 } }),
};

/** @param {Head} head */
export const textOf = ({ symbol, text }) => [symbol, text].filter(Boolean).join(' = ');

/**
 * @param {Values} values @param {number} [trainSteps]  T of the loaded model
 * @returns {Plan | {problem: string}}
 */
export function planOf(values, trainSteps = Infinity) {
  const { columns: kind } = values;
  const rows = itemsOf(values.rows).map(Number);
  const columns = itemsOf(values.across).map((text) => COLUMNS[kind](text, values));
  if (kind === 'race') return raceOf(values, rows, columns);
  const count = rows.length * columns.length;
  if (count > MOST_CELLS) {
    return { problem: `${rows.length} rows and ${columns.length} columns are ${count} pictures; at most ${MOST_CELLS} are made at once, so take fewer of them.` };
  }
  const byTime = kind === 'draw';
  const heads = rows.map((row) => (byTime ? { symbol: 't', text: row >= trainSteps ? 'T' : String(row) } : { symbol: 'S', text: String(row) }));
  const cells = rows.map((steps, row) => columns.map((column, i) => cellOf(values, row, i, heads[row], column, byTime ? values.steps : steps)));
  return { values, kind, rows: heads, columns: columns.map(({ head }) => head), cells, times: byTime ? rows : [] };
}

/** @param {Values} values @param {number[]} steps @param {Column[]} columns @returns {Plan | {problem: string}} */
function raceOf(values, steps, columns) {
  if (steps.length !== columns.length) {
    return { problem: `In a race every sampler has its own number of steps: ${steps.length} and ${columns.length} do not match.` };
  }
  const cells = columns.map((column, i) => cellOf(values, 0, i, { symbol: 'S', text: String(steps[i]) }, column, steps[i]));
  return { values, kind: 'race', rows: [], columns: columns.map(({ head }) => head), cells: [cells], times: [] };
}

/** @param {Values} values @param {number} row @param {number} column @param {Head} rowHead @param {Column} of @param {number} steps @returns {Cell} */
function cellOf(values, row, column, rowHead, { head, changes, firstImage = 0, refusal }, steps) {
  return {
    row,
    column,
    name: `${textOf(rowHead)}, ${textOf(head)}`,
    values: { ...values, ...changes, steps, batch: 1 },
    firstImage,
    refusal: refusal ?? (steps < 1 && !refusal ? 'A run has one step at least.' : null),
  };
}

/**
 * Cells that are compared with each other: those of a column, all of a race. Draws are compared along their row.
 * @template T @param {Plan} plan @param {T[][]} cells  row by row @returns {T[][]}
 */
export function groupsOf({ kind, columns }, cells) {
  if (kind === 'race' || kind === 'draw') return cells;
  return columns.map((_, i) => cells.map((row) => row[i]));
}
