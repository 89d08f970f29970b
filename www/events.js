// EventTarget with types: who says what, and who listens.

/** @template {Record<string, unknown>} Events  what comes with each event, by name */
export class Emitter {
  /** @type {Map<keyof Events, ((value: any) => void)[]>} */
  #listeners = new Map();

  /** @template {keyof Events} K @param {K} name @param {(value: Events[K]) => void} listener */
  on(name, listener) {
    this.#listeners.set(name, [...(this.#listeners.get(name) ?? []), listener]);
  }

  /** @template {keyof Events} K @param {K} name @param {Events[K]} value */
  emit(name, value) {
    for (const listener of this.#listeners.get(name) ?? []) listener(value);
  }
}
