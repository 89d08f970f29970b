// The card of a model: its README.md, read and typeset. Everybody may write one, so a card that is missing, endless or no
// card at all is told in a sentence.

import { element } from '../../ui/dom.js';
import { FOLDER } from '../../models.js';
import { frontMatter, typeset } from './markdown.js';

/** Longer than any card that somebody would read. */
const LONGEST = 200_000;

/** @param {import('../../models.js').Model} model */
export function fileOf({ path }) {
  return new URL(`${path}README.md`, FOLDER);
}

/** @param {[string, string][]} facts */
function tableOf(facts) {
  const rows = facts.map(([name, value]) => element('tr', {}, element('th', { scope: 'row' }, name), element('td', {}, value)));
  return element('table', { className: 'front-matter' }, element('tbody', {}, ...rows));
}

/** @param {string} sentence @param {URL} [file] */
function instead(sentence, file) {
  const line = element('p', { className: 'quiet' }, sentence);
  if (file) line.append(' ', element('a', { href: file.href, rel: 'noreferrer', target: '_blank' }, 'Open the file'), '.');
  return [line];
}

/**
 * @param {import('../../models.js').Model} model @param {AbortSignal} signal
 * @returns {Promise<Node[]>} what stands in its place where there is none
 * @throws only where `signal` has said so
 */
export async function readReadme(model, signal) {
  if (model.own?.origin) {
    const line = element('p', { className: 'quiet' }, 'It is your own, without a card: whoever published it can say who made it, from which pictures and under which licence.');
    // A model of the hub is called by its name there, others from elsewhere by their address.
    if (model.id.includes('/')) line.append(' ', element('a', { href: new URL(model.id, 'https://huggingface.co/').href, rel: 'noreferrer', target: '_blank' }, 'Where it is from'), '.');
    return [element('p', {}, model.note), line];
  }
  if (model.own) return [element('p', {}, model.note), element('p', { className: 'quiet' }, 'It was trained in this browser, which alone has it. The view Train hands out its files while its run is there, and can start another one from it.')];
  const file = fileOf(model);
  let text;
  try {
    const response = await fetch(file, { signal });
    if (response.status === 404) return instead('Nobody has written a card for this model: there is no README.md in its folder.');
    if (!response.ok) return instead(`The card of this model could not be had (HTTP ${response.status}).`);
    text = await response.text();
  } catch {
    signal.throwIfAborted();
    return instead('The card of this model could not be downloaded; check the connection.');
  }
  if (/^\s*(<!doctype|<html)/i.test(text)) return instead('In the place of this model’s card the server sent a web page.');
  if (text.length > LONGEST) return instead('The card of this model is too long to be shown here.', file);
  try {
    const { facts, rest } = frontMatter(text);
    return [...(facts.length > 0 ? [tableOf(facts)] : []), ...typeset(rest, file)];
  } catch {
    // As deep as a reader of Markdown can be led.
    return instead('The card of this model could not be typeset.', file);
  }
}
