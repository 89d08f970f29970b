// One worker, seen from the page: requests become promises, and a worker that crashed says so.

export class EngineCrash extends Error {}

/** The worker was ended while a request was under way. */
export class EngineReplaced extends Error {}

/** The weights are not those of the network. */
export class WeightsRefused extends Error {}

/** Messages that answer a request. */
const ANSWERS = ['opened', 'loaded', 'finished'];

export class Instance {
  #worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  #pending = null;
  #onStep = null;

  /** @param {(event: {type: string}) => void} listener  hears what belongs to no request */
  constructor(listener) {
    this.listener = listener;
    this.#worker.addEventListener('message', ({ data }) => this.#receive(data));
    this.#worker.addEventListener('error', (event) => {
      event.preventDefault();
      const message = `The engine could not be started${event.message ? ` (${event.message})` : ''}; reload the page to try again.`;
      this.#receive({ type: 'crashed', message });
    });
  }

  /**
   * Chooses the device and imports the package's script.
   * @param {{device: string, engine: string, storage: string, script: string}} what
   * @returns {Promise<{adapter: string}>} the graphics adapter's name, empty on the CPU
   */
  open(what) {
    return this.#request({ type: 'open', ...what });
  }

  /**
   * Loads the model on the device that was chosen.
   * @param {{module: WebAssembly.Module, config: string, scheduler: string, weights: Blob, tuning?: string}} files
   * @returns {Promise<import('./client.js').Loaded>}
   */
  load(files) {
    return this.#request({ type: 'load', ...files });
  }

  /**
   * @param {object} options  of `Denoiser.sampler`, without the scheduler
   * @param {(event: {type: 'started'|'step'}) => void} onStep
   * @returns {Promise<{stopped: boolean}>}
   */
  sample(options, onStep) {
    this.#onStep = onStep;
    return this.#request({ type: 'sample', options });
  }

  /** The page has so many steps of the whole batch. @param {number} steps */
  taken(steps) {
    this.#worker.postMessage({ type: 'taken', steps });
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
    if (ANSWERS.includes(data.type)) this.#settle('resolve', data);
    else if (data.type === 'failed') {
      const Kind = data.refused ? WeightsRefused : Error;
      this.#settle('reject', new Kind(data.message));
    } else if (data.type === 'started' || data.type === 'step') this.#onStep(data);
    else {
      if (data.type === 'crashed') {
        this.#worker.terminate();
        this.#settle('reject', new EngineCrash(data.message));
      }
      this.listener(data);
    }
  }
}
