// One-line notices under the header: things worth knowing that are not errors. Each has a topic, and
// a new notice on a topic takes the place of the old one.

export class Notices {
  /** @type {Map<string, HTMLElement>} */
  #shown = new Map();

  /** @param {HTMLElement} place */
  constructor(place) {
    this.place = place;
  }

  /**
   * @param {string} topic @param {string} sentence
   * @param {{text: string, run: () => void}} [action]  what one can do about it
   */
  show(topic, sentence, action) {
    this.clear(topic);
    const text = document.createElement('span');
    text.textContent = sentence;
    const close = document.createElement('button');
    close.type = 'button';
    close.setAttribute('aria-label', 'Dismiss this notice');
    close.textContent = '×';
    close.addEventListener('click', () => this.clear(topic));
    const notice = document.createElement('p');
    notice.dataset.testid = 'notice';
    notice.dataset.topic = topic;
    notice.append(text);
    if (action) notice.append(this.#buttonFor(action));
    notice.append(close);
    this.#shown.set(topic, notice);
    this.place.append(notice);
  }

  /** @param {{text: string, run: () => void}} action */
  #buttonFor({ text, run }) {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'do';
    button.dataset.testid = 'notice-do';
    button.textContent = text;
    button.addEventListener('click', run);
    return button;
  }

  /** @param {...string} topics */
  clear(...topics) {
    for (const topic of topics) {
      this.#shown.get(topic)?.remove();
      this.#shown.delete(topic);
    }
  }
}
