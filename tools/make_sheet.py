#!/usr/bin/env python3
"""Sixteen samples of a model, and the same beside sixteen real pictures.

    cargo build --release
    venv/bin/python tools/make_sheet.py www/models/fashion-mnist --idx /usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz
    venv/bin/python tools/make_sheet.py www/models/avatars --folder data/avatars-test
    venv/bin/python tools/make_sheet.py www/models/faces --folder data/faces-test --guidance 1

Writes preview.png (the samples) and sheet.png (samples left, pictures that were not trained on right) into the model's
folder. The samples are those of `ddim-web sample`: 50 steps, eta 0, seed 0; of a conditional model each class in turn, its
first picture with the class's number as the seed. They are the first that come; so are the pictures. In a folder of
folders each folder is a class.
"""
import argparse
import gzip
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import load_file

SIDE = 4
COUNT = SIDE * SIDE
SCALE = 2
GAP = 2
BETWEEN = 24
HEADER = 16


def sample(binary, model, count, seed, options):
    """`[count, height, width, channels]` from 0 to 255."""
    with tempfile.TemporaryDirectory() as folder:
        numbers = Path(folder) / "samples.safetensors"
        command = [binary, "sample", "--quiet", "--model", model, "--steps", "50", "--seed", seed, "--count", count]
        command += ["--out", Path(folder) / "samples.png", "--save", numbers, *options]
        subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)
        found = load_file(numbers)["sample"]
    return np.rint((np.clip(found, -1, 1) + 1) * 127.5).astype(np.uint8).transpose(0, 2, 3, 1)


def samples(binary, model, guidance):
    labels = model / "class_labels.json"
    if not labels.is_file():
        return sample(binary, model, COUNT, 0, [])
    classes = sorted(json.loads(labels.read_text())["label2id"].items(), key=lambda item: item[1])
    of_class = []
    for name, number in classes:
        options = ["--class", name] + ([] if guidance is None else ["--guidance", guidance])
        of_class.append(sample(binary, model, -(-COUNT // len(classes)), number, options))
    return [of_class[i % len(classes)][i // len(classes)] for i in range(COUNT)]


def of_idx(path, side):
    """The first pictures of a file as MNIST has them, put on black as in training."""
    data = gzip.open(path).read() if path.suffix == ".gz" else path.read_bytes()
    height, width = (int.from_bytes(data[at : at + 4], "big") for at in (8, 12))
    pictures = np.frombuffer(data, np.uint8, COUNT * height * width, HEADER).reshape(COUNT, height, width, 1)
    above, before = (side - height) // 2, (side - width) // 2
    return np.pad(pictures, ((0, 0), (above, side - height - above), (before, side - width - before), (0, 0)))


def of_folder(path):
    """The first pictures by name, of each class in turn where there are classes."""
    classes = sorted(folder for folder in path.iterdir() if folder.is_dir()) or [path]
    files = [sorted(folder.glob("*.png")) for folder in classes]
    return [np.array(Image.open(files[i % len(files)][i // len(files)]).convert("RGB")) for i in range(COUNT)]


def grid(pictures):
    """The pictures in rows of four."""
    height, width, channels = pictures[0].shape
    step = (height * SCALE + GAP, width * SCALE + GAP)
    sheet = np.zeros((SIDE * step[0] + GAP, SIDE * step[1] + GAP, channels), np.uint8)
    for i, picture in enumerate(pictures):
        y, x = GAP + i // SIDE * step[0], GAP + i % SIDE * step[1]
        sheet[y : y + height * SCALE, x : x + width * SCALE] = picture.repeat(SCALE, 0).repeat(SCALE, 1)
    return sheet


def save(sheet, path):
    Image.fromarray(sheet.squeeze(2) if sheet.shape[2] == 1 else sheet).save(path, optimize=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="folder of the model")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--idx", type=Path, help="t10k-images-idx3-ubyte[.gz]")
    source.add_argument("--folder", type=Path, help="folder of PNG pictures of the model's size, or of such folders")
    parser.add_argument("--guidance", type=float, help="of a conditional model")
    parser.add_argument("--binary", type=Path, default=Path("target/release/ddim-web"))
    args = parser.parse_args()

    pictures = samples(args.binary.resolve(), args.model, args.guidance)
    made = grid(pictures)
    real = grid(of_idx(args.idx, pictures[0].shape[0]) if args.idx else of_folder(args.folder))
    save(made, args.model / "preview.png")
    between = np.full((made.shape[0], BETWEEN, made.shape[2]), 255, np.uint8)
    save(np.concatenate([made, between, real], 1), args.model / "sheet.png")


if __name__ == "__main__":
    main()
