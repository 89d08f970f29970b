// The document, as views and their parts use it: what they find inside their own root, and what they make.

/**
 * @template {Element} T
 * @param {ParentNode} root @param {string} testId  its `data-testid` @param {new () => T} kind
 * @returns {T}
 */
export function find(root, testId, kind) {
  const found = root.querySelector(`[data-testid="${testId}"]`);
  if (!(found instanceof kind)) throw new Error(`there is no ${kind.name} called ${testId}`);
  return found;
}

/** Adds a style sheet to the page. @param {URL} url @returns {Promise<unknown>} settles when it is there, or cannot be had: what it is for is plain then, but works */
export function addSheet({ href }) {
  const sheet = element('link', { rel: 'stylesheet', href });
  document.head.append(sheet);
  return new Promise((resolve) => (sheet.onload = sheet.onerror = resolve));
}

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag @param {Record<string, unknown>} [properties]  of the element, or attributes where it has none of that name
 * @param {...(Node|string)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in node) Object.assign(node, { [name]: value });
    else node.setAttribute(name, String(value));
  }
  node.append(...children);
  return node;
}

/** @typedef {FileSystemEntry|File|null} Dropped  what a browser hands out of a drop, while the event lasts */

/** @param {DragEvent} event @returns {Dropped[]} the files that it brings, which are gone when it has ended */
export const droppedOf = ({ dataTransfer }) =>
  dataTransfer?.types.includes('Files') ? [...dataTransfer.items].map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile()) : [];
