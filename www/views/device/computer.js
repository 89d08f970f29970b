// The browser and the processor, as far as a page is told.

import { simdSupport } from '../../engine/package.js';
import { workersFor } from '../../engine/pool.js';

/** @typedef {import('../../ui/facts.js').Fact} Fact */

/** Browsers by what their user agents hold, the pickiest first: most of them call themselves Chrome and Safari, too. @type {[RegExp, string][]} */
const NAMES = [
  [/\bEdg(?:e|A|iOS)?\/([\d.]+)/, 'Edge'],
  [/\bOPR\/([\d.]+)/, 'Opera'],
  [/\b(?:Firefox|FxiOS)\/([\d.]+)/, 'Firefox'],
  [/\b(?:HeadlessChrome|Chrome|CriOS)\/([\d.]+)/, 'Chrome'],
  [/\bVersion\/([\d.]+).*Safari/, 'Safari'],
];

/** @type {[RegExp, string][]} */
const SYSTEMS = [
  [/Android/, 'Android'],
  [/iPhone|iPad/, 'iOS'],
  [/Windows/, 'Windows'],
  [/Mac OS X/, 'macOS'],
  [/CrOS/, 'ChromeOS'],
  [/Linux/, 'Linux'],
];

/** @param {string} agent  `navigator.userAgent` @returns {string} */
export function browserOf(agent) {
  const [pattern, name] = NAMES.find(([known]) => known.test(agent)) ?? [null, 'unknown browser'];
  const version = pattern ? pattern.exec(agent)?.[1].split('.')[0] : '';
  const system = SYSTEMS.find(([known]) => known.test(agent))?.[1];
  return [name, version, system && `on ${system}`].filter(Boolean).join(' ');
}

/** Which package the processor runs, in a word. */
export function simdWord() {
  const { simd, relaxed } = simdSupport();
  return relaxed ? 'relaxed' : simd ? 'plain' : 'none';
}

/** @returns {Fact[]} */
export function computerFacts() {
  const cores = navigator.hardwareConcurrency;
  const { simd, relaxed } = simdSupport();
  return [
    { name: 'Browser', value: browserOf(navigator.userAgent) },
    { name: 'Cores', value: cores ? String(cores) : 'not told', note: `a batch is spread over ${workersFor(Infinity, cores)} of them at most` },
    { name: 'SIMD', value: simd ? 'yes' : 'no', note: 'four numbers in one instruction; the network needs it' },
    { name: 'Relaxed SIMD', value: relaxed ? 'yes' : 'no', note: relaxed ? 'multiplies and adds in one instruction' : 'it would multiply and add in one instruction' },
    {
      name: 'Isolated',
      value: globalThis.crossOriginIsolated ? 'yes' : 'no',
      note: 'cross-origin isolation; this page does without, as its workers share no memory',
    },
  ];
}
