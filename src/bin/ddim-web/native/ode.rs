//! The deterministic sampler as an encoder and decoder: pictures to noise and back (DDIM, section 4.3).
//!
//! Both directions run unclipped. A step whose x0_hat is clipped forgets by how much, so the way back could not
//! find it, and decoding must retrace the steps of encoding.

use ddim_web::step::{Clip, Method};

use super::cli::CliError;
use super::common::Common;
use super::runner::{Event, Job, Runner};
use super::terminal::remark;

/// The ODE of one model, in S steps, in both directions.
pub struct Ode<'a> {
    runner: &'a Runner,
    up: Job,
    down: Job,
}

impl<'a> Ode<'a> {
    /// The ODE of `runner`'s model, in `steps` steps along `common`'s tau.
    ///
    /// # Errors
    /// [`CliError::Usage`] when the model's schedule cannot be walked like this, in either direction.
    pub fn new(runner: &'a Runner, common: &Common, steps: usize) -> Result<Self, CliError> {
        let job = |method| common.job(common.trajectory(method, steps, Some(Clip::None)), 0, 0);
        let ode = Self {
            runner,
            up: job(Method::Inversion),
            down: job(Method::Ddim { eta: 0.0 }),
        };
        runner.steps(&ode.up.trajectory)?;
        runner.steps(&ode.down.trajectory)?;
        Ok(ode)
    }

    /// Says that the model's clipping is left out, where it has some.
    pub fn remark(&self) {
        if let Some(key) = clipping(self.runner) {
            remark(format_args!(
                "scheduler_config.json: {key} is left out: a clipped step cannot be undone"
            ));
        }
    }

    /// How many events each direction reports for `count` images.
    pub fn events(&self, count: usize) -> u64 {
        let steps = self.runner.steps(&self.up.trajectory).unwrap_or(0);
        self.runner.events(count, steps)
    }

    /// x_T of `images`, both `[B, C, H, W]` (DDIM, eq. 14, from the image upwards).
    ///
    /// # Errors
    /// Those of [`Runner::run`].
    pub fn encode(
        &self,
        images: &[f32],
        watch: &mut dyn FnMut(&Event),
    ) -> Result<Vec<f32>, CliError> {
        self.run(&self.up, images, watch)
    }

    /// The images of `x_t`, both `[B, C, H, W]` (DDIM, eq. 13).
    ///
    /// # Errors
    /// Those of [`Runner::run`].
    pub fn decode(&self, x_t: &[f32], watch: &mut dyn FnMut(&Event)) -> Result<Vec<f32>, CliError> {
        self.run(&self.down, x_t, watch)
    }

    fn run(
        &self,
        job: &Job,
        from: &[f32],
        watch: &mut dyn FnMut(&Event),
    ) -> Result<Vec<f32>, CliError> {
        let image: usize = self.runner.image_shape(job.size)?.iter().product();
        let job = Job {
            count: from.len() / image,
            latents: Some(from.to_vec()),
            ..job.clone()
        };
        self.runner.run(&job, watch)
    }
}

/// The key of `scheduler_config.json` that makes sampling clip x0_hat, if there is one.
pub fn clipping(runner: &Runner) -> Option<&'static str> {
    let scheduler = runner.scheduler();
    if scheduler.thresholding {
        Some("thresholding")
    } else if scheduler.clip_sample {
        Some("clip_sample")
    } else {
        None
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
