//! A model folder at work: its network on a device, its schedule, and Ctrl-C.

use std::path::Path;

use ddim_web::engine::Engine;
use ddim_web::runs::{Event, Job, Model, Watch};
use ddim_web::scheduler::SchedulerConfig;
use ddim_web::unet::labels::ClassLabels;
use ddim_web::unet::weights;

use super::condition::Asked;
use super::machine::Machine;
use crate::error::CliError;
use crate::files::model::ModelFiles;
use crate::stop::Stop;
use crate::terminal::remark;

/// A file of unknown keys has its first few named.
const NAMED: usize = 8;

/// As much of a key as a line has room for.
fn shown(key: &str) -> String {
    const LONGEST: usize = 40;
    key.chars().take(LONGEST).collect()
}

/// A model folder, opened on one device.
pub struct Loaded {
    /// The model.
    pub model: Model<Engine>,
    /// What its classes are called; empty where nothing says it.
    pub labels: ClassLabels,
    /// What it is asked for.
    pub asked: Asked,
    /// Ctrl-C.
    pub stop: Stop,
}

impl Loaded {
    /// Reads the model in `folder` and puts it on `machine`; says on standard error what it is.
    ///
    /// # Errors
    /// The file that cannot be used and why, or why there is no GPU.
    pub fn open(folder: &Path, machine: Machine, stop: Stop) -> Result<Self, CliError> {
        let options = machine.options()?;
        let files = ModelFiles::read(folder)?;
        let scheduler = SchedulerConfig::from_json(&files.scheduler).map_err(CliError::failed)?;
        files.notes.iter().for_each(remark);
        weights::remarks(&files.weights).iter().for_each(remark);
        let engine = pollster::block_on(Engine::load(
            &files.config,
            files.weights,
            &options,
            &mut |_, _| {},
        ))
        .map_err(CliError::failed)?;
        let model = Model::new(engine, scheduler);
        let info = model.info();
        let labels = files.classes;
        if let Some(classes) = info.classes {
            labels.check(classes).map_err(CliError::failed)?;
        }
        remark(format_args!(
            "{} parameters on {}",
            info.parameters, info.adapter
        ));
        for (file, keys) in [
            ("config.json", info.unknown_keys.clone()),
            ("scheduler_config.json", model.scheduler().unknown_keys()),
        ] {
            if !keys.is_empty() {
                let more = keys.len().saturating_sub(NAMED);
                let some: Vec<String> = keys.iter().take(NAMED).map(|key| shown(key)).collect();
                let rest = if more == 0 {
                    String::new()
                } else {
                    format!(" and {more} more")
                };
                remark(format_args!("{file}: ignored {}{rest}", some.join(", ")));
            }
        }
        Ok(Self {
            model,
            labels,
            asked: Asked::default(),
            stop,
        })
    }

    /// The images of `job`, `[count, C, H, W]`. `see` hears of every step of every batch.
    ///
    /// # Errors
    /// Those of [`Model::run`]; [`CliError::Stopped`] after Ctrl-C.
    pub fn run(&self, job: &Job, see: &mut dyn FnMut(&Event)) -> Result<Vec<f32>, CliError> {
        Ok(pollster::block_on(
            self.model.run(job, &mut self.until_stopped(see)),
        )?)
    }

    /// Shows `see` every step, and ends the run after Ctrl-C.
    pub fn until_stopped<'a>(&'a self, see: &'a mut dyn FnMut(&Event)) -> UntilStopped<'a> {
        UntilStopped {
            stop: &self.stop,
            see,
        }
    }
}

/// Ends a run after Ctrl-C.
pub struct UntilStopped<'a> {
    stop: &'a Stop,
    see: &'a mut dyn FnMut(&Event),
}

impl Watch for UntilStopped<'_> {
    fn go_on(&mut self) -> bool {
        !self.stop.requested()
    }

    fn see(&mut self, event: &Event) {
        (self.see)(event);
    }
}
