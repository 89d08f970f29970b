//! Table 1: the Fréchet distance of samples for every eta, tau and S, and of real images from real images.

use std::time::Instant;

use ddim_web::evaluate::bootstrap::{self, Estimate};
use ddim_web::evaluate::statistics::StatisticsError;
use ddim_web::evaluate::{FeatureSet, eight_bits};
use ddim_web::scheduler::TrajectoryOptions;
use ddim_web::step::Clip;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::evaluation::Evaluation;
use super::store::{FORMAT, Settings, Store, key};
use super::task::Task;
use super::tau::PaperTau;
use crate::args::eta::Eta;
use crate::error::CliError;
use crate::files::latents::{read_sample, write_sample};

/// Name of the table's cells.
pub const SECTION: &str = "frechet";
/// Name of the floor.
pub const FLOOR: &str = "floor";
/// Their format: distances with the draws of their intervals.
pub const VERSION: Option<u64> = Some(2);
/// The setting of cells whose samples were not clipped though the model's scheduler clips.
pub const CLIP: &str = "clip";

/// What is asked for.
pub struct Options {
    /// Rows.
    pub etas: Vec<Eta>,
    /// Tables.
    pub taus: Vec<PaperTau>,
    /// Columns.
    pub steps: Vec<usize>,
    /// Samples of each cell.
    pub samples: usize,
    /// Resamples of each interval.
    pub resamples: usize,
    /// Whether the samples are kept.
    pub keep_samples: bool,
    /// Whether nothing is clipped, where the model's scheduler clips.
    pub no_clip: bool,
}

/// A cell of the table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The distance of the samples from the real images.
    #[serde(flatten)]
    pub distance: Estimate,
    /// Steps that are left when repeated time steps are dropped: at most S.
    pub network_steps: usize,
    /// How long the sampling took; 0 where the samples were there already.
    pub seconds: f64,
}

/// Real images against real images, and what the distances are measured with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Floor {
    /// The distance of some images of one half from the other half.
    #[serde(flatten)]
    pub distance: Estimate,
    /// Real images in all.
    pub real_images: usize,
    /// What the classifier's file says about itself.
    pub network: std::collections::BTreeMap<String, String>,
    /// Features of one image.
    pub features: usize,
}

/// The cells and the floor.
///
/// # Errors
/// [`CliError::Usage`] when there is no classifier, there are too few samples or real images for it, or S does not fit
/// tau.
pub fn tasks<'a>(
    evaluation: &'a Evaluation,
    store: &'a Store,
    options: &'a Options,
) -> Result<Vec<Task<'a>>, CliError> {
    let classifier = evaluation.classifier()?;
    let dimension = classifier.network.dimension();
    if options.samples <= dimension {
        return Err(CliError::Usage(format!(
            "samples: expected more than the {dimension} features of --network, found {}",
            options.samples
        )));
    }
    let real = evaluation.images.set.count();
    // The floor has its statistics from one half.
    if real / 2 <= dimension {
        return Err(CliError::Usage(format!(
            "data: table 1 needs more than {} images, twice the features of --network, found {real}",
            2 * dimension + 1
        )));
    }
    let shared = [
        (FORMAT, json!(VERSION)),
        ("samples", json!(options.samples)),
        ("resamples", json!(options.resamples)),
        ("network", json!(classifier.fingerprint)),
        ("data", json!(evaluation.images.fingerprint)),
    ];
    let mut tasks = vec![Task {
        settings: evaluation.settings_without_model(FLOOR, &shared),
        name: "real images against real images".into(),
        cost: 0,
        work: Box::new(move || floor(evaluation, store, options)),
    }];
    for &tau in &options.taus {
        for &eta in &options.etas {
            for &steps in &options.steps {
                let of = Cell {
                    eta,
                    tau,
                    steps,
                    no_clip: options.no_clip,
                };
                let network_steps = evaluation.loaded.model.steps(&of.trajectory())?;
                let mut more = shared.to_vec();
                more.extend(of.settings());
                let settings = evaluation.settings(SECTION, &more);
                tasks.push(Task {
                    settings,
                    name: of.name(),
                    cost: (options.samples * network_steps) as u64,
                    work: Box::new(move || cell(evaluation, store, options, &of, network_steps)),
                });
            }
        }
    }
    Ok(tasks)
}

/// Which samples a cell needs.
struct Cell {
    eta: Eta,
    tau: PaperTau,
    steps: usize,
    no_clip: bool,
}

impl Cell {
    fn trajectory(&self) -> TrajectoryOptions {
        TrajectoryOptions {
            clip: self.no_clip.then_some(Clip::None),
            ..self.tau.trajectory(self.eta.method(), self.steps)
        }
    }

    /// What the samples depend on. Clipping as the model's scheduler says it goes without saying.
    fn settings(&self) -> Vec<(&'static str, Value)> {
        let mut settings = vec![
            ("eta", json!(self.eta.to_string())),
            ("tau", json!(self.tau.to_string())),
            ("steps", json!(self.steps)),
        ];
        if self.no_clip {
            settings.push((CLIP, json!("none")));
        }
        settings
    }

    fn name(&self) -> String {
        let Self {
            eta, tau, steps, ..
        } = self;
        let clip = if self.no_clip { ", not clipped" } else { "" };
        format!("Fréchet distance, eta {eta}, {tau}, S = {steps}{clip}")
    }
}

fn cell(
    evaluation: &Evaluation,
    store: &Store,
    options: &Options,
    of: &Cell,
    network_steps: usize,
) -> Result<Value, CliError> {
    let reference = &evaluation.reference(store)?.1;
    let started = Instant::now();
    let (samples, made) = samples(evaluation, store, options, of, network_steps)?;
    let seconds = if made {
        started.elapsed().as_secs_f64()
    } else {
        0.0
    };
    let image = evaluation.shape.iter().product::<usize>();
    let values = evaluation.features(options.samples, &|range| {
        let pixels = &samples[range.start * image..range.end * image];
        pixels.iter().map(|v| eight_bits(*v)).collect()
    })?;
    let dimension = evaluation.classifier()?.network.dimension();
    let features = FeatureSet::new(values, dimension).map_err(CliError::failed)?;
    let outcome = Outcome {
        distance: distance(evaluation, options, &features, reference)?,
        network_steps,
        seconds,
    };
    serde_json::to_value(outcome).map_err(CliError::failed)
}

/// The samples `[samples, C, H, W]`, and whether they had to be made. They do not depend on the classifier, so that
/// those which were kept serve another one.
fn samples(
    evaluation: &Evaluation,
    store: &Store,
    options: &Options,
    of: &Cell,
    network_steps: usize,
) -> Result<(Vec<f32>, bool), CliError> {
    let [channels, height, width] = evaluation.shape;
    let shape = [options.samples, channels, height, width];
    let mut more = of.settings();
    more.push(("samples", json!(options.samples)));
    let settings: Settings = evaluation.settings("samples", &more);
    let path = store
        .path("samples")
        .join(format!("{}.safetensors", key(&settings)));
    if path.exists() {
        let again = "delete it to have it made again";
        let (found, samples) =
            read_sample(&path).map_err(|e| CliError::Failed(format!("{e}: {again}")))?;
        if found != shape {
            return Err(CliError::Failed(format!(
                "{}: sample: expected {shape:?}, found {found:?}: {again}",
                path.display()
            )));
        }
        evaluation.bar.inc((options.samples * network_steps) as u64);
        return Ok((samples, false));
    }
    let samples = evaluation.run(&evaluation.job(of.trajectory(), options.samples))?;
    if options.keep_samples {
        write_sample(&path, shape, &samples)?;
    }
    Ok((samples, true))
}

fn floor(evaluation: &Evaluation, store: &Store, options: &Options) -> Result<Value, CliError> {
    let real = &evaluation.reference(store)?.0;
    let (images, reference) = bootstrap::halves(real, options.samples, evaluation.seed)
        .map_err(|e| CliError::Failed(format!("half of the real images: {e}")))?;
    let network = &evaluation.classifier()?.network;
    let floor = Floor {
        distance: distance(evaluation, options, &images, &reference)?,
        real_images: real.count(),
        network: network.metadata().clone(),
        features: network.dimension(),
    };
    serde_json::to_value(floor).map_err(CliError::failed)
}

fn distance(
    evaluation: &Evaluation,
    options: &Options,
    features: &FeatureSet,
    reference: &ddim_web::evaluate::Reference,
) -> Result<Estimate, CliError> {
    let go_on = || !evaluation.loaded.stop.requested();
    let estimate = bootstrap::estimate(
        features,
        reference,
        options.resamples,
        evaluation.seed,
        &go_on,
    )
    .map_err(|e: StatisticsError| CliError::failed(e))?;
    estimate.ok_or(CliError::Stopped)
}
