// The page's side of the worker: requests become promises, and a worker that crashed says so.

export class EngineCrash extends Error {}

/** The engine was replaced by another one while a request was under way. */
export class EngineReplaced extends Error {}

/**
 * @typedef {object} Loaded
 * @property {{device: string, parameters: number, in_channels: number, out_channels: number, sample_size: [number, number], unknown_keys: string[]}} info
 * @property {string} adapter
 * @property {{trainSteps: number, spacing: string, unknownKeys: string[]}} scheduler  T, the spacing of tau, and the keys that were ignored
 * @property {boolean} fromCache
 */

export class Engine {
  #worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  #pending = null;
  #listener;

  /** @param {(event: {type: string}) => void} listener  gets `bytes`, `phase`, `notice`, `started`, `step` and `crashed` */
  constructor(listener) {
    this.#listener = listener;
    this.#worker.addEventListener('message', ({ data }) => this.#receive(data));
    this.#worker.addEventListener('error', (event) => {
      event.preventDefault();
      const message = `The engine could not be started${event.message ? ` (${event.message})` : ''}; reload the page to try again.`;
      this.#receive({ type: 'crashed', message });
    });
  }

  /** @param {{path: string, name: string}} model @param {string} device @returns {Promise<Loaded>} */
  load(model, device) {
    return this.#request({ type: 'load', model, device });
  }

  /** @param {object} options @returns {Promise<{stopped: boolean}>} */
  sample(options) {
    return this.#request({ type: 'sample', options });
  }

  /** Ends the run after the step that is being computed. */
  stop() {
    this.#worker.postMessage({ type: 'stop' });
  }

  /** Ends the worker at once and gives back its memory. */
  terminate() {
    this.#worker.terminate();
    this.#settle('reject', new EngineReplaced('the engine was replaced'));
  }

  #request(message) {
    return new Promise((resolve, reject) => {
      this.#pending = { resolve, reject };
      this.#worker.postMessage(message);
    });
  }

  #settle(how, value) {
    this.#pending?.[how](value);
    this.#pending = null;
  }

  #receive(data) {
    if (data.type === 'loaded' || data.type === 'finished') this.#settle('resolve', data);
    else if (data.type === 'failed') this.#settle('reject', new Error(data.message));
    else if (data.type === 'crashed') {
      this.#worker.terminate();
      this.#settle('reject', new EngineCrash(data.message));
      this.#listener(data);
    } else this.#listener(data);
  }
}
