//! The loop of `ddim-web train`: steps, the progress bar, and the files of a run.

use std::ops::Range;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use ddim_web::engine::{AnyLearner, Engine, Learner, LoadOptions};
use ddim_web::runs::rules;
use ddim_web::sampler::{SampleOptions, Sampler, SamplerError};
use ddim_web::scheduler::{SchedulerConfig, TrajectoryOptions};
use ddim_web::step::Method;
use ddim_web::train::{Checkpoint, Trainer};
use ddim_web::unet::labels::{CLASS_LABELS, ClassLabels};
use ddim_web::unet::weights::Precision;
use indicatif::HumanDuration;

use crate::draw::{picture, plot};
use crate::error::CliError;
use crate::files::model::{CONFIG, SCHEDULER, WEIGHTS};
use crate::files::whole::write_atomically;
use crate::progress::progress_bar;
use crate::stop::Stop;
use crate::terminal::{remark, say};

/// Everything that a run needs to go on.
pub const CHECKPOINT: &str = "checkpoint.safetensors";
const LOSS: &str = "loss.png";
const SAMPLES: &str = "samples.png";

/// Images in samples.png, their steps and their seed: the same noise every time, so that two can be compared.
const SAMPLE_COUNT: usize = 16;
const SAMPLE_STEPS: usize = 20;
const SAMPLE_SEED: u64 = 0;

/// A trainer, and where its results go.
pub struct Training {
    /// The run itself.
    pub trainer: Trainer<AnyLearner>,
    /// Folder of everything it writes.
    pub out: PathBuf,
    /// Steps from one checkpoint, loss curve and model to the next; at least 1.
    pub checkpoint_every: u32,
    /// Steps from one picture of samples to the next; 0 for none.
    pub sample_every: u32,
    /// Whether nothing is shown while it works.
    pub quiet: bool,
    /// Where the network runs, and how.
    pub machine: LoadOptions,
    /// Becomes true when the run shall end after its current step.
    pub stop: Stop,
}

impl Training {
    /// Says what is about to happen.
    pub fn report(&self) {
        let options = self.trainer.options();
        let done = self.trainer.steps_done();
        let from = if done == 0 {
            String::new()
        } else {
            format!(", from step {done}")
        };
        let parameters = self.trainer.parameters();
        remark(format_args!(
            "{parameters} parameters on {}: {} steps of {} images, loss {}{from}",
            self.trainer.learner().info().adapter,
            options.steps,
            options.batch,
            options.loss
        ));
    }

    /// Trains until all steps are done or `stop` is set.
    ///
    /// # Errors
    /// [`CliError::Failed`]: the step that failed, or the file that could not be written; [`CliError::Stopped`] when
    /// it was stopped before the first step.
    pub fn train(&mut self) -> Result<(), CliError> {
        let (first, steps) = (self.trainer.steps_done(), self.trainer.options().steps);
        let bar = progress_bar(u64::from(steps), "loss ", self.quiet);
        bar.set_position(u64::from(first));
        bar.reset_eta();
        let started = Instant::now();
        let mut saved = first;
        while !self.trainer.is_over() && !self.stopped() {
            let step = pollster::block_on(self.trainer.step())
                .map_err(|e| self.failed(&e))?
                .step;
            let loss = self.recent_loss();
            let pace = started.elapsed() / (step - first);
            bar.set_message(format!("{loss:.4}, {}", speed(pace)));
            bar.set_position(u64::from(step));
            let over = self.trainer.is_over();
            let save = over || self.stopped() || step % self.checkpoint_every == 0;
            let sample = self.sample_every > 0 && (over || step % self.sample_every == 0);
            if !save && !sample {
                continue;
            }
            let run = pollster::block_on(self.trainer.snapshot()).map_err(|e| self.failed(&e))?;
            if save {
                self.save(&run)?;
                saved = step;
                if bar.is_hidden() && !self.quiet {
                    let left = HumanDuration(pace * (steps - step));
                    remark(format_args!(
                        "step {step} of {steps}, loss {loss:.4}, {}, {left} left",
                        speed(pace)
                    ));
                }
            }
            // The sheet is only to be looked at.
            if sample && let Err(error) = self.sample(&run) {
                remark(format_args!(
                    "{SAMPLES}: not made at step {step}: {error}; the run goes on"
                ));
            }
        }
        bar.finish_and_clear();
        // It may be asked to end at any time, also between a step and what follows.
        if self.trainer.steps_done() > saved {
            let run = pollster::block_on(self.trainer.snapshot()).map_err(|e| self.failed(&e))?;
            self.save(&run)?;
        }
        if self.trainer.steps_done() == 0 {
            // Nothing is kept yet that a run could go on from.
            return Err(CliError::Stopped);
        }
        if !self.trainer.is_over() {
            remark(format_args!(
                "stopped after step {} of {steps}: --resume goes on",
                self.trainer.steps_done()
            ));
        }
        say(self.out.display())?;
        Ok(())
    }

    fn stopped(&self) -> bool {
        self.stop.requested()
    }

    /// The message of `error`, with the step that can be returned to.
    fn failed(&self, error: &impl std::fmt::Display) -> CliError {
        let kept = self.path(CHECKPOINT);
        let place = if kept.exists() {
            format!(" (kept: {})", kept.display())
        } else {
            " (there is none yet)".into()
        };
        CliError::Failed(format!("{error}{place}"))
    }

    /// Mean loss of the last 100 steps.
    fn recent_loss(&self) -> f32 {
        let losses = self.trainer.losses();
        let recent = &losses[losses.len().saturating_sub(100)..];
        recent.iter().sum::<f32>() / recent.len() as f32
    }

    fn path(&self, name: &str) -> PathBuf {
        self.out.join(name)
    }

    /// Writes checkpoint, model and loss curve of `run`, each whole or not at all.
    fn save(&self, run: &Checkpoint) -> Result<(), CliError> {
        write_atomically(
            &self.path(CHECKPOINT),
            &run.to_bytes().map_err(CliError::failed)?,
        )?;
        write_atomically(
            &self.path(WEIGHTS),
            &run.weights(Precision::F16).map_err(CliError::failed)?,
        )?;
        write_atomically(&self.path(CONFIG), run.config.to_json().as_bytes())?;
        write_atomically(
            &self.path(SCHEDULER),
            run.scheduler
                .to_json()
                .map_err(CliError::failed)?
                .as_bytes(),
        )?;
        if let Some(classes) = &run.classes {
            write_atomically(&self.path(CLASS_LABELS), classes.to_json().as_bytes())?;
        }
        picture::write_png(
            &self.path(LOSS),
            &plot::loss_curve(&run.losses, &run.options.loss.to_string()),
        )
    }

    /// Writes images of the averaged weights of `run`, unless it is stopped on the way.
    fn sample(&mut self, run: &Checkpoint) -> Result<(), CliError> {
        let weights = run.weights(Precision::F32).map_err(CliError::failed)?;
        let config = run.config.to_json();
        let engine = pollster::block_on(Engine::load(
            &config,
            weights,
            &self.machine,
            &mut |_, _| {},
        ))
        .map_err(CliError::failed)?;
        // The next sheet need not measure the device again.
        self.machine.gpu.tuning = engine.tuning();
        let [channels, height, width] = self.trainer.image_shape();
        match self.images(&engine).map_err(CliError::failed)? {
            Some(images) => {
                let shape = [SAMPLE_COUNT, channels, height, width];
                picture::write_png(&self.path(SAMPLES), &picture::grid(&images, shape))
            }
            None => Ok(()),
        }
    }

    /// How the images of the sheet are made.
    fn trajectory(scheduler: &SchedulerConfig) -> TrajectoryOptions {
        let steps = SAMPLE_STEPS.min(scheduler.num_train_timesteps);
        TrajectoryOptions::new(Method::Ddim { eta: 0.0 }, steps)
    }

    /// Whether images can be made with `scheduler`, before a network is trained for it.
    ///
    /// # Errors
    /// [`CliError::Usage`] says why not.
    pub fn check(scheduler: &SchedulerConfig) -> Result<(), CliError> {
        rules::steps(scheduler, &Self::trajectory(scheduler))?;
        Ok(())
    }

    /// The classes of the images of the sheet, one after the other.
    fn sample_labels(&self) -> Option<Vec<usize>> {
        let classes = self.trainer.config().num_class_embeds?;
        let null_class = self.trainer.classes().and_then(ClassLabels::null_class);
        let asked: Vec<usize> = (0..classes)
            .filter(|class| Some(*class) != null_class)
            .collect();
        let class = |i: usize| asked.get(i % asked.len().max(1)).copied();
        Some((0..SAMPLE_COUNT).map(|i| class(i).unwrap_or(0)).collect())
    }

    /// The images `[SAMPLE_COUNT, channels, height, width]`; `None` when the run is stopped on the way. No more at once
    /// than a step of training has, for which there is memory.
    fn images(&self, engine: &Engine) -> Result<Option<Vec<f32>>, SamplerError> {
        let labels = self.sample_labels();
        let at_once = self.trainer.options().batch.min(SAMPLE_COUNT);
        let mut all = Vec::new();
        for first in (0..SAMPLE_COUNT).step_by(at_once) {
            let some = first..SAMPLE_COUNT.min(first + at_once);
            let labels = labels.as_ref().map(|labels| labels[some.clone()].to_vec());
            let Some(images) = self.some_images(engine, some, labels)? else {
                return Ok(None);
            };
            all.extend(images);
        }
        Ok(Some(all))
    }

    /// Those of the sheet's images that are numbered so.
    fn some_images(
        &self,
        engine: &Engine,
        numbers: Range<usize>,
        labels: Option<Vec<usize>>,
    ) -> Result<Option<Vec<f32>>, SamplerError> {
        let scheduler = self.trainer.scheduler();
        let [_, height, width] = self.trainer.image_shape();
        let options = SampleOptions {
            trajectory: Self::trajectory(scheduler),
            seed: SAMPLE_SEED,
            first_image: numbers.start as u32,
            same_noise: false,
            batch: numbers.len(),
            size: Some([height, width]),
            labels,
            latents: None,
            known: None,
            guidance: None,
        };
        let mut sampler = Sampler::new(engine, scheduler, options)?;
        loop {
            if self.stopped() {
                return Ok(None);
            }
            let step = pollster::block_on(sampler.next(engine))?;
            if step.done {
                return Ok(Some(step.x_t));
            }
        }
    }
}

/// How fast steps follow each other, in the unit that has a number above 1.
fn speed(pace: Duration) -> String {
    let seconds = pace.as_secs_f64();
    if seconds > 1.0 {
        format!("{seconds:.1} s per step")
    } else {
        format!("{:.1} steps/s", 1.0 / seconds.max(1e-9))
    }
}
