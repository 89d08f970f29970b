//! Draws four pictures with a model, and tells every step: the library without the command line.
//!
//! ```sh
//! cargo run --release --no-default-features --features cpu --example sample -- www/models/avatars faces.ppm
//! ```

use std::error::Error;
use std::fs;
use std::path::Path;

use ddim_web::engine::CpuEngine;
use ddim_web::runs::{Event, Job, Model};
use ddim_web::scheduler::{SchedulerConfig, TrajectoryOptions};
use ddim_web::step::Method;
use pollster::block_on;

const COUNT: usize = 4;
const STEPS: usize = 20;
const SEED: u64 = 0;

/// Writes pictures of the model in `folder`, one below the other, to `out`, as PPM or, where they are grey, PGM.
pub fn sample(folder: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    let text = |name: &str| fs::read_to_string(folder.join(name));
    let weights = fs::read(folder.join("diffusion_pytorch_model.safetensors"))?;
    let engine = CpuEngine::load(&text("config.json")?, &weights)?;
    let scheduler = SchedulerConfig::from_json(&text("scheduler_config.json")?)?;
    let model = Model::new(engine, scheduler);

    // DDIM: eq. 12 of the paper, with eta = 0.
    let trajectory = TrajectoryOptions::new(Method::Ddim { eta: 0.0 }, STEPS);
    let job = Job::new(trajectory, SEED, COUNT);
    let mut see = |event: &Event| println!("t = {}", event.step.t);
    let images = block_on(model.run(&job, &mut see))?; // [COUNT, C, H, W], -1 to 1

    let [channels, height, width] = model.image_shape(None)?;
    let kind = if channels == 1 { "P5" } else { "P6" };
    let mut file = format!("{kind}\n{width} {}\n255\n", COUNT * height).into_bytes();
    for image in images.chunks_exact(channels * height * width) {
        for pixel in 0..height * width {
            for channel in image.chunks_exact(height * width) {
                file.push(((channel[pixel].clamp(-1.0, 1.0) + 1.0) * 127.5).round() as u8);
            }
        }
    }
    fs::write(out, file)?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [folder, out] = args.as_slice() else {
        return Err("expected the folder of a model and the name of a picture (.ppm)".into());
    };
    sample(folder.as_ref(), out.as_ref())
}
