#!/usr/bin/env python3
"""Writes the architectures of benches/architectures for onnxruntime-web, with random weights.

    export.py ARCHITECTURE BATCH    makes models/ARCHITECTURE-BATCH.onnx and models/ARCHITECTURE-BATCH.bin

The batch is a constant in the network, which is what the runtime optimises best. The .bin file holds float32 values, little-endian: the input x, its time steps, PyTorch's output.
"""
import sys
from pathlib import Path

import numpy as np
import torch

from architectures import build, inputs


class Positional(torch.nn.Module):
    """The network with its output as a plain tensor, which the exporter needs."""

    def __init__(self, unet):
        super().__init__()
        self.unet = unet

    def forward(self, sample, timestep):
        return self.unet(sample, timestep, return_dict=False)[0]


def export(name: str, batch: int, folder: Path) -> None:
    unet = Positional(build(name)).eval()
    x, t = inputs(name, batch)
    with torch.inference_mode():
        out = unet(x, t)
    onnx = folder / f"{name}-{batch}.onnx"
    torch.onnx.export(unet, (x, t), str(onnx), dynamo=True, opset_version=20, verbose=False, external_data=False,
                      input_names=["sample", "timestep"], output_names=["out"], optimize=True)
    values = np.concatenate([v.numpy().ravel() for v in (x, t, out)])
    (folder / f"{name}-{batch}.bin").write_bytes(values.astype("<f4").tobytes())


if __name__ == "__main__":
    models = Path(__file__).parent / "models"
    models.mkdir(exist_ok=True)
    export(sys.argv[1], int(sys.argv[2]), models)
