"""Writes tests/fixtures/layouts: one small UNet2DModel with random weights in the layouts that people have.

    python tools/make_layout_fixtures.py tests/fixtures/layouts

Needs torch and diffusers (tools/requirements.txt). Every layout holds the same numbers; `flat` is what the others are
compared with (the .fp16. one to half precision).
"""

import json
import sys
from pathlib import Path

import torch
from diffusers import DDIMScheduler, DDPMPipeline, PNDMScheduler, UNet2DModel
from safetensors.torch import load_file, save_file

CONFIG = dict(
    sample_size=8,
    in_channels=1,
    out_channels=1,
    block_out_channels=(8, 8),
    layers_per_block=1,
    norm_num_groups=4,
    attention_head_dim=4,
    down_block_types=("DownBlock2D", "AttnDownBlock2D"),
    up_block_types=("AttnUpBlock2D", "UpBlock2D"),
)
FILE = "diffusion_pytorch_model"


def main(folder: Path) -> None:
    torch.manual_seed(1)
    unet = UNet2DModel(**CONFIG).eval()
    scheduler = DDIMScheduler(num_train_timesteps=100)

    unet.save_pretrained(folder / "flat")
    scheduler.save_pretrained(folder / "flat")
    DDPMPipeline(unet=unet, scheduler=scheduler).save_pretrained(folder / "pipeline", safe_serialization=False)
    (folder / "pipeline" / "class_labels.json").write_text(json.dumps({"0": "cat", "1": "dog"}))
    unet.save_pretrained(folder / "sharded", max_shard_size="30KB")
    PNDMScheduler(num_train_timesteps=100, skip_prk_steps=True).save_pretrained(folder / "sharded")
    half = UNet2DModel(**CONFIG)
    half.load_state_dict(unet.state_dict())
    half.half().save_pretrained(folder / "fp16" / "unet", variant="fp16")
    scheduler.save_pretrained(folder / "fp16" / "scheduler")

    # What torch.compile and a training script leave: averaged weights, prefixed names, channels last, f64, a dictionary
    # around it, and no schedule.
    (folder / "checkpoint" / "unet_ema").mkdir(parents=True, exist_ok=True)
    (folder / "checkpoint" / "unet").mkdir(parents=True, exist_ok=True)
    for part in ("unet", "unet_ema"):
        unet.save_config(folder / "checkpoint" / part)
    state = {}
    for i, (name, tensor) in enumerate(unet.state_dict().items()):
        if tensor.dim() == 4:
            tensor = tensor.contiguous(memory_format=torch.channels_last)
        state[f"_orig_mod.{name}"] = tensor.double() if i % 3 == 0 else tensor
    torch.save({"epoch": 3, "model": {k: v * 0 for k, v in state.items()}, "model_ema": state},
               folder / "checkpoint" / "unet_ema" / "model.pt")

    # Refused: the format before 1.6, and a pickle that would run something.
    legacy = folder / "legacy"
    unet.save_config(legacy)
    scheduler.save_pretrained(legacy)
    torch.save({"conv_in.bias": unet.state_dict()["conv_in.bias"]}, legacy / f"{FILE}.bin",
               _use_new_zipfile_serialization=False)

    class Hostile:
        def __reduce__(self):
            import os
            return os.system, ("touch /tmp/ddim-web-was-here",)

    hostile = folder / "hostile"
    unet.save_config(hostile)
    scheduler.save_pretrained(hostile)
    torch.save({"conv_in.bias": unet.state_dict()["conv_in.bias"], "more": Hostile()}, hostile / f"{FILE}.bin")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
