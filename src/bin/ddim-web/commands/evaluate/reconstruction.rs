//! Table 2: images encoded to noise and decoded again along the ODE (DDIM, eq. 13), and what is lost.

use ddim_web::runs::{Event, MAX_IMAGES, Ode, mean_squared_error};
use ddim_web::step::{Convention, Method};
use pollster::block_on;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::evaluation::Evaluation;
use super::task::Task;
use super::tau::PaperTau;
use crate::error::CliError;

/// Name of the cells.
pub const SECTION: &str = "reconstruction";
/// The setting that says what the network is told on the way to noise. Cells without it are older than the choice and
/// were made in another way: they are left alone, and made again.
pub const CONVENTION: &str = "convention";

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
    evaluation: &'a Evaluation,
    steps: &[usize],
    images: usize,
    convention: Convention,
) -> Result<Vec<Task<'a>>, CliError> {
    enough(evaluation, images)?;
    let cell = |&steps: &usize| {
        let decoding = PaperTau::Linear.trajectory(Method::Ddim { eta: 0.0 }, steps);
        let network_steps = evaluation.loaded.model.steps(&decoding)?;
        let settings = [
            ("images", json!(images)),
            ("data", json!(evaluation.test.fingerprint)),
            ("tau", json!(PaperTau::Linear.to_string())),
            (CONVENTION, json!(convention.to_string())),
            ("steps", json!(steps)),
        ];
        Ok(Task {
            settings: evaluation.settings(SECTION, &settings),
            name: format!("reconstruction, S = {steps}"),
            cost: 2 * (images * network_steps) as u64,
            work: Box::new(move || reconstruct(evaluation, steps, images, convention)),
        })
    };
    steps.iter().map(cell).collect()
}

/// Refuses a number of images that the folder does not have.
///
/// # Errors
/// [`CliError::Usage`].
pub fn enough(evaluation: &Evaluation, images: usize) -> Result<(), CliError> {
    let all = evaluation.test.set.count().min(MAX_IMAGES);
    if (1..=all).contains(&images) {
        Ok(())
    } else {
        Err(CliError::Usage(format!(
            "images: expected 1 to {all} (the images that are not for training), found {images}"
        )))
    }
}

fn reconstruct(
    evaluation: &Evaluation,
    steps: usize,
    images: usize,
    convention: Convention,
) -> Result<Value, CliError> {
    let originals = evaluation.test.first(images);
    let trajectory = PaperTau::Linear.trajectory(Method::Ddim { eta: 0.0 }, steps);
    let loaded = &evaluation.loaded;
    let ode = Ode::new(
        &loaded.model,
        &evaluation.job(trajectory, images),
        convention,
    )?;
    let mut see = |event: &Event| evaluation.bar.inc(event.batch as u64);
    let noise = block_on(ode.encode(&originals, &mut loaded.until_stopped(&mut see)))?;
    let decoded = block_on(ode.decode(&noise, &mut loaded.until_stopped(&mut see)))?;
    let image = originals.len() / images;
    let pairs = originals
        .chunks_exact(image)
        .zip(decoded.chunks_exact(image));
    let errors = pairs.map(|(a, b)| mean_squared_error(a, b)).collect();
    let outcome = Outcome {
        errors,
        held_out: evaluation.test.held_out,
    };
    serde_json::to_value(outcome).map_err(CliError::failed)
}
