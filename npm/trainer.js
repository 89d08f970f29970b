// Training, in workers of the page, or of Node. See Trainer.

export { Trainer } from '../www/engine/trainer.js';
