import { DdimSampler as Sampler } from '../www/embed/sampler.js';

/** `<ddim-sampler>`. Each attribute is a property of the same name; null takes the attribute away. */
export interface DdimSampler extends Sampler {
  /** Folder of a model. */
  src: string | null;
  /** Steps, 1 or more. Default 20. */
  steps: string | number | null;
  /** A whole number from 0. Default 1. */
  seed: string | number | null;
  /** Pictures, 1 to 16. Default 4. */
  batch: string | number | null;
  /** Fresh noise of DDIM, 0 to 1. Default 0. */
  eta: string | number | null;
  /** The class, for a conditional model. Default 0. */
  label: string | number | null;
  /** Default auto. */
  device: 'auto' | 'webgpu' | 'cpu' | null;
  /** Slow enough to follow, or as fast as it computes. Default watch. */
  pace: 'watch' | 'fast' | null;
  /** What the network believes the pictures to be, or what it works on. Default x0. */
  show: 'x0' | 'xt' | null;
  /** Whether there is a button and a line that says what happens. */
  controls: boolean;
}
export declare const DdimSampler: { new (): DdimSampler; prototype: DdimSampler };

/** What the events of the element have in `detail`; all of them bubble. */
export interface DdimSamplerEvents {
  'ddim-ready': CustomEvent<object>;
  'ddim-step': CustomEvent<{ index: number; total: number; t: number }>;
  /** [batch, channels, height, width], -1 to 1. */
  'ddim-done': CustomEvent<{ images: Float32Array | null }>;
  'ddim-error': CustomEvent<{ kind: string; message: string }>;
}

declare global {
  interface HTMLElementTagNameMap {
    'ddim-sampler': DdimSampler;
  }
  interface HTMLElementEventMap extends DdimSamplerEvents {}
}
