//! Everything that a run needs to go on, as the bytes of one `.safetensors` file.
//!
//! Tensors: `weights.*`, `ema.*`, `moment_1.*` and `moment_2.*` (each with diffusers' names and PyTorch's
//! shapes, f32) and `losses`. One metadata entry, because the order of several is left to chance and equal runs
//! should have equal files, holds a hash, and after it the two configurations, the options, the step and the data's
//! fingerprint as JSON. The hash is of that text and all tensors, so that a damaged file is an error and not a strange
//! run. Files of format 1 have the hash of the tensors alone within the JSON; they are read too.

use std::collections::{BTreeMap, HashMap};

use safetensors::Dtype;
use serde::{Deserialize, Serialize};

use super::error::TrainError;
use super::labels::TrainingSet;
use super::option_error::OptionError;
use super::options::TrainOptions;
use crate::engine::LearnerState;
use crate::engine::plan::Plan;
use crate::images::fnv1a;
use crate::json::brief;
use crate::scheduler::{SchedulerConfig, SchedulerError};
use crate::tensor_file::{StoredTensor, TensorFile};
use crate::unet::config::{ConfigError, UnetConfig};
use crate::unet::input::InputError;
use crate::unet::labels::{ClassLabels, LabelsError};
use crate::unet::weights::{
    Precision, Stored, TensorSpec, WeightsError, checked, stored, to_bytes,
};

/// The metadata entry; the number changes with the format.
const ENTRY: &str = "ddim-web checkpoint 2";
const ENTRY_1: &str = "ddim-web checkpoint 1";
/// Hexadecimal digits of the hash, which stand before the JSON.
const DIGITS: usize = 16;
const GROUPS: [&str; 4] = ["weights", "ema", "moment_1", "moment_2"];
const LOSSES: &str = "losses";

/// Why bytes are not a checkpoint.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The bytes are not safetensors, or not of this program.
    #[error("checkpoint: expected a checkpoint of ddim-web, found {0}")]
    NotACheckpoint(String),
    /// The tensors are not those that were written.
    #[error("checkpoint: damaged: its contents do not have the hash that was written with them")]
    Hash,
    /// The list of losses does not fit the step.
    #[error("checkpoint: losses: expected {expected} numbers (one per step), found {found}")]
    Losses {
        /// The step.
        expected: u32,
        /// What there is.
        found: String,
    },
    /// A group of tensors does not fit the network.
    #[error("checkpoint: {group}: {source}")]
    Group {
        /// Which group.
        group: &'static str,
        /// What is wrong with it.
        source: WeightsError,
    },
    /// The network's configuration was refused.
    #[error("checkpoint: {0}")]
    Config(#[from] ConfigError),
    /// The network is too large for any image.
    #[error("checkpoint: {0}")]
    Network(#[from] InputError),
    /// The schedule's configuration was refused.
    #[error("checkpoint: {0}")]
    Scheduler(#[from] SchedulerError),
    /// The names of the classes were refused.
    #[error("checkpoint: {0}")]
    Classes(#[from] LabelsError),
    /// An option was refused.
    #[error("checkpoint: {0}")]
    Options(#[from] OptionError),
    /// The file could not be put together.
    #[error("checkpoint: could not be written: {0}")]
    Write(String),
}

/// The set of images that a run learns from, so that it cannot go on with another one by accident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataId {
    /// Number of images.
    pub count: usize,
    /// `[channels, height, width]`.
    pub shape: [usize; 3],
    /// [`ImageSet::fingerprint`](crate::images::ImageSet::fingerprint).
    pub fingerprint: u64,
    /// [`Labels::fingerprint`](super::labels::Labels::fingerprint), where there are labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<u64>,
}

impl DataId {
    /// The identity of `set`.
    pub fn of(set: &TrainingSet) -> Self {
        Self {
            count: set.images.count(),
            shape: set.images.shape(),
            fingerprint: set.images.fingerprint(),
            labels: set.labels.as_ref().map(|labels| labels.fingerprint()),
        }
    }
}

impl std::fmt::Display for DataId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [channels, height, width] = self.shape;
        write!(
            f,
            "{} images of {channels} × {height} × {width} (fingerprint {:016x}",
            self.count, self.fingerprint
        )?;
        match self.labels {
            Some(labels) => write!(f, ", labels {labels:016x})"),
            None => f.write_str(", no labels)"),
        }
    }
}

/// The part of a checkpoint that is not tensors.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    config: String,
    scheduler: String,
    step: u32,
    options: TrainOptions,
    data: DataId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    class_labels: Option<String>,
}

/// What the header of format 1 has beside that of the second.
#[derive(Debug, Deserialize)]
struct Header1 {
    /// Of the tensors.
    hash: u64,
}

/// A run between two steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// The network's configuration.
    pub config: UnetConfig,
    /// The schedule and the meaning of the network's output.
    pub scheduler: SchedulerConfig,
    /// The settings. Some may be changed before a run goes on, see [`Trainer::resume`](super::Trainer::resume).
    pub options: TrainOptions,
    /// Steps done.
    pub step: u32,
    /// What it learned from.
    pub data: DataId,
    /// What the network's classes are called, where it has some.
    pub classes: Option<ClassLabels>,
    /// The loss of every step done.
    pub losses: Vec<f32>,
    /// The parameters, their average and the optimizer's moments, in the order of [`Plan::expected_tensors`].
    pub state: LearnerState,
}

impl Checkpoint {
    /// The averaged weights as diffusers' `diffusion_pytorch_model.safetensors`.
    ///
    /// # Errors
    /// [`TrainError::Weights`] when one is not finite or too large for `precision`.
    pub fn weights(&self, precision: Precision) -> Result<Vec<u8>, TrainError> {
        let specs = Plan::expected_tensors(&self.config)?;
        Ok(to_bytes(&specs, &self.state.average, precision)?)
    }

    /// The bytes of the file.
    ///
    /// # Errors
    /// [`CheckpointError`] when a tensor is not finite.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CheckpointError> {
        let write = |e: safetensors::SafeTensorError| CheckpointError::Write(e.to_string());
        let specs = Plan::expected_tensors(&self.config)?;
        let LearnerState {
            values,
            average,
            moment_1,
            moment_2,
        } = &self.state;
        let mut tensors = vec![(LOSSES.to_string(), Stored::list(&self.losses))];
        for (group, values) in GROUPS
            .into_iter()
            .zip([values, average, moment_1, moment_2])
        {
            let group_stored = stored(&specs, values, Precision::F32)
                .map_err(|source| CheckpointError::Group { group, source })?;
            let named = group_stored.into_iter();
            tensors.extend(named.map(|(name, tensor)| (format!("{group}.{name}"), tensor)));
        }
        // In the order in which they are read, which is that of the hash.
        tensors.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let header = Header {
            config: self.config.to_json(),
            scheduler: self.scheduler.to_json()?,
            step: self.step,
            options: self.options.clone(),
            data: self.data.clone(),
            class_labels: self.classes.as_ref().map(ClassLabels::to_json),
        };
        let header =
            serde_json::to_string(&header).map_err(|e| CheckpointError::Write(e.to_string()))?;
        let contents = (tensors.iter()).map(|(name, tensor)| [name.as_bytes(), tensor.bytes()]);
        let hash = hash(&header, contents);
        let metadata = HashMap::from([(ENTRY.to_string(), format!("{hash:0DIGITS$x}{header}"))]);
        safetensors::serialize(tensors, Some(metadata)).map_err(write)
    }

    /// Reads a file that [`Checkpoint::to_bytes`] made.
    ///
    /// # Errors
    /// [`CheckpointError`] names the part that is wrong.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let foreign = |what: String| CheckpointError::NotACheckpoint(what);
        let damaged = |e: safetensors::SafeTensorError| {
            foreign(format!(
                "{} bytes that are no whole .safetensors file ({})",
                bytes.len(),
                brief(&e.to_string())
            ))
        };
        let file = TensorFile::read(bytes).map_err(damaged)?;
        let unreadable = |e: serde_json::Error| {
            foreign(format!("an unreadable header ({})", brief(&e.to_string())))
        };
        let entry = |name| file.metadata.get(name);
        let header: Header = if let Some(entry) = entry(ENTRY) {
            let (digits, text) = entry.split_at_checked(DIGITS).unwrap_or_default();
            if u64::from_str_radix(digits, 16) != Ok(hash(text, contents(&file))) {
                return Err(CheckpointError::Hash);
            }
            serde_json::from_str(text).map_err(unreadable)?
        } else if let Some(entry) = entry(ENTRY_1) {
            let header = serde_json::from_str(entry).map_err(unreadable)?;
            let Header1 { hash: found } = serde_json::from_str(entry).map_err(unreadable)?;
            if found != hash("", contents(&file)) {
                return Err(CheckpointError::Hash);
            }
            header
        } else {
            return Err(foreign(format!(
                "a .safetensors file without the entry {ENTRY:?}"
            )));
        };
        header.options.check()?;
        let config = UnetConfig::from_json(&header.config)?;
        let scheduler = SchedulerConfig::from_json(&header.scheduler)?;
        let classes = (header.class_labels.as_deref())
            .map(ClassLabels::from_json)
            .transpose()?;
        if let Some(classes) = &classes {
            classes.check(config.num_class_embeds.unwrap_or(0))?;
        }
        let losses = losses(file.tensor(LOSSES), header.step)?;
        let specs = Plan::expected_tensors(&config)?;
        let group = |group| {
            group_values(&file, group, &specs)
                .map_err(|source| CheckpointError::Group { group, source })
        };
        let state = LearnerState {
            values: group(GROUPS[0])?,
            average: group(GROUPS[1])?,
            moment_1: group(GROUPS[2])?,
            moment_2: group(GROUPS[3])?,
        };
        let Header {
            step,
            options,
            data,
            ..
        } = header;
        Ok(Self {
            config,
            scheduler,
            options,
            step,
            data,
            classes,
            losses,
            state,
        })
    }
}

/// Names and bytes of the tensors, by name.
fn contents<'a>(file: &'a TensorFile<'_>) -> impl Iterator<Item = [&'a [u8]; 2]> {
    file.iter()
        .map(|tensor| [tensor.name.as_bytes(), tensor.data])
}

fn hash<'a>(header: &'a str, tensors: impl Iterator<Item = [&'a [u8]; 2]>) -> u64 {
    fnv1a(std::iter::once(header.as_bytes()).chain(tensors.flatten()))
}

fn losses(tensor: Option<&StoredTensor>, step: u32) -> Result<Vec<f32>, CheckpointError> {
    match tensor {
        Some(t) if t.dtype == Dtype::F32 && t.shape == [step as usize] => Ok(t
            .data
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect()),
        tensor => {
            let found = tensor.map_or("none".into(), |t| {
                format!("{:?} of shape {:?}", t.dtype, t.shape)
            });
            Err(CheckpointError::Losses {
                expected: step,
                found,
            })
        }
    }
}

fn group_values(
    file: &TensorFile<'_>,
    group: &str,
    specs: &[TensorSpec],
) -> Result<Vec<Vec<f32>>, WeightsError> {
    let mut found = BTreeMap::new();
    for tensor in file.iter() {
        let name = tensor.name.strip_prefix(group);
        if let Some(name) = name.and_then(|name| name.strip_prefix('.')) {
            found.insert(name.into(), tensor);
        }
    }
    let mut values = checked(specs, found)?;
    let values = specs
        .iter()
        .map(|spec| values.remove(&spec.name).unwrap_or_default());
    Ok(values.collect())
}
