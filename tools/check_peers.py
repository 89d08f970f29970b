#!/usr/bin/env python3
"""Does the program `ddim-web` make of a model what diffusers and the DDIM code make of it? Side by side, now.

    python3 -m venv venv && venv/bin/pip install -r tools/requirements.txt
    cargo build --release --bin ddim-web
    venv/bin/python tools/check_peers.py www/models/fashion-mnist
    venv/bin/python tools/check_peers.py ~/ddpm-cifar10-32 --steps 10 --device gpu

MODEL is a folder with config.json, scheduler_config.json and diffusion_pytorch_model.safetensors, or a diffusers
pipeline folder with unet/ and scheduler/; an unconditional model. Each row starts both sides from one file of numbers
and compares the last state, before it becomes a picture (images go from -1 to 1):

    DDIMPipeline            eta 0, clipped as the folder says, and without clipping
    DDIM code               generalized_steps of github.com/ermongroup/ddim, uniform and quadratic skips, eta 0
    DDIMInverseScheduler    from DDIMPipeline's images back to noise, without clipping

Runs with eta above 0 are not here, since the program draws its own noise: `cargo test --test models` hands the same
noise to both sides. Where diffusers does not follow its own list of timesteps (it steps to t - T // S), its rows are
left out with a remark.

Exit code: 0 when every difference is at most 1e-3, 1 when one is not or the program failed, 2 for wrong usage.
"""
import argparse
import subprocess
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from peers import Peers

LIMIT = 1e-3
PROGRAM = Path(__file__).resolve().parent.parent / "target" / "release" / "ddim-web"


class Program:
    """The command line program on one model."""

    def __init__(self, program: Path, model: Path, device: str, scratch: Path):
        self.command = [program, "sample", "--model", model, "--device", device, "--quiet"]
        self.scratch = scratch

    def sample(self, latents, *options):
        start, end = self.scratch / "start.safetensors", self.scratch / "end.safetensors"
        save_file({"sample": latents.contiguous()}, start)
        end.unlink(missing_ok=True)
        files = ["--latents", start, "--save", end, "--out", self.scratch / "images.png"]
        command = [str(word) for word in [*self.command, *options, *files]]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(command)}: exit code {done.returncode}: {done.stderr.strip()}")
        return load_file(end)["sample"]


def comparisons(peers, program, x_T, steps):
    """(peer, settings, its result, ours)."""
    free = ["--no-clip"] if peers.clips() else []
    count = ["--steps", steps]
    if peers.follows_its_list(steps):
        images = peers.ddim(x_T, steps)
        yield "DDIMPipeline", "as configured", images, program.sample(x_T, *count)
        if free:
            theirs = peers.ddim(x_T, steps, clip=False)
            yield "DDIMPipeline", "not clipped", theirs, program.sample(x_T, *count, *free)
        # diffusers reads a predicted x_0 or v at another level than its network was told; only eps compares.
        if peers.can_invert() and peers.scheduler.config.prediction_type == "epsilon":
            x_0 = images.clamp(-1, 1)
            theirs = peers.inverse(x_0, steps, clip=False)
            ours = program.sample(x_0, "--method", "inversion", *count, *free)
            yield "DDIMInverseScheduler", "not clipped", theirs, ours
    to_one = peers.scheduler.config.set_alpha_to_one
    for skip in ("uniform", "quad"):
        theirs = peers.generalized_steps(x_T, peers.tau(skip, steps), to_one=to_one)
        yield "DDIM code", f"{skip} skips", theirs, program.sample(x_T, "--tau", skip, *count, *free)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, metavar="MODEL")
    parser.add_argument("--program", type=Path, default=PROGRAM, help="default: target/release/ddim-web")
    parser.add_argument("--steps", type=int, nargs="+", default=[10, 50], metavar="S", help="default: 10 50")
    parser.add_argument("--count", type=int, default=2, help="images of each row (default: 2)")
    parser.add_argument("--seed", type=int, default=0, help="of PyTorch's generator, for x_T (default: 0)")
    parser.add_argument("--device", choices=["cpu", "gpu"], default="cpu", help="where the program runs (default: cpu)")
    args = parser.parse_args()
    if not args.program.is_file():
        parser.error(f"{args.program}: there is none: run cargo build --release --bin ddim-web, or give --program")
    peers = Peers(args.model)
    longest = peers.scheduler.config.num_train_timesteps
    if args.count < 1 or not all(1 <= steps <= longest for steps in args.steps):
        parser.error(f"expected --count of 1 or more and --steps from 1 to {longest}")

    x_T = torch.randn((args.count, *peers.shape), generator=torch.Generator().manual_seed(args.seed))
    worst = 0.0
    print(f"{'peer':22}{'settings':16}{'S':>5}   max abs difference")
    with tempfile.TemporaryDirectory() as scratch:
        program = Program(args.program.resolve(), args.model, args.device, Path(scratch))
        for steps in args.steps:
            if not peers.follows_its_list(steps):
                print(f"S = {steps}: diffusers steps to t - T // S here, which is not in its list: left out")
            for peer, settings, theirs, ours in comparisons(peers, program, x_T, steps):
                difference = (theirs - ours).abs().max().item()
                within = difference <= LIMIT  # false for a NaN too
                worst = max(worst, difference if within else float("inf"))
                print(f"{peer:22}{settings:16}{steps:5}   {difference:.1e}{'' if within else f'  above {LIMIT:g}'}")
    return 0 if worst <= LIMIT else 1


if __name__ == "__main__":
    raise SystemExit(main())
