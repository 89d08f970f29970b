#!/usr/bin/env python3
"""Times diffusers' UNet2DModel on PyTorch's CPU and prints one JSON line.

    pytorch.py ARCHITECTURE BATCH RUNS THREADS [--train] [--bf16] [--compile]

--train: a training step (forward, backward, clipping, Adam, average of the weights) in place of a forward pass.
"""
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


flags = sys.argv[5:]
network = torch.compile(unet) if "--compile" in flags else unet
autocast = torch.autocast("cpu", torch.bfloat16, enabled="--bf16" in flags)
if "--train" in flags:
    unet.train()
    params = list(unet.parameters())
    average = [p.detach().clone() for p in params]
    adam = torch.optim.Adam(params, lr=1e-4)
    eps = torch.randn_like(x)


def train() -> None:
    with autocast:
        out = network(x, t, return_dict=False)[0]
    loss = torch.nn.functional.mse_loss(out.float(), eps)
    adam.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(params, 1.0)
    adam.step()
    torch._foreach_lerp_(average, [p.detach() for p in params], 1e-3)


@torch.inference_mode()
def forward() -> None:
    with autocast:
        network(x, t, return_dict=False)


def milliseconds() -> float:
    start = time.perf_counter()
    train() if "--train" in flags else forward()
    return (time.perf_counter() - start) * 1e3


first = milliseconds()
milliseconds()
ms = [milliseconds() for _ in range(runs)]
print(json.dumps({
    "version": f"{torch.__version__}, diffusers {diffusers.__version__}",
    "firstForwardMs": first, "minMs": min(ms), "medianMs": statistics.median(ms),
}))
