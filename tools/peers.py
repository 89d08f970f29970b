"""The peers that our images are compared with, all of them driven from given numbers.

Nothing here draws: x_T and the noise of every step are handed in, and what comes back is the last state itself
`[B, C, H, W]`, before a pipeline maps -1..1 to 0..1 and clamps. Used by make_model_fixture.py and check_peers.py.

  diffusers   `DDIMPipeline`, `DDPMPipeline` and `DDIMInverseScheduler`, unchanged but for the source of their noise
  DDIM code   the update rules and the two skips of github.com/ermongroup/ddim, written from their equations
"""
from contextlib import ExitStack, contextmanager
from math import sqrt
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from diffusers import DDIMInverseScheduler, DDIMPipeline, DDIMScheduler, DDPMPipeline, DDPMScheduler, UNet2DModel
from diffusers.pipelines.ddim import pipeline_ddim
from diffusers.pipelines.ddpm import pipeline_ddpm
from diffusers.schedulers import scheduling_ddim, scheduling_ddpm

FILES = {"unet": ("config.json", "diffusion_pytorch_model.safetensors"), "scheduler": ("scheduler_config.json",)}


def place(folder: Path, part: str) -> Path:
    """Where `part` lies: in its own folder, as diffusers' pipelines have it, or beside the rest."""
    return folder / part if (folder / part / FILES[part][0]).is_file() else folder


class Peers:
    """The peers on the weights and the schedule of one model folder. A conditional network is told that image i of a batch
    is of class i where `in_turn` says so, and refused otherwise: the pipelines cannot tell it."""

    def __init__(self, folder: Path, in_turn=False):
        missing = [name for part, names in FILES.items() for name in names if not (place(folder, part) / name).is_file()]
        if missing:
            raise SystemExit(f"{folder}: expected {', '.join(missing)}")
        self.unet = UNet2DModel.from_pretrained(place(folder, "unet")).float().eval()
        self.scheduler = DDIMScheduler.from_pretrained(place(folder, "scheduler"))
        config = self.unet.config
        if config.sample_size is None or (config.num_class_embeds is not None and not in_turn):
            raise SystemExit(f"{folder}: expected an unconditional model with a sample_size: the pipelines know no other")
        if config.num_class_embeds is not None:
            forward = self.unet.forward
            self.unet.forward = lambda x, t, **options: forward(x, t, torch.arange(len(x)), **options)
        side = config.sample_size
        self.shape = (config.in_channels, *((side, side) if isinstance(side, int) else side))

    def clips(self) -> bool:
        """Whether the folder's schedule clips x0_hat."""
        return self.scheduler.config.clip_sample or self.scheduler.config.thresholding

    def follows_its_list(self, steps: int) -> bool:
        """Whether diffusers steps from each timestep to the next one of its list, and from the last one to x_0.

        It goes to t - T // S. That is not in the list under linspace, nor under leading or trailing when S does not
        divide T; ours goes to the list's next entry, so results differ there by design.
        """
        self.scheduler.set_timesteps(steps)
        listed = self.scheduler.timesteps.tolist()
        gap = self.scheduler.config.num_train_timesteps // steps
        within = all(t - gap == after for t, after in zip(listed, listed[1:]))
        return within and listed[-1] - gap < 0

    def can_invert(self) -> bool:
        """Whether `DDIMInverseScheduler` knows the folder's spacing."""
        return self.scheduler.config.timestep_spacing != "linspace"

    def _as(self, scheduler, **overrides):
        return scheduler.from_config(self.scheduler.config, **overrides)

    def ddim(self, x_T, steps, eta=0.0, noise=(), clip=None, use_clipped_model_output=False):
        """`DDIMPipeline`. `clip` None is as the folder says, False is without clipping."""
        pipeline = DDIMPipeline(unet=self.unet, scheduler=self._as(DDIMScheduler, **unclipped(clip)))
        call = dict(eta=eta, use_clipped_model_output=use_clipped_model_output)
        return last_state(pipeline, x_T, noise, steps, call)

    def ddpm(self, x_T, steps, noise, variance_type, clip=None):
        """`DDPMPipeline`. It adds no noise at t = 0, which is where DDPM, algorithm 2 sets z = 0 if tau starts at 0."""
        scheduler = self._as(DDPMScheduler, variance_type=variance_type, **unclipped(clip))
        return last_state(DDPMPipeline(unet=self.unet, scheduler=scheduler), x_T, noise, steps, {})

    @torch.no_grad()
    def inverse(self, x_0, steps, clip=None):
        """`DDIMInverseScheduler`, from pictures to noise.

        Its list rises, and the network is told the timestep that is stepped *to*; the first step leaves from
        alpha_bar = 1, or from that of timestep 0 where `set_alpha_to_one` is false. The last state has the noise
        level of the last timestep of the list (900 of 1000 for S = 10, leading), not of T.
        """
        scheduler = self._as(DDIMInverseScheduler, **unclipped(clip))
        scheduler.set_timesteps(steps)
        x = x_0
        for t in scheduler.timesteps:
            x = scheduler.step(self.unet(x, t).sample, t, x).prev_sample
        return x

    def tau(self, skip, steps):
        """`--skip_type` of the DDIM code: the ascending list of timesteps, repeats included."""
        length = self.scheduler.config.num_train_timesteps
        if skip == "uniform":
            return list(range(0, length, length // steps))
        return [int(t) for t in np.linspace(0, sqrt(length * 0.8), steps) ** 2]

    def _levels(self, to_one=True):
        """alpha_bar(t), where t = -1 is the image itself: the product is shifted by one and begins with 1.

        `to_one` is diffusers' `set_alpha_to_one`; the DDIM code knows only True.
        """
        product = np.cumprod(1.0 - self.scheduler.betas.double().numpy())
        shifted = np.concatenate([[1.0 if to_one else product[0]], product])
        return lambda t: float(shifted[t + 1])

    def _eps(self, x, t, alpha_bar):
        """The noise in `x` at the level `alpha_bar`. The DDIM code's networks predict nothing else; for others it is the
        eps of x = sqrt(alpha_bar) x_0 + sqrt(1 - alpha_bar) eps (DDIM, eq. 4)."""
        out, signal, noise = self.unet(x, t).sample, sqrt(alpha_bar), sqrt(1 - alpha_bar)
        match self.scheduler.config.prediction_type:
            case "epsilon":
                return out
            case "sample":
                return (x - signal * out) / noise
            case "v_prediction":  # Salimans & Ho 2022: v = signal eps - noise x_0
                return signal * out + noise * x

    @torch.no_grad()
    def generalized_steps(self, x_T, tau, eta=0.0, noise=None, to_one=True):
        """`generalized_steps` of the DDIM code: DDIM, eq. 12 with the sigma of eq. 16, never clipped."""
        alpha_bar, x = self._levels(to_one), x_T
        for k, (t, after) in enumerate(downwards(tau)):
            now, then = alpha_bar(t), alpha_bar(after)
            eps = self._eps(x, t, now)
            x0_hat = (x - sqrt(1 - now) * eps) / sqrt(now)
            c1 = eta * sqrt((1 - now / then) * (1 - then) / (1 - now))
            c2 = sqrt(max(1 - then - c1**2, 0.0))
            x = sqrt(then) * x0_hat + c2 * eps
            if eta > 0:
                x = x + c1 * noise[k]
        return x

    @torch.no_grad()
    def ddpm_steps(self, x_T, tau, noise):
        """`ddpm_steps` of the DDIM code (`--sample_type ddpm_noisy`): x0_hat is clipped to ±1, the variance is beta."""
        alpha_bar, x = self._levels(), x_T
        for k, (t, after) in enumerate(downwards(tau)):
            now, then = alpha_bar(t), alpha_bar(after)
            eps = self._eps(x, t, now)
            beta = 1 - now / then
            x0_hat = ((x - sqrt(1 - now) * eps) / sqrt(now)).clamp(-1, 1)
            x = (sqrt(then) * beta * x0_hat + sqrt(1 - beta) * (1 - then) * x) / (1 - now)
            if t != 0:
                x = x + sqrt(beta) * noise[k]
        return x


def unclipped(clip):
    return {} if clip is None else {"clip_sample": clip, "thresholding": clip}


def downwards(tau):
    """(t, the timestep after it) from the last of `tau` to x_0, which counts as -1."""
    return zip(reversed(tau), [*reversed(tau[:-1]), -1])


@contextmanager
def drawing(tensors):
    """diffusers' randn_tensor hands out `tensors` in their order instead of drawing."""
    left = iter(tensors)

    def given(shape, **_):
        tensor = next(left)
        assert tensor.shape == torch.Size(shape), (tensor.shape, shape)
        return tensor

    with ExitStack() as stack:
        for module in (pipeline_ddim, pipeline_ddpm, scheduling_ddim, scheduling_ddpm):
            stack.enter_context(patch.object(module, "randn_tensor", given))
        yield


def last_state(pipeline, x_T, noise, steps, call):
    """Runs a pipeline whose first draw is `x_T` and whose k-th later one is `noise[k]`: x_0 before it is clamped."""
    pipeline.set_progress_bar_config(disable=True)
    states, step = [], pipeline.scheduler.step

    def recorded(*args, **kwargs):
        result = step(*args, **kwargs)
        states.append(result.prev_sample)
        return result

    with drawing([x_T, *noise]), patch.object(pipeline.scheduler, "step", recorded):
        images = pipeline(batch_size=len(x_T), num_inference_steps=steps, output_type="pt", **call).images
    assert torch.equal(images, (states[-1] / 2 + 0.5).clamp(0, 1)), "the state that was recorded is not the image"
    return states[-1]
