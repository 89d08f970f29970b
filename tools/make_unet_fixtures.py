#!/usr/bin/env python3
"""What diffusers' UNet2DModel answers, for the parity tests of src/unet.

    venv/bin/python tools/make_unet_fixtures.py        # writes tests/fixtures/unet/

Weights are not stored: both sides draw them from the tensor's name by the rule of `fill`
(tests/network/rule.rs is its twin). Stored are diffusers' own config.json and, for batches of
1 and 3, the input, the time steps and the output. SAMPLED also gets what DDIMScheduler makes of
the input of batch 1 in 4 steps, with eta 0 and with eta 1 and noise drawn by the same rule.
"""
import json
import math
from pathlib import Path

import numpy as np
import torch
from diffusers import DDIMScheduler, UNet2DModel
from safetensors.numpy import save_file

OUT = Path(__file__).parent.parent / "tests" / "fixtures" / "unet"
DDPM = dict(downsample_padding=0, flip_sin_to_cos=False, freq_shift=1, norm_eps=1e-6, attention_head_dim=None)
CASES = {
    # google/ddpm-cifar10-32
    "cifar10-32": dict(
        DDPM, sample_size=32, block_out_channels=(128, 256, 256, 256), layers_per_block=2,
        down_block_types=("DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D")),
    "three-levels": dict(
        DDPM, sample_size=(16, 24), block_out_channels=(32, 64, 96), layers_per_block=2,
        down_block_types=("DownBlock2D", "AttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "AttnUpBlock2D", "UpBlock2D")),
    "scale-shift-heads": dict(
        sample_size=16, block_out_channels=(32, 64, 64), layers_per_block=1, attention_head_dim=8,
        resnet_time_scale_shift="scale_shift", norm_num_groups=16,
        downsample_type="resnet", upsample_type="resnet", act_fn="gelu",
        down_block_types=("ResnetDownsampleBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "AttnUpBlock2D", "ResnetUpsampleBlock2D")),
    "grey-28": dict(
        DDPM, sample_size=28, in_channels=1, out_channels=1, block_out_channels=(32, 64, 64), layers_per_block=1,
        down_block_types=("DownBlock2D", "DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D", "UpBlock2D")),
    "fourier": dict(
        sample_size=16, in_channels=2, out_channels=1, block_out_channels=(32, 64), layers_per_block=1,
        time_embedding_type="fourier", center_input_sample=True, mid_block_scale_factor=math.sqrt(2.0),
        act_fn="mish", add_attention=False, attention_head_dim=16, time_embedding_dim=48,
        down_block_types=("AttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "AttnUpBlock2D")),
    "classes": dict(
        sample_size=16, block_out_channels=(30, 60), layers_per_block=1, norm_num_groups=10, attn_norm_num_groups=4,
        resnet_time_scale_shift="scale_shift", num_class_embeds=10, attention_head_dim=9, act_fn="relu",
        down_block_types=("DownBlock2D", "AttnDownBlock2D"), up_block_types=("AttnUpBlock2D", "UpBlock2D")),
    "no-middle": dict(
        sample_size=8, block_out_channels=(32,), layers_per_block=1, mid_block_type=None,
        down_block_types=("DownBlock2D",), up_block_types=("UpBlock2D",)),
}


SAMPLED = "three-levels"


def unit(name: str, count: int) -> np.ndarray:
    """`count` numbers in [-1, 1): SplitMix64 started from the FNV-1a hash of `name`, top 24 bits."""
    state = 0xCBF29CE484222325
    for byte in name.encode():
        state = (state ^ byte) * 0x100000001B3 % 2**64
    z = np.uint64(state) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float64) / 2.0**23 - 1.0


def fill(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The value of every weight: near 1 for a normalisation's scale, else scaled by the fan-in."""
    values = unit(name, math.prod(shape))
    if len(shape) > 1:
        values = values * math.sqrt(1.5 / math.prod(shape[1:]))
    elif "norm" in name and name.endswith("weight"):
        values = 1.0 + 0.2 * values
    else:
        values = 0.1 * values
    return values.astype(np.float32).reshape(shape)


def noise(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers of variance 1."""
    return (unit(name, math.prod(shape)) * math.sqrt(3.0)).astype(np.float32).reshape(shape)


def sample(model: UNet2DModel, x: np.ndarray, eta: float) -> np.ndarray:
    """Four DDIM steps with diffusers' default schedule."""
    scheduler = DDIMScheduler()
    scheduler.set_timesteps(4)
    x = torch.from_numpy(x)
    for k, t in enumerate(scheduler.timesteps):
        z = torch.from_numpy(noise(f"noise {k + 1}", tuple(x.shape)))
        with torch.no_grad():
            out = model(x, t).sample
        x = scheduler.step(out, t, x, eta=eta, variance_noise=z if eta else None).prev_sample
    return x.numpy()


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    np.seterr(over="ignore")
    for case, config in CASES.items():
        model = UNet2DModel(**config).eval()
        model.load_state_dict({k: torch.from_numpy(fill(k, tuple(v.shape))) for k, v in model.state_dict().items()})
        h, w = (config["sample_size"],) * 2 if isinstance(config["sample_size"], int) else config["sample_size"]
        stored = {}
        for batch, times in ((1, [981.0]), (3, [999.0, 500.0, 1.0])):
            shape = (batch, model.config.in_channels, h, w)
            x = noise(f"input {batch}", shape)
            t = torch.tensor(times)
            labels = torch.arange(batch) * 3 if model.config.num_class_embeds else None
            with torch.no_grad():
                out = model(torch.from_numpy(x), t, class_labels=labels).sample.numpy()
            stored |= {f"x{batch}": x, f"t{batch}": t.numpy(), f"out{batch}": out}
        if case == SAMPLED:
            stored |= {f"ddim_eta{eta}": sample(model, stored["x1"], eta) for eta in (0, 1)}
        save_file(stored, OUT / f"{case}.safetensors")
        model.save_config(OUT)
        text = json.loads((OUT / "config.json").read_text())
        text.pop("_diffusers_version")
        (OUT / f"{case}.json").write_text(json.dumps(text, indent=2) + "\n")
        (OUT / "config.json").unlink()
        print(f"{case}: {sum(p.numel() for p in model.parameters()):,} parameters, |out| up to {abs(out).max():.2f}, rms {np.sqrt((out**2).mean()):.2f}")


if __name__ == "__main__":
    main()
