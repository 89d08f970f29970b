// Whatever the sizes are, an instance of the package is not broken by them.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Denoiser, expected_tensors as expectedTensors } from '../../pkg/ddim_web.js';
import { fileOf } from '../browsers/weights.js';
import { check, checkTraining } from './sizes.mjs';

test('sixty networks at random sizes: each runs or is refused in words, and the instance makes the same picture after it', async () => {
  const { ran, refused } = await check(60, 5);
  assert.ok(ran >= 20 && (refused.get('memory') ?? 0) + (refused.get('input') ?? 0) >= 10, `${ran} ran, ${JSON.stringify([...refused])}`);
});

test('training: each network at a random size makes a step or is refused in words, and the instance makes the same step after it', async () => {
  const { ran, refused } = await checkTraining(30, 3);
  assert.ok(ran >= 5 && (refused.get('memory') ?? 0) + (refused.get('input') ?? 0) >= 3, `${ran} ran, ${JSON.stringify([...refused])}`);
});

test('more numbers than 32 bits count are refused, and not taken for none', async () => {
  const config = JSON.stringify({
    ...{ sample_size: 1024, in_channels: 3, out_channels: 64, layers_per_block: 1, block_out_channels: [8], norm_num_groups: 4, add_attention: false },
    ...{ down_block_types: ['DownBlock2D'], up_block_types: ['UpBlock2D'] },
  });
  const tensors = expectedTensors(config).map((tensor) => ({ ...tensor, values: new Float32Array(tensor.shape.reduce((a, b) => a * b, 1)) }));
  const model = await Denoiser.load(config, fileOf(tensors), 'cpu');
  // 64 × 64 × 1024 × 1024 is 2^32.
  await assert.rejects(model.predict(new Float32Array(0), 64, 500), { kind: 'input', message: /too large/ });
  model.free();
});
