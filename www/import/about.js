// What is told of a model before it is used: what it is, how large, and what it takes of the computer.

import { element } from '../ui/dom.js';
import { factRows } from '../ui/facts.js';
import { inMillions, sizeOf } from './keep.js';
import { size } from './memory.js';

/** @typedef {import('./reader.js').Found} Found */

/** Of many notes the first few. */
const MOST_NOTES = 6;

/** @param {number} count */
const work = (count) => (count < 1e9 ? `${(count / 1e6).toFixed(1)} million` : `${(count / 1e9).toFixed(count < 1e10 ? 1 : 0)} billion`);

/** @param {Found} found @returns {string} */
function classes({ labels, needs: { classes: count } }) {
  if (!count) return 'none: it draws what it likes';
  const named = labels.filter(Boolean);
  return `${count}${named.length > 0 ? `: ${named.slice(0, 5).join(', ')}${named.length > 5 ? ' …' : ''}` : ', without names'}`;
}

/** @param {string[]} weights */
function files(weights) {
  const [first] = weights;
  const name = first.slice(first.lastIndexOf('/') + 1);
  return weights.length === 1 ? name : `${name} and ${weights.length - 1} more`;
}

/** @param {Found} found @param {string} origin @returns {HTMLElement} */
export function aboutModel(found, origin) {
  const { needs, bytes, weights, notes } = found;
  const rows = factRows([
    { name: 'Kind', value: `UNet2DModel of diffusers, ${needs.classes ? 'class-conditional' : 'unconditional'}` },
    { name: 'From', value: origin },
    { name: 'Pictures', value: sizeOf(needs) },
    { name: 'Classes', value: classes(found) },
    { name: 'Parameters', value: inMillions(needs.parameters) },
    { name: 'Weights', value: bytes > 0 ? size(bytes) : 'size unknown', note: files(weights) },
    { name: 'Work', value: `${work(needs.multiply_adds)} multiply-adds`, note: 'for one step of one picture' },
    { name: 'Memory, CPU', value: `about ${size(needs.memory_cpu_f32)}`, note: `for each core that computes; with weights of 16 bits ${size(needs.memory_cpu_f16)}` },
    { name: 'Memory, WebGPU', value: `about ${size(needs.memory_gpu_f32)}`, note: `with numbers of 16 bits ${size(needs.memory_gpu_f16)}` },
  ]);
  const list = element('ul', { className: 'own-notes', 'data-testid': 'own-notes', hidden: notes.length === 0 },
    ...notes.slice(0, MOST_NOTES).map((note) => element('li', {}, `${note.charAt(0).toUpperCase()}${note.slice(1)}${note.endsWith('.') ? '' : '.'}`)));
  return element('div', { className: 'own-about' }, element('dl', { className: 'facts', 'data-testid': 'own-facts' }, ...rows), list);
}
