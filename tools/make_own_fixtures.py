"""Writes tests/fixtures/own: five UNet2DModels with random weights in five layouts, and what diffusers' DDIMPipeline makes
of them from the noise of this program.

    python tools/make_own_fixtures.py tests/fixtures/own

Needs torch and diffusers (tools/requirements.txt), node, and pkg/ (scripts/build): x_T is what a run of the page with that
seed begins with. Each model is loaded again from its files before it is sampled. `result.safetensors` holds, by the name of
the layout, x_T and the pictures in -1…1 (`NAME.x_T` and `NAME.x_0`, [2, C, H, W]).
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from diffusers import DDIMPipeline, DDIMScheduler, UNet2DModel
from diffusers.pipelines.ddim import pipeline_ddim
from safetensors.numpy import save_file

SEED, BATCH, STEPS = 11, 2, 10
COMMON = dict(layers_per_block=1, norm_num_groups=4, attention_head_dim=4)
DOWN, ATTENTION = ("DownBlock2D", "AttnDownBlock2D"), ("AttnUpBlock2D", "UpBlock2D")
MODELS = {
    "flat": (
        dict(sample_size=8, in_channels=1, out_channels=1, block_out_channels=(8, 8), down_block_types=DOWN,
             up_block_types=ATTENTION),
        dict(num_train_timesteps=1000, beta_end=0.01)),
    "subfolders": (
        dict(sample_size=16, block_out_channels=(8, 8, 8), resnet_time_scale_shift="scale_shift",
             down_block_types=("DownBlock2D", "DownBlock2D", "AttnDownBlock2D"),
             up_block_types=("AttnUpBlock2D", "UpBlock2D", "UpBlock2D")),
        dict(num_train_timesteps=1000, beta_schedule="squaredcos_cap_v2", prediction_type="v_prediction",
             timestep_spacing="trailing")),
    "bin": (
        dict(sample_size=(8, 12), in_channels=3, out_channels=3, block_out_channels=(8, 8), act_fn="mish", down_block_types=DOWN, up_block_types=ATTENTION),
        dict(num_train_timesteps=400, beta_schedule="scaled_linear", prediction_type="sample")),
    "sharded": (
        dict(sample_size=8, block_out_channels=(8, 12), downsample_type="resnet", upsample_type="resnet",
             down_block_types=("ResnetDownsampleBlock2D", "AttnDownBlock2D"),
             up_block_types=("AttnUpBlock2D", "ResnetUpsampleBlock2D")),
        dict(num_train_timesteps=1000, prediction_type="v_prediction")),
    "fp16": (
        dict(sample_size=12, in_channels=1, out_channels=1, block_out_channels=(8, 8), down_block_types=DOWN,
             up_block_types=ATTENTION, downsample_padding=0, flip_sin_to_cos=False, freq_shift=1),
        dict(num_train_timesteps=1000, prediction_type="v_prediction", steps_offset=1)),
}


def noise(shape: tuple[int, ...]) -> np.ndarray:
    """x_T of a run of the page."""
    image = int(np.prod(shape[1:]))
    code = f"""
        import {{ readFileSync }} from 'node:fs';
        import {{ initSync, noise }} from './pkg/figures/ddim_web.js';
        initSync({{ module: readFileSync('pkg/figures/ddim_web_bg.wasm') }});
        process.stdout.write(Buffer.from(noise({SEED}, 0, {shape[0]}, {image}).buffer));"""
    bytes_ = subprocess.run(["node", "--input-type=module", "-e", code], check=True, capture_output=True,
                            cwd=Path(__file__).parent.parent).stdout
    return np.frombuffer(bytes_, np.float32).reshape(shape).copy()


def write(folder: Path, name: str, unet: UNet2DModel, scheduler: DDIMScheduler) -> DDIMPipeline:
    """The model in the layout `name`, and what diffusers reads of it."""
    if name in ("subfolders", "bin", "fp16"):
        safe = name != "bin"
        variant = "fp16" if name == "fp16" else None
        if variant:
            unet = unet.half()
        DDIMPipeline(unet, scheduler).save_pretrained(folder, safe_serialization=safe, variant=variant)
        return DDIMPipeline.from_pretrained(folder, use_safetensors=safe, variant=variant)
    unet.save_pretrained(folder, max_shard_size="40KB" if name == "sharded" else "1GB")
    scheduler.save_pretrained(folder)
    return DDIMPipeline(UNet2DModel.from_pretrained(folder), DDIMScheduler.from_pretrained(folder))


def main(out: Path) -> None:
    torch.manual_seed(3)
    stored = {}
    for name, (config, schedule) in MODELS.items():
        pipeline = write(out / name, name, UNet2DModel(**COMMON, **config).eval(), DDIMScheduler(**schedule))
        pipeline.set_progress_bar_config(disable=True)
        size = pipeline.unet.config.sample_size
        height, width = (size, size) if isinstance(size, int) else size
        x = noise((BATCH, pipeline.unet.config.in_channels, height, width))
        pipeline_ddim.randn_tensor = lambda shape, **_: torch.from_numpy(x).reshape(shape)
        pictures = pipeline(batch_size=BATCH, eta=0.0, num_inference_steps=STEPS, output_type="np").images
        result = np.ascontiguousarray(pictures.transpose(0, 3, 1, 2) * 2 - 1, np.float32)
        stored |= {f"{name}.x_T": x, f"{name}.x_0": result}
        inside = (abs(result) < 1).mean()
        print(f"{name}: {pipeline.unet.num_parameters():,} parameters, {inside:.0%} of the values inside, rms {result.std():.2f}")
    save_file(stored, out / "result.safetensors", {"seed": str(SEED), "steps": str(STEPS)})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
