//! A card (`README.md`) for a model that comes without one: what its files say of it.

use super::space::escaped;
use crate::scheduler::SchedulerConfig;
use crate::unet::config::UnetConfig;

/// The text of the card of the model `name`, a network of `config` with `parameters` numbers that was trained with the
/// noise of `scheduler`. `precision` is what its numbers are stored in.
pub fn card(
    name: &str,
    config: &UnetConfig,
    parameters: usize,
    scheduler: &SchedulerConfig,
    precision: &str,
) -> String {
    let heading = escaped(name);
    let kind = match config.num_class_embeds {
        None => "An unconditional diffusion model".to_string(),
        Some(classes) => format!("A diffusion model with {classes} classes"),
    };
    let size = config
        .sample_size
        .map_or("of any size".to_string(), |[height, width]| {
            format!("{height}×{width}")
        });
    let colours = match config.out_channels {
        1 => "grey pictures".to_string(),
        3 => "colour pictures".to_string(),
        other => format!("pictures with {other} channels"),
    };
    let widths: Vec<String> = config
        .block_out_channels
        .iter()
        .map(ToString::to_string)
        .collect();
    let (widths, steps) = (widths.join(", "), scheduler.num_train_timesteps);
    let (class, schedule) = (scheduler.class.name(), scheduler.beta_schedule);
    let prediction = scheduler.prediction_type;
    format!(
        "---
library_name: diffusers
tags:
  - diffusion
  - ddpm
  - ddim
---

# {heading}

{kind} of {colours}, {size}. Nobody has written down what it was trained on; what follows stands in its files.

| | |
| --- | --- |
| network | `UNet2DModel`, {parameters} parameters, {precision} |
| channels of its levels | {widths} |
| scheduler | `{class}`, T = {steps}, {schedule} |
| predicts | {prediction} |

```python
from diffusers import DDIMPipeline, DDIMScheduler, UNet2DModel

pipeline = DDIMPipeline(UNet2DModel.from_pretrained(\".\"), DDIMScheduler.from_pretrained(\".\"))
pipeline(num_inference_steps=50).images[0].save(\"picture.png\")
```
"
    )
}
