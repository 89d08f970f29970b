//! Runs whose state passes through the host between two steps: what is known of the pictures is put in there, and guidance
//! asks the network twice.

use super::{Sampler, SamplerError, copied, room};
use crate::engine::{Denoiser, Results};

impl<D: Denoiser> Sampler<D> {
    /// The steps up to `end`, what the last of them left, and what it made before its known part was replaced.
    pub(super) async fn run_apart(
        &mut self,
        engine: &D,
        end: usize,
    ) -> Result<(Results, Option<Vec<f32>>), SamplerError> {
        let mut results = Results {
            x0_hat: Vec::new(),
            x_t: copied(&self.x_t)?,
        };
        let mut made = None;
        for index in self.given..end {
            room(self.spec.shape, 2)?;
            let noise = self.noise_of(index);
            let step = &self.trajectory.steps[index];
            if let Some(guided) = &self.guided {
                results = guided.step(engine, step, results.x_t, noise).await?;
            } else {
                // The memory of one batch is enough.
                self.batch = None;
                let batch = self.batch.insert(engine.begin(&self.spec, results.x_t)?);
                engine
                    .step(batch, step.t, &step.coefficients, noise)
                    .await?;
                results = engine.results(batch).await?;
            }
            if let Some(known) = &mut self.known {
                made = Some(copied(&results.x_t)?);
                room(self.spec.shape, 2)?;
                let number = self.trajectory.before + index + 1;
                known.keep(number, step.t_next, &mut results.x_t);
            }
        }
        Ok((results, made))
    }
}
