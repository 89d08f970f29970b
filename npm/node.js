import './node-host.js';

export * from './index.js';
