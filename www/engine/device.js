// What this browser can do. wgpu reads `adapter.info` unasked, which older Chromium (113 to 126) does not
// have, a software adapter is many times slower than the CPU path, and burn's WebGPU backend panics when
// the adapter lacks `timestamp-query`, so all three are found out before the wasm module is asked for
// anything. WebAssembly is looked at on the page, WebGPU in the worker, where it is used.

/** Names under which software rasterisers present themselves as WebGPU adapters. */
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|softpipe|basic render|\bwarp\b/i;

/**
 * @typedef {object} DeviceChoice
 * @property {'webgpu'|'cpu'} device
 * @property {string} adapter   the graphics adapter's name, empty on the CPU
 * @property {boolean} [halves] whether it can compute with numbers of 16 bits
 * @property {string} [notice]  why it is not what one might expect
 */

/** The smallest module with a SIMD instruction: a function that makes a v128 from an i32. */
const SIMD_MODULE = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
]);

/** The smallest module with a relaxed SIMD instruction: f32x4.relaxed_madd of three v128, each made from an i32. */
const RELAXED_SIMD_MODULE = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 19, 1, 17, 0, 65, 0, 253, 15, 65, 0, 253, 15, 65, 0, 253, 15,
  253, 133, 2, 11,
]);

/** Whether this browser can multiply and add in one instruction. */
export function hasRelaxedSimd() {
  return WebAssembly.validate(RELAXED_SIMD_MODULE);
}

/** @throws {Error} when this browser cannot run the wasm module at all */
export function requireWebAssembly() {
  const simd = typeof WebAssembly === 'object' && WebAssembly.validate(SIMD_MODULE);
  if (!simd) {
    throw new Error(
      'This browser cannot run WebAssembly with SIMD, which the network needs; please use a current Chrome, Edge, Firefox or Safari (16.4 or newer).',
    );
  }
}

/** @param {GPUAdapter} adapter @returns {string} */
export function adapterName(adapter) {
  const { vendor = '', architecture = '', device = '', description = '' } = adapter.info;
  const short = [vendor, architecture, device].filter(Boolean).join(' ');
  return description || short || 'unnamed adapter';
}

/** @param {GPUAdapter} adapter */
function isSoftware(adapter) {
  const { info } = adapter;
  const names = [info.vendor, info.architecture, info.device, info.description].join(' ');
  return Boolean(info.isFallbackAdapter || adapter.isFallbackAdapter || SOFTWARE.test(names));
}

/**
 * @param {'auto'|'webgpu'|'cpu'} wanted
 * @param {GPU|undefined} gpu  `navigator.gpu`
 * @param {'plan'|'burn'} engine
 * @returns {Promise<DeviceChoice>}
 * @throws {Error} when `webgpu` was asked for by name and cannot be had
 */
export async function chooseDevice(wanted, gpu, engine) {
  if (wanted === 'cpu') return { device: 'cpu', adapter: '' };
  const explicit = wanted === 'webgpu';
  const without = (reason) => {
    if (explicit) throw new Error(`${reason} Choose the device Automatic or CPU instead.`);
    return { device: 'cpu', adapter: '', notice: `${reason} The CPU is used instead; it is slower, and its pictures differ by rounding only.` };
  };

  if (!gpu) return without('This browser has no WebGPU (it needs a secure address: https or localhost).');
  let adapter = null;
  try {
    adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  } catch (error) {
    return without(`WebGPU failed to look for a graphics adapter (${error.message}).`);
  }
  if (!adapter) return without('WebGPU found no graphics adapter on this computer.');
  if (!adapter.info) {
    return without('This browser’s WebGPU is too old: it does not describe its graphics adapter (adapter.info); please update the browser.');
  }
  const name = adapterName(adapter);
  if (engine === 'burn' && !adapter.features.has('timestamp-query')) {
    return without(`The graphics adapter “${name}” lacks the WebGPU feature timestamp-query, which the engine burn needs.`);
  }
  if (isSoftware(adapter) && !explicit) {
    return {
      device: 'cpu',
      adapter: '',
      notice: `WebGPU offers only a software adapter here (${name}), which is slower than the CPU, so the CPU is used.`,
    };
  }
  return { device: 'webgpu', adapter: name, halves: adapter.features.has('shader-f16') };
}

/**
 * Calls `onLost` when a GPU device that anybody requests in this thread is lost. The wasm module creates
 * the device, and what becomes of it while no call is under way is seen from here only.
 * @param {(lost: GPUDeviceLostInfo) => void} onLost
 */
export function watchForLostDevice(onLost) {
  if (typeof GPUAdapter === 'undefined') return;
  const requestDevice = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = async function (...args) {
    const device = await requestDevice.apply(this, args);
    device.lost.then(onLost);
    return device;
  };
}
