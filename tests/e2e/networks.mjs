// Models of the page whose network is a small one of the fixtures, so that a thousand steps take a second.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { initSync, expected_tensors as expectedTensors } from '../../pkg/ddim_web.js';
import { weightsOf } from '../browsers/weights.js';
import { ROOT } from './demo.mjs';

/**
 * For `prepare`: models that the list has besides, all with one network.
 * @param {string} fixture  its name in tests/fixtures/unet/
 * @param {object[]} entries  of the list of models, without `note`; `path`, where they have one, begins with the fixture's
 * @param {object} [changes]  to Fashion-MNIST's scheduler_config.json
 * @param {Record<string, object>} [labels]  the class_labels.json of those that have one, by `path`
 */
export const networkOf = (fixture, entries, changes = {}, labels = {}) => async (/** @type {import('playwright-core').BrowserContext} */ context) => {
  const config = await readFile(join(ROOT, `tests/fixtures/unet/${fixture}.json`), 'utf8');
  const scheduler = JSON.parse(await readFile(join(ROOT, 'www/models/fashion-mnist/scheduler_config.json'), 'utf8'));
  initSync({ module: await readFile(join(ROOT, 'pkg/ddim_web_bg.wasm')) });
  const weights = Buffer.from(weightsOf(expectedTensors(config)));
  await context.route('**/www/models/index.json', async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: [...(await response.json()), ...entries.map((entry) => ({ path: `${fixture}/`, note: '', ...entry }))] });
  });
  await context.route(`**/www/models/${fixture}/**`, async (route) => {
    const { pathname } = new URL(route.request().url());
    if (pathname.endsWith('/config.json')) return route.fulfill({ contentType: 'application/json', body: config });
    if (pathname.endsWith('.safetensors')) return route.fulfill({ contentType: 'application/octet-stream', body: weights });
    if (pathname.endsWith('/scheduler_config.json')) return route.fulfill({ json: { ...scheduler, ...changes } });
    if (pathname.endsWith('/class_labels.json')) {
      const found = Object.entries(labels).find(([path]) => pathname.endsWith(`/${path}class_labels.json`));
      return route.fulfill(found ? { json: found[1] } : { status: 404 });
    }
    return route.fulfill({ path: join(ROOT, 'www/models/avatars/preview.png') });
  });
};
