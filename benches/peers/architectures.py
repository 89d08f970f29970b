"""The networks and inputs that every Python peer measures."""
import json
from pathlib import Path

import torch
from diffusers import UNet2DModel

FOLDER = Path(__file__).parent.parent / "architectures"


def config(name: str) -> dict:
    return json.loads((FOLDER / f"{name}.json").read_text())


def build(name: str) -> UNet2DModel:
    """diffusers' network of benches/architectures/NAME.json with seeded random weights."""
    torch.manual_seed(0)
    return UNet2DModel.from_config(config(name)).eval()


def inputs(name: str, batch: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Seeded noise [batch, channels, size, size] and as many time steps."""
    c = config(name)
    generator = torch.Generator().manual_seed(1234)
    x = torch.randn(batch, c["in_channels"], c["sample_size"], c["sample_size"], generator=generator)
    return x, torch.full((batch,), 500.0)
