//! Table 2: images encoded to noise and decoded again along the ODE (DDIM, eq. 13), and what is lost.

use ddim_web::step::{Clip, Method};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::cli::CliError;
use super::super::ode::mean_squared_error;
use super::super::runner::{Job, MAX_IMAGES};
use super::bench::Bench;
use super::task::Task;
use super::tau::Tau;

/// Name of the cells.
pub const SECTION: &str = "reconstruction";

/// A cell of the table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Mean squared error per dimension of every image, the images scaled to 0…1.
    pub errors: Vec<f64>,
    /// Whether no model is trained on these images.
    pub held_out: bool,
}

/// The cells for every number of steps, on the first `images` held-out images.
///
/// # Errors
/// [`CliError::Usage`] when there are too few images, or S does not fit tau.
pub fn tasks<'a>(
    bench: &'a Bench,
    steps: &[usize],
    images: usize,
) -> Result<Vec<Task<'a>>, CliError> {
    enough(bench, images)?;
    let cell = |&steps: &usize| {
        let decoding = Tau::Linear.trajectory(Method::Ddim { eta: 0.0 }, steps);
        let network_steps = bench.runner.steps(&decoding)?;
        let settings = [
            ("images", json!(images)),
            ("data", json!(bench.test.fingerprint)),
            ("tau", json!(Tau::Linear.to_string())),
            ("steps", json!(steps)),
        ];
        Ok(Task {
            settings: bench.settings(SECTION, &settings),
            name: format!("reconstruction, S = {steps}"),
            cost: 2 * (images * network_steps) as u64,
            work: Box::new(move || reconstruct(bench, steps, images)),
        })
    };
    steps.iter().map(cell).collect()
}

/// Refuses a number of images that the folder does not have.
///
/// # Errors
/// [`CliError::Usage`].
pub fn enough(bench: &Bench, images: usize) -> Result<(), CliError> {
    let all = bench.test.set.count().min(MAX_IMAGES);
    if (1..=all).contains(&images) {
        Ok(())
    } else {
        Err(CliError::Usage(format!(
            "images: expected 1 to {all} (the images that are not for training), found {images}"
        )))
    }
}

fn reconstruct(bench: &Bench, steps: usize, images: usize) -> Result<Value, CliError> {
    let originals = bench.test.first(images);
    let along = |method, latents| {
        let mut trajectory = Tau::Linear.trajectory(method, steps);
        // A clipped step cannot be undone.
        trajectory.clip = Some(Clip::None);
        bench.run(&Job {
            trajectory,
            seed: bench.seed,
            first_image: 0,
            count: images,
            size: None,
            class: None,
            latents: Some(latents),
        })
    };
    let noise = along(Method::Inversion, originals.clone())?;
    let decoded = along(Method::Ddim { eta: 0.0 }, noise)?;
    let image = originals.len() / images;
    let pairs = originals
        .chunks_exact(image)
        .zip(decoded.chunks_exact(image));
    let errors = pairs.map(|(a, b)| mean_squared_error(a, b)).collect();
    let outcome = Outcome {
        errors,
        held_out: bench.test.held_out,
    };
    serde_json::to_value(outcome).map_err(CliError::failed)
}
