// The workers of a run of training: one that owns it, and those that help it. All are started by the page, and the owner
// speaks to its helpers through ports: Firefox (140) now and then never runs the script of a worker that a worker started.

import { Failure } from './errors.js';
import { Requests } from './requests.js';

/** @type {import('./requests.js').Script} */
const SCRIPT = { name: 'trainer-worker.js', start: () => new Worker(new URL('./trainer-worker.js', import.meta.url), { type: 'module' }) };

/** The owner, as the page sees it. */
export class Crew extends Requests {
  /** @type {Requests[]} */
  #helpers = [];

  /** @param {(event: any) => void} listener  hears what the owner says on its own account */
  constructor(listener) {
    super(SCRIPT, (event) => {
      if (event.type === 'help') this.#help(event.ports);
      else listener(event);
    });
  }

  /** Ends them all at once and gives back their memory. @param {Failure} [why]  what requests fail with, from now on too */
  terminate(why) {
    super.terminate(why);
    for (const helper of this.#helpers) helper.terminate();
  }

  /** @param {MessagePort[]} ports  the owner's, one for each helper that it asks for */
  #help(ports) {
    for (const [index, port] of ports.entries()) {
      try {
        const helper = new Requests(SCRIPT, (event) => {
          if (event.type === 'crashed') this.#lose(index, new Failure(event.kind, event.message));
        });
        this.#helpers.push(helper);
        helper.post({ type: 'serve', port }, [port]);
      } catch (error) {
        this.#lose(index, Failure.from(error));
      }
    }
  }

  /** @param {number} index @param {Failure} failure */
  #lose(index, { kind, message }) {
    this.post({ type: 'lost', index, kind, message });
  }
}
