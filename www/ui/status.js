// The status line: what the session says, in words, figures and a bar. There is one, and it stands in the view that is
// on show.

import { find } from './dom.js';

export class StatusLine {
  /** @param {HTMLElement} root @param {import('../session.js').Session} session @param {(view: string) => string} nameOf  what the tab of a view says */
  constructor(root, session, nameOf) {
    this.root = root;
    this.session = session;
    this.nameOf = nameOf;
    this.status = find(root, 'status', HTMLElement);
    this.figures = find(root, 'figures', HTMLElement);
    this.progress = find(root, 'progress', HTMLProgressElement);
    this.reload = find(root, 'reload', HTMLButtonElement);
    this.reload.addEventListener('click', () => session.load());
    session.on('status', () => this.#show());
    this.#show();
  }

  #show() {
    const { busy, elsewhere, reloadable, status } = this.session;
    const { state, figures, progress, step } = status;
    const text = elsewhere ? `${this.nameOf(elsewhere)}: ${status.text}` : status.text;
    // What is set again, screen readers say again.
    if (this.status.dataset.state !== state) this.status.dataset.state = state;
    if (step !== null && this.status.dataset.step !== String(step)) this.status.dataset.step = String(step);
    if (this.status.textContent !== text) this.status.textContent = text;
    if (this.figures.textContent !== figures) this.figures.textContent = figures;
    if (progress) Object.assign(this.progress, progress);
    else this.progress.removeAttribute('value');
    this.progress.hidden = !busy;
    this.reload.hidden = !reloadable;
  }
}
