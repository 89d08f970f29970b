// The wasm packages for training. Apart from those for sampling, which alone most pages need: a bundler takes all that is
// named where it is imported.

import { needSimd } from './package.js';

const CPU = {
  script: new URL('../../pkg/training/cpu/ddim_web.js', import.meta.url),
  wasm: new URL('../../pkg/training/cpu/ddim_web_bg.wasm', import.meta.url),
};

const CPU_RELAXED = {
  script: new URL('../../pkg/training/cpu/relaxed/ddim_web.js', import.meta.url),
  wasm: new URL('../../pkg/training/cpu/relaxed/ddim_web_bg.wasm', import.meta.url),
};

const WEBGPU = {
  script: new URL('../../pkg/training/webgpu/ddim_web.js', import.meta.url),
  wasm: new URL('../../pkg/training/webgpu/ddim_web_bg.wasm', import.meta.url),
};

/**
 * @returns {{cpu: import('./package.js').Files, webgpu: import('./package.js').Files}} the package for each device
 * @throws {import('./errors.js').Failure} when this browser cannot run any of them
 */
export function trainingPackages() {
  return { cpu: needSimd().relaxed ? CPU_RELAXED : CPU, webgpu: WEBGPU };
}
