//! Figures 4 and 5: the same x_T with different numbers of steps; how long it takes, and how alike the images are.
//!
//! Both figures need the same images, so one cell serves them.

use std::time::Instant;

use ddim_web::engine::DeviceKind;
use ddim_web::evaluate::eight_bits;
use ddim_web::step::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::evaluation::Evaluation;
use super::task::Task;
use super::tau::PaperTau;
use crate::error::CliError;

/// Name of the cells.
pub const SECTION: &str = "trajectories";

/// One number of steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Wall-clock seconds per image, all cores at work.
    pub seconds_per_image: f64,
    /// Threads that the processor has for them; 0 on a graphics card.
    #[serde(default)]
    pub threads: usize,
    /// Features of every image; none where no classifier was given.
    pub features: Vec<Vec<f32>>,
}

/// The cells for every number of steps, from the same `noises` x_T.
///
/// # Errors
/// [`CliError::Usage`] when S does not fit tau.
pub fn tasks<'a>(
    evaluation: &'a Evaluation,
    steps: &[usize],
    noises: usize,
) -> Result<Vec<Task<'a>>, CliError> {
    let network = evaluation
        .classifier
        .as_ref()
        .map(|c| c.fingerprint.as_str());
    let cell = |&steps: &usize| {
        let trajectory = PaperTau::Linear.trajectory(Method::Ddim { eta: 0.0 }, steps);
        let network_steps = evaluation.loaded.model.steps(&trajectory)?;
        let settings = [
            ("noises", json!(noises)),
            ("network", json!(network)),
            ("tau", json!(PaperTau::Linear.to_string())),
            ("steps", json!(steps)),
        ];
        Ok(Task {
            settings: evaluation.settings(SECTION, &settings),
            name: format!("the same noise, S = {steps}"),
            cost: (noises * network_steps) as u64,
            work: Box::new(move || trajectories(evaluation, steps, noises)),
        })
    };
    steps.iter().map(cell).collect()
}

fn trajectories(evaluation: &Evaluation, steps: usize, noises: usize) -> Result<Value, CliError> {
    let job = |steps| {
        let trajectory = PaperTau::Linear.trajectory(Method::Ddim { eta: 0.0 }, steps);
        evaluation.job(trajectory, noises)
    };
    // The first step of a program costs more than the others: memory, threads, compiled shaders.
    evaluation.loaded.run(&job(1), &mut |_| ())?;
    let started = Instant::now();
    let images = evaluation.run(&job(steps))?;
    let seconds = started.elapsed().as_secs_f64();

    let features = match &evaluation.classifier {
        None => Vec::new(),
        Some(classifier) => {
            let image = images.len() / noises;
            let values = evaluation.features(noises, &|range| {
                let pixels = &images[range.start * image..range.end * image];
                pixels.iter().map(|v| eight_bits(*v)).collect()
            })?;
            let rows = values.chunks_exact(classifier.network.dimension());
            rows.map(<[f32]>::to_vec).collect()
        }
    };
    let outcome = Outcome {
        seconds_per_image: seconds / noises as f64,
        threads: match evaluation.loaded.model.info().device {
            DeviceKind::Cpu => std::thread::available_parallelism().map_or(1, usize::from),
            DeviceKind::Gpu => 0,
        },
        features,
    };
    serde_json::to_value(outcome).map_err(CliError::failed)
}
