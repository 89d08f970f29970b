//! The variational bound on held-out images, its three groups of terms, for both fixed variances (DDPM, table 2 and
//! section 4.3).

use ddim_web::bound::{Bound, bits_per_dimension};
use ddim_web::gaussian::diffused;
use ddim_web::noise::gaussian;
use ddim_web::runs::strata;
use ddim_web::step::Variance;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::evaluation::Evaluation;
use super::reconstruction::enough;
use super::task::Task;
use crate::error::CliError;

/// Name of the cell.
pub const SECTION: &str = "bound";

/// Inputs that run through the network between two looks at the progress bar.
const CHUNK: usize = 64;

/// The names under which the two variances are kept.
const VARIANCES: [(&str, Variance); 2] = [
    ("beta_tilde", Variance::FixedSmall),
    ("beta", Variance::FixedLarge),
];

/// The bound, every number in bits per dimension.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// L_T of every image.
    pub prior: Vec<f64>,
    /// The other terms, for each variance.
    pub variances: Vec<Terms>,
    /// Whether no model is trained on these images.
    pub held_out: bool,
    /// T, the terms there are besides L_T.
    pub all_terms: usize,
}

/// The terms that depend on the network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Terms {
    /// `beta_tilde` or `beta`.
    pub variance: String,
    /// The sum of all L_{t-1} of every image.
    pub divergences: Vec<f64>,
    /// L_0 of every image.
    pub decoder: Vec<f64>,
}

/// The cell for the first `images` held-out images; `terms` of the chain's terms of each, all by default.
///
/// # Errors
/// [`CliError::Usage`] when there are too few images or the number of terms is impossible.
pub fn task(
    evaluation: &Evaluation,
    images: usize,
    terms: Option<usize>,
) -> Result<Task<'_>, CliError> {
    enough(evaluation, images)?;
    let all = evaluation.loaded.model.scheduler().num_train_timesteps;
    let terms = terms.unwrap_or(all);
    if terms != all && !(2..=all).contains(&terms) {
        return Err(CliError::Usage(format!(
            "bound-terms: expected 2 to {all}, found {terms}"
        )));
    }
    let settings = [
        ("images", json!(images)),
        ("data", json!(evaluation.test.fingerprint)),
        ("terms", json!(terms)),
    ];
    Ok(Task {
        settings: evaluation.settings(SECTION, &settings),
        name: format!("variational bound, {terms} terms"),
        cost: (images * terms) as u64,
        work: Box::new(move || bound(evaluation, images, terms)),
    })
}

fn bound(evaluation: &Evaluation, images: usize, terms: usize) -> Result<Value, CliError> {
    let scheduler = evaluation.loaded.model.scheduler();
    let schedule = scheduler.schedule().map_err(CliError::failed)?;
    let all_terms = schedule.len();
    let bounds = VARIANCES.map(|(_, variance)| Bound {
        schedule: schedule.clone(),
        prediction: scheduler.prediction_type,
        variance,
        clip_x0_hat: true,
    });
    let originals = evaluation.test.first(images);
    let image = originals.len() / images;
    let bits = |nats| bits_per_dimension(nats, image);

    let mut outcome = Outcome {
        prior: Vec::new(),
        variances: VARIANCES
            .map(|(name, _)| Terms {
                variance: name.into(),
                divergences: vec![0.0; images],
                decoder: vec![0.0; images],
            })
            .into(),
        held_out: evaluation.test.held_out,
        all_terms,
    };
    for (index, x_0) in originals.chunks_exact(image).enumerate() {
        outcome.prior.push(bits(bounds[0].prior(x_0)));
        let chosen = strata::choose(evaluation.seed, index as u64, all_terms, terms);
        for part in chosen.chunks(CHUNK) {
            let noised = noised(evaluation, &bounds[0], part, index, x_0);
            let [channels, height, width] = evaluation.shape;
            let times: Vec<f32> = part.iter().map(|(t, _)| *t as f32).collect();
            let shape = [part.len(), channels, height, width];
            let out = evaluation.loaded.predict(&noised, shape, &times)?;
            let rows = noised.chunks_exact(image).zip(out.chunks_exact(image));
            for (&(t, factor), (x_t, out)) in part.iter().zip(rows) {
                for (bound, terms) in bounds.iter().zip(&mut outcome.variances) {
                    let nats = bound.term(t, x_0, x_t, out).map_err(CliError::failed)?;
                    if !nats.is_finite() {
                        return Err(CliError::Failed(format!(
                            "bound: the term of t = {t} of image {index} is {nats}"
                        )));
                    }
                    let group = if t == 0 {
                        &mut terms.decoder
                    } else {
                        &mut terms.divergences
                    };
                    group[index] += factor * bits(nats);
                }
            }
            evaluation.bar.inc(part.len() as u64);
        }
    }
    serde_json::to_value(outcome).map_err(CliError::failed)
}

/// x_t of image `index` for each of the terms, every one with its own noise: `[terms, C, H, W]`.
fn noised(
    evaluation: &Evaluation,
    bound: &Bound,
    terms: &[(usize, f64)],
    index: usize,
    x_0: &[f32],
) -> Vec<f32> {
    let mut eps = vec![0.0; x_0.len()];
    let mut all = Vec::with_capacity(terms.len() * x_0.len());
    for &(t, _) in terms {
        gaussian(evaluation.seed, index as u32, t as u32 + 1, &mut eps);
        all.extend(diffused(&bound.schedule, t, x_0, &eps));
    }
    all
}
