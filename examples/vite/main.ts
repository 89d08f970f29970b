// A picture with the package ddim-web in a project of Vite. `model/` is a folder in `public/`, with diffusers' three files.

import { Client, Failure } from 'ddim-web';
import 'ddim-web/element'; // <ddim-sampler>

const status = document.querySelector<HTMLElement>('#status')!;
const canvas = document.querySelector<HTMLCanvasElement>('#picture')!;
const client = new Client((event) => {
  if (event.type === 'bytes') status.textContent = `${event.loaded} of ${event.total} bytes`;
});

async function draw() {
  try {
    const { info } = await client.load(new URL('model/', document.baseURI), { device: 'cpu' });
    const [height, width] = info.sample_size ?? [0, 0];
    Object.assign(canvas, { height, width });
    const pixels = new ImageData(width, height);
    const run = client.sample({ steps: 3, seed: 7, batch: 1 }, (event) => {
      if (event.type !== 'step') return;
      for (let at = 0; at < width * height; at++) {
        for (let c = 0; c < 3; c++) pixels.data[4 * at + c] = event.x0[(info.out_channels === 3 ? c : 0) * width * height + at];
        pixels.data[4 * at + 3] = 255;
      }
      canvas.getContext('2d')!.putImageData(pixels, 0, 0);
    });
    await run.ended;
    status.textContent = 'Done.';
  } catch (error) {
    status.textContent = error instanceof Failure ? `${error.kind}: ${error.message}` : String(error);
  }
}

void draw();
