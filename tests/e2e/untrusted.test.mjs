// What anybody may write into a link or into the list of models: seeded changes of good ones, each read or refused in a
// line. For more of them: FUZZ_CASES=1000000 node --test tests/e2e/untrusted.test.mjs

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { formatHash, parseHash } from '../../www/hash.js';
import { readModels } from '../../www/models.js';
import { SETTINGS, defaults, setModels, setViews } from '../../www/state.js';

const CASES = Number(process.env.FUZZ_CASES ?? 3000);
const LONGEST = 500;
const FOLDER = new URL('https://example.org/page/www/models/');

/** Mulberry32: the same cases everywhere. @param {number} seed @returns {(below: number) => number} */
function diceOf(seed) {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let z = Math.imul(state ^ (state >>> 15), 1 | state);
    z = (z + Math.imul(z ^ (z >>> 7), 61 | z)) ^ z;
    return Math.floor((((z ^ (z >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** @template T @param {(below: number) => number} dice @param {T[]} list @returns {T} */
const one = (dice, list) => list[dice(list.length)];

/** One to six changes of one of `seeds`. @param {(below: number) => number} dice @param {string[]} seeds @param {string[]} tokens */
function mutated(dice, seeds, tokens) {
  let text = one(dice, seeds);
  for (let i = dice(6); i >= 0; i--) {
    const at = dice(text.length + 1);
    const end = at + dice(12);
    const change = [
      () => text.slice(0, at) + text.slice(end),
      () => text.slice(0, at) + String.fromCharCode(dice(dice(2) ? 128 : 65_536)) + text.slice(at + 1),
      () => text.slice(0, at) + one(dice, tokens).repeat(dice(40) === 0 ? 1000 : 1) + text.slice(end),
      () => text.replace(one(dice, tokens), one(dice, tokens)),
      () => text.slice(0, at) + text.slice(at, end) + text.slice(at),
      () => text.slice(0, at),
    ];
    text = one(dice, change)();
  }
  return text;
}

/** @param {unknown} text @param {string} input */
function assertLine(text, input) {
  assert.equal(typeof text, 'string');
  assert.ok(String(text).length <= LONGEST && !/[\r\n]/.test(String(text)), `${JSON.stringify(text)} of ${JSON.stringify(input)}`);
}

test('no link breaks the page: a setting is read, or named in a line and replaced by its default', () => {
  setModels([{ id: 'grey', name: 'Grey' }]);
  setViews(['generate', 'compare', 'train']);
  const dice = diceOf(1);
  const keys = SETTINGS.map(({ key }) => key);
  const seeds = ['generate', 'compare', 'train'].map((view) => formatHash({ ...defaults(), view }));
  const tokens = [...keys, '=', '&', '#', '%', '%00', '%0A', '+', '-', '1e999', 'NaN', '0x10', '9', ',', ':', '__proto__', 'constructor', '\u2028', '\ud800', 'view=x0'];
  for (let i = 0; i < CASES; i++) {
    const hash = mutated(dice, seeds, tokens);
    const { values, problems } = parseHash(hash);
    assert.deepEqual(Object.keys(values).sort(), [...keys].sort());
    for (const problem of problems) assertLine(problem, hash);
    // What was read is a link again, and no other one.
    assert.deepEqual(parseHash(formatHash(values)).problems, []);
  }
});

test('no list of models breaks the page: an entry is taken, or left out with a line, or all of it refused with one', async () => {
  const dice = diceOf(2);
  const shipped = await readFile(new URL('../../www/models/index.json', import.meta.url), 'utf8');
  const seeds = [shipped, JSON.stringify([{ id: 'a', name: 'A', path: 'a/', note: '', labels: ['x'], null_label: 1, sha256: { b: '0'.repeat(64) }, samples: { file: 's.png', count: 2, credit: 'c' } }])];
  const tokens = ['{', '}', '[', ']', '"', ',', ':', 'null', '1e999', '-1', '""', '"id"', '"name"', '"path"', '"note"', '"labels"', '"__proto__"', '../', '//', 'javascript:', '%2f', '\\u0000', '\\n', 'a/', '"x"'];
  for (let i = 0; i < CASES; i++) {
    const text = mutated(dice, seeds, tokens);
    let list;
    try {
      list = JSON.parse(text);
    } catch {
      // What is no JSON is refused before. Entries of every kind are tried all the same.
      list = [one(dice, [null, 1, 'x', [], {}]), { id: text, name: text, path: text, note: text }, { id: 'a', name: 'a', path: 'a/', note: text, labels: [text], samples: text }];
    }
    try {
      const { models, problem } = readModels(list, FOLDER);
      if (problem !== null) assertLine(problem, text);
      for (const { id, name, path, note } of models) {
        assert.ok(new URL(path, FOLDER).href.startsWith(FOLDER.href), path);
        for (const said of [id, name]) assert.ok(said.length <= 100);
        assert.ok(note.length <= LONGEST);
      }
    } catch (error) {
      assert.ok(error instanceof Error && error.constructor === Error, String(error));
      assertLine(error.message, text);
    }
  }
});
