#!/usr/bin/env python3
"""How flat the backgrounds of a model's pictures are, beside real pictures: the spread inside of both upper corners.

    cargo build --release
    venv/bin/python tools/measure_backgrounds.py www/models/avatars data/avatars-test

A corner is 4×4 pixels, where drawings of faces leave the background free; its spread is the standard deviation of its
levels of 0 to 255 about their mean, the worst of the three colours. Prints median, mean and 95 % quantile over the corners
of 500 samples (`ddim-web sample`: 50 steps, eta 0, seed 0) and of as many real pictures.
"""
import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from pictures import BINARY, sampled

COUNT = 500
CORNER = 4


def spreads(pictures):
    corners = np.concatenate([pictures[:, :CORNER, :CORNER], pictures[:, :CORNER, -CORNER:]])
    return corners.reshape(len(corners), -1, corners.shape[3]).std(1).max(1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="folder of the model")
    parser.add_argument("data", type=Path, help="folder of PNG pictures")
    parser.add_argument("--binary", type=Path, default=BINARY)
    args = parser.parse_args()
    files = sorted(args.data.glob("*.png"))[:COUNT]
    real = np.array([np.array(Image.open(file).convert("RGB")) for file in files], float)
    for name, pictures in {"samples": sampled(args.binary, args.model, COUNT).astype(float), "data": real}.items():
        found = spreads(pictures)
        print(f"{name}: median {np.median(found):.2f}, mean {found.mean():.2f}, 95 % {np.quantile(found, 0.95):.2f}")


if __name__ == "__main__":
    main()
