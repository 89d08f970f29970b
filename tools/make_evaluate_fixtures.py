#!/usr/bin/env python3
"""What NumPy and PyTorch compute, for the tests of src/evaluate.

    venv/bin/python tools/make_evaluate_fixtures.py       # writes tests/fixtures/evaluate/

`<case>.safetensors` is a classifier in the format of tools/train_features.py; for it and for
models/features/*.safetensors, `<case>-outputs.safetensors` holds images and PyTorch's features and
logits. `frechet.safetensors` holds two sets of features, `frechet.json` their means, covariances and
Fréchet distance in float64 (by the eigenvalues of S1 S2, another way than the crate's).
"""
import json
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

ROOT = Path(__file__).parent.parent
OUT = ROOT / "tests" / "fixtures" / "evaluate"
# channels, widths, strides, classes, (height, width)
CASES = {
    "grey": (1, (3, 4), (2, 1), 3, (16, 16)),
    "colour": (3, (8, 6, 5), (1, 2, 3), 2, (12, 8)),
}


def network(channels: int, widths: tuple, classes: int, generator: torch.Generator) -> dict[str, torch.Tensor]:
    tensors = {}
    for i, (inputs, outputs) in enumerate(zip((channels, *widths), widths)):
        tensors[f"conv.{i}.weight"] = torch.randn(outputs, inputs, 3, 3, generator=generator) * (2 / (9 * inputs)) ** 0.5
        tensors[f"conv.{i}.bias"] = torch.randn(outputs, generator=generator) * 0.2
    tensors["linear.weight"] = torch.randn(classes, widths[-1], generator=generator)
    tensors["linear.bias"] = torch.randn(classes, generator=generator)
    return tensors


def outputs(path: Path, images: torch.Tensor) -> dict[str, torch.Tensor]:
    with safe_open(path, "pt") as file:
        strides = map(int, file.metadata()["strides"].split(","))
    tensors = {name: tensor.float() for name, tensor in load_file(path).items()}
    x = images
    for i, stride in enumerate(strides):
        x = F.relu(F.conv2d(x, tensors[f"conv.{i}.weight"], tensors[f"conv.{i}.bias"], stride, 1))
    features = x.mean((2, 3))
    return {"images": images, "features": features,
            "logits": F.linear(features, tensors["linear.weight"], tensors["linear.bias"])}


def write(tensors: dict[str, torch.Tensor], path: Path, metadata: dict[str, str] | None = None) -> None:
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path, metadata)
    path.chmod(0o644)


def frechet(a: np.ndarray, b: np.ndarray) -> dict:
    a, b = a.astype(np.float64), b.astype(np.float64)
    means, covariances = [x.mean(0) for x in (a, b)], [np.cov(x, rowvar=False) for x in (a, b)]
    roots = np.sqrt(np.maximum(np.linalg.eigvals(covariances[0] @ covariances[1]).real, 0))
    distance = ((means[0] - means[1]) ** 2).sum() + np.trace(covariances[0] + covariances[1]) - 2 * roots.sum()
    return {"means": [m.tolist() for m in means], "covariances": [c.tolist() for c in covariances], "distance": distance}


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(0)
    for case, (channels, widths, strides, classes, size) in CASES.items():
        path = OUT / f"{case}.safetensors"
        write(network(channels, widths, classes, generator), path, {"format": "pt", "strides": ",".join(map(str, strides))})
        images = torch.rand(5, channels, *size, generator=generator) * 2 - 1
        write(outputs(path, images), OUT / f"{case}-outputs.safetensors")
    for path in sorted((ROOT / "models" / "features").glob("*.safetensors")):
        with safe_open(path, "pt") as file:
            shape = [int(n) for n in file.metadata()["input"].split(" ")[0].split("x")]
        images = torch.rand(4, *shape, generator=generator) * 2 - 1
        write(outputs(path, images), OUT / f"{path.stem}-outputs.safetensors")

    random = np.random.default_rng(0)
    mixed = random.normal(size=(6, 6))
    a = (random.normal(size=(90, 6)) @ mixed + 0.5).astype(np.float32)
    b = (random.normal(size=(70, 6)) * [0.1, 1, 2, 0.5, 3, 1]).astype(np.float32)
    write({"real": torch.from_numpy(a), "other": torch.from_numpy(b)}, OUT / "frechet.safetensors")
    (OUT / "frechet.json").write_text(json.dumps(frechet(a, b)))
    print(OUT)


if __name__ == "__main__":
    main()
