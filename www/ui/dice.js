// A button that rolls a seed.

import { element } from './dom.js';

const ICON = `
  <svg viewBox="0 0 24 24" width="20" height="20" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.8">
    <rect x="3.5" y="3.5" width="17" height="17" rx="4"/>
    <g fill="currentColor" stroke="none"><circle cx="8.5" cy="8.5" r="1.5"/><circle cx="15.5" cy="8.5" r="1.5"/><circle cx="12" cy="12" r="1.5"/><circle cx="8.5" cy="15.5" r="1.5"/><circle cx="15.5" cy="15.5" r="1.5"/></g>
  </svg>`;

/** Random seeds stay short enough to be read out. */
const SIDES = 1_000_000;

/**
 * @param {Record<string, unknown>} properties  of the button, its label among them
 * @param {(seed: number) => void} onRoll
 */
export function dice(properties, onRoll) {
  const button = element('button', { type: 'button', className: 'dice', title: 'Random seed', ...properties });
  button.innerHTML = ICON;
  button.addEventListener('click', () => {
    const [random] = crypto.getRandomValues(new Uint32Array(1));
    onRoll(random % SIDES);
  });
  return button;
}
