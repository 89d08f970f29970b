// A part of the view with a heading, a sentence, and what it shows.

import { element } from '../../ui/dom.js';
import { termButton } from '../../ui/terms.js';

/**
 * @param {string} name  `data-testid`
 * @param {object} head
 * @param {string} head.title
 * @param {string} head.text  one or two sentences
 * @param {import('../../ui/terms.js').TermName[]} [head.terms]  that are explained on demand
 * @param {...(Node|string)} children
 * @returns {HTMLElement}
 */
export function card(name, { title, text, terms = [] }, ...children) {
  const head = element('div', { className: 'card-head' }, element('h3', {}, title), ...terms.map((term) => termButton(term, terms.length > 1)));
  return element('section', { className: `card ${name}`, 'data-testid': name }, head, element('p', { className: 'card-text' }, text), ...children);
}
