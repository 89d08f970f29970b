// What is measured: every case knows its name, and how to run it.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BATCH = 16;

/** Networks of which single pictures take seconds: they are measured alone, where somebody asks for them. */
export const LARGE = ['butterflies-128', 'celebahq-256'];

/** What keeps PyTorch and its libraries from newer instructions than AVX2. */
const AVX2 = { ATEN_CPU_CAPABILITY: 'avx2', ONEDNN_MAX_CPU_ISA: 'AVX2', MKL_ENABLE_INSTRUCTIONS: 'AVX2' };

/** @param {string} program @param {string[]} args @param {NodeJS.ProcessEnv} [env] */
const output = async (program, args, env) => {
  const { stdout } = await promisify(execFile)(program, args, { cwd: ROOT, maxBuffer: 1 << 24, env: { ...process.env, ...env } });
  return JSON.parse(stdout.slice(stdout.trimEnd().lastIndexOf('\n') + 1));
};

/**
 * @typedef {object} Case
 * @property {'forward'|'step'|'memory'|'page'|'train'} case  what kind of measurement it is
 * @property {string} engine
 * @property {'webgpu'|'cpu'|'native'|'native-gpu'} device
 * @property {string} [architecture]
 * @property {number} [batch]
 * @property {number} [threads]
 * @property {string} [build]  which of the packages in pkg/
 * @property {string} [storage]  of numbers on the graphics card
 * @property {string} [simd]  vector instructions, where they are chosen
 * @property {(runs: number) => Promise<Record<string, any>>} run
 *
 * @typedef {{url: string, gpu: boolean}} Site  a server, and whether its browser has the machine's own GPU
 *
 * @typedef {object} Parts  what cases are made from
 * @property {string} architecture
 * @property {object} config
 * @property {boolean} peers
 * @property {number} threads
 * @property {{plain: Site, isolated: Site}} sites
 * @property {(module: string, parameters: object, site: Site) => Promise<Record<string, any>>} inBrowser
 */

/**
 * Forward passes of one architecture.
 * @param {Parts} parts
 * @returns {Case[]}
 */
export function forwardCases({ architecture, config, peers, threads, sites, inBrowser }) {
  /** @typedef {Omit<Case, 'case'|'architecture'>} Forward */
  /** @param {'cpu'|'webgpu'} device @param {string} build @param {number} [batch] @returns {Forward} */
  const plan = (device, build, batch = 1) => ({
    engine: build === 'burn' ? 'burn' : 'ddim-web',
    device,
    build,
    batch,
    threads: 1,
    run: (runs) => inBrowser('benches/browser/forward.js', { config, device, build, batch, runs }, sites.plain),
  });
  /** @type {Forward} */
  const workers = {
    engine: 'ddim-web',
    device: 'cpu',
    build: 'relaxed',
    batch: BATCH,
    threads,
    run: (runs) => inBrowser('benches/browser/workers.js', { config, build: 'relaxed', batch: BATCH, threads, runs }, sites.plain),
  };
  /** @param {'plan'|'burn'} engine @param {'cpu'|'gpu'} device @param {number} batch @param {string} [storage] @param {string[]} simd @returns {Forward} */
  const native = (engine, device, batch, storage = 'f32', ...simd) => ({
    engine: engine === 'plan' ? 'ddim-web' : engine,
    device: device === 'gpu' ? 'native-gpu' : 'native',
    batch,
    threads,
    ...(device === 'gpu' && { storage }),
    ...(simd.length > 0 && { simd: simd[0] }),
    run: (runs) =>
      output('cargo', ['bench', '--quiet', '--features', 'burn-gpu', '--bench', 'forward', '--', architecture, `${batch}`, `${runs}`, device, engine, storage, ...simd]),
  });
  // Threads of WebAssembly need the isolation headers; ddim-web asks for none and takes workers.
  /** @param {'cpu'|'webgpu'} device @param {number} peerThreads @param {number} [batch] @returns {Forward} */
  const onnx = (device, peerThreads, batch = 1) => ({
    engine: 'onnxruntime-web',
    device,
    batch,
    threads: peerThreads,
    run: (runs) =>
      inBrowser('benches/peers/onnxruntime-web.js', { architecture, config, device, batch, threads: peerThreads, runs }, sites.isolated),
  });
  /** @param {number} batch @param {NodeJS.ProcessEnv} [env] @returns {Forward} */
  const pytorch = (batch, env) => ({
    engine: env ? 'pytorch with AVX2' : 'pytorch',
    device: 'native',
    batch,
    threads,
    run: (runs) => output(process.env.PEERS_PYTHON ?? 'python3', ['benches/peers/pytorch.py', architecture, `${batch}`, `${runs}`, `${threads}`], env),
  });
  // As most people's processors are; natively a machine with more can do as if it had no more than that.
  const avx2 = [native('plan', 'cpu', BATCH, 'f32', 'AVX2'), ...(peers ? [pytorch(BATCH, AVX2)] : [])];
  const single = [
    plan('webgpu', 'plain'),
    plan('cpu', 'plain'),
    plan('cpu', 'relaxed'),
    ...(peers ? [onnx('cpu', 1)] : []),
    native('plan', 'cpu', 1),
    ...(peers ? [pytorch(1)] : []),
    native('plan', 'gpu', 1),
  ];
  const all = () => [
    plan('webgpu', 'plain'),
    plan('webgpu', 'burn'),
    ...(peers ? [onnx('webgpu', 1)] : []),
    plan('cpu', 'plain'),
    plan('cpu', 'relaxed'),
    plan('cpu', 'burn'),
    ...(peers ? [onnx('cpu', 1)] : []),
    workers,
    ...(peers ? [onnx('cpu', threads, BATCH)] : []),
    ...[1, BATCH].flatMap((batch) => [
      native('plan', 'cpu', batch),
      native('burn', 'cpu', batch),
      ...(peers ? [pytorch(batch)] : []),
    ]),
    ...(process.arch === 'x64' ? avx2 : []),
    ...[1, BATCH].flatMap((batch) => [native('plan', 'gpu', batch), native('plan', 'gpu', batch, 'f16'), native('burn', 'gpu', batch)]),
  ];
  return (LARGE.includes(architecture) ? single : all()).map((entry) => ({ case: 'forward', architecture, ...entry }));
}

/** Images of a training step. */
const TRAINED = { 'cifar10-32': 16, small: 16, published: 32 };

/**
 * Steps of training, with Adam and the average of the weights.
 * @param {Pick<Parts, 'architecture'|'peers'|'threads'>} parts
 * @returns {Case[]}
 */
export function trainCases({ architecture, peers, threads }) {
  const batch = TRAINED[/** @type {keyof typeof TRAINED} */ (architecture)];
  const about = /** @type {const} */ ({ case: 'train', architecture, batch, threads });
  /** @param {Record<string, any>} result */
  const named = ({ stepMs, stepMinMs, ...more }) => ({ medianMs: stepMs, minMs: stepMinMs, ...more });
  /** @param {string[]} simd @returns {Case} */
  const ours = (...simd) => ({
    ...about,
    engine: 'ddim-web',
    device: 'native',
    ...(simd.length > 0 && { simd: simd[0] }),
    run: async (runs) => named(await output('cargo', ['bench', '--quiet', '--bench', 'train', '--', architecture, `${batch}`, `${runs}`, ...simd])),
  });
  /** @param {string[]} way @returns {Case} */
  const pytorch = (...way) => ({
    ...about,
    engine: ['pytorch', ...way].join(' '),
    device: 'native',
    run: (runs) =>
      output(process.env.PEERS_PYTHON ?? 'python3', ['benches/peers/pytorch.py', architecture, `${batch}`, `${runs}`, `${threads}`, '--train', ...way.map((name) => `--${name}`)]),
  });
  return [
    ours(),
    ...(process.arch === 'x64' ? [ours('AVX2')] : []),
    ...(peers ? [pytorch(), pytorch('bf16', 'compile')] : []),
    {
      ...about,
      engine: 'ddim-web',
      device: 'native-gpu',
      run: async (runs) => named(await output('cargo', ['bench', '--quiet', '--bench', 'train_gpu', '--', `benches/architectures/${architecture}.json`, `${batch}`, `${runs}`])),
    },
  ];
}

/** Steps of the sampler. @param {Pick<Parts, 'architecture'|'config'|'sites'|'inBrowser'>} parts @returns {Case[]} */
export function stepCases({ architecture, config, sites, inBrowser }) {
  return /** @type {const} */ (['webgpu', 'cpu']).map((device) => ({
    case: 'step',
    engine: 'ddim-web',
    device,
    architecture,
    batch: 1,
    run: (runs) => inBrowser('benches/browser/sampling.js', { config, device, build: 'plain', batch: 1, runs }, sites.plain),
  }));
}

/** Memory over a long run. @param {Pick<Parts, 'sites'|'inBrowser'>} parts @returns {Case[]} */
export function memoryCases({ sites, inBrowser }) {
  return /** @type {const} */ (['webgpu', 'cpu']).map((device) => ({
    case: 'memory',
    engine: 'ddim-web',
    device,
    run: () => inBrowser('benches/browser/memory.js', { device, build: 'plain' }, sites.plain),
  }));
}
