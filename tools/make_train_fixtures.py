#!/usr/bin/env python3
"""What PyTorch computes in training, for the parity tests of src/train.

    venv/bin/python tools/make_train_fixtures.py       # writes tests/fixtures/train/

Weights, x0 and eps are drawn by the rule of make_unet_fixtures.py and not stored. Stored as
<case>.json: config.json and prediction type, t, the loss, the norm of every gradient and the
norm of all together, and diffusers' losses for the other prediction types; under "weighted"
the same for each loss that weights the images. Stored as
<case>.safetensors: some gradients whole ("grad.*"), and those tensors after STEPS steps of
torch.optim.Adam on the same batch with clip_grad_norm_ ("after.*"). Stored as
<case>-muon.safetensors: those tensors ("after.*") after STEPS steps in which torch.optim.Muon, computing in
64 bits where it has 16, changes all matrices but those of the first and the last layer.
"""
import inspect
import json
from functools import cache
from pathlib import Path

import numpy as np
import torch
from diffusers import DDPMScheduler, UNet2DModel
from diffusers.training_utils import compute_snr
from safetensors.numpy import save_file

from make_unet_fixtures import fill, noise

OUT = Path(__file__).parent.parent / "tests" / "fixtures" / "train"
BATCH, STEPS, LR, CLIP = 4, 3, 1e-3, 0.5
WEIGHTED = ("bound", "min-snr=5", "min-snr=0.5")
TIMES = [0, 250, 749, 999]
CASES = {
    # Convolutions change the resolution; the padding of the shipped model.
    "conv": ("epsilon", dict(
        sample_size=16, in_channels=1, out_channels=1, block_out_channels=(16, 32), layers_per_block=1,
        norm_num_groups=8, norm_eps=1e-6, attention_head_dim=8, downsample_padding=0, flip_sin_to_cos=False, freq_shift=1,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"), up_block_types=("AttnUpBlock2D", "UpBlock2D"))),
    # Residual blocks change the resolution; colour, not square.
    "resnet": ("v_prediction", dict(
        sample_size=(8, 12), block_out_channels=(16, 32), layers_per_block=1, norm_num_groups=8, attention_head_dim=16,
        resnet_time_scale_shift="scale_shift", attn_norm_num_groups=4, act_fn="gelu",
        down_block_types=("ResnetDownsampleBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "ResnetUpsampleBlock2D"))),
}
WHOLE = (
    "conv_in.weight", "conv_out.weight", "conv_out.bias", "time_embedding.linear_1.weight",
    "down_blocks.0.resnets.0.conv1.weight", "mid_block.attentions.0.to_q.weight", "mid_block.attentions.0.to_out.0.weight",
    "mid_block.resnets.0.norm1.weight", "up_blocks.0.resnets.0.time_emb_proj.weight",
    "down_blocks.0.downsamplers.0.conv.weight", "down_blocks.0.downsamplers.0.conv1.weight",
    "up_blocks.0.upsamplers.0.conv.weight",
)


def target(kind: str, schedule: DDPMScheduler, x0: torch.Tensor, eps: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    return {"epsilon": lambda: eps, "sample": lambda: x0, "v_prediction": lambda: schedule.get_velocity(x0, eps, t)}[kind]()


def weights(loss: str, kind: str, schedule: DDPMScheduler, t: torch.Tensor) -> torch.Tensor:
    """One factor per image for the error of a network that predicts `kind`.

    bound: DDPM, eq. 12 for eps, times T, in float64 (diffusers' alphas_cumprod, float32, leaves 1 - alpha_bar
    three digits at t = 0), with the decoder's variance of the official code; for x_0 and v the error in eps is
    SNR and alpha_bar times theirs. min-snr: diffusers' compute_snr, and the factors of its training scripts.
    """
    if loss == "bound":
        beta = np.linspace(1e-4, 0.02, 1000)
        alpha_bar = np.cumprod(1 - beta)
        beta_tilde = beta[1:] * (1 - alpha_bar[:-1]) / (1 - alpha_bar[1:])
        variance = np.append(beta_tilde[0], beta_tilde)
        gamma = 1000 * beta**2 / (2 * variance * (1 - beta) * (1 - alpha_bar))
        gamma *= {"epsilon": 1, "sample": alpha_bar / (1 - alpha_bar), "v_prediction": alpha_bar}[kind]
        return torch.from_numpy(gamma[t.numpy()])
    snr = compute_snr(schedule, t)
    least = snr.clamp(max=float(loss.removeprefix("min-snr=")))
    return least / {"epsilon": snr, "sample": 1, "v_prediction": snr + 1}[kind]


@cache
def precise_muon() -> type[torch.optim.Optimizer]:
    """torch.optim.Muon, whose products are made in 64 bits: in bfloat16 two right answers differ in the second digit."""
    module = torch.optim._muon
    source = inspect.getsource(module._zeropower_via_newtonschulz)
    assert source.count("torch.bfloat16") == 1
    exec(source.replace("torch.bfloat16", "torch.float64"), module.__dict__)
    return torch.optim.Muon


def muon_steps(model: UNet2DModel, loss) -> dict[str, np.ndarray]:
    """The tensors of WHOLE after STEPS steps from here."""
    named = dict(model.named_parameters())
    hidden = {k: p for k, p in named.items() if p.ndim > 1 and k.split(".")[0] not in ("conv_in", "conv_out", "class_embedding")}
    # Muon takes matrices only; these share their memory with the network's.
    matrices = {k: torch.nn.Parameter(p.detach().flatten(1)) for k, p in hidden.items()}
    assert all(m.data_ptr() == hidden[k].data_ptr() for k, m in matrices.items())
    muon = precise_muon()(matrices.values(), lr=LR, weight_decay=0.0, adjust_lr_fn="match_rms_adamw")
    adam = torch.optim.Adam([p for k, p in named.items() if k not in hidden], lr=LR)
    for _ in range(STEPS):
        model.zero_grad()
        loss().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        for k, matrix in matrices.items():
            matrix.grad = hidden[k].grad.flatten(1)
        muon.step()
        adam.step()
    return {f"after.{k}": named[k].detach().numpy() for k in WHOLE if k in named}


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    np.seterr(over="ignore")
    schedule = DDPMScheduler(num_train_timesteps=1000, beta_schedule="linear", beta_start=1e-4, beta_end=0.02)
    t = torch.tensor(TIMES)
    for case, (prediction, config) in CASES.items():
        model = UNet2DModel(**config)
        beginning = {k: torch.from_numpy(fill(k, tuple(v.shape))) for k, v in model.state_dict().items()}
        model.load_state_dict(beginning)
        size = config["sample_size"]
        shape = (BATCH, model.config.in_channels, *((size, size) if isinstance(size, int) else size))
        x0, eps = (torch.from_numpy(noise(name, shape)) for name in ("x0", "eps"))
        x_t = schedule.add_noise(x0, eps, t)

        def loss(kind: str) -> torch.Tensor:
            return torch.nn.functional.mse_loss(model(x_t, t).sample, target(kind, schedule, x0, eps, t))

        with torch.no_grad():
            losses = {kind: loss(kind).item() for kind in ("epsilon", "sample", "v_prediction")}
        weighted = {}
        for name in WEIGHTED:
            def mean(kind: str) -> torch.Tensor:
                errors = (model(x_t, t).sample - target(kind, schedule, x0, eps, t)).square().mean(dim=(1, 2, 3))
                return (weights(name, kind, schedule, t) * errors).mean()

            with torch.no_grad():
                means = {kind: mean(kind).item() for kind in losses}
            model.zero_grad()
            mean(prediction).backward()
            gradients = {k: p.grad.norm().item() for k, p in model.named_parameters()}
            norm = np.sqrt(sum(g**2 for g in gradients.values()))
            weighted[name] = dict(losses=means, norm=norm, norms=gradients)
        adam = torch.optim.Adam(model.parameters(), lr=LR)
        stored = {}
        for step in range(STEPS):
            adam.zero_grad()
            loss(prediction).backward()
            gradients = {k: p.grad.clone() for k, p in model.named_parameters()}
            norm = torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP).item()
            if step == 0:
                stored |= {f"grad.{k}": gradients[k].numpy() for k in WHOLE if k in gradients}
                norms, first = {k: g.norm().item() for k, g in gradients.items()}, norm
            adam.step()
        stored |= {f"after.{k}": p.detach().numpy() for k, p in model.named_parameters() if k in WHOLE}
        save_file(stored, OUT / f"{case}.safetensors")
        model.load_state_dict(beginning)
        save_file(muon_steps(model, lambda: loss(prediction)), OUT / f"{case}-muon.safetensors")
        model.save_config(OUT)
        text = json.loads((OUT / "config.json").read_text())
        text.pop("_diffusers_version")
        (OUT / "config.json").unlink()
        numbers = dict(
            prediction_type=prediction, t=TIMES, losses=losses, norm=first, norms=norms, weighted=weighted,
            steps=STEPS, lr=LR, clip=CLIP, config=text)
        (OUT / f"{case}.json").write_text(json.dumps(numbers, indent=2) + "\n")
        count = sum(p.numel() for p in model.parameters())
        print(f"{case}: {count:,} parameters, loss {losses[prediction]:.4f}, gradient {first:.3f}")


if __name__ == "__main__":
    main()
