// Markdown as elements. What it is made from may come from anybody, so nothing of it is ever parsed as HTML of this page:
// the tokens become elements that are named here, links lead to http(s) or into the folder, pictures are in the folder.

import { lexer } from '../../vendor/marked/marked.esm.js';
import { element } from '../../ui/dom.js';

/**
 * @typedef {import('../../vendor/marked/marked.esm.js').Token} Token
 * @typedef {import('../../vendor/marked/marked.esm.js').Tokens.List} List
 * @typedef {import('../../vendor/marked/marked.esm.js').Tokens.Table} Table
 * @typedef {import('../../vendor/marked/marked.esm.js').Tokens.TableCell} Cell
 */

/** The first heading of a card stands below the one of its place. */
const DEEPER = 2;

/** Plain wrappers: the kind of token, and the element that it becomes. */
const WRAPPERS = /** @type {const} */ ({ blockquote: 'blockquote', paragraph: 'p', strong: 'strong', em: 'em', del: 'del' });

/** Some servers take these for a slash. */
const ESCAPED_SLASH = /%2f|%5c/i;

/** Character references, which Markdown leaves as they are. The browser knows them all. @param {string} text */
function decoded(text) {
  const reader = document.createElement('textarea');
  return text.replace(/&(#\d{1,7}|#x[\da-f]{1,6}|[a-z][a-z\d]{1,31});/gi, (reference) => {
    reader.innerHTML = reference;
    return reader.value;
  });
}

/** What somebody would read of HTML. It becomes plain text, so it does no harm where this takes something wrong. @param {string} html */
function textOf(html) {
  const read = html.replace(/<!--[^]*?(-->|$)/g, '').replace(/<(script|style|template|noscript)\b[^]*?(<\/\1\s*>|$)/gi, '');
  return decoded(read.replace(/<\/?[a-z][^<>]*>/gi, ''));
}

/** @param {string} href @param {URL} base @returns {URL|null} */
function addressOf(href, base) {
  try {
    return new URL(href, base);
  } catch {
    return null;
  }
}

class Typesetter {
  /** @param {URL} base  of the file @param {URL} folder  which its own links and pictures stay in */
  constructor(base, folder) {
    this.base = base;
    this.folder = folder;
  }

  /** @param {Token[]} tokens @returns {Node[]} */
  nodes(tokens) {
    return tokens.flatMap((token) => this.node(token));
  }

  /** @param {Token} token @returns {Node|Node[]} */
  node(token) {
    const inner = () => this.nodes(('tokens' in token && token.tokens) || []);
    switch (token.type) {
      case 'heading':
        return element(/** @type {'h3'} */ (`h${Math.min(6, token.depth + DEEPER)}`), {}, ...inner());
      case 'code':
        return element('pre', { tabIndex: 0 }, element('code', {}, token.text));
      case 'codespan':
        return element('code', {}, token.text);
      case 'hr':
      case 'br':
        return element(token.type);
      case 'list':
        return this.#list(/** @type {List} */ (token));
      case 'table':
        return this.#table(/** @type {Table} */ (token));
      case 'link':
        return this.#link(token.href, inner());
      case 'image':
        return this.#image(token.href, decoded(token.text));
      case 'html':
        return this.#html(token.raw, token.block);
      case 'checkbox':
        return new Text(token.checked ? '☑ ' : '☐ ');
      case 'escape':
        return new Text(token.text);
      case 'text':
        return 'tokens' in token && token.tokens ? inner() : new Text(decoded(token.text));
      default:
        return token.type in WRAPPERS ? element(WRAPPERS[/** @type {keyof typeof WRAPPERS} */ (token.type)], {}, ...inner()) : [];
    }
  }

  /** What tags there are has no effect, but for the end of a line. @param {string} html @param {boolean} block @returns {Node|Node[]} */
  #html(html, block) {
    if (/^<br\s*\/?>\s*$/i.test(html)) return element('br');
    const text = textOf(html).trim();
    return block ? (text ? element('p', {}, text) : []) : new Text(text);
  }

  /** @param {List} list */
  #list({ ordered, start, items }) {
    const entries = items.map((item) => element('li', {}, ...this.nodes(item.tokens)));
    return ordered ? element('ol', { start: start || 1 }, ...entries) : element('ul', {}, ...entries);
  }

  /** @param {Table} table */
  #table({ header, rows }) {
    /** @param {'th'|'td'} tag @param {Cell} cell */
    const cellOf = (tag, { tokens, align }) => element(tag, { className: align ?? '' }, ...this.nodes(tokens));
    // A corner that says nothing heads nothing.
    const head = element('tr', {}, ...header.map((cell) => cellOf(cell.tokens.length > 0 ? 'th' : 'td', cell)));
    const body = rows.map((row) => element('tr', {}, ...row.map((cell) => cellOf('td', cell))));
    return element('div', { className: 'scroller', tabIndex: 0, role: 'group', 'aria-label': 'Table' },
      element('table', {}, element('thead', {}, head), element('tbody', {}, ...body)));
  }

  /** @param {URL} address */
  #isInside({ href }) {
    return href.startsWith(this.folder.href) && !ESCAPED_SLASH.test(href);
  }

  /** A link that leads nowhere allowed is its text alone. @param {string} href @param {Node[]} text */
  #link(href, text) {
    const elsewhere = /^https?:\/\//i.test(href);
    const address = addressOf(href, this.base);
    // Those to a heading of the same file would be taken for settings of this page.
    if (!address || href.startsWith('#') || !(elsewhere || this.#isInside(address))) return text;
    return element('a', { href: address.href, rel: 'noreferrer', target: '_blank' }, ...text);
  }

  /** @param {string} href @param {string} alt */
  #image(href, alt) {
    const address = addressOf(href, this.base);
    if (!address || !this.#isInside(address)) return alt ? new Text(alt) : [];
    const image = element('img', { alt, title: alt, loading: 'lazy', decoding: 'async' });
    image.addEventListener('error', () => image.replaceWith(alt));
    image.src = address.href;
    return image;
  }
}

/**
 * The few lines of YAML that some cards begin with: plain values and lists of such; what is nested is left out.
 * @param {string} text
 * @returns {{facts: [string, string][], rest: string}}
 */
export function frontMatter(text) {
  const match = /^---[ \t]*\r?\n([\s\S]*?)\r?\n---[ \t]*(\r?\n|$)/.exec(text);
  if (!match) return { facts: [], rest: text };
  /** @type {[string, string][]} */
  const facts = [];
  let list = false; // whether what follows may be items of the last fact
  for (const line of match[1].split(/\r?\n/)) {
    const pair = /^([A-Za-z][\w-]*):\s*(.*?)\s*$/.exec(line);
    const item = /^\s*-\s+([^:{[]+?)\s*$/.exec(line);
    /** @param {string} value */
    const plain = (value) => value.replace(/^(["'])(.*)\1$/, '$2').replace(/^\[(.*)\]$/, '$1');
    const last = facts.at(-1);
    if (pair) {
      facts.push([pair[1].replaceAll('_', ' '), plain(pair[2])]);
      list = pair[2] === '';
    } else if (list && item && last) last[1] = last[1] ? `${last[1]}, ${plain(item[1])}` : plain(item[1]);
    else list = false;
  }
  return { facts: facts.filter(([, value]) => value !== ''), rest: text.slice(match[0].length) };
}

/** @param {string} text @param {URL} file  where it is from; its folder is what its own links stay in @returns {Node[]} */
export function typeset(text, file) {
  return new Typesetter(file, new URL('.', file)).nodes(lexer(text, { gfm: true }));
}
