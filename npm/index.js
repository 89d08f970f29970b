// The engine: a model in workers of the page, or of Node. See Client.

export { Client } from '../www/engine/client.js';
export { Failure } from '../www/engine/errors.js';
