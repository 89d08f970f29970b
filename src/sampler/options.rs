//! What a run is asked for, and what each of its steps gives.

use super::{Guidance, Known};
use crate::scheduler::TrajectoryOptions;

/// What a run makes.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleOptions {
    /// Method, τ and number of steps.
    pub trajectory: TrajectoryOptions,
    /// Seed of x_T and of every step's noise.
    pub seed: u64,
    /// Number of the first image: the noise of image `i` of the batch is that of image `first_image + i`.
    pub first_image: u32,
    /// Whether all images get the noise of the first, in x_T and in every step.
    pub same_noise: bool,
    /// Number of images.
    pub batch: usize,
    /// Height and width; `None` takes those of `config.json`.
    pub size: Option<[usize; 2]>,
    /// One class per image, for a conditional model.
    pub labels: Option<Vec<usize>>,
    /// x_T `[B, C, H, W]` in place of seeded noise.
    pub latents: Option<Vec<f32>>,
    /// What of the images is known already.
    pub known: Option<Known>,
    /// How much further than to the labels' images the run goes.
    pub guidance: Option<Guidance>,
}

impl SampleOptions {
    /// `batch` images of an unconditional model along `trajectory`, of its own size and from the noise of `seed`.
    pub fn new(trajectory: TrajectoryOptions, seed: u64, batch: usize) -> Self {
        Self {
            trajectory,
            seed,
            first_image: 0,
            same_noise: false,
            batch,
            size: None,
            labels: None,
            latents: None,
            known: None,
            guidance: None,
        }
    }
}

/// What one step gave.
#[derive(Debug, Clone, PartialEq)]
pub struct StepOutput {
    /// Which step, from 0.
    pub index: usize,
    /// The time step the network was run at.
    pub t: usize,
    /// Whether this was the last one; `x_t` is the result then.
    pub done: bool,
    /// The prediction of x_0 `[B, C, H, W]`, about -1 to 1.
    pub x0_hat: Vec<f32>,
    /// The state after the step `[B, C, H, W]`.
    pub x_t: Vec<f32>,
}
