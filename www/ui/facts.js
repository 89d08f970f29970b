// Facts as a list: what it is called, what it is, and what that means where it does not say so itself.

import { element } from './dom.js';

/** @typedef {{name: string|Node, value: string|Node, note?: string|Node}} Fact */

/** @param {Fact[]} facts @returns {Node[]} for a `dl` of the class `facts` */
export function factRows(facts) {
  return facts.map(({ name, value, note }) => {
    const row = element('div', {}, element('dt', {}, name), element('dd', {}, value));
    if (note) row.append(element('dd', { className: 'note' }, note));
    return row;
  });
}
