import './node-host.js';

export * from './trainer.js';
