// No view has a fault that axe finds: as it opens and once something is made, with all that folds unfolded, in light and
// dark, on a desktop and on a phone.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { SCHEMES, faultsOf, viewsOf } from './axe.mjs';
import { open } from './helpers.mjs';

describe('axe finds no fault in any view, before a run and after', { concurrency: true }, () => {
  for (const scheme of SCHEMES) {
    test(scheme, async (t) => {
      const { page } = await open(t, { context: { colorScheme: scheme } });
      /** @type {string[]} */
      const faults = [];
      for (const view of await viewsOf(page)) faults.push(...(await faultsOf(page, view, { short: true })));
      assert.deepEqual(faults, []);
    });
  }
});
