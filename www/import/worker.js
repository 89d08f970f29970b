// The worker that reads a model's files: what comes of them may take gigabytes, and whoever started it ends it then, which
// gives all of that back.
//
// In:   {type: 'outline', names, files}   {type: 'check', config, files}   {type: 'needs', config}
//       {type: 'schedule', text}   {type: 'read', files}
// Out:  {type: 'answer', value}   {type: 'failed', kind, message}   with the number of their `request`
//       {type: 'crashed', kind, message}   it is of no further use

import { Failure, answer, lastWords } from '../engine/errors.js';
import { loadFigures } from '../engine/figures.js';

/** @typedef {import('../engine/figures.js').Figures} Figures */

/** @type {Record<string, (figures: Figures, request: any) => unknown>} */
const requests = {
  outline: (figures, { names, files }) => figures.outline_model(names, files),
  check: (figures, { config, files }) => figures.check_weights(config, files),
  needs: (figures, { config }) => figures.network_needs(config),
  schedule: (figures, { text }) => (text === null ? figures.proposed_scheduler() : figures.scheduler_info(text)),
  read: async (figures, { files }) => {
    /** @type {Record<string, Uint8Array>} */
    const bytes = {};
    for (const [name, file] of Object.entries(/** @type {Record<string, Blob>} */ (files))) {
      const buffer = await file.arrayBuffer().catch(() => {
        throw new Failure('memory', `There is not enough memory to read ${name}.`);
      });
      bytes[name] = new Uint8Array(buffer);
    }
    const { weights, ...rest } = figures.read_model(bytes);
    return { ...rest, weights: new Blob([weights]) };
  },
};

/** @param {WebAssembly.RuntimeError} trap */
function crash(trap) {
  postMessage({ type: 'crashed', kind: 'memory', message: `The files could not be read (${lastWords(trap)}).` });
}

addEventListener('message', ({ data }) => {
  const { type, request } = data;
  void answer(request, async () => requests[type](await loadFigures(), data), (message) => postMessage(message), crash);
});
