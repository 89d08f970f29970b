// No view has a fault that axe finds, in light and dark, on a desktop and on a phone.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { SCREENS, faultsOf, viewsOf } from './axe.mjs';
import { open } from './helpers.mjs';

for (const { scheme, width } of SCREENS) {
  test(`axe finds no fault in any view, ${scheme}, ${width} pixels wide`, async (t) => {
    const { page } = await open(t, { context: { colorScheme: scheme, viewport: { width, height: 900 } } });
    /** @type {string[]} */
    const faults = [];
    for (const view of await viewsOf(page)) faults.push(...(await faultsOf(page, view)).map((fault) => `${view}: ${fault}`));
    assert.deepEqual(faults, []);
  });
}
