// Pictures in Node 20 or newer, on its processors:
//
//     npm install ddim-web-0.1.0.tgz        # what scripts/npm writes
//     node node.mjs MODEL_DIR picture.ppm [STEPS] [SEED]

import { writeFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { Client } from 'ddim-web';

const [folder, out, steps = '20', seed = '1'] = process.argv.slice(2);
const client = new Client(() => {});
try {
  const { info } = await client.load(pathToFileURL(`${folder}/`), { device: 'cpu' });
  const [height, width] = info.sample_size;
  const pixels = height * width;
  let last;
  const run = client.sample({ steps: Number(steps), seed: Number(seed), batch: 1 }, (event) => {
    if (event.type !== 'step') return;
    last = event.xt; // grey levels, [batch, channels, height, width]
    process.stderr.write(`\rstep ${event.index + 1} of ${steps}, t = ${event.t}   `);
  });
  await run.ended;
  const ppm = Buffer.alloc(3 * pixels, 0);
  for (let at = 0; at < 3 * pixels; at++) ppm[at] = last[info.out_channels === 3 ? (at % 3) * pixels + Math.floor(at / 3) : Math.floor(at / 3)];
  await writeFile(out, [`P6 ${width} ${height} 255\n`, ppm]);
  console.log(`\n${out}: ${width}×${height}, on ${info.adapter}`);
} catch ({ message }) {
  console.error(message); // one sentence
  process.exitCode = 1;
} finally {
  client.terminate();
}
