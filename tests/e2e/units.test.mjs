// The parts of the page that need no browser: settings, grey levels, the film, splitting a batch, the
// choice of device.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { initSync, is_software_adapter as isSoftwareInRust } from '../../pkg/ddim_web.js';
import { chooseDevice, findAdapter, isSoftware } from '../../www/engine/device.js';
import { Failure, brief, few, oneLine } from '../../www/engine/errors.js';
import { toGreyLevels } from '../../www/engine/levels.js';
import { Joiner, split, workersFor } from '../../www/engine/pool.js';
import { fetchJsonText, isSameVersion } from '../../www/engine/weights.js';
import { formatHash, parseHash } from '../../www/hash.js';
import { shortage } from '../../www/import/memory.js';
import { readModels } from '../../www/models.js';
import { OWN_TAU, SETTINGS, defaults, parse, samplerOptions, setModels, setViews, settingOf, settingsOf } from '../../www/state.js';
import { Film } from '../../www/ui/film.js';
import { columnsFor } from '../../www/ui/pixels.js';
import { Reel } from '../../www/ui/reel.js';
import { ignored, sentenceOf } from '../../www/ui/words.js';

const MODELS = [
  { id: 'fashion-mnist', name: 'Fashion-MNIST', path: 'fashion-mnist/', note: '' },
  { id: 'other', name: 'Other', path: 'other/', note: '' },
];
setModels(MODELS);
setViews(['generate', 'compare']);

test('settings survive the way through the hash', () => {
  /** @type {import('../../www/state.js').Values} */
  const values = {
    ...defaults(),
    view: 'generate',
    model: 'other',
    device: 'cpu',
    engine: 'burn',
    storage: 'f16',
    steps: 1000,
    eta: 0.35,
    tau: 'quad',
    method: 'sigma_hat',
    seed: Number.MAX_SAFE_INTEGER,
    batch: 16,
    label: 3,
    guidance: 1.5,
    show: 'xt',
    pace: 'fast',
  };
  assert.deepEqual(parseHash(`#${formatHash(values)}`), { values, problems: [] });
  const unset = settingsOf('generate').filter(({ key, default: usual }) => values[key] === usual);
  assert.deepEqual(unset.map(({ key }) => key), ['view'], 'every other one is another than by default');
  assert.doesNotMatch(formatHash({ ...values, view: 'compare' }), /pace|show|card/);
});

test('an empty hash and unknown keys give the defaults without a word', () => {
  assert.deepEqual(parseHash(''), { values: defaults(), problems: [] });
  assert.deepEqual(parseHash('#colour=blue&&=&steps2=7'), { values: defaults(), problems: [] });
});

test('an old link, in which view chose between x̂₀ and x_t, is read as show', () => {
  for (const show of ['x0', 'xt']) {
    assert.deepEqual(parseHash(`#steps=7&view=${show}`), { values: { ...defaults(), steps: 7, show }, problems: [] });
  }
  assert.deepEqual(parseHash('#view=x0&show=xt').values, { ...defaults(), show: 'xt' });
  assert.deepEqual(parseHash('#view=compare&show=xt').values, { ...defaults(), view: 'compare', show: 'xt' });
  assert.deepEqual(parseHash('#view=x1').problems, ['The link says view=x1, which is not one of generate, compare; view=generate is used instead.']);
});

test('unless a link or a control says otherwise, the model decides on tau', () => {
  assert.equal(defaults().tau, OWN_TAU);
  const setting = settingOf('tau');
  assert.equal(setting.kind === 'choice' && setting.choices[0][0], OWN_TAU);
  assert.ok(!('tau' in samplerOptions(defaults())));
});

test('the sampler is asked for what the settings say, and for an eta only where there is one', () => {
  assert.deepEqual(samplerOptions({ ...defaults(), steps: 3, eta: 0.5, tau: 'quad', seed: 4, batch: 2 }), { steps: 3, method: 'ddim', seed: 4, batch: 2, eta: 0.5, tau: 'quad' });
  assert.deepEqual(samplerOptions({ ...defaults(), steps: 3, eta: 0.5, method: 'ddpm_noisy', seed: 4, batch: 2 }), { steps: 3, method: 'ddpm_noisy', seed: 4, batch: 2 });
});

test('every default is a value that its own check accepts', () => {
  for (const setting of SETTINGS) assert.deepEqual(parse(setting, String(setting.default)), { value: setting.default });
});

test('numbers outside the range, of the wrong kind or not numbers at all are refused', () => {
  /** @type {Partial<Record<keyof import('../../www/state.js').Values, string[]>>} */
  const nonsense = {
    steps: ['0', '-1', '1000001', '2.5', '1e2', '0x10', '', ' ', 'NaN', 'Infinity', '٣'],
    eta: ['-1', '-0.0001', '1.0001', 'NaN', 'Infinity', '', '0,5', '0x1', '1e999'],
    seed: ['-1', '9007199254740992', '1.0', 'one'],
    batch: ['0', '17'],
  };
  for (const [key, texts] of Object.entries(nonsense)) {
    for (const text of texts) assert.ok('expected' in parse(settingOf(key), text), `${key}=${text}`);
  }
  assert.deepEqual(parse(settingOf('eta'), ' .5 '), { value: 0.5 });
  assert.deepEqual(parse(settingOf('eta'), '1e-1'), { value: 0.1 });
});

test('the limit of a loaded model goes before that of the table', () => {
  assert.deepEqual(parse(settingOf('steps'), '4000', 4000), { value: 4000 });
  assert.deepEqual(parse(settingOf('steps'), '4001', 4000), { expected: 'a whole number from 1 to 4000' });
});

test('tau takes the texts that the sampler reads, and keeps them readable in the hash', () => {
  for (const text of ['ddim25', '10,15,20', '10', 'list:0,250,500', 'list:0']) {
    assert.deepEqual(parse(settingOf('tau'), text), { value: text });
    const hash = formatHash({ ...defaults(), tau: text });
    assert.ok(hash.includes(`&tau=${text}&`), hash);
    assert.deepEqual(parseHash(hash), { values: { ...defaults(), tau: text }, problems: [] });
  }
  for (const text of ['ddim', 'ddim-5', 'ddim5,6', '10,', ',10', '1.5', 'list:', 'list:a', 'list:1,,2', 'lists:1', 'ddim99999999', 'Leading', '-1']) {
    const result = parse(settingOf('tau'), text);
    assert.match('expected' in result ? result.expected : '', /^one of model, leading, .*, ddimN, section counts such as 10,15,20 or a list such as list:0,250,500$/, text);
  }
});

test('a problem names key and value in one short line, however long the nonsense', () => {
  const { problems } = parseHash(`#steps=${'9'.repeat(5000)}`);
  assert.equal(problems.length, 1);
  assert.match(problems[0], /^The link says steps=9+…, which is not a whole number from 1 to 1000000; steps=20 is used instead\.$/);
  assert.ok(problems[0].length < 150);
});

test('-1…1 becomes 0…255, values beyond are clamped, and what is not finite is refused', () => {
  assert.deepEqual(toGreyLevels(new Float32Array([-1, 0, 1, -7, 7, 0.5])), Uint8ClampedArray.of(0, 128, 255, 0, 255, 191));
  assert.equal(toGreyLevels(new Float32Array([0, NaN])), null);
  assert.equal(toGreyLevels(new Float32Array([Infinity])), null);
});

const FOLDER = new URL('https://example.org/page/www/models/');
/** An entry of the list of models. @param {object} changes */
const entry = (changes) => ({ id: 'good', name: 'Good', path: 'good/', note: '', ...changes });

test('a path in the list of models leads into the folder of the list, or its entry is left out', () => {
  for (const path of ['good/', 'a/b/', './a/', 'a/../b/', 'möwe/', 'a b/']) {
    assert.deepEqual(readModels([entry({ path })], FOLDER), { models: [entry({ path })], problem: null });
  }
  for (const path of [
    ...['mine', '', 1, null, ['a/'], {}],
    ...['../', '/', 'a/../../', '%2e%2e/', '..%2f/', 'a%5C..%5C/', '\\\\example.com/', '..\\/', '/page/www/models2/'],
    ...['//example.com/', 'https://example.com/', 'http://example.org/page/www/models/', 'https://example.org@example.com/page/www/models/'],
    ...['javascript:alert(1)//', 'data:text/html,/', 'blob:https://example.org/', 'file:///etc/', 'https://[/', 'java\nscript:alert(1)//', ' ../'],
    ...['a?b/', 'a#b/'],
  ]) {
    const { models, problem } = readModels([entry({}), entry({ id: 'evil', path })], FOLDER);
    assert.deepEqual(models, [entry({})]);
    assert.match(String(problem), /^Left out of the list of models: “evil” \(path must .*\)\.$/, String(path));
  }
});

test('an entry that is not as it should be is named with its fault, and the others work; a list without any is refused', () => {
  const long = 'x'.repeat(1e6);
  /** @type {[unknown, string][]} */
  const cases = [
    [null, 'entry 2 (it is not an object)'],
    ['good', 'entry 2 (it is not an object)'],
    [[], 'entry 2 (id must be a text of 1 to 100 characters)'],
    [entry({ id: 7 }), 'entry 2 (id must be a text of 1 to 100 characters)'],
    [entry({ id: '' }), 'entry 2 (id must be a text of 1 to 100 characters)'],
    [entry({ id: long }), `“${'x'.repeat(23)}…” (id must be a text of 1 to 100 characters)`],
    [entry({ id: 'evil', name: undefined }), '“evil” (name must be a text of 1 to 100 characters)'],
    [entry({ id: 'evil', name: long }), '“evil” (name must be a text of 1 to 100 characters)'],
    [entry({ id: 'evil', note: { toString: 1 } }), '“evil” (note must be a text)'],
    [entry({}), '“good” (another one has the same id)'],
  ];
  for (const [bad, fault] of cases) {
    const { models, problem } = readModels([entry({}), bad, entry({ id: 'last' })], FOLDER);
    assert.deepEqual(models.map(({ id }) => id), ['good', 'last']);
    assert.equal(problem, `Left out of the list of models: ${fault}.`);
  }
  const many = Array.from({ length: 1000 }, () => cases[5][0]);
  const { problem } = readModels([entry({}), ...many], FOLDER);
  assert.match(String(problem), / and 997 more\.$/);
  assert.ok(String(problem).length <= 500);
  assert.equal(readModels([entry({ note: long })], FOLDER).models[0].note.length, 360);
  for (const list of [null, {}, 'good', 7, [], many, [entry({ path: '//example.com/' })]]) {
    assert.throws(() => readModels(list, FOLDER), ({ message }) => message.startsWith('models/index.json ') && message.length <= 500);
  }
});

test('sums of files are read from the list, and those of our own models are right', async () => {
  const sha256 = { 'diffusion_pytorch_model.safetensors': 'ab'.repeat(32) };
  assert.deepEqual(readModels([entry({ sha256 })], FOLDER).models[0].sha256, sha256);
  for (const bad of [null, [], 'ab', { x: 'ab' }, { x: 'AB'.repeat(32) }]) {
    assert.match(readModels([entry({}), entry({ id: 'evil', sha256: bad })], FOLDER).problem ?? '', /“evil” \(sha256 must give/);
  }
  const folder = new URL('../../www/models/', import.meta.url);
  const { models } = readModels(JSON.parse(await readFile(new URL('index.json', folder), 'utf8')), FOLDER);
  for (const { id, path, sha256: sums } of models) {
    assert.ok(sums, id);
    for (const [name, sum] of Object.entries(sums)) {
      const bytes = await readFile(new URL(`${path}${name}`, folder));
      assert.equal(createHash('sha256').update(bytes).digest('hex'), sum, `${path}${name}`);
    }
  }
});

test('samples of a model lie in its own folder, and say how many they are and whose', () => {
  const samples = { file: 'samples.png', count: 12, credit: 'Somebody, CC BY 4.0' };
  const { models, problem } = readModels([entry({ samples })], FOLDER);
  assert.equal(problem, null);
  assert.deepEqual(models[0].samples, { path: 'good/samples.png', count: 12, credit: 'Somebody, CC BY 4.0' });
  assert.ok(readModels([entry({ samples: { ...samples, credit: 'x'.repeat(1e6) } })], FOLDER).models[0].samples?.credit.length === 360);
  for (const bad of [
    ...[null, 7, 'samples.png', []],
    ...['', '../samples.png', 'a/samples.png', '//example.com/a.png', 'https://example.com/a.png', 'data:a.png', '.png', 'samples.svg', 7].map((file) => ({ ...samples, file })),
    ...[0, -1, 1.5, 101, '12', NaN, undefined].map((count) => ({ ...samples, count })),
    ...['', ' ', 7, undefined].map((credit) => ({ ...samples, credit })),
  ]) {
    const read = readModels([entry({}), entry({ id: 'evil', samples: bad })], FOLDER);
    assert.deepEqual(read.models.map(({ id }) => id), ['good'], JSON.stringify(bad));
    assert.match(String(read.problem), /^Left out of the list of models: “evil” \(samples.* must .*\)\.$/);
  }
});

test('no line of a file’s making has more than 500 characters: it has the first few names, and how many more', () => {
  assert.equal(brief('short'), 'short');
  const long = 'ab '.repeat(1e6);
  assert.match(brief(long), /^ab ab .*… \(3000000 characters in all\)$/);
  // Throws where half of a character is left.
  for (const text of ['😀'.repeat(300), `x${'😀'.repeat(300)}`]) encodeURIComponent(brief(text) + few([text], 1));
  assert.equal(few(['a', 'b', 'c'], 3), 'a, b, c');
  assert.equal(few(['a', 'b', 'c', 'd'], 2), 'a, b and 2 more');
  assert.equal(few([long], 1), `${long.slice(0, 23)}…`);

  assert.match(oneLine(new Error(long)), /^ab ab .*characters in all\)$/);
  for (const kind of /** @type {const} */ (['weights', 'config', 'download', 'start', 'webgpu', 'lost', 'crash'])) {
    for (const during of /** @type {const} */ (['load', 'run', 'crash'])) {
      const sentence = sentenceOf(new Failure(kind, long), during);
      assert.ok(sentence.length <= 450, `${kind} ${during}: ${sentence.length}`);
    }
  }
  assert.match(sentenceOf(new Failure('weights', long), 'load'), /^The model .*; reload it to download its files again\.$/);
  assert.ok(sentenceOf(new Error(long), 'load').length <= 500);
  const names = Array.from({ length: 1e5 }, (_, i) => `${i}${'k'.repeat(1000)}`);
  assert.match(ignored('config.json', names), /^Ignored in config\.json: 0k+…, .* and 99994 more\.$/);
  assert.ok(ignored('config.json', names).length <= 500);

  setModels(names.map((id) => ({ id, name: id })));
  const [problem] = parseHash('#model=none').problems;
  setModels(MODELS);
  assert.match(problem, /not one of 0k+…, .* and 99988 more, or the address of a model .*; model=/);
});

test('JSON is read as Python writes it, after a byte order mark too; what is UTF-16, a web page or neither is named', async (t) => {
  /** @type {string|Uint8Array<ArrayBuffer>} */
  let file = '';
  t.mock.method(globalThis, 'fetch', async () => new Response(file));
  Object.assign(globalThis, { addEventListener() {}, removeEventListener() {} }); // which Node lacks
  const read = async () => JSON.parse(await fetchJsonText(new URL('https://example.org/scheduler_config.json')));
  for (const name of ['scheduler-minus-infinity.json', 'config-bom.json']) {
    file = Uint8Array.from(await readFile(new URL(`../fixtures/cases/${name}`, import.meta.url)));
    assert.equal(typeof (await read())._class_name, 'string', name);
  }
  file = '{"a": [NaN, Infinity, -Infinity], "NaN \\" -Infinity": "Infinity"}';
  assert.deepEqual(await read(), { a: ['NaN', 'Infinity', '-Infinity'], 'NaN \" -Infinity': 'Infinity' });
  for (const [bytes, sentence] of /** @type {[string|Uint8Array<ArrayBuffer>, RegExp][]} */ ([
    [Uint8Array.from(Buffer.from('\ufeff{}', 'utf16le')), /scheduler_config\.json is UTF-16 or no text: save it as UTF-8\.$/],
    ['{"a": NaNo}', /is not valid JSON\.$/],
    ['"'.padEnd(1e6, '\\'), /is not valid JSON\.$/],
    ['<!doctype html>', /is not valid JSON but a web page/],
  ])) {
    file = bytes;
    await assert.rejects(read(), sentence);
  }
});

test('weights are the same where the ETags are; where one has none, where the dates are; otherwise nobody knows', () => {
  const [tag, other, date, later] = ['"a"', '"b"', 'Sat, 01 Jan 2000 00:00:00 GMT', 'Sun, 02 Jan 2000 00:00:00 GMT'];
  /** @type {[[string|null, string|null], [string|null, string|null], boolean][]} ETag and Last-Modified of the copy and of the server's */
  const cases = [
    [[tag, date], [tag, date], true],
    [[tag, date], [other, date], false],
    [[tag, date], [tag, later], true],
    [[tag, date], [other, later], false],
    [[tag, null], [tag, null], true],
    [[tag, null], [other, null], false],
    [[tag, date], [null, date], true],
    [[null, date], [tag, date], true],
    [[tag, date], [null, later], false],
    [[null, date], [tag, later], false],
    [[null, date], [null, date], true],
    [[null, date], [null, later], false],
    [[tag, null], [null, date], false],
    [[null, date], [tag, null], false],
    [[null, null], [null, null], false],
    [['', ''], ['', ''], false],
    [[tag, date], [null, null], false],
    [[`W/${tag}`, null], [tag, null], true],
    [[tag, null], [`W/${tag}`, null], true],
    [[`W/${tag}`, null], [`W/${tag}`, null], true],
    [[`W/${tag}`, date], [`W/${other}`, date], false],
    [[`W/${tag}`, date], [other, date], false],
  ];
  /** @param {[string|null, string|null]} validators */
  const headers = ([etag, modified]) => new Headers({ ...(etag !== null && { etag }), ...(modified !== null && { 'last-modified': modified }) });
  for (const [a, b, same] of cases) assert.equal(isSameVersion(headers(a), headers(b)), same, JSON.stringify([a, b]));
});

test('where memory will not do is said by what the browser tells, on the device that is chosen', () => {
  const needs = { memory_cpu_f32: 5e9, memory_cpu_f16: 3e9, memory_gpu_f32: 3e9, memory_gpu_f16: 1.5e9 };
  /** @type {[Parameters<typeof shortage>[2], Parameters<typeof shortage>[3], RegExp][]} */
  const cases = [
    [{ device: 'cpu', storage: 'f32' }, {}, /^$/],
    [{ device: 'cpu', storage: 'f32' }, { deviceMemory: 8 }, /^$/],
    [{ device: 'cpu', storage: 'f32' }, { deviceMemory: 4 }, /^A model needs about 5\.00 GB of memory, and this browser says that the computer has 4\.29 GB.*16 bits .* takes 3\.00 GB\.$/],
    [{ device: 'cpu', storage: 'f16' }, { deviceMemory: 4 }, /^$/],
    [{ device: 'cpu', storage: 'f16' }, { deviceMemory: 2 }, /needs about 3\.00 GB.*while it is loaded\.$/],
    [{ device: 'webgpu', storage: 'f32' }, { deviceMemory: 4 }, /^$/],
    [{ device: 'webgpu', storage: 'f32' }, { deviceMemory: 2 }, /takes 1\.50 GB\.$/],
    [{ device: 'auto', storage: 'f32' }, { deviceMemory: 4 }, /needs about 5\.00 GB/],
    [{ device: 'auto', storage: 'f32' }, { deviceMemory: 4, gpu: {} }, /^$/],
  ];
  for (const [choice, offer, sentence] of cases) assert.match(shortage('A model', needs, choice, offer), sentence, JSON.stringify([choice, offer]));
});

test('grids are nearly square', () => {
  assert.deepEqual([1, 2, 3, 4, 5, 9, 10, 16].map(columnsFor), [1, 2, 2, 2, 3, 3, 4, 4]);
});

test('a film keeps every step while it fits, and otherwise thins out but keeps the last', () => {
  const levels = new Uint8ClampedArray();
  const steps = (/** @type {Film} */ film) => Array.from({ length: film.length }, (_, i) => film.at(i)?.step);
  const run = (/** @type {number} */ side, /** @type {number} */ total) => {
    const film = new Film({ channels: 3, height: side, width: side }, { ...defaults(), batch: 16 }, total);
    for (let step = 1; step <= total; step++) film.add({ step, t: total - step, x0: levels, xt: levels });
    assert.equal(film.length, film.expectedLength);
    return steps(film);
  };
  assert.deepEqual(run(32, 5), [1, 2, 3, 4, 5]);
  const thinned = run(256, 50); // 315 MB in full
  assert.deepEqual(thinned, [...Array.from({ length: 25 }, (_, i) => 2 * i + 2)]);
  assert.deepEqual(run(256, 51).at(-1), 51);
});

test('a batch has at most a worker for each picture, for each core, and 8 in all', () => {
  assert.deepEqual([1, 2, 3, 16].map((batch) => workersFor(batch, 4)), [1, 2, 3, 4]);
  assert.equal(workersFor(16, 64), 8);
  assert.equal(workersFor(16, undefined), 2);
});

test('parts of a batch are even, in order, and hold their own slice of everything', () => {
  const latents = Float32Array.from({ length: 14 }, (_, i) => i); // 7 pictures of 2 numbers
  const parts = split({ batch: 7, first_image: 10, seed: 5, labels: [0, 1, 2, 3, 4, 5, 6], latents }, 3);
  assert.deepEqual(parts.map(({ batch }) => batch), [2, 2, 3]);
  assert.deepEqual(parts.map(({ first_image: first }) => first), [10, 12, 14]);
  assert.deepEqual(parts.map(({ labels }) => labels), [[0, 1], [2, 3], [4, 5, 6]]);
  assert.deepEqual(parts.map((part) => [...(part.latents ?? [])]), [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11, 12, 13]]);
  assert.ok(parts.every(({ seed }) => seed === 5));
  const alike = split({ batch: 7, first_image: 10, same_noise: true }, 3);
  assert.deepEqual(alike.map(({ first_image: first }) => first), [10, 10, 10]);
  for (let batch = 1; batch <= 16; batch++) {
    for (let count = 1; count <= Math.min(batch, 8); count++) {
      const sizes = split({ batch }, count).map((part) => part.batch);
      assert.equal(sizes.reduce((a, b) => a + b), batch);
      assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1, `${batch} in ${count}: ${sizes}`);
    }
  }
  assert.deepEqual(split({ batch: 2 }, 1), [{ batch: 2, first_image: 0 }]);
});

test('steps of the parts become one step with all pictures, in order, whoever is first', () => {
  /** @type {any[]} */
  const heard = [];
  const joiner = new Joiner(2, (event) => heard.push(event));
  /** @param {number} index @param {number} value @returns {import('../../www/engine/remote.js').Step} */
  const step = (index, value) => ({ type: 'step', index, t: 9 - index, ms: 30 - 5 * index + value, x0: Uint8ClampedArray.of(value), xt: Uint8ClampedArray.of(value, value) });
  joiner.receive(1, { type: 'started', total: 2 });
  joiner.receive(1, step(0, 10));
  joiner.receive(1, step(1, 11));
  assert.deepEqual(heard, [], 'the first part has not begun');
  joiner.receive(0, { type: 'started', total: 2 });
  assert.deepEqual(heard, [{ type: 'started', total: 2 }]);
  joiner.receive(0, step(0, 0));
  assert.equal(joiner.joined, 1);
  joiner.receive(0, step(1, 1));
  assert.equal(joiner.joined, 2);
  assert.deepEqual(
    heard.slice(1).map(({ index, t, ms, x0, xt }) => ({ index, t, ms, x0: [...x0], xt: [...xt] })),
    [
      { index: 0, t: 9, ms: 40, x0: [0, 10], xt: [0, 0, 10, 10] },
      { index: 1, t: 8, ms: 36, x0: [1, 11], xt: [1, 1, 11, 11] },
    ],
  );
});

/**
 * What of WebGPU the choice of a device looks at.
 * @param {object|null} adapter @returns {GPU}
 */
const gpuWith = (adapter) => /** @type {GPU} */ (/** @type {unknown} */ ({ requestAdapter: async () => adapter }));
/** @param {object|undefined} info @param {string[]} [features] */
const adapter = (info, features = ['timestamp-query']) => ({ info, features: new Set(features) });

/** @param {'auto'|'webgpu'|'cpu'} wanted @param {GPU|undefined} gpu @param {'plan'|'burn'} engine */
async function choose(wanted, gpu, engine) {
  return chooseDevice(wanted, await findAdapter(wanted, gpu, engine));
}

initSync({ module: await readFile(new URL('../../pkg/ddim_web_bg.wasm', import.meta.url)) });

test('auto takes a real adapter that can do what is needed', async () => {
  const gpu = gpuWith(adapter({ vendor: 'nvidia', architecture: 'hopper', device: '', description: '' }));
  for (const engine of /** @type {const} */ (['plan', 'burn'])) {
    assert.deepEqual(await choose('auto', gpu, engine), { device: 'webgpu', adapter: 'nvidia hopper', halves: false });
  }
});

test('numbers of 16 bits need an adapter with shader-f16', async () => {
  const gpu = gpuWith(adapter({ vendor: 'apple' }, ['shader-f16']));
  assert.equal((await choose('auto', gpu, 'plan')).halves, true);
});

test('only burn needs timestamp-query', async () => {
  const gpu = gpuWith(adapter({ vendor: 'arm' }, []));
  assert.equal((await choose('auto', gpu, 'plan')).device, 'webgpu');
  assert.equal((await choose('auto', gpu, 'burn')).device, 'cpu');
});

test('auto takes the CPU, with a reason, when WebGPU is absent, fails, or lacks what burn needs', async () => {
  const failing = /** @type {GPU} */ (/** @type {unknown} */ ({ requestAdapter: () => Promise.reject(new Error('boom')) }));
  /** @type {[GPU|undefined, RegExp][]} */
  const cases = [
    [undefined, /no WebGPU/],
    [gpuWith(null), /no graphics adapter/],
    [failing, /boom/],
    [gpuWith(adapter({ vendor: 'arm' }, [])), /“arm” lacks .*timestamp-query/],
  ];
  for (const [gpu, reason] of cases) {
    const choice = await choose('auto', gpu, 'burn');
    assert.equal(choice.device, 'cpu');
    assert.match(String(choice.notice), reason);
    await assert.rejects(choose('webgpu', gpu, 'burn'), (error) => error instanceof Failure && error.kind === 'webgpu' && reason.test(error.message));
    assert.deepEqual(await choose('cpu', gpu, 'burn'), { device: 'cpu', adapter: '' });
  }
});

test('an adapter that tells nothing of itself, or not all, is a graphics card like another', async () => {
  for (const info of [undefined, null, {}, { vendor: '' }, { vendor: '', architecture: '', device: '', description: '', isFallbackAdapter: false }]) {
    for (const wanted of /** @type {const} */ (['auto', 'webgpu'])) {
      assert.deepEqual(await choose(wanted, gpuWith({ ...adapter({}), info }), 'plan'), { device: 'webgpu', adapter: 'unnamed adapter', halves: false });
    }
  }
});

test('a package with the engine of one device refuses the other one, and names those that have it', async () => {
  const folder = new URL('../../www/models/fashion-mnist/', import.meta.url);
  const [config, scheduler] = await Promise.all(['config.json', 'scheduler_config.json'].map((name) => readFile(new URL(name, folder), 'utf8')));
  for (const [device, other] of /** @type {const} */ ([['cpu', 'webgpu'], ['webgpu', 'cpu']])) {
    for (const of of ['', 'training/']) {
      const address = new URL(`../../pkg/${of}${device}/ddim_web.js`, import.meta.url);
      const wasm = await import(address.href);
      wasm.initSync({ module: await readFile(new URL('ddim_web_bg.wasm', address)) });
      const asked = of
        ? wasm.Trainer.create({ config, scheduler, images: new Uint8Array(1024), device: other })
        : wasm.Denoiser.load(config, new Uint8Array(), other);
      const sentence = `device: this package has no engine for ${other}; pkg/${of} and pkg/${of}${other}/ have it`;
      await assert.rejects(asked, { kind: 'options', message: sentence });
    }
  }
});

test('software adapters are for those who ask for them', async () => {
  for (const info of [
    { vendor: 'google', architecture: 'swiftshader' },
    { description: 'llvmpipe (LLVM 17.0.6, 256 bits)' },
    { description: 'lavapipe' },
    { description: 'Softpipe' },
    { description: 'Microsoft Basic Render Driver' },
    { vendor: 'microsoft', architecture: 'warp' },
    { vendor: 'someone', isFallbackAdapter: true },
    { vendor: '', architecture: '', device: '', description: '', isFallbackAdapter: true },
  ]) {
    assert.equal((await choose('auto', gpuWith(adapter(info)), 'plan')).device, 'cpu', JSON.stringify(info));
    assert.ok(isSoftwareInRust(info), `the packages think otherwise of ${JSON.stringify(info)}`);
    assert.equal((await choose('webgpu', gpuWith(adapter(info)), 'plan')).device, 'webgpu');
  }
  // Where browsers had the flag before.
  assert.equal((await choose('auto', gpuWith({ ...adapter({}), isFallbackAdapter: true }), 'plan')).device, 'cpu');
  const real = await choose('auto', gpuWith(adapter({ description: 'NVIDIA Warpspeed' })), 'plan');
  assert.equal(real.device, 'webgpu');
});

/** @param {URL} module @returns {Promise<Set<string>>} `found`, with the addresses of what it imports, directly or not */
async function importsOf(module, found = new Set()) {
  for (const [, imported] of (await readFile(module, 'utf8')).matchAll(/^import .* from '(\..*)';$/gm)) {
    const url = new URL(imported, module);
    if (found.has(url.href)) continue;
    found.add(url.href);
    await importsOf(url, found);
  }
  return found;
}

test('index.html announces exactly the modules that main.js imports', async () => {
  const page = new URL('../../index.html', import.meta.url);
  const links = (await readFile(page, 'utf8')).matchAll(/<link rel="modulepreload" href="(.*?)">/g);
  const announced = [...links].map(([, href]) => new URL(href, page).href);
  assert.deepEqual(announced.sort(), [...(await importsOf(new URL('www/main.js', page)))].sort());
});

test('a reel keeps states that are evenly spread, and always the newest', () => {
  for (const [total, kept] of [[3, 3], [120, 120], [121, 61], [1000, 112]]) {
    const reel = new Reel(total);
    for (let step = 1; step <= total; step++) {
      reel.add(Uint8ClampedArray.of(step % 256));
      assert.deepEqual(reel.frames.at(-1), Uint8ClampedArray.of(step % 256), `${step} of ${total}`);
    }
    assert.equal(reel.frames.length, kept, `of ${total}`);
    assert.equal(reel.length, total);
    assert.deepEqual(reel.at(total)?.step, total);
    assert.ok(Array.from({ length: total }, (_, i) => i + 1).every((step) => Math.abs((reel.at(step)?.step ?? Infinity) - step) < reel.stride));
  }
});
