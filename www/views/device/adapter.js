// What the browser says of the graphics adapter: its name, what it can do and how much of it, the few that this page
// depends on first.

import { oneLine } from '../../engine/errors.js';
import { element } from '../../ui/dom.js';

/**
 * @typedef {import('../../ui/facts.js').Fact} Fact
 *
 * @typedef {object} Adapter  as the browser describes it, in plain values
 * @property {string} name
 * @property {Record<string, number>} limits
 * @property {string[]} features
 * @property {Record<string, string|number|boolean>} info
 */

/** Limits that decide what this page can do. */
const LIMITS = {
  maxBufferSize: 'the largest piece of memory; all weights lie in one',
  maxStorageBufferBindingSize: 'how much of it one kernel can see',
  maxComputeInvocationsPerWorkgroup: 'threads that work together on one tile of a matrix',
  maxComputeWorkgroupStorageSize: 'fast memory that they share',
};

/** Features that it makes use of. */
const FEATURES = {
  'shader-f16': 'numbers of 16 bits: half the memory, and faster on many cards',
  'timestamp-query': 'the engine burn measures its kernels with it and needs it',
};

/** @param {string} name @param {number} value */
function amount(name, value) {
  const grouped = value.toLocaleString('en');
  if (!/Size$/.test(name) || /Workgroup(Size|sPer)/.test(name) || value < 1024) return grouped;
  const [unit, of] = [[2 ** 30, 'GiB'], [2 ** 20, 'MiB'], [2 ** 10, 'KiB']].find(([bytes]) => value >= Number(bytes)) ?? [1, 'bytes'];
  const rounded = value / Number(unit);
  return `${rounded >= 100 || Number.isInteger(rounded) ? Math.round(rounded) : rounded.toFixed(1)} ${of}`;
}

/** A name in camel case, which may go on in the next line at each of its words. @param {string} name */
function breakable(name) {
  const words = name.split(/(?=[A-Z])/);
  return element('span', {}, ...words.flatMap((word, i) => (i > 0 ? [element('wbr'), word] : [word])));
}

/** What a getter of a browser's own object gives. @param {object} source @returns {Record<string, any>} */
function plain(source) {
  /** @type {Record<string, any>} */
  const values = {};
  for (const name in source) {
    const value = /** @type {any} */ (source)[name];
    if (['string', 'number', 'boolean'].includes(typeof value)) values[name] = value;
  }
  return values;
}

/** @returns {Promise<Adapter|{missing: string}>} `missing` says why there is none */
export async function readAdapter() {
  if (!navigator.gpu) return { missing: 'This browser has no WebGPU, or not at this address (it needs https or localhost).' };
  try {
    // As the worker asks that uses it.
    const adapter = await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' });
    if (!adapter) return { missing: 'WebGPU found no graphics adapter on this computer.' };
    const info = plain(adapter.info ?? {});
    const name = info.description || [info.vendor, info.architecture, info.device].filter(Boolean).join(' ') || 'unnamed adapter';
    return { name, limits: plain(adapter.limits), features: [...adapter.features].sort(), info };
  } catch (error) {
    return { missing: `WebGPU failed to look for a graphics adapter (${oneLine(error)}).` };
  }
}

/** The few that matter. @param {Adapter} adapter @returns {Fact[]} */
export function mainFacts({ name, limits, features, info }) {
  return [
    { name: 'Name', value: name },
    ...Object.entries(LIMITS).map(([key, note]) => ({ name: breakable(key), value: key in limits ? amount(key, limits[key]) : 'not said', note })),
    ...Object.entries(FEATURES).map(([key, note]) => ({ name: key, value: features.includes(key) ? 'yes' : 'no', note })),
  ];
}

/** All the others. @param {Adapter} adapter @returns {Fact[]} */
export function otherFacts({ limits, features, info }) {
  const rest = features.filter((feature) => !(feature in FEATURES));
  return [
    { name: 'Other features', value: rest.join(', ') || 'none' },
    ...Object.entries(limits).filter(([key]) => !(key in LIMITS)).map(([key, value]) => ({ name: breakable(key), value: amount(key, value) })),
    ...Object.entries(info).filter(([, value]) => value !== '').map(([key, value]) => ({ name: breakable(key), value: String(value) })),
  ];
}
