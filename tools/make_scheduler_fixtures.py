"""Writes tests/fixtures/scheduler/*.json: what diffusers 0.42.1 computes, and the equations of ermongroup/ddim.

    python -m venv venv && venv/bin/pip install -r tools/requirements.txt
    venv/bin/python tools/make_scheduler_fixtures.py

diffusers computes its schedules in float32, which is good to about 1e-5 once 1000 factors are multiplied. To
get references good to 1e-6, its own code is run in float64: the name `torch` inside the three scheduler modules is
replaced by a stand-in whose `float32` is `torch.float64`, and the default dtype is float64. Nothing else in
diffusers is changed, except where a comment below says so.
"""

import itertools
import json
import pathlib

import diffusers
import numpy as np
import torch
from diffusers.schedulers import scheduling_ddim, scheduling_ddim_inverse, scheduling_ddpm

assert diffusers.__version__ == "0.42.1", diffusers.__version__
OUT = pathlib.Path(__file__).resolve().parent.parent / "tests" / "fixtures" / "scheduler"


class Float64Torch:
    """torch, except that float32 is float64."""

    float32 = torch.float64

    def __getattr__(self, name):
        return getattr(torch, name)


class Gap(int):
    """Stands for num_inference_steps: T // Gap(g) is g.

    diffusers' DDIM steps to t - T // S. That is not the previous entry of its own list of timesteps under linspace,
    or under trailing when S does not divide T. With a Gap its arithmetic runs for the previous entry instead.
    """

    def __rfloordiv__(self, other):
        return int(self)


torch.set_default_dtype(torch.float64)
for module in (scheduling_ddim, scheduling_ddim_inverse, scheduling_ddpm):
    module.torch = Float64Torch()

CLASSES = {
    "ddim": scheduling_ddim.DDIMScheduler,
    "ddpm": scheduling_ddpm.DDPMScheduler,
    "inverse": scheduling_ddim_inverse.DDIMInverseScheduler,
}
SPACINGS = ["leading", "trailing", "linspace"]
PREDICTIONS = ["epsilon", "sample", "v_prediction"]
SCHEDULES = {
    "linear": {"beta_schedule": "linear"},
    "scaled_linear": {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012},
    "cosine": {"beta_schedule": "squaredcos_cap_v2"},
    "linear zero snr": {"beta_schedule": "linear", "rescale_betas_zero_snr": True},
    "scaled_linear zero snr": {
        "beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "rescale_betas_zero_snr": True,
    },
    "trained": {"num_train_timesteps": 12, "trained_betas": [0.01 * (i + 1) for i in range(12)]},
}
DDPM_ONLY = {
    "sigmoid": {"beta_schedule": "sigmoid"},
    "laplace": {"beta_schedule": "laplace"},
}
CLIPPING = {
    "none": {"clip_sample": False},
    "range 1": {"clip_sample": True},
    "range 0.7": {"clip_sample": True, "clip_sample_range": 0.7},
    "thresholding": {"thresholding": True, "dynamic_thresholding_ratio": 0.8, "sample_max_value": 1.5},
}

# One image [1, 1, 2, 2]: the state, the network's output, the noise.
X = [1.3, -0.2, 0.8, -2.1]
NETWORK = [0.4, -1.1, 0.9, -0.6]
Z = [-0.7, 1.2, 0.1, -1.5]


def image(values):
    return torch.tensor(values).reshape(1, 1, 2, 2)


def is_undefined(scheduler, config, level):
    """epsilon at zero terminal SNR divides by zero: x_0 is not determined."""
    return config["prediction_type"] == "epsilon" and float(scheduler.alphas_cumprod[level]) == 0.0


def run_case(kind, name, config, steps, **call):
    scheduler = CLASSES[kind](**config)
    scheduler.set_timesteps(steps)
    listed = [int(t) for t in scheduler.timesteps]
    rows = []
    own_previous = []
    for i, t in enumerate(listed):
        if is_undefined(scheduler, config, t) and kind != "inverse":
            rows.append(None)
            continue
        if kind == "ddpm":
            out = scheduler.step(image(NETWORK), t, image(X))
        else:
            # the neighbour in the list, not t - T // S; see Gap
            previous = (listed[i + 1] if i + 1 < steps else -1) if kind == "ddim" else (listed[i - 1] if i else -1)
            own_previous.append(t - scheduler.config.num_train_timesteps // steps)
            scheduler.num_inference_steps = Gap(t - previous)
            out = scheduler.step(image(NETWORK), t, image(X), **call)
        values = [out.pred_original_sample.flatten().tolist(), out.prev_sample.flatten().tolist()]
        rows.append(values if np.isfinite(values).all() else None)
    call.pop("variance_noise", None)
    return {
        "name": f"{kind}, {name}", "class": CLASSES[kind].__name__, "config": config, "steps": steps, **call,
        "timesteps": listed, "own_previous": own_previous, "rows": rows,
    }


def ddim_cases():
    noise = image(Z)
    for (label, schedule), spacing, prediction in itertools.product(SCHEDULES.items(), SPACINGS, PREDICTIONS):
        config = {**schedule, "timestep_spacing": spacing, "prediction_type": prediction, "clip_sample": False}
        name = f"{label}, {spacing}, {prediction}"
        yield run_case("ddim", name, config, 3, eta=0.5, variance_noise=noise)
    for (label, clip), prediction, eta in itertools.product(CLIPPING.items(), PREDICTIONS, [0.0, 0.3, 1.0]):
        config = {**clip, "prediction_type": prediction}
        for rederived in [False, True]:
            name = f"{label}, {prediction}, eta {eta}, use_clipped_model_output {rederived}"
            yield run_case(
                "ddim", name, config, 3, eta=eta, use_clipped_model_output=rederived, variance_noise=noise
            )
    for to_one, offset, spacing in itertools.product([True, False], [0, 1], ["leading", "trailing"]):
        config = {
            "set_alpha_to_one": to_one, "steps_offset": offset, "timestep_spacing": spacing, "prediction_type": "epsilon",
        }
        name = f"set_alpha_to_one {to_one}, steps_offset {offset}, {spacing}"
        yield run_case("ddim", name, config, 4, eta=0.2, variance_noise=noise)


def ddpm_cases():
    scheduling_ddpm.randn_tensor = lambda *args, **kwargs: image(Z)
    for (label, schedule), spacing, prediction in itertools.product(
        {**SCHEDULES, **DDPM_ONLY}.items(), SPACINGS, PREDICTIONS
    ):
        config = {**schedule, "timestep_spacing": spacing, "prediction_type": prediction, "clip_sample": False}
        yield run_case("ddpm", f"{label}, {spacing}, {prediction}", config, 3)
    for (label, clip), prediction, variance in itertools.product(
        CLIPPING.items(), PREDICTIONS, ["fixed_small", "fixed_small_log", "fixed_large"]
    ):
        config = {**clip, "prediction_type": prediction, "variance_type": variance}
        yield run_case("ddpm", f"{label}, {prediction}, {variance}", config, 3)


def inverse_cases():
    for (label, schedule), spacing, prediction in itertools.product(
        SCHEDULES.items(), ["leading", "trailing"], PREDICTIONS
    ):
        for to_one in [True, False]:
            config = {
                **schedule, "timestep_spacing": spacing, "prediction_type": prediction, "set_alpha_to_one": to_one,
                "clip_sample": to_one,
            }
            name = f"{label}, {spacing}, {prediction}, set_alpha_to_one {to_one}"
            yield run_case("inverse", name, config, 3)


def schedules():
    for label, config in {**SCHEDULES, **DDPM_ONLY}.items():
        for length in [12] if label == "trained" else [2, 50, 1000]:
            config = {**config, "num_train_timesteps": length}
            scheduler = scheduling_ddpm.DDPMScheduler(**config)
            at = sorted({0, 1, length // 3, length // 2, 3 * length // 4, length - 2, length - 1})
            yield {
                "name": f"{label}, T = {length}", "config": config, "at": at,
                "betas": scheduler.betas[at].tolist(), "alpha_bars": scheduler.alphas_cumprod[at].tolist(),
            }


def ddim_code_betas(name, start, end, length):
    """get_beta_schedule of ermongroup/ddim, from the equations in the name's definition."""
    t = np.arange(length)
    return {
        "quad": lambda: np.linspace(start**0.5, end**0.5, length) ** 2,
        "const": lambda: np.full(length, end),
        "jsd": lambda: 1.0 / (length - t),
        "linear": lambda: np.linspace(start, end, length),
        "sigmoid": lambda: start + (end - start) / (1.0 + np.exp(-np.linspace(-6, 6, length))),
    }[name]()


def ddim_code_schedules():
    schedules = []
    for name, length in itertools.product(["quad", "const", "jsd", "linear", "sigmoid"], [2, 50, 1000]):
        betas = ddim_code_betas(name, 1e-4, 0.02, length)
        at = sorted({0, 1, length // 3, length // 2, length - 2, length - 1})
        schedules.append({
            "name": name, "num_train_timesteps": length, "at": at,
            "betas": betas[at].tolist(), "alpha_bars": np.cumprod(1 - betas)[at].tolist(),
        })
    return schedules


def ddim_code_timesteps():
    lists = []
    for kind, (length, steps) in itertools.product(
        ["uniform", "quad"], [(1000, 10), (1000, 20), (1000, 50), (1000, 100), (1000, 300), (50, 7), (1000, 1)]
    ):
        if kind == "uniform":
            tau = list(range(0, length, length // steps))
        else:
            tau = [int(s) for s in np.linspace(0, np.sqrt(length * 0.8), steps) ** 2]
        lists.append({"kind": kind, "num_train_timesteps": length, "steps": steps, "timesteps": tau})
    return lists


def ddim_code_steps():
    # sample_type "generalized" (eta) and "ddpm_noisy": one step from t to the entry before it (None: x_0)
    alpha_bars = np.cumprod(1 - ddim_code_betas("linear", 1e-4, 0.02, 1000))
    x, out, z = np.array(X), np.array(NETWORK), np.array(Z)
    steps = []
    for t, before in [(999, 900), (500, 1), (37, 36), (100, 0), (0, None)]:
        now, then = alpha_bars[t], 1.0 if before is None else alpha_bars[before]
        x0 = (x - out * np.sqrt(1 - now)) / np.sqrt(now)
        for eta in [0.0, 0.4, 1.0]:
            c1 = eta * np.sqrt((1 - now / then) * (1 - then) / (1 - now))
            c2 = np.sqrt(np.maximum(1 - then - c1**2, 0))
            after = np.sqrt(then) * x0 + c1 * z + c2 * out
            steps.append({
                "method": "ddim", "eta": eta, "t": t, "before": before, "x0_hat": x0.tolist(), "x_prev": after.tolist(),
            })
        beta = 1 - now / then
        clipped = np.clip(x0, -1, 1)
        mean = (np.sqrt(then) * beta * clipped + np.sqrt(1 - beta) * (1 - then) * x) / (1 - now)
        after = mean + (t != 0) * np.sqrt(beta) * z
        steps.append({
            "method": "ddpm_noisy", "eta": 0.0, "t": t, "before": before, "x0_hat": clipped.tolist(),
            "x_prev": after.tolist(),
        })
    return steps


def space_timesteps(length, counts):
    """guided-diffusion's section counts, from their definition: each section's ends are kept, the rest is even."""
    tau, start = set(), 0
    for i, count in enumerate(counts):
        size = length // len(counts) + (i < length % len(counts))
        position = 0.0
        for _ in range(count):
            tau.add(start + round(position))
            position += (size - 1) / (count - 1) if count > 1 else 1
        start += size
    return sorted(tau)


def timestep_lists():
    lists = []
    for spacing, (length, steps, offset) in itertools.product(SPACINGS, [
        (1000, 1, 0), (1000, 2, 0), (1000, 7, 0), (1000, 10, 1), (1000, 16, 0), (1000, 24, 0), (1000, 48, 0),
        (1000, 50, 1), (1000, 300, 0), (100, 100, 0), (10, 3, 0), (10, 4, 0), (1, 1, 0), (50, 33, 0),
    ]):
        scheduler = scheduling_ddim.DDIMScheduler(
            num_train_timesteps=length, timestep_spacing=spacing, steps_offset=offset
        )
        scheduler.set_timesteps(steps)
        lists.append({
            "text": spacing, "num_train_timesteps": length, "steps": steps, "steps_offset": offset,
            "timesteps": scheduler.timesteps.flip(0).tolist(),
        })
    for counts in [[10, 15, 20], [25], [1, 1], [4, 0, 7], [80, 60, 3]]:
        lists.append({
            "text": ",".join(map(str, counts)), "num_train_timesteps": 1000, "steps": 1, "steps_offset": 0,
            "timesteps": space_timesteps(1000, counts),
        })
    for count in [25, 50, 4, 1000]:
        stride = next(i for i in range(1, 1000) if len(range(0, 1000, i)) == count)
        lists.append({
            "text": f"ddim{count}", "num_train_timesteps": 1000, "steps": 1, "steps_offset": 0,
            "timesteps": list(range(0, 1000, stride)),
        })
    return lists


def thresholds():
    rng = np.random.default_rng(0)
    cases = []
    for size, ratio, largest in [
        (6, 0.8, 1.5), (7, 0.995, 3.0), (16, 0.5, 10.0), (16, 0.65, 10.0), (16, 1.0, 10.0), (5, 0.0, 1.0), (1, 0.3, 2.0),
        (9, 0.91, 10.0), (9, 0.9, 0.5),
    ]:
        x0 = (rng.standard_normal(size) * 3).astype(np.float32).astype(np.float64)
        scheduler = scheduling_ddim.DDIMScheduler(
            thresholding=True, dynamic_thresholding_ratio=ratio, sample_max_value=largest
        )
        after = scheduler._threshold_sample(torch.tensor(x0).reshape(1, 1, 1, size)).flatten()
        cases.append({"ratio": ratio, "max": largest, "x0": x0.tolist(), "after": after.tolist()})
    return cases


def write(name, value):
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / name
    lines = ",\n".join(json.dumps(entry, allow_nan=False) for entry in value)  # one case per line
    path.write_text(f"[\n{lines}\n]\n")
    print(f"{path.name}: {path.stat().st_size} bytes")


write("schedules.json", list(schedules()))
write("timesteps.json", timestep_lists())
write("thresholds.json", thresholds())
write("ddim_code_schedules.json", ddim_code_schedules())
write("ddim_code_timesteps.json", ddim_code_timesteps())
write("ddim_code_steps.json", ddim_code_steps())
write("tensors.json", [{"x": X, "out": NETWORK, "z": Z}])
write("steps_ddim.json", list(ddim_cases()))
write("steps_ddpm.json", list(ddpm_cases()))
write("steps_inverse.json", list(inverse_cases()))
