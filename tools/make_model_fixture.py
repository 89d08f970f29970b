#!/usr/bin/env python3
"""Samples a model folder with diffusers' own DDIMPipeline, for the test that we draw the same images.

    venv/bin/python tools/make_model_fixture.py www/models/fashion-mnist

Writes tests/fixtures/model/<folder name>.safetensors: x_T, and the pipeline's images (in 0..1)
after 10 and after 50 deterministic steps. Run it again whenever the weights change.
"""
import sys
from pathlib import Path

import numpy as np
import torch
from diffusers import DDIMPipeline, DDIMScheduler, UNet2DModel
from diffusers.utils.torch_utils import randn_tensor
from safetensors.numpy import save_file

OUT = Path(__file__).parent.parent / "tests" / "fixtures" / "model"
BATCH, SEED = 4, 0


def main() -> None:
    folder = Path(sys.argv[1])
    unet = UNet2DModel.from_pretrained(folder).float().eval()
    pipeline = DDIMPipeline(unet=unet, scheduler=DDIMScheduler.from_pretrained(folder))
    pipeline.set_progress_bar_config(disable=True)
    side = unet.config.sample_size
    height, width = (side, side) if isinstance(side, int) else side
    shape = (BATCH, unet.config.in_channels, height, width)
    stored = {"x_T": randn_tensor(shape, generator=torch.Generator().manual_seed(SEED)).numpy()}
    for steps in (10, 50):
        # The pipeline draws x_T itself: the same generator gives the tensor stored above.
        images = pipeline(batch_size=BATCH, generator=torch.Generator().manual_seed(SEED),
                          num_inference_steps=steps, eta=0.0, output_type="np").images
        stored[f"steps{steps}"] = np.ascontiguousarray(images.transpose(0, 3, 1, 2).astype(np.float32))
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / f"{folder.resolve().name}.safetensors"
    save_file(stored, path)
    path.chmod(0o644)
    print(path)


if __name__ == "__main__":
    main()
