#!/usr/bin/env python3
"""Times diffusers' UNet2DModel on PyTorch's CPU and prints one JSON line: pytorch.py ARCHITECTURE BATCH RUNS THREADS"""
import json
import statistics
import sys
import time

import diffusers
import torch

from architectures import build, inputs

architecture = sys.argv[1]
batch, runs, threads = map(int, sys.argv[2:5])
torch.set_num_threads(threads)
unet = build(architecture)
x, t = inputs(architecture, batch)


@torch.inference_mode()
def forward() -> float:
    """Milliseconds of one forward pass."""
    start = time.perf_counter()
    unet(x, t, return_dict=False)
    return (time.perf_counter() - start) * 1e3


first = forward()
forward()
ms = [forward() for _ in range(runs)]
print(json.dumps({
    "version": f"{torch.__version__}, diffusers {diffusers.__version__}",
    "firstForwardMs": first, "minMs": min(ms), "medianMs": statistics.median(ms),
}))
