#!/usr/bin/env python3
"""What PyTorch's gradients are, for the parity tests of training on the plan.

    venv/bin/python tools/make_gradient_fixtures.py    # writes tests/fixtures/gradients/

The networks are those of make_unet_fixtures.py with their weights, in float64; as many channels come out as go in.
Neither weights nor pictures are stored: both sides draw them from names by the rule of `unit` (the other side is
tests/training/torch.rs). Stored, all in float64: height and width, the batch's time steps, five scalars for each
picture (a, b, c, d and the weight of LEVELS), the loss, and for every parameter, in the order of the names, the norm
of its gradient and its product with `unit("projection of " + name)`.
"""
from pathlib import Path

import numpy as np
import torch
from diffusers import UNet2DModel
from safetensors.numpy import save_file

from make_unet_fixtures import CASES, fill, noise, unit

OUT = Path(__file__).parent.parent / "tests" / "fixtures" / "gradients"
# x_t = a x_0 + b eps, target = c x_0 + d eps, the factor of the squared error: eps and then v are predicted.
LEVELS = np.array([[0.8, 0.6, 0.0, 1.0, 1.0], [0.28, 0.96, -0.96, 0.28, 1.75]], np.float32).astype(np.float64)
TIMES = {"positional": [37.0, 612.0], "fourier": [0.5, 2.5]}
LABELS = [3, 7]


def size(case: str, config: dict) -> tuple[int, int]:
    """That of the network; the smallest for the one that would take a plain loop minutes."""
    if case == "cifar10-32":
        return 8, 8
    side = config["sample_size"]
    return (side, side) if isinstance(side, int) else tuple(side)


def gradients(case: str, config: dict) -> dict[str, np.ndarray]:
    # A target made of pictures and noise has as many channels as they have.
    model = UNet2DModel(**(config | dict(out_channels=config.get("in_channels", 3)))).double()
    model.load_state_dict({k: torch.from_numpy(fill(k, tuple(v.shape))).double() for k, v in model.state_dict().items()})
    h, w = size(case, config)
    shape = (2, model.config.in_channels, h, w)
    a, b, c, d, weight = torch.from_numpy(LEVELS).reshape(2, 5, 1, 1, 1).unbind(1)
    x0, eps = (torch.from_numpy(noise(name, shape)).double() for name in ("x0", "eps"))
    times = torch.tensor(TIMES[model.config.time_embedding_type], dtype=torch.float64)
    labels = torch.tensor(LABELS) if model.config.num_class_embeds else None
    out = model(a * x0 + b * eps, times, class_labels=labels).sample
    loss = (weight * (out - (c * x0 + d * eps)) ** 2).mean()
    loss.backward()
    parameters = sorted(model.named_parameters())
    stored = {name: p.grad.numpy() if p.grad is not None else np.zeros(tuple(p.shape)) for name, p in parameters}
    product = lambda name, g: float(unit(f"projection of {name}", g.size) @ g.reshape(-1))
    return {
        "size": np.array([h, w], np.float64),
        "timesteps": times.numpy(),
        "levels": LEVELS,
        "loss": np.array([loss.item()]),
        "norms": np.array([np.linalg.norm(g) for g in stored.values()]),
        "projections": np.array([product(name, g) for name, g in stored.items()]),
    }


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    np.seterr(over="ignore")
    for case, config in CASES.items():
        stored = gradients(case, config)
        save_file(stored, OUT / f"{case}.safetensors")
        print(f"{case}: loss {stored['loss'][0]:.6f}, norm {np.linalg.norm(stored['norms']):.6f}")


if __name__ == "__main__":
    main()
