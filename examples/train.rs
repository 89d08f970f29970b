//! Trains a small network on pictures that it draws itself (a disc of some colour, somewhere), and writes it as a folder
//! that diffusers, the page and `ddim-web sample --model` read: the library without the command line.
//!
//! ```sh
//! cargo run --release --no-default-features --features cpu,train --example train -- discs 2000
//! ```

use std::error::Error;
use std::fs;
use std::path::Path;

use ddim_web::engine::CpuLearner;
use ddim_web::images::ImageSet;
use ddim_web::scheduler::{SchedulerClass, SchedulerConfig};
use ddim_web::step::Prediction;
use ddim_web::train::{TrainOptions, Trainer};
use ddim_web::unet::config::UnetConfig;
use ddim_web::unet::weights::Precision;
use pollster::block_on;

const SIDE: usize = 16;
const COUNT: usize = 512;

/// What diffusers writes as config.json.
const NETWORK: &str = r#"{
  "_class_name": "UNet2DModel",
  "sample_size": 16, "in_channels": 3, "out_channels": 3,
  "block_out_channels": [16, 32], "layers_per_block": 1, "norm_num_groups": 8,
  "down_block_types": ["DownBlock2D", "AttnDownBlock2D"],
  "up_block_types": ["AttnUpBlock2D", "UpBlock2D"]
}"#;

/// Picture `number`: bytes [3, SIDE, SIDE].
fn disc(number: usize) -> impl Iterator<Item = u8> {
    // Places and colours that repeat late.
    let (x, y) = (4 + number * 7 % 9, 4 + number * 5 % 8);
    let colour = [number * 37 % 256, number * 91 % 256, 200];
    (0..3 * SIDE * SIDE).map(move |at| {
        let (row, column) = (at / SIDE % SIDE, at % SIDE);
        let inside = row.abs_diff(y).pow(2) + column.abs_diff(x).pow(2) <= 9;
        if inside {
            colour[at / (SIDE * SIDE)] as u8
        } else {
            20
        }
    })
}

/// Trains for so many `steps`, and writes the model to `folder`. Gives the loss of every step.
pub fn train(folder: &Path, steps: u32) -> Result<Vec<f32>, Box<dyn Error>> {
    let config = UnetConfig::from_json(NETWORK)?;
    let scheduler = SchedulerConfig {
        prediction_type: Prediction::Sample,
        ..SchedulerConfig::new(SchedulerClass::Ddim)
    };
    let images = ImageSet::new(COUNT, 3, SIDE, SIDE, (0..COUNT).flat_map(disc).collect())?;
    let options = TrainOptions {
        steps,
        batch: 16,
        lr: 2e-3,
        warmup: 10,
        // The average of the weights lags this many steps behind: 1 / (1 - 0.98) = 50.
        ema: 0.98,
        ..TrainOptions::default()
    };
    let learner = async |setup: ddim_web::train::Setup| CpuLearner::new(setup.config, &setup.state);
    let mut trainer = block_on(Trainer::new(&config, scheduler, options, images, learner))?;
    while !trainer.is_over() {
        let report = block_on(trainer.step())?;
        if report.step % 50 == 0 {
            println!("step {}, loss {:.4}", report.step, report.loss);
        }
    }
    fs::create_dir_all(folder)?;
    fs::write(folder.join("config.json"), trainer.config().to_json())?;
    fs::write(
        folder.join("scheduler_config.json"),
        trainer.scheduler().to_json()?,
    )?;
    fs::write(
        folder.join("diffusion_pytorch_model.safetensors"),
        block_on(trainer.weights(Precision::F16))?,
    )?;
    Ok(trainer.losses().to_vec())
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [folder, steps] = args.as_slice() else {
        return Err("expected a folder to write and a number of steps".into());
    };
    train(folder.as_ref(), steps.parse()?).map(drop)
}
