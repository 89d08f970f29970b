#!/usr/bin/env python3
"""The PyTorch twin of `ddim-web train`: diffusers' UNet2DModel, the same loss, the same schedule.

It exists because PyTorch trains several times faster than burn on a CPU; the weights it
writes are the same kind of folder that the Rust trainer writes.

    python3 -m venv venv && venv/bin/pip install -r tools/requirements.txt
    sudo apt-get install dataset-fashion-mnist
    venv/bin/python tools/train_twin.py --out runs/fashion-mnist --steps 10000 --decay-steps 2000

    npm ci && node tools/make_avatars.mjs --out data/avatars
    venv/bin/python tools/train_twin.py --data data/avatars --out runs/avatars --steps 9000 --decay-steps 3500

--data is a folder with IDX files as Fashion-MNIST has them, or with PNG pictures of one size. The network is CONFIG
with the size and the channels of the pictures, or the one that --config FILE describes in diffusers' JSON. Run again
with the same --out, it goes on from the last checkpoint.

Loss: L_simple of Ho et al. 2020, eq. 14 (gamma = 1 in Song et al. 2021, eq. 5); with v_prediction (Salimans & Ho 2022,
eq. 11) gamma_t = 1 / alpha_bar_t in the same eq. 5, with sample gamma_t = (1 - alpha_bar_t) / alpha_bar_t.
"""
import argparse
import gzip
import json
import math
import os
import struct
import time
from pathlib import Path

import numpy as np
import torch
from diffusers import DDIMScheduler, UNet2DModel
from PIL import Image
from safetensors.torch import load_file, save_file

CONFIG = dict(
    layers_per_block=1, block_out_channels=(32, 64, 128),
    down_block_types=("DownBlock2D", "DownBlock2D", "AttnDownBlock2D"),
    up_block_types=("AttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
    attention_head_dim=32, downsample_padding=0, flip_sin_to_cos=False, freq_shift=1,
    norm_eps=1e-6, norm_num_groups=8,
)
SCHEDULER = dict(
    num_train_timesteps=1000, beta_schedule="linear", beta_start=1e-4, beta_end=0.02,
    clip_sample=True, clip_sample_range=1.0,
    set_alpha_to_one=True, steps_offset=0, timestep_spacing="leading",
)

# What the network learns to predict, of alpha_bar [N, 1, 1, 1], x0 and eps [N, C, H, W].
TARGETS = {
    "epsilon": lambda ab, x0, eps: eps,
    "sample": lambda ab, x0, eps: x0,
    "v_prediction": lambda ab, x0, eps: ab.sqrt() * eps - (1 - ab).sqrt() * x0,
}


def load_images(folder: Path) -> torch.Tensor:
    """The training images of `folder` as uint8 [N, C, H, W]."""
    for name in ("train-images-idx3-ubyte", "train-images-idx3-ubyte.gz"):
        if (folder / name).exists():
            return load_idx(folder / name)
    pictures = sorted(folder.glob("*.png"))
    if pictures:
        return load_pictures(pictures)
    raise SystemExit(f"{folder}: no train-images-idx3-ubyte[.gz], no PNG pictures; install dataset-fashion-mnist or pass --data")


def load_idx(path: Path) -> torch.Tensor:
    """[N, 1, 32, 32], padded from 28x28 with black."""
    raw = gzip.open(path).read() if path.suffix == ".gz" else path.read_bytes()
    magic, count, rows, cols = struct.unpack(">IIII", raw[:16])
    if (magic, rows, cols) != (0x803, 28, 28):
        raise SystemExit(f"{path}: not an IDX file of 28x28 images")
    pixels = np.frombuffer(raw, np.uint8, offset=16).reshape(count, 1, rows, cols)
    return torch.from_numpy(np.pad(pixels, ((0, 0), (0, 0), (2, 2), (2, 2))))


def load_pictures(paths: list[Path]) -> torch.Tensor:
    """[N, 3, H, W], or [N, 1, H, W] when every picture is grey. Transparency is ignored, as `ddim-web train` does."""
    pixels = None
    for index, path in enumerate(paths):
        with Image.open(path) as picture:
            rgb = np.asarray(picture.convert("RGB"))
        if pixels is None:
            pixels = np.empty((len(paths), *rgb.shape), np.uint8)
        if rgb.shape != pixels.shape[1:]:
            (_, height, width, _), found = pixels.shape, f"{rgb.shape[1]}x{rgb.shape[0]}"
            raise SystemExit(f"{path}: expected {width}x{height} pixels as in {paths[0].name}, found {found}")
        pixels[index] = rgb
    if (pixels[..., :1] == pixels).all():
        pixels = pixels[..., :1]
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))


def make_network(config: Path | None, images: torch.Tensor) -> UNet2DModel:
    """The network for `images` [N, C, H, W], not trained."""
    channels, height, width = images.shape[1:]
    size = height if height == width else (height, width)
    if config is None:
        network = UNet2DModel(**CONFIG, in_channels=channels, out_channels=channels)
    else:
        network = UNet2DModel.from_config(json.loads(config.read_text()))
    for key in ("in_channels", "out_channels"):
        if network.config[key] != channels:
            raise SystemExit(f"{config}: {key} is {network.config[key]}, but the images have {channels}")
    halvings = 2 ** (len(network.config.block_out_channels) - 1)
    if height % halvings or width % halvings:
        raise SystemExit(f"the images are {width}x{height}; this network needs sides that are multiples of {halvings}")
    network.register_to_config(sample_size=size)
    return network


def save_atomically(write, path: Path) -> None:
    partial = path.with_name(path.name + ".partial")
    write(partial)
    os.replace(partial, path)


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--data", type=Path, default=Path("/usr/share/datasets/fashion-mnist"))
    cli.add_argument("--config", type=Path, help="diffusers' config.json of the network [the one in this file]")
    cli.add_argument("--out", type=Path, required=True)
    cli.add_argument("--steps", type=int, default=10_000, help="total steps, counted from the first run")
    cli.add_argument("--decay-steps", type=int, default=0, help="the last K steps lower the learning rate linearly to 0")
    cli.add_argument("--batch", type=int, default=64, help="an even number: time steps are drawn in pairs")
    cli.add_argument("--prediction", choices=TARGETS, default="epsilon", help="what the network predicts")
    cli.add_argument("--init", type=Path, help="begin with the weights of this model's folder, in the network of --config if given, else in its own")
    cli.add_argument("--flip", action="store_true", help="mirror each image left to right with probability 1/2")
    cli.add_argument("--lr", type=float, default=6e-4)
    cli.add_argument("--warmup", type=int, default=200)
    cli.add_argument("--ema", type=float, default=0.9995)
    cli.add_argument("--clip", type=float, default=1.0)
    cli.add_argument("--seed", type=int, default=0)
    cli.add_argument("--bf16", action="store_true", help="matrix products and convolutions in bfloat16")
    cli.add_argument("--compile", action="store_true", help="torch.compile: needs a C++ compiler, takes a minute, pays after a few hundred steps")
    cli.add_argument("--every", type=int, default=500, help="steps between checkpoints")
    args = cli.parse_args()
    if args.batch < 2 or args.batch % 2:
        cli.error(f"--batch: expected an even number, found {args.batch}")

    args.out.mkdir(parents=True, exist_ok=True)
    images = load_images(args.data)
    torch.manual_seed(args.seed)
    config = args.config or (args.init / "config.json" if args.init else None)
    model = make_network(config, images)
    if args.init:
        weights = load_file(args.init / "diffusion_pytorch_model.safetensors")
        model.load_state_dict({k: v.float() for k, v in weights.items()})
    else:
        torch.nn.init.zeros_(model.conv_out.weight)
        torch.nn.init.zeros_(model.conv_out.bias)
    shadow = {k: v.detach().clone() for k, v in model.state_dict().items()}
    adam = torch.optim.Adam(model.parameters(), lr=args.lr)
    step, losses = 0, []
    checkpoint = args.out / "checkpoint.pt"
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(saved["model"])
        adam.load_state_dict(saved["adam"])
        shadow, step, losses = saved["shadow"], saved["step"], saved["losses"]
        print(f"resumed at step {step}", flush=True)
    network = torch.compile(model) if args.compile else model
    alpha_bar = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64), 0).float()

    def save() -> None:
        state = dict(model=model.state_dict(), adam=adam.state_dict(), shadow=shadow, step=step, losses=losses)
        save_atomically(lambda p: torch.save(state, p), checkpoint)
        half = {k: v.half().contiguous() for k, v in shadow.items()}
        save_atomically(lambda p: save_file(half, p), args.out / "diffusion_pytorch_model.safetensors")
        model.save_config(args.out)
        DDIMScheduler(**SCHEDULER, prediction_type=args.prediction).save_pretrained(args.out)
        (args.out / "losses.json").write_text(json.dumps(losses))

    started, first, total = time.time(), step, 0.0
    while step < args.steps:
        # One generator per step: a resumed run draws what an uninterrupted one would have drawn.
        g = torch.Generator().manual_seed(args.seed * 1_000_003 + step)
        per_epoch = len(images) // args.batch
        order = torch.randperm(len(images), generator=torch.Generator().manual_seed(args.seed * 7919 + step // per_epoch))
        at = (step % per_epoch) * args.batch
        x0 = images[order[at:at + args.batch]].float() / 127.5 - 1
        half = torch.randint(0, 1000, (args.batch // 2,), generator=g)
        t = torch.cat([half, 999 - half])  # antithetic
        eps = torch.randn(x0.shape, generator=g)
        if args.flip:
            # Drawn last, so that time steps and noise are the same with and without it.
            mirrored = torch.rand(args.batch, generator=g) < 0.5
            x0[mirrored] = x0[mirrored].flip(-1)
        ab = alpha_bar[t][:, None, None, None]
        x_t = ab.sqrt() * x0 + (1 - ab).sqrt() * eps
        target = TARGETS[args.prediction](ab, x0, eps)
        rate = args.lr * min(1.0, (step + 1) / args.warmup)
        if args.decay_steps:
            rate *= min(1.0, max(0.0, (args.steps - step) / args.decay_steps))
        for group in adam.param_groups:
            group["lr"] = rate
        with torch.autocast("cpu", torch.bfloat16, enabled=args.bf16):
            out = network(x_t, t, return_dict=False)[0]
        loss = torch.nn.functional.mse_loss(out.float(), target)
        adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), args.clip)
        adam.step()
        decay = min(args.ema, (1 + step) / (10 + step))
        with torch.no_grad():
            for k, v in model.state_dict().items():
                shadow[k].lerp_(v, 1 - decay)
        total += loss.item()
        step += 1
        if step % 100 == 0:
            losses.append([step, total / 100])
            total = 0.0
            pace = (time.time() - started) / (step - first)
            print(f"step {step} loss {losses[-1][1]:.5f} lr {rate:.2e} {pace:.3f} s/step "
                  f"ETA {pace * (args.steps - step) / 60:.0f} min", flush=True)
            if not math.isfinite(losses[-1][1]):
                raise SystemExit("the loss is not finite; the last checkpoint is kept")
        if step % args.every == 0 or step == args.steps:
            save()


if __name__ == "__main__":
    main()
