// Buttons that put a text on the clipboard, and say on themselves for a while how that went.

const MS = 2000;

/** What each button says else, and when it says so again. @type {WeakMap<HTMLButtonElement, {text: string, timer: number}>} */
const usual = new WeakMap();

/** @param {HTMLButtonElement} button @param {string} said  for a while */
export function sayOn(button, said) {
  const { text, timer } = usual.get(button) ?? { text: button.textContent ?? '', timer: 0 };
  clearTimeout(timer);
  button.textContent = said;
  const back = () => {
    button.textContent = text;
    usual.delete(button);
  };
  usual.set(button, { text, timer: window.setTimeout(back, MS) });
}

/**
 * @param {HTMLButtonElement} button  that was pressed @param {string} text @param {string} [said]  when it is there
 * @returns {Promise<boolean>} whether it is there: a browser may not allow it
 */
export async function copyText(button, text, said = 'Copied') {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    return false;
  }
  sayOn(button, said);
  return true;
}
