// Whatever the sizes are, an instance of the package is not broken by them.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { check } from './sizes.mjs';

test('sixty networks at random sizes: each runs or is refused in words, and the instance makes the same picture after it', async () => {
  const { ran, refused } = await check(60, 5);
  assert.ok(ran >= 20 && (refused.get('memory') ?? 0) + (refused.get('input') ?? 0) >= 10, `${ran} ran, ${JSON.stringify([...refused])}`);
});
