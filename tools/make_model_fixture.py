#!/usr/bin/env python3
"""What diffusers and the DDIM code make of a model folder, for the test that we make the same (tests/models.rs).

    venv/bin/python tools/make_model_fixture.py www/models/fashion-mnist

Writes tests/fixtures/model/<folder name>.safetensors: x_T, the noise of ten steps, pictures, and what each peer makes
of them (tools/peers.py says how). Run it again whenever a file of the folder changes: its metadata holds the
checksums of the files that it was made from, and the test refuses a fixture of other files.

The pictures are real ones, side by side in tests/fixtures/model/<folder name>.png. A new model needs them once:

    venv/bin/python tools/make_model_fixture.py www/models/NAME --pictures A.png B.png

Image i of the two is of class i where the model is conditional, and the pictures should be too.
Small ones are put on black, others are scaled to the model's size. Those that are there: fashion-mnist.png is the
first two of its test set (MIT licence); avatars.png is numbers 50000 and 50001 of tools/make_avatars.mjs, drawn in the
style "Dylan! The Avatar Generator" by Natalia Spivak (CC BY 4.0); faces.png is number 50000 of the first two styles of
tools/make_faces.mjs, "Face Generator" by The Visual Team and the same "Dylan!" (both CC BY 4.0).
"""
import argparse
import json
import zlib
from pathlib import Path

import diffusers
import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from peers import FILES, Peers, place

OUT = Path(__file__).resolve().parent.parent / "tests" / "fixtures" / "model"
STEPS = (10, 50)
NOISY_STEPS = 10  # one noise per step is stored
SEED = 0
# The fixture of an image of 3 x 64 x 64 stays below 1.5 MB like this.
BATCH_OF_SMALL, SMALL = 2, 3 * 32 * 32


def results(peers, x_T, noise, x_0):
    """Every tensor that tests/models/ compares with, by name. "free" is without clipping."""
    few = NOISY_STEPS
    for steps in STEPS:
        images = slice(None) if steps <= few else slice(1)  # long runs of one image keep the test short
        yield f"ddim {steps}", peers.ddim(x_T[images], steps)
        yield f"ddim free {steps}", peers.ddim(x_T[images], steps, clip=False)
        yield f"inverse free {steps}", peers.inverse(x_0[images], steps, clip=False)
        for skip in ("uniform", "quad"):
            yield f"code {skip} {steps}", peers.generalized_steps(x_T[images], peers.tau(skip, steps))
    yield f"inverse {few}", peers.inverse(x_0, few)
    yield f"ddim eta1 {few}", peers.ddim(x_T, few, 1.0, noise)
    yield f"ddim eta1 free {few}", peers.ddim(x_T, few, 1.0, noise, clip=False)
    yield f"ddim eta1 rederived {few}", peers.ddim(x_T, few, 1.0, noise, use_clipped_model_output=True)
    for variance in ("fixed_small", "fixed_large"):
        yield f"ddpm {variance} {few}", peers.ddpm(x_T, few, noise, variance)
        yield f"ddpm {variance} free {few}", peers.ddpm(x_T, few, noise, variance, clip=False)
    for skip in ("uniform", "quad"):
        yield f"code {skip} eta1 {few}", peers.generalized_steps(x_T, peers.tau(skip, few), 1.0, noise)
    yield f"code noisy {few}", peers.ddpm_steps(x_T, peers.tau("uniform", few), noise)


def fit(path, shape):
    """A picture in the model's channels and size."""
    channels, height, width = shape
    picture = Image.open(path).convert("L" if channels == 1 else "RGB")
    if picture.height > height or picture.width > width:
        return picture.resize((width, height), Image.Resampling.LANCZOS)
    fitted = Image.new(picture.mode, (width, height))
    fitted.paste(picture, ((width - picture.width) // 2, (height - picture.height) // 2))
    return fitted


def strip(path, given, shape, count):
    """Writes the pictures side by side to `path` if any are `given`, and reads `count` [B, C, H, W] from it, -1..1."""
    channels, height, width = shape
    if given:
        if len(given) < count:
            raise SystemExit(f"--pictures: expected {count}, found {len(given)}")
        fitted = [fit(picture, shape) for picture in given[:count]]
        side_by_side = Image.new(fitted[0].mode, (width * count, height))
        for i, picture in enumerate(fitted):
            side_by_side.paste(picture, (i * width, 0))
        side_by_side.save(path, optimize=True)
        path.chmod(0o644)
    if not path.is_file():
        raise SystemExit(f"{path}: there is none: give {count} real pictures with --pictures")
    picture = Image.open(path)
    if picture.size != (width * count, height) or len(picture.getbands()) != channels:
        raise SystemExit(f"{path}: expected {count} pictures of {height} x {width} with {channels} channels, side by side")
    values = np.asarray(picture, dtype=np.float32).reshape(height, count, width, channels)
    return torch.from_numpy(values.transpose(1, 3, 0, 2).copy() / 127.5 - 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, metavar="MODEL_DIR")
    parser.add_argument("--pictures", type=Path, nargs="+", metavar="FILE", help="real pictures, kept beside the fixture")
    args = parser.parse_args()
    peers = Peers(args.model, in_turn=True)
    if not all(peers.follows_its_list(steps) for steps in STEPS):
        raise SystemExit(f"{args.model}: diffusers does not follow its own timesteps with this timestep_spacing")

    name = args.model.resolve().name
    OUT.mkdir(parents=True, exist_ok=True)
    batch = BATCH_OF_SMALL if np.prod(peers.shape) <= SMALL else 1
    shape = (batch, *peers.shape)
    generator = torch.Generator().manual_seed(SEED)
    x_T = torch.randn(shape, generator=generator)
    noise = torch.randn((NOISY_STEPS, *shape), generator=generator).half()  # stored as it is used, in half the room
    x_0 = strip(OUT / f"{name}.png", args.pictures, peers.shape, batch)

    stored = {"x_T": x_T, "noise": noise, "x_0": x_0, **dict(results(peers, x_T, noise.float(), x_0))}
    not_finite = [key for key, tensor in stored.items() if not tensor.isfinite().all()]
    if not_finite:
        raise SystemExit(f"{args.model}: not finite: {', '.join(not_finite)}")
    made_from = {file: f"{zlib.crc32((place(args.model, part) / file).read_bytes()):08x}"
                 for part, files in FILES.items() for file in files}
    made_with = {"diffusers": diffusers.__version__, "torch": torch.__version__}
    path = OUT / f"{name}.safetensors"
    # One key only: safetensors writes several in any order, and the same numbers shall give the same file.
    save_file({key: tensor.contiguous() for key, tensor in stored.items()}, path,
              metadata={"made": json.dumps({"from crc32": made_from, "with": made_with}, sort_keys=True)})
    path.chmod(0o644)
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
