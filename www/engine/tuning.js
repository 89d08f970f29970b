// Which kernels were the fastest on a graphics card: measured by the engine once, kept by the browser.

/** Pages of one origin share its storage, so the project's name comes first. @param {string} adapter */
const key = (adapter) => `ddim-web ${oldKey(adapter)}`;

/** Where it was kept before. @param {string} adapter */
const oldKey = (adapter) => `tuning ${adapter}`;

/** @param {string} adapter @returns {string|undefined} */
export function keptTuning(adapter) {
  try {
    return localStorage.getItem(key(adapter)) ?? localStorage.getItem(oldKey(adapter)) ?? undefined;
  } catch {
    return undefined; // storage is switched off: it is measured every time
  }
}

/** @param {string} adapter @param {string|undefined} tuning */
export function keepTuning(adapter, tuning) {
  if (!tuning) return;
  try {
    localStorage.setItem(key(adapter), tuning);
    localStorage.removeItem(oldKey(adapter));
  } catch {
    // Full or switched off: it is measured again next time.
  }
}
