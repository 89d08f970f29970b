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
import json
from pathlib import Path

import numpy as np
from PIL import Image

from pictures import BINARY, fitted, parser_for, real, sampled

SIDE = 4
COUNT = SIDE * SIDE
SCALE = 2
GAP = 2
BETWEEN = 24


def samples(binary, model, guidance):
    labels = model / "class_labels.json"
    if not labels.is_file():
        return sampled(binary, model, COUNT)
    classes = sorted(json.loads(labels.read_text())["label2id"].items(), key=lambda item: item[1])
    guided = [] if guidance is None else ["--guidance", guidance]
    each = -(-COUNT // len(classes))
    of_class = [sampled(binary, model, each, number, ["--class", name, *guided]) for name, number in classes]
    return [of_class[i % len(classes)][i // len(classes)] for i in range(COUNT)]


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
    parser = parser_for(__doc__)
    parser.add_argument("--guidance", type=float, help="of a conditional model")
    parser.add_argument("--binary", type=Path, default=BINARY)
    args = parser.parse_args()

    pictures = samples(args.binary, args.model, args.guidance)
    side, _, channels = pictures[0].shape
    mode = "RGB" if channels == 3 else "L"
    made = grid(pictures)
    beside = grid([np.array(fitted(picture, mode, side)).reshape(side, side, channels) for picture in real(args, COUNT)])
    save(made, args.model / "preview.png")
    between = np.full((made.shape[0], BETWEEN, channels), 255, np.uint8)
    save(np.concatenate([made, between, beside], 1), args.model / "sheet.png")


if __name__ == "__main__":
    main()
