//! Single steps of a run, taken apart.

use super::model::{Event, Job, Model, RunError, Watch, go_on};
use super::rules::Refusal;
use crate::engine::Denoiser;
use crate::sampler::Dissection;

/// A step with what goes in and what comes out, `[B, C, H, W]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Dissected {
    /// The state that goes in.
    pub x_t: Vec<f32>,
    /// The three terms of DDIM, eq. 12.
    pub terms: Dissection,
    /// Their sum, the state that comes out.
    pub x_next: Vec<f32>,
}

/// The steps `which` (from 0, rising) of the first batch of `job`. The run ends with the last of them.
///
/// # Errors
/// [`Refusal::Step`] for a step that the run does not have; those of [`Model::run`].
pub async fn dissect<D: Denoiser>(
    model: &Model<D>,
    job: &Job,
    which: &[usize],
    watch: &mut dyn Watch,
) -> Result<Vec<Dissected>, RunError> {
    model.check_job(job)?;
    let total = model.steps(&job.trajectory)?;
    if let Some(found) = which.iter().find(|index| **index >= total) {
        return Err(Refusal::Step {
            total,
            found: found.saturating_add(1),
        }
        .into());
    }
    let mut sampler = model.sampler(job, 0)?;
    let mut x_t = sampler.x_t().to_vec();
    let mut found = Vec::new();
    let last = which.iter().max().map_or(0, |last| last + 1);
    for index in 0..last {
        go_on(watch)?;
        let step = sampler.next(model.engine()).await?;
        let x_next = step.x_t.clone();
        if which.contains(&index)
            && let Some(terms) = sampler.dissect()
        {
            let (x_t, x_next) = (x_t.clone(), x_next.clone());
            found.push(Dissected { x_t, terms, x_next });
        }
        x_t = x_next;
        let batch = sampler.shape()[0];
        watch.see(&Event {
            first: 0,
            batch,
            step,
        });
    }
    Ok(found)
}
