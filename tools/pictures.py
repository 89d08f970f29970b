"""What the tools that show or measure a model's pictures share: its samples, and real pictures to put beside them."""
import argparse
import gzip
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import load_file

BINARY = Path("target/release/ddim-web")
HEADER = 16


def parser_for(description):
    """A parser of the model's folder and of where the real pictures are."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="folder of the model")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--idx", type=Path, help="t10k-images-idx3-ubyte[.gz]")
    source.add_argument("--folder", type=Path, help="folder of PNG pictures of the model's size, or of such folders")
    return parser


def real(args, count):
    """The first pictures of `--idx`, or of `--folder` by name: of the folders in it, if there are any, in turn."""
    if args.idx:
        data = gzip.open(args.idx).read() if args.idx.suffix == ".gz" else args.idx.read_bytes()
        height, width = (int.from_bytes(data[at : at + 4], "big") for at in (8, 12))
        for i in range(count):
            yield Image.frombytes("L", (width, height), data[HEADER + i * height * width :][: height * width])
        return
    folders = sorted(inner for inner in args.folder.iterdir() if inner.is_dir()) or [args.folder]
    files = [sorted(folder.glob("*.png")) for folder in folders]
    for i in range(count):
        yield Image.open(files[i % len(files)][i // len(files)])


def fitted(picture, mode, side):
    """`picture` in the middle of a black square, as in training."""
    square = Image.new(mode, (side, side))
    square.paste(picture.convert(mode), ((side - picture.width) // 2, (side - picture.height) // 2))
    return square


def sampled(binary, model, count, seed=0, options=()):
    """Samples of `ddim-web sample`, 50 steps, eta 0: `[count, height, width, channels]`, levels of 0 to 255."""
    with tempfile.TemporaryDirectory() as folder:
        numbers = Path(folder) / "samples.safetensors"
        command = [binary.resolve(), "sample", "--quiet", "--model", model, "--steps", 50, "--seed", seed, "--count", count]
        command += ["--out", Path(folder) / "samples.png", "--save", numbers, *options]
        subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)
        found = load_file(numbers)["sample"]
    return np.rint((np.clip(found, -1, 1) + 1) * 127.5).astype(np.uint8).transpose(0, 2, 3, 1)
