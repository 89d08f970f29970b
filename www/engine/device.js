// Which device a network runs on, found out before a package is loaded for it. A software adapter is slower than the CPU
// path, and burn's WebGPU backend panics when the adapter lacks `timestamp-query`. Runs in the worker, where the device is
// used.

import { Failure, oneLine } from './errors.js';

/**
 * @typedef {import('../../pkg/ddim_web.js').AdapterDescription} Description
 *
 * @typedef {object} Found  the graphics adapter, or why there is none to be used
 * @property {string} adapter  its name, empty where there is none
 * @property {Description} [told]  what it says of itself
 * @property {boolean} [halves]  whether it can compute with numbers of 16 bits
 * @property {string} [notice]
 *
 * @typedef {object} DeviceChoice
 * @property {'webgpu'|'cpu'} device
 * @property {string} adapter   the graphics adapter's name, empty on the CPU
 * @property {boolean} [halves] whether it can compute with numbers of 16 bits
 * @property {string} [notice]  why it is not what one might expect
 */

/** What a browser tells of an adapter: Chrome 113 to 126 nothing, others not all. @param {GPUAdapter} adapter @returns {Description} */
function descriptionOf(adapter) {
  /** @type {Partial<GPUAdapterInfo>} */
  const { vendor = '', architecture = '', device = '', description = '', isFallbackAdapter } = adapter.info ?? {};
  // Browsers had the flag on the adapter itself before it moved.
  const flag = isFallbackAdapter ?? ('isFallbackAdapter' in adapter && Boolean(adapter.isFallbackAdapter));
  return { vendor, architecture, device, description, isFallbackAdapter: flag };
}

/** @param {Description} told @returns {string} */
function nameOf({ vendor, architecture, device, description }) {
  const short = [vendor, architecture, device].filter(Boolean).join(' ');
  return description || short || 'unnamed adapter';
}

/**
 * @param {'auto'|'webgpu'|'cpu'} wanted
 * @param {GPU|undefined} gpu  `navigator.gpu`
 * @param {'plan'|'burn'} engine
 * @returns {Promise<Found>}
 * @throws {Failure} when `webgpu` was asked for by name and cannot be had
 */
export async function findAdapter(wanted, gpu, engine) {
  if (wanted === 'cpu') return { adapter: '' };
  /** @param {string} reason @returns {Found} */
  const without = (reason) => {
    if (wanted === 'webgpu') throw new Failure('webgpu', reason);
    return { adapter: '', notice: `${reason} The CPU is used, which is slower.` };
  };

  if (!gpu) return without('This browser has no WebGPU (it needs a secure address: https or localhost).');
  let adapter = null;
  try {
    adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  } catch (error) {
    return without(`WebGPU failed to look for a graphics adapter (${oneLine(error)}).`);
  }
  if (!adapter) return without('WebGPU found no graphics adapter.');
  const told = descriptionOf(adapter);
  const name = nameOf(told);
  if (engine === 'burn' && !adapter.features.has('timestamp-query')) {
    return without(`The graphics adapter “${name}” lacks the WebGPU feature timestamp-query, which the engine burn needs.`);
  }
  return { adapter: name, told, halves: adapter.features.has('shader-f16') };
}

/** What programs that pass for a graphics card have in their names. "warp" is Microsoft's, as a word of its own only: cards are called warp-something. */
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|softpipe|basic render|(?<![a-z0-9])warp(?![a-z0-9])/i;

/** Whether an adapter is a program on the processor: the same answer as the wasm packages' `is_software_adapter`. @param {Description} told */
export function isSoftware({ vendor, architecture, device, description, isFallbackAdapter }) {
  return Boolean(isFallbackAdapter) || [vendor, architecture, device, description].some((name) => SOFTWARE.test(name ?? ''));
}

/**
 * @param {'auto'|'webgpu'|'cpu'} wanted
 * @param {Found} found
 * @returns {DeviceChoice}
 */
export function chooseDevice(wanted, { adapter, told, halves, notice }) {
  if (!told) return { device: 'cpu', adapter: '', ...(notice && { notice }) };
  if (wanted === 'auto' && isSoftware(told)) {
    return {
      device: 'cpu',
      adapter: '',
      notice: `WebGPU offers only a software adapter here (${adapter}), which is slower than the CPU, so the CPU is used.`,
    };
  }
  return { device: 'webgpu', adapter, halves };
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
