// The two columns that all views share: pictures with the status line on one side, buttons and settings on the other.

import { element } from './dom.js';

/**
 * @typedef {object} Layout  the parts of a view
 * @property {HTMLElement} head  above the pictures
 * @property {HTMLElement} stage  the pictures
 * @property {HTMLElement} after  below the status line
 * @property {HTMLElement} below  the whole width, under the two columns
 * @property {HTMLElement} settings  under the buttons
 * @property {HTMLButtonElement} run
 * @property {HTMLButtonElement} stop
 */

/**
 * Fills a view's root.
 * @param {HTMLElement} root
 * @param {object} view
 * @param {string} view.name  as in `#view=`; the buttons are called `NAME-run` and `NAME-stop`
 * @param {string} view.title
 * @param {string} view.lead  a sentence or two on what one can see here
 * @param {string} view.run  what the button says
 * @returns {Layout}
 */
export function layout(root, { name, title, lead, run: runText }) {
  const head = element('div', { className: 'show-head' });
  const stage = element('div', { className: 'view-stage' });
  const after = element('div', { className: 'after' });
  const below = element('div', { className: 'below' });
  const settings = element('div', { className: 'settings' });
  const run = element(
    'button',
    { type: 'button', className: 'primary', 'data-testid': `${name}-run`, 'aria-keyshortcuts': 'Control+Enter', title: 'Ctrl+Enter', disabled: true },
    runText,
  );
  const stop = element('button', { type: 'button', 'data-testid': `${name}-stop`, 'aria-keyshortcuts': 'Escape', title: 'Esc', disabled: true }, 'Stop');
  const status = element('div', { className: 'status-slot', 'data-slot': 'status' });
  root.classList.add(`view-${name}`);
  root.setAttribute('aria-labelledby', `${name}-title`);
  root.replaceChildren(
    element('section', { className: 'show', 'aria-label': 'Pictures' },
      element('h2', { id: `${name}-title`, className: 'view-title' }, title),
      element('p', { className: 'lead' }, lead),
      head, stage, status, after),
    element('section', { className: 'panel', 'aria-label': 'Settings' }, element('div', { className: 'actions' }, run, stop), settings),
    below,
  );
  return { head, stage, after, below, settings, run, stop };
}

/**
 * Lets the two buttons follow the session: while something is under way there is nothing to run, and a button that is
 * disabled hands the focus to its partner.
 * @param {Pick<Layout, 'run'|'stop'>} buttons @param {import('../session.js').Session} session
 */
export function followSession({ run, stop }, session) {
  const follow = () => {
    const { busy, status } = session;
    const running = status.state === 'running';
    const focused = document.activeElement;
    run.disabled = busy;
    stop.disabled = !running;
    if (running && focused === run) stop.focus();
    if (!busy && focused === stop) run.focus();
  };
  session.on('status', follow);
  follow();
}
