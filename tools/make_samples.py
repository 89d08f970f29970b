#!/usr/bin/env python3
"""Pictures that a model was not trained on, side by side in one PNG, for the page's view Reconstruct.

    venv/bin/python tools/make_samples.py www/models/fashion-mnist --idx /usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz
    venv/bin/python tools/make_samples.py www/models/avatars --folder data/avatars-test
    venv/bin/python tools/make_samples.py www/models/faces --folder data/faces-test

Writes samples.png into the model's folder. The first pictures are taken; small ones are put on black as in training.
models/index.json says how many there are and whose they are (`samples`).
"""
import argparse
import gzip
import json
from pathlib import Path

from PIL import Image

COUNT = 12
HEADER = 16


def of_idx(path, count):
    """The first pictures of a file as MNIST has them."""
    data = gzip.open(path).read() if path.suffix == ".gz" else path.read_bytes()
    height, width = (int.from_bytes(data[at : at + 4], "big") for at in (8, 12))
    for i in range(count):
        yield Image.frombytes("L", (width, height), data[HEADER + i * height * width :][: height * width])


def of_folder(path, count):
    """The first pictures of a folder by name, or of the folders in it, in turn."""
    folders = sorted(inner for inner in path.iterdir() if inner.is_dir()) or [path]
    files = [sorted(folder.glob("*.png")) for folder in folders]
    for i in range(count):
        yield Image.open(files[i % len(files)][i // len(files)])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="folder of the model")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--idx", type=Path, help="t10k-images-idx3-ubyte[.gz]")
    source.add_argument("--folder", type=Path, help="folder of PNG pictures of the model's size, or of such folders")
    parser.add_argument("--count", type=int, default=COUNT)
    arguments = parser.parse_args()

    config = json.loads((arguments.model / "config.json").read_text())
    size, mode = config["sample_size"], "RGB" if config["in_channels"] == 3 else "L"
    side = size if isinstance(size, int) else size[0]
    pictures = of_idx(arguments.idx, arguments.count) if arguments.idx else of_folder(arguments.folder, arguments.count)
    sheet = Image.new(mode, (side * arguments.count, side))
    for i, picture in enumerate(pictures):
        sheet.paste(picture.convert(mode), (side * i + (side - picture.width) // 2, (side - picture.height) // 2))
    sheet.save(arguments.model / "samples.png", optimize=True)


if __name__ == "__main__":
    main()
