//! The deterministic sampler as an encoder and decoder: pictures to noise and back (DDIM, section 4.3).
//!
//! Both directions run unclipped, in the same S steps. A step whose x0_hat is clipped forgets by how much, so the way
//! back could not find it, and decoding must retrace the steps of encoding.

use super::model::{Job, Model, RunError, Watch};
use super::rules::Refusal;
use crate::engine::Denoiser;
use crate::scheduler::TrajectoryOptions;
use crate::step::{Clip, Convention, Method};

/// The ODE of one model, in S steps, in both directions.
pub struct Ode<'a, D> {
    model: &'a Model<D>,
    up: Job,
    down: Job,
}

impl<'a, D: Denoiser> Ode<'a, D> {
    /// The ODE of `model` along the tau of `like`, in as many steps, between the same levels, and on images of its size
    /// and class; what else it says does not matter. Encoding follows `convention`.
    ///
    /// `like` is a job of sampling: its `from` is where decoding begins, and encoding ends.
    ///
    /// # Errors
    /// [`Refusal`] when the model's schedule cannot be walked like this, in either direction.
    pub fn new(model: &'a Model<D>, like: &Job, convention: Convention) -> Result<Self, Refusal> {
        let TrajectoryOptions { from, to, .. } = like.trajectory;
        let job = |method, from, to| Job {
            trajectory: TrajectoryOptions {
                method,
                clip: Some(Clip::None),
                from,
                to,
                ..like.trajectory.clone()
            },
            latents: None,
            guidance: None,
            ..like.clone()
        };
        let ode = Self {
            model,
            up: job(Method::Inversion(convention), to, from),
            down: job(Method::Ddim { eta: 0.0 }, from, to),
        };
        model.steps(&ode.up.trajectory)?;
        model.steps(&ode.down.trajectory)?;
        Ok(ode)
    }

    /// How many events each direction reports for `count` images.
    pub fn events(&self, count: usize) -> u64 {
        let steps = self.model.steps(&self.up.trajectory).unwrap_or(0);
        self.model.events(count, steps)
    }

    /// x_T of `images`, both `[B, C, H, W]` (DDIM, eq. 14, from the image upwards).
    ///
    /// # Errors
    /// Those of [`Model::run`].
    pub async fn encode(
        &self,
        images: &[f32],
        watch: &mut dyn Watch,
    ) -> Result<Vec<f32>, RunError> {
        self.run(&self.up, images, watch).await
    }

    /// The images of `x_t`, both `[B, C, H, W]` (DDIM, eq. 13).
    ///
    /// # Errors
    /// Those of [`Model::run`].
    pub async fn decode(&self, x_t: &[f32], watch: &mut dyn Watch) -> Result<Vec<f32>, RunError> {
        self.run(&self.down, x_t, watch).await
    }

    async fn run(
        &self,
        job: &Job,
        from: &[f32],
        watch: &mut dyn Watch,
    ) -> Result<Vec<f32>, RunError> {
        let image: usize = self.model.image_shape(job.size)?.iter().product();
        let job = Job {
            count: from.len() / image,
            latents: Some(from.to_vec()),
            ..job.clone()
        };
        self.model.run(&job, watch).await
    }
}

/// The reconstruction error of one image (DDIM, table 2): per dimension, the values (-1…1) scaled to 0…1.
pub fn mean_squared_error(original: &[f32], decoded: &[f32]) -> f64 {
    let squares = original
        .iter()
        .zip(decoded)
        .map(|(a, b)| (f64::from(a - b) / 2.0).powi(2));
    squares.sum::<f64>() / original.len() as f64
}
