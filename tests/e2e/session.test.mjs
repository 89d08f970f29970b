// The session without a browser: its queue of runs, and that every request ends whatever happens to the engine.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Failure } from '../../www/engine/errors.js';
import { Settings } from '../../www/hash.js';
import { Session } from '../../www/session.js';
import { setModels, setViews } from '../../www/state.js';

/**
 * @typedef {import('../../www/engine/client.js').Remark} Remark
 * @typedef {import('../../www/engine/client.js').Loaded} Loaded
 * @typedef {{resolve: (end: {stopped: boolean}) => void, reject: (failure: Failure) => void, stopped: boolean, seed: number|undefined}} Asked
 */

const MODELS = [{ id: 'grey', name: 'Grey', path: 'grey/', note: '' }];
setModels(MODELS);
setViews(['generate', 'compare']);

/** @type {Loaded} */
const LOADED = {
  info: { engine: 'plan', device: 'cpu', adapter: 'test', parameters: 1e6, in_channels: 1, out_channels: 1, sample_size: [8, 8], classes: null, unknown_keys: [], notes: [] },
  adapter: 'test',
  scheduler: { trainSteps: 1000, tau: 'leading', unknownKeys: [], notes: [], json: '{}' },
};

/** A client that does what a test says, when it says so. */
class FakeClient {
  /** Runs that it was asked for. @type {Asked[]} */
  asked = [];

  /** @param {(event: Remark) => void} listener @param {Promise<Loaded>} loaded */
  constructor(listener, loaded) {
    this.say = listener;
    this.loaded = loaded;
  }

  load() {
    return this.loaded;
  }

  /** @type {import('../../www/engine/client.js').Client['sample']} */
  sample({ seed }, onEvent) {
    /** @type {Asked} */
    const asked = { resolve() {}, reject() {}, stopped: false, seed };
    this.asked.push(asked);
    /** @type {Promise<{stopped: boolean}>} */
    const ended = new Promise((resolve, reject) => Object.assign(asked, { resolve, reject }));
    onEvent({ type: 'started', total: 2, workers: 1 });
    return { ended, stop: () => (asked.stopped = true), taken() {} };
  }

  /** @type {import('../../www/engine/client.js').Client['rate']} */
  rate() {
    return { ended: Promise.resolve({ stopped: false }), stop() {}, taken() {} };
  }

  terminate() {
    for (const { reject } of this.asked) reject(new Failure('ended', 'the engine was ended'));
  }
}

/** A session, its clients, and the states that it has been in. @param {...Promise<Loaded>} loads  of its clients; the last one of all that follow too */
function sessionWith(...loads) {
  /** @type {FakeClient[]} */
  const clients = [];
  /** @type {string[]} */
  const states = [];
  const session = new Session(new Settings(), MODELS, (listener) => {
    clients.push(new FakeClient(listener, loads[clients.length] ?? loads.at(-1) ?? Promise.resolve(LOADED)));
    return clients[clients.length - 1];
  });
  session.on('status', ({ state }) => states.at(-1) !== state && states.push(state));
  return { session, clients, states };
}

/** @param {Session} session @param {number} seed */
function ask(session, seed) {
  return session.perform({
    text: `Making ${seed}…`,
    work: async (task) => {
      const { stopped } = await task.sample({ steps: 2, batch: 1, seed }).ended;
      return `${seed} ${stopped ? 'stopped' : 'done'}`;
    },
  });
}

/** A model that is there when a test says so. */
function deferred() {
  /** @type {(loaded: Loaded) => void} */
  let resolve = () => {};
  /** @type {(error: Error) => void} */
  let reject = () => {};
  /** @type {Promise<Loaded>} */
  const promise = new Promise((yes, no) => ([resolve, reject] = [yes, no]));
  return { promise, resolve, reject };
}

/** Lets everything happen that is waiting to. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

test('a second request waits for the first, and both end', async (t) => {
  const { session, clients, states } = sessionWith();
  t.after(() => session.fail('over'));
  await session.load();
  const [first, second] = [ask(session, 1), ask(session, 2)];
  assert.notEqual(first.id, second.id);
  const [client] = clients;
  await settle();
  assert.deepEqual(client.asked.map(({ seed }) => seed), [1]);
  client.asked[0].resolve({ stopped: false });
  assert.deepEqual(await first.ended, { stopped: false });
  assert.equal(session.status.text, '1 done');
  await settle();
  assert.deepEqual(client.asked.map(({ seed }) => seed), [1, 2]);
  assert.equal(session.status.state, 'running');
  client.asked[1].resolve({ stopped: false });
  assert.deepEqual(await second.ended, { stopped: false });
  assert.deepEqual(states, ['loading', 'ready', 'running', 'done', 'running', 'done']);
});

test('how a model was read is told with it', async (t) => {
  const told = { ...LOADED, info: { ...LOADED.info, notes: ['weights: without a prefix'] }, scheduler: { ...LOADED.scheduler, notes: ['sampled with DDIM'] } };
  const { session } = sessionWith(Promise.resolve(told), Promise.resolve(LOADED));
  t.after(() => session.fail('over'));
  /** @type {string[]} */
  const heard = [];
  session.on('notice', ({ topic, text }) => heard.push(`${topic}: ${text}`));
  session.on('clear', (topics) => topics.includes('weights') && heard.push('cleared'));
  await session.load();
  assert.deepEqual(heard, ['cleared', 'weights: weights: without a prefix; sampled with DDIM.']);
  await session.load();
  assert.deepEqual(heard.slice(2), ['cleared']);
});

test('stop ends the run under way and no other; a run that waits can be stopped for itself', async (t) => {
  const { session, clients } = sessionWith();
  t.after(() => session.fail('over'));
  await session.load();
  const [first, second, third] = [1, 2, 3].map((seed) => ask(session, seed));
  const { asked } = clients[0];
  session.stop();
  assert.deepEqual(asked.map(({ stopped }) => stopped), [true]);
  second.stop();
  asked[0].resolve({ stopped: true });
  assert.deepEqual(await first.ended, { stopped: true });
  assert.deepEqual(await second.ended, { stopped: true });
  await settle();
  assert.deepEqual(asked.map(({ seed, stopped }) => [seed, stopped]), [[1, true], [3, false]]);
  asked[1].resolve({ stopped: false });
  assert.deepEqual(await third.ended, { stopped: false });
});

test('a run that fails does not hold up the next one', async (t) => {
  const { session, clients, states } = sessionWith();
  t.after(() => session.fail('over'));
  await session.load();
  /** @type {string[]} */
  const errors = [];
  session.on('status', ({ state, text }) => state === 'error' && errors.push(text));
  const [first, second] = [ask(session, 1), ask(session, 2)];
  clients[0].asked[0].reject(new Failure('options', 'seed: 1 is not to my taste'));
  await assert.rejects(first.ended, { kind: 'options' });
  await settle();
  clients[0].asked[1].resolve({ stopped: false });
  assert.deepEqual(await second.ended, { stopped: false });
  assert.deepEqual(errors, ['seed: 1 is not to my taste']);
  assert.deepEqual(states, ['loading', 'ready', 'running', 'error', 'running', 'done']);
});

test('silence is told of an engine, not of a hand; a run that has ended holds nothing', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { session, clients } = sessionWith();
  /** @type {string[]} */
  const told = [];
  session.on('notice', ({ topic }) => told.push(topic));
  await session.load();
  /** @type {import('../../www/run.js').Run|undefined} */
  let run;
  const task = session.perform({
    text: 'Making…',
    work: async (task) => {
      run = task.sample({ steps: 2, batch: 1, seed: 1 });
      return String((await run.ended).stopped);
    },
  });
  await settle();
  run?.hold();
  t.mock.timers.tick(100_000);
  assert.deepEqual(told, []);
  run?.go();
  t.mock.timers.tick(100_000);
  assert.deepEqual(told, ['silence']);
  run?.hold();
  assert.equal(run?.held, true);
  clients[0].asked[0].resolve({ stopped: false });
  await task.ended;
  assert.equal(run?.held, false);
  t.mock.timers.tick(100_000);
  assert.deepEqual(told, ['silence']);
});

test('another device during a run ends it and those that wait, and the session is ready again', async (t) => {
  const { session, clients, states } = sessionWith();
  t.after(() => session.fail('over'));
  await session.load();
  const ends = [ask(session, 1), ask(session, 2)].map(({ ended }) => assert.rejects(ended, { kind: 'ended' }));
  await session.load();
  await Promise.all(ends);
  assert.equal(clients.length, 2);
  assert.equal(clients[1].asked.length, 0);
  assert.deepEqual(states, ['loading', 'ready', 'running', 'loading', 'ready']);
  const again = ask(session, 3);
  clients[1].asked[0].resolve({ stopped: false });
  assert.deepEqual(await again.ended, { stopped: false });
});

for (const [what, first] of /** @type {[string, (settle: {resolve: (loaded: Loaded) => void, reject: (error: Error) => void}) => void][]} */ ([
  ['comes late', ({ resolve }) => resolve(LOADED)],
  ['cannot be shown', ({ resolve }) => resolve({ ...LOADED, info: { ...LOADED.info, out_channels: 2 } })],
  ['fails late', ({ reject }) => reject(new Error('no such model'))],
])) {
  test(`a model that ${what}, when another one has been chosen, changes nothing`, async (t) => {
    const { promise: late, ...lateEnd } = deferred();
    const { promise: next, resolve: nextIsThere } = deferred();
    const { session, clients, states } = sessionWith(late, next);
    t.after(() => session.fail('over'));
    const [old, wanted] = [session.load(), session.load()];
    first(lateEnd);
    assert.equal(await old, false);
    assert.equal(session.loaded, null);
    assert.deepEqual(states, ['loading']);
    await assert.rejects(ask(session, 1).ended, { kind: 'ended' });
    nextIsThere(LOADED);
    assert.equal(await wanted, true);
    assert.deepEqual(states, ['loading', 'ready']);
    const run = ask(session, 2);
    assert.deepEqual(clients.map(({ asked }) => asked.length), [0, 1]);
    clients[1].asked[0].resolve({ stopped: false });
    assert.deepEqual(await run.ended, { stopped: false });
  });
}

test('a run that ends as another model is chosen says nothing about it', async (t) => {
  const { session, clients, states } = sessionWith(Promise.resolve(LOADED), deferred().promise);
  t.after(() => session.fail('over'));
  await session.load();
  const run = ask(session, 1);
  clients[0].asked[0].resolve({ stopped: false });
  session.load();
  await assert.rejects(run.ended, { kind: 'ended' });
  assert.deepEqual(states, ['loading', 'ready', 'running', 'loading']);
});

test('a crash ends every request, and is told once, with a way out', async () => {
  const { session, clients, states } = sessionWith();
  await session.load();
  const failure = new Failure('crash', 'out of ink');
  const ends = [ask(session, 1), ask(session, 2)].map(({ ended }) => assert.rejects(ended));
  clients[0].say({ type: 'crashed', failure });
  clients[0].asked[0].reject(failure);
  await Promise.all(ends);
  assert.equal(session.status.text, 'The engine crashed (out of ink). Reload the model to go on.');
  assert.ok(session.reloadable);
  assert.deepEqual(states, ['loading', 'ready', 'running', 'error']);
});

test('each view says what came of its own run, and what is under way is told in all of them, with whose it is', async (t) => {
  // The address is written where there is one.
  Object.assign(globalThis, { location: { hash: '' }, history: { replaceState() {} } });
  const { session, clients } = sessionWith();
  t.after(() => session.fail('over'));
  const { settings, status } = session;
  settings.set('view', 'generate');
  await session.load();
  const said = () => [status.state, status.text];
  const first = ask(session, 1);
  assert.equal(session.elsewhere, '');
  settings.set('view', 'compare');
  assert.deepEqual([...said(), session.elsewhere], ['running', 'Making 1…', 'generate'], 'a run goes on');
  clients[0].asked[0].resolve({ stopped: false });
  await first.ended;
  assert.deepEqual([...said(), session.elsewhere], ['done', '1 done', 'generate'], 'its end is heard of here');
  settings.set('view', 'generate');
  assert.deepEqual(said(), ['done', '1 done'], 'it was begun here');
  settings.set('view', 'compare');
  assert.deepEqual(said(), ['ready', 'Ready.']);
  assert.equal(status.figures, '1.0 million parameters');
  await settle();
  const second = ask(session, 2);
  clients[0].asked[1].reject(new Failure('options', 'seed: 2 is not to my taste'));
  await assert.rejects(second.ended);
  settings.set('view', 'generate');
  assert.deepEqual(said(), ['done', '1 done']);
  settings.set('view', 'compare');
  assert.deepEqual(said(), ['error', 'seed: 2 is not to my taste']);
  await settle();
  ask(session, 3);
  const fourth = ask(session, 4);
  settings.set('view', 'generate');
  clients[0].asked[2].resolve({ stopped: false });
  await settle();
  assert.deepEqual([...said(), session.elsewhere], ['running', 'Making 4…', 'compare'], 'asked for there, though its turn came here');
  clients[0].asked[3].resolve({ stopped: false });
  await fourth.ended;
  assert.deepEqual([...said(), session.elsewhere], ['done', '4 done', 'compare']);
  session.attend();
  assert.deepEqual([...said(), session.elsewhere], ['done', '1 done', ''], 'a hand went on here');
  settings.set('view', 'compare');
  assert.deepEqual([...said(), session.elsewhere], ['done', '4 done', '']);
  settings.set('view', 'generate');
  assert.deepEqual([...said(), session.elsewhere], ['done', '1 done', ''], 'here it was heard of, and that is enough');
  await session.load();
  settings.set('view', 'generate');
  assert.deepEqual(said(), ['ready', 'Ready.'], 'what another model made is over');
});

test('a run before a model is loaded is refused', async () => {
  const { session } = sessionWith();
  await assert.rejects(ask(session, 1).ended, { kind: 'ended' });
});

for (const [kind, message, sentence] of /** @type {const} */ ([
  ['weights', 'weights: too few', 'The model could not be loaded (weights: too few); reload it to download its files again.'],
  ['config', 'config.json: no', 'The model could not be loaded (config.json: no).'],
  ['download', 'The download failed.', 'The download failed.'],
  ['start', 'no memory', 'The engine could not be started (no memory); reload the page to try again.'],
  ['webgpu', 'There is no card.', 'There is no card. Choose the device Automatic or CPU instead.'],
])) {
  test(`a failure of the kind ${kind} while loading is told as one`, async () => {
    const { session } = sessionWith(Promise.reject(new Failure(kind, message)));
    assert.equal(await session.load(), false);
    assert.equal(session.status.state, 'error');
    assert.equal(session.status.text, sentence);
    assert.ok(session.reloadable);
  });
}

test('a model that no view can show is refused in words', async () => {
  const { session } = sessionWith(Promise.resolve({ ...LOADED, info: { ...LOADED.info, out_channels: 2 } }));
  assert.equal(await session.load(), false);
  assert.match(session.status.text, /^The model makes pictures with 2 channels/);
});
