#!/usr/bin/env python3
"""Writes tests/fixtures/gaussian/*.json: distances, densities and bin masses of Gaussians from libraries.

    venv/bin/python tools/make_gaussian_fixtures.py

KL and log density are torch.distributions' in float64. The masses of 8-bit levels are mpmath's (it comes with
torch) in 60 digits, because in the tails float64's own normal cdf is 0.
"""
import json
from pathlib import Path

import mpmath
import torch
from torch.distributions import Independent, Normal, kl_divergence

OUT = Path(__file__).parent.parent / "tests" / "fixtures" / "gaussian"

torch.set_default_dtype(torch.float64)
mpmath.mp.dps = 60


def normal(mean: list[float], variance: float) -> Independent:
    """Independent dimensions that share a variance."""
    return Independent(Normal(torch.tensor(mean), torch.tensor(variance).sqrt()), 1)


def kl_cases() -> list[dict]:
    means = [([0.3], [0.3]), ([0.5], [-1.25]), ([1.0, -2.0, 0.25], [0.9, -2.0, 0.5]), ([1e-3, 0.0], [0.0, 1e-3])]
    variances = [(1.0, 1.0), (0.5, 2.0), (2.0, 0.5), (1e-4, 0.02), (1e-6, 1.0)]
    return [
        dict(mean_1=a, mean_2=b, variance_1=v, variance_2=w, kl=kl_divergence(normal(a, v), normal(b, w)).item())
        for a, b in means for v, w in variances
    ]


def density_cases() -> list[dict]:
    return [
        dict(x=x, mean=mean, variance=variance, log_density=normal([mean], variance).log_prob(torch.tensor([x])).item())
        for x in (-1.0, 0.0, 0.7, 30.0) for mean in (0.0, -0.4) for variance in (1e-4, 0.3, 1.0, 50.0)
    ]


def mass(level: int, mean: float, variance: float) -> mpmath.mpf:
    """DDPM, eq. 13, for one dimension."""
    root = mpmath.sqrt(2 * mpmath.mpf(variance))

    def upper(edge):  # mass above an edge
        return mpmath.erfc((edge - mpmath.mpf(mean)) / root) / 2

    x, half = mpmath.mpf(level) / mpmath.mpf("127.5") - 1, mpmath.mpf(1) / 255
    above = upper(x + half) if level < 255 else mpmath.mpf(0)
    below = upper(x - half) if level > 0 else mpmath.mpf(1)
    # Digits cancel where both are nearly 1: there the lower tail is the exact one.
    if above > mpmath.mpf("0.5"):
        low = mpmath.erfc((mpmath.mpf(mean) - x - half) / root) / 2
        return low - (mpmath.erfc((mpmath.mpf(mean) - x + half) / root) / 2 if level > 0 else 0)
    return below - above


def level_cases() -> list[dict]:
    return [
        dict(mean=mean, variance=variance, levels=levels,
             log_likelihoods=[float(mpmath.log(mass(k, mean, variance))) for k in levels])
        # 5.446e-5 is the variance of the decoder in DDPM's linear schedule.
        for mean in (0.0, 0.303, -1.0, 1.4) for variance in (5.446e-5, 6e-6, 0.02, 1.0, 400.0)
        for levels in [[0, 1, 2, 63, 127, 128, 166, 200, 253, 254, 255]]
    ]


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    for name, cases in (("kl", kl_cases()), ("densities", density_cases()), ("levels", level_cases())):
        (OUT / f"{name}.json").write_text("[\n" + ",\n".join(map(json.dumps, cases)) + "\n]\n")
        print(f"{name}: {len(cases)} cases")


if __name__ == "__main__":
    main()
