// What the classes of a model are called, where its folder says it.

import { oneLine } from './engine/errors.js';
import { loadFigures } from './engine/figures.js';
import { FOLDER } from './models.js';

/** Their file, in a model's folder. */
const CLASS_LABELS = 'class_labels.json';

/**
 * Names the classes of `model` as its folder does, unless the list of models or this browser has done so.
 * @param {import('./models.js').Model} model @param {number} classes  that its network has
 * @returns {Promise<string|null>} a sentence about what cannot be used
 */
export async function nameClasses(model, classes) {
  const { path, own, labels, nullLabel } = model;
  if (own || labels || nullLabel !== undefined) return null;
  try {
    const response = await fetch(new URL(`${path}${CLASS_LABELS}`, FOLDER), { cache: 'no-cache' });
    // Not every model has names.
    if (!response.ok) return null;
    const figures = await loadFigures();
    const found = figures.class_labels(await response.text(), classes);
    const none = found.null_label ?? undefined;
    model.labels = found.labels.map((name, i) => name ?? (i === none ? 'any' : `class ${i}`));
    model.nullLabel = none;
    return null;
  } catch (error) {
    return `The classes of ${model.name} have only numbers (${oneLine(error)}).`;
  }
}
