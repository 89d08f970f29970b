// <ddim-sampler>: importing this defines it. Its attributes, properties and events stand in www/embed/sampler.js.

export { DdimSampler } from '../www/embed/sampler.js';
