#!/usr/bin/env python3
"""Trains the small classifier whose features `ddim-web evaluate` measures Fréchet distances with.

    venv/bin/python tools/train_features.py /usr/share/datasets/fashion-mnist models/features/fashion-mnist.safetensors
    venv/bin/python tools/train_features.py AVATARS models/features/avatars.safetensors --test MORE --epochs 6

The folder holds MNIST's four IDX files ([.gz]), or PNG pictures with a labels.json:
{"attribute": ..., "names": [...], "labels": [class of the first picture in the order of the names, ...]};
the test is a second such folder then (--test). Pixels are scaled to -1…1 and padded with black to
sides that are multiples of 8, as the diffusion model sees them.

The network: 3×3 convolutions with ReLU, the mean over all positions (the features), one linear layer
(the classes). No normalisation layers, so that nothing has to be folded and every reader is short. The
file: `conv.<i>.weight`, `conv.<i>.bias`, `linear.weight`, `linear.bias` in f16, the strides and how it
was made in the metadata. The accuracy stated is that of the stored f16 numbers.
"""
import argparse
import gzip
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

WIDTHS, STRIDES = (32, 64, 64, 96, 64), (2, 2, 1, 2, 1)
MULTIPLE = 8


class Classifier(nn.Module):
    def __init__(self, channels: int, classes: int):
        super().__init__()
        inputs = (channels, *WIDTHS[:-1])
        self.conv = nn.ModuleList(nn.Conv2d(i, o, 3, s, 1) for i, o, s in zip(inputs, WIDTHS, STRIDES))
        self.linear = nn.Linear(WIDTHS[-1], classes)
        for conv in self.conv:
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
            nn.init.zeros_(conv.bias)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        for conv in self.conv:
            x = F.relu(conv(x))
        return x.mean((2, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(self.features(x))


def idx(folder: Path, name: str, header: int) -> np.ndarray | None:
    for path, opened in ((folder / name, open), (folder / f"{name}.gz", gzip.open)):
        if path.exists():
            with opened(path, "rb") as file:
                data = file.read()
            shape = [int.from_bytes(data[i:i + 4], "big") for i in range(4, header, 4)]
            return np.frombuffer(data, np.uint8, offset=header).reshape(shape)
    return None


def pictures(folder: Path) -> tuple[np.ndarray, np.ndarray, str]:
    described = json.loads((folder / "labels.json").read_text())
    paths = sorted(folder.glob("*.png"))
    if len(paths) != len(described["labels"]):
        sys.exit(f"{folder}: {len(paths)} pictures, but labels.json has {len(described['labels'])} labels")
    images = np.stack([np.asarray(Image.open(path).convert("RGB")) for path in paths]).transpose(0, 3, 1, 2)
    return images, np.array(described["labels"]), f"{folder.name} by {described['attribute']}"


def read(folder: Path, test: Path | None):
    """(train images [N, C, H, W] of bytes, train labels, test images, test labels, name of the data)."""
    images = idx(folder, "train-images-idx3-ubyte", 16)
    if images is not None:
        parts = [images[:, None], idx(folder, "train-labels-idx1-ubyte", 8),
                 idx(folder, "t10k-images-idx3-ubyte", 16)[:, None], idx(folder, "t10k-labels-idx1-ubyte", 8)]
        return *parts, folder.name
    if test is None:
        sys.exit(f"{folder}: no t10k files in it: give the pictures for the test with --test")
    images, labels, name = pictures(folder)
    return images, labels, *pictures(test)[:2], name


def padded(images: np.ndarray) -> torch.Tensor:
    _, _, height, width = images.shape
    side = -(-max(height, width) // MULTIPLE) * MULTIPLE
    top, left = (side - height) // 2, (side - width) // 2
    return F.pad(torch.from_numpy(images.copy()), (left, side - width - left, top, side - height - top))


def scaled(images: torch.Tensor) -> torch.Tensor:
    return images.float() / 127.5 - 1


def augmented(images: torch.Tensor) -> torch.Tensor:
    """Each image mirrored or not, and all moved by up to two pixels."""
    mirrored = torch.rand(len(images)) < 0.5
    images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
    dy, dx = torch.randint(-2, 3, (2,)).tolist()
    return images.roll((dy, dx), (2, 3))


@torch.no_grad()
def accuracy(model: Classifier, images: torch.Tensor, labels: torch.Tensor) -> float:
    model.eval()
    right = [(model(scaled(x)).argmax(1) == y).sum() for x, y in zip(images.split(500), labels.split(500))]
    return (sum(right) / len(images)).item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--test", type=Path, help="folder of test pictures with a labels.json of its own")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    train_x, train_y, test_x, test_y, name = read(args.data, args.test)
    train_x, test_x = padded(train_x), padded(test_x)
    train_y, test_y = (torch.from_numpy(y.astype(np.int64)) for y in (train_y, test_y))
    classes = int(train_y.max()) + 1
    model = Classifier(train_x.shape[1], classes)
    batches = len(train_x) // args.batch
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, args.lr, total_steps=args.epochs * batches, pct_start=0.15)
    began = time.time()
    for epoch in range(args.epochs):
        model.train()
        total = 0.0
        for chosen in torch.randperm(len(train_x))[:batches * args.batch].split(args.batch):
            x = scaled(augmented(train_x[chosen]))
            loss = F.cross_entropy(model(x), train_y[chosen], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        print(f"epoch {epoch + 1}/{args.epochs}: loss {total / batches:.4f}, test accuracy "
              f"{accuracy(model, test_x, test_y):.4f}, {time.time() - began:.0f} s", flush=True)

    model = model.half().float()  # what the file holds
    tested = accuracy(model, test_x, test_y)
    architecture = " ".join(f"conv3x3({w},stride {s}) relu" for w, s in zip(WIDTHS, STRIDES))
    metadata = {
        "format": "pt",
        "architecture": f"{architecture} mean linear({classes})",
        "strides": ",".join(map(str, STRIDES)),
        "input": "x".join(map(str, train_x.shape[1:])) + " in -1..1",
        "data": f"{name}: {len(train_x)} images, {classes} classes",
        "accuracy": f"{tested:.4f} on {len(test_x)} test images",
        # Where the data lies differs from machine to machine.
        "command": "python tools/train_features.py " + " ".join(Path(word).name for word in sys.argv[1:]),
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    save_file({k: v.half().contiguous() for k, v in model.state_dict().items()}, args.out, metadata)
    args.out.chmod(0o644)
    print(f"{args.out}: {args.out.stat().st_size} bytes, test accuracy {tested:.4f}")


if __name__ == "__main__":
    main()
