// What needs no network: schedules, noise, statistics, files of models.

export { loadFigures } from '../www/engine/figures.js';
