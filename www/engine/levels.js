// From the network's numbers to grey levels: a quarter of the bytes, and all that a picture needs.

/**
 * The grey levels that -1…1 stand for, (v + 1) · 127.5, clamped and rounded as a Uint8ClampedArray does by itself.
 * Runs between two steps, so it matters that it has no branches.
 * @param {Float32Array} values
 * @returns {Uint8ClampedArray<ArrayBuffer>|null}  null when a value is NaN or infinite
 */
export function toGreyLevels(values) {
  const levels = new Uint8ClampedArray(values.length);
  let notFinite = 0; // 0 · v is NaN unless v is finite
  for (let i = 0; i < values.length; i++) {
    const v = values[i];
    levels[i] = (v + 1) * 127.5;
    notFinite += 0 * v;
  }
  return Number.isNaN(notFinite) ? null : levels;
}
