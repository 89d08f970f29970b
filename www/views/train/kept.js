// The run that this browser keeps, so that a reload goes on with it, and the model that it has made so far.

import { read, write } from '../../database.js';
import { oneLine } from '../../engine/errors.js';
import { modelOf } from '../../own.js';
import { Learner } from './learner.js';
import { kindsOf } from './plan.js';

/** @typedef {import('./plan.js').Plan} Plan */

/** Pictures are written once, the rest again and again. */
const PICTURES = 'pictures';
const STATE = 'state';

/** @param {{id: string, run?: string}} pictures @param {Plan} plan @returns {boolean} whether they are those of the run */
const areOf = (pictures, { id, run }) => pictures.id === id && pictures.run === run;

/** @returns {Promise<string>} the id of the model that the run makes which is kept, though it may have made none yet; else empty */
export const keptId = async () => (await read('run', PICTURES).catch(() => null))?.id ?? '';

/** @returns {Promise<Learner|null>} @throws {Error} the middle of a sentence */
export async function keptRun() {
  const [pictures, state] = await Promise.all([read('run', PICTURES), read('run', STATE)]);
  if (!pictures || !state || !areOf(pictures, state.plan)) return null;
  // A run that was kept before there were classes has none.
  const learner = new Learner(/** @type {Plan} */ ({ classes: null, ...state.plan }), new Uint8Array(await pictures.pixels.arrayBuffer()), pictures.labels ?? null);
  Object.assign(learner, { checkpoint: state.checkpoint, step: state.step, losses: state.losses });
  return learner;
}

/** @param {Learner} learner  one that is new @throws {Error} the middle of a sentence */
export async function keepPictures({ plan, pixels, labels }) {
  await write([
    { store: 'run', key: PICTURES, value: { id: plan.id, run: plan.run, pixels: new Blob([pixels]), labels } },
    { store: 'run', key: STATE, value: undefined },
  ]);
}

/**
 * The run and its model, both or neither.
 * @param {Plan} plan @param {import('./learner.js').Copy} copy @param {Blob|null} preview
 * @returns {Promise<{own: import('../../models.js').Model, problem: string|null}>} as the list has it, and why a reload would lose it
 */
export async function keepRun(plan, { checkpoint, step, losses, model: { config, scheduler, weights, class_labels: classLabels } }, preview) {
  const { id, name, count, shape, classes } = plan;
  const note = `Trained in this browser: ${step.toLocaleString('en')} steps on ${count.toLocaleString('en')} pictures of ${shape.width} × ${shape.height} pixels, ${shape.channels === 1 ? 'grey' : 'in colour'}${classes ? `, of ${kindsOf(classes).length} classes` : ''}.`;
  // A run that has drawn nothing yet since the reload leaves the pictures of the time before.
  const picture = preview ?? (await read('models', id).catch(() => null))?.preview ?? null;
  const told = classes && { labels: classes.names, nullLabel: classes.none, classLabels };
  const record = { id, name, note, config, scheduler, weights: new Blob([weights]), preview: picture, ...told };
  const own = modelOf(record);
  const model = { store: /** @type {const} */ ('models'), key: id, value: record };
  try {
    const pictures = await read('run', PICTURES);
    if (pictures && !areOf(pictures, plan)) {
      await write([model]);
      return { own, problem: 'another tab of this page keeps its run, and there is room for one; the model is kept' };
    }
    await write([{ store: 'run', key: STATE, value: { plan, step, losses, checkpoint } }, model]);
    return { own, problem: null };
  } catch (error) {
    return { own, problem: oneLine(error) };
  }
}

/** The run alone; its model stays, and so does a run of another tab. @param {Plan} plan @throws {Error} the middle of a sentence */
export async function forgetRun(plan) {
  const pictures = await read('run', PICTURES);
  if (pictures && areOf(pictures, plan)) await write([PICTURES, STATE].map((key) => ({ store: 'run', key, value: undefined })));
}
