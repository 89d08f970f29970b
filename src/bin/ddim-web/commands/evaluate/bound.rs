//! The variational bound on held-out and training images: its three groups of terms for both fixed variances (DDPM,
//! table 1 and section 4.3), what a perfect x0_hat would leave of them, and rate against distortion (DDPM, figure 5).

use ddim_web::bound::{Bound, bits_per_dimension};
use ddim_web::runs::rate::{Rate, RateOptions, VARIANCES};
use ddim_web::step::{Prediction, Variance};
use pollster::block_on;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::evaluation::{Evaluation, Images};
use super::reconstruction::enough;
use super::store::FORMAT;
use super::task::Task;
use crate::error::CliError;

/// Name of the cell.
pub const SECTION: &str = "bound";
/// Its format: held-out and training images, with the curve.
pub const VERSION: Option<u64> = Some(2);

/// The bound, every rate in bits per dimension.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The images that no model is trained on, where there are such, and then as many training images.
    pub sides: Vec<Side>,
    /// T, the terms there are besides L_T.
    pub all_terms: usize,
    /// Values of one image.
    pub dimensions: usize,
    /// How many of them are the same in all training images.
    pub constant: usize,
}

/// The bound of some images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Side {
    /// Whether no model is trained on these images.
    pub held_out: bool,
    /// L_T of every image.
    pub prior: Vec<f64>,
    /// The other terms, for each variance.
    pub variances: Vec<Terms>,
    /// The terms by time step, from the last to the first, on average over the images.
    pub stretches: Vec<Stretch>,
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
    /// The sum of all L_{t-1}, were x0_hat x_0.
    pub perfect_divergences: f64,
    /// L_0 of every image, were x0_hat x_0.
    pub perfect_decoder: Vec<f64>,
}

/// Some neighbouring time steps, of which each image had one, or a single one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stretch {
    /// The mean time step.
    pub t: f64,
    /// How many time steps.
    pub share: f64,
    /// The mean L_t, for each of [`VARIANCES`].
    pub bits: [f64; 2],
    /// The mean of ‖x_0 - x0_hat‖² per dimension on the scale -1…1.
    pub squared_error: f64,
}

/// The cell for the first `images` held-out images and as many training images; `terms` of the chain's terms of each,
/// all by default.
///
/// # Errors
/// [`CliError::Usage`] when there are too few images or the number of terms is impossible.
pub fn task(
    evaluation: &Evaluation,
    images: usize,
    terms: Option<usize>,
) -> Result<Task<'_>, CliError> {
    enough(evaluation, images)?;
    let training = evaluation.images.set.count();
    if images > training {
        return Err(CliError::Usage(format!(
            "images: the bound takes as many training images, expected at most {training}, found {images}"
        )));
    }
    let all = evaluation.loaded.model.scheduler().num_train_timesteps;
    let terms = terms.unwrap_or(all);
    if terms != all && !(2..=all).contains(&terms) {
        return Err(CliError::Usage(format!(
            "bound-terms: expected 2 to {all}, found {terms}"
        )));
    }
    let sides = sides(evaluation).len();
    let settings = [
        (FORMAT, json!(VERSION)),
        ("images", json!(images)),
        ("data", json!(evaluation.test.fingerprint)),
        ("training", json!(evaluation.images.fingerprint)),
        ("terms", json!(terms)),
    ];
    Ok(Task {
        settings: evaluation.settings(SECTION, &settings),
        name: format!("variational bound, {terms} terms"),
        cost: (sides * images * terms) as u64,
        work: Box::new(move || bound(evaluation, images, terms)),
    })
}

/// Held-out images, where there are such, and training images.
fn sides(evaluation: &Evaluation) -> Vec<&Images> {
    if evaluation.test.held_out {
        vec![&evaluation.test, &evaluation.images]
    } else {
        vec![&evaluation.images]
    }
}

fn bound(evaluation: &Evaluation, images: usize, terms: usize) -> Result<Value, CliError> {
    let sides = sides(evaluation).into_iter();
    let sides = sides.map(|of| side(evaluation, of, images, terms));
    let outcome = Outcome {
        sides: sides.collect::<Result<_, _>>()?,
        all_terms: evaluation.loaded.model.scheduler().num_train_timesteps,
        dimensions: evaluation.shape.iter().product(),
        constant: constant(&evaluation.images),
    };
    serde_json::to_value(outcome).map_err(CliError::failed)
}

fn side(
    evaluation: &Evaluation,
    of: &Images,
    images: usize,
    terms: usize,
) -> Result<Side, CliError> {
    let model = &evaluation.loaded.model;
    let originals = of.first(images);
    let perfect = VARIANCES.map(|variance| perfect(evaluation, variance, &originals, images));
    let mut side = Side {
        held_out: of.held_out,
        prior: Vec::with_capacity(images),
        variances: Vec::with_capacity(VARIANCES.len()),
        stretches: Vec::with_capacity(terms),
    };
    for (variance, perfect) in VARIANCES.iter().zip(perfect) {
        let (perfect_divergences, perfect_decoder) = perfect?;
        side.variances.push(Terms {
            variance: name(*variance).into(),
            divergences: vec![0.0; images],
            decoder: vec![0.0; images],
            perfect_divergences,
            perfect_decoder,
        });
    }
    for (index, x_0) in originals.chunks_exact(originals.len() / images).enumerate() {
        let options = RateOptions {
            x_0: x_0.to_vec(),
            shape: evaluation.shape,
            class: evaluation.loaded.asked.class,
            terms,
            seed: evaluation.seed,
            image: index as u32,
        };
        let mut rate = Rate::new(model.scheduler(), options).map_err(CliError::failed)?;
        side.prior.push(rate.prior());
        loop {
            if evaluation.loaded.stop.requested() {
                return Err(CliError::Stopped);
            }
            let first = rate.given();
            let part = block_on(rate.next(model.engine()))
                .map_err(|e| CliError::Failed(format!("image {index}: {e}")))?;
            if part.is_empty() {
                break;
            }
            for (at, term) in (first..).zip(&part) {
                for (terms, bits) in side.variances.iter_mut().zip(term.bits) {
                    let group = if term.t == 0 {
                        &mut terms.decoder
                    } else {
                        &mut terms.divergences
                    };
                    group[index] += term.share * bits;
                }
                if index == 0 {
                    side.stretches.push(Stretch {
                        t: 0.0,
                        share: term.share,
                        bits: [0.0; 2],
                        squared_error: 0.0,
                    });
                }
                // Term number `at` of every image lies in the same part of the chain.
                let stretch = &mut side.stretches[at];
                let count = images as f64;
                stretch.t += term.t as f64 / count;
                stretch.squared_error += term.squared_error / count;
                for (sum, bits) in stretch.bits.iter_mut().zip(term.bits) {
                    *sum += bits / count;
                }
            }
            evaluation.bar.inc(part.len() as u64);
        }
    }
    Ok(side)
}

/// The sum of all L_{t-1} and L_0 of every image, were x0_hat x_0: what the variance alone costs.
fn perfect(
    evaluation: &Evaluation,
    variance: Variance,
    originals: &[f32],
    images: usize,
) -> Result<(f64, Vec<f64>), CliError> {
    let schedule = evaluation.loaded.model.scheduler().schedule();
    let bound = Bound {
        schedule: schedule.map_err(CliError::failed)?,
        // A network that gives x_0 itself.
        prediction: Prediction::Sample,
        variance,
        clip_x0_hat: false,
    };
    let image = originals.len() / images;
    let bits = |t: usize, x_0: &[f32]| {
        let nats = bound.term(t, x_0, x_0, x_0).map_err(CliError::failed)?;
        Ok(bits_per_dimension(nats, image))
    };
    // These do not depend on the image.
    let first = &originals[..image];
    let divergences = (1..bound.schedule.len()).map(|t| bits(t, first));
    let divergences = divergences.sum::<Result<f64, CliError>>()?;
    let decoder = originals.chunks_exact(image).map(|x_0| bits(0, x_0));
    Ok((divergences, decoder.collect::<Result<_, CliError>>()?))
}

/// How many values of an image are the same in all of `images`.
fn constant(images: &Images) -> usize {
    let set = &images.set;
    let first = set.image(0);
    let mut same = vec![true; first.len()];
    for index in 1..set.count() {
        for (same, (a, b)) in same.iter_mut().zip(set.image(index).iter().zip(first)) {
            *same &= a == b;
        }
    }
    same.into_iter().filter(|same| *same).count()
}

/// The name under which a variance is kept.
fn name(variance: Variance) -> &'static str {
    match variance {
        Variance::FixedSmall => "beta_tilde",
        Variance::FixedLarge => "beta",
    }
}
