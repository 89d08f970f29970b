//! What people have of a model: a folder of diffusers in one of its many layouts, a zip archive, weights of PyTorch's own
//! format, several shards. Made into the three files that the engines take, or refused with the reason.
//!
//! Nothing here opens a file: whoever has them gives their names, and the bytes of those that are asked for.

mod bytes;
mod error;
mod families;
pub mod header;
pub mod layout;
mod needs;
pub mod pickle;
mod shards;
pub mod torch;
pub mod zip;

pub use error::ModelError;
pub use needs::Needs;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;

use self::layout::{Layout, LayoutError, Weights};
use self::shards::{sharded, shards};
use self::torch::Tensor;
use self::zip::Zip;
use crate::allocate::room;
use crate::engine::plan::Plan;
use crate::json::{self, brief};
use crate::scheduler::{SchedulerClass, SchedulerConfig};
use crate::unet::config::UnetConfig;
use crate::unet::labels::ClassLabels;
use crate::unet::weights::{self, WeightsError};

/// A model, as the engines take it.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelFiles {
    /// The text of `config.json`.
    pub config: String,
    /// The text of `scheduler_config.json`; `None` where there is none, and somebody has to say what it was trained with.
    pub scheduler: Option<String>,
    /// The bytes of a `.safetensors` file.
    pub weights: Vec<u8>,
    /// The file that the weights were read from, or the list of such.
    pub weights_name: String,
    /// What the classes are called; empty where nobody gives them names.
    pub classes: ClassLabels,
    /// What is worth knowing of how all of it was read, a sentence each.
    pub notes: Vec<String>,
}

/// The schedule to propose where a model has none: that of DDPM's own, linear betas from 0.0001 to 0.02 in 1000 steps.
pub fn proposed_scheduler() -> String {
    let scheduler = SchedulerConfig::new(SchedulerClass::Ddim);
    // Its own defaults can always be written.
    scheduler.to_json().unwrap_or_default()
}

/// Gives the bytes of a file, or says why not.
pub type Open<'f, 'a> = &'f mut dyn FnMut(&str) -> Result<Cow<'a, [u8]>, String>;

/// The same with an error that names the file.
type Get<'f, 'a> = &'f mut dyn FnMut(&str) -> Result<Cow<'a, [u8]>, ModelError>;

/// All of a model but its weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Outline {
    /// The text of `config.json`.
    pub config: String,
    /// The text of `scheduler_config.json`; `None` where there is none.
    pub scheduler: Option<String>,
    /// What the classes are called; empty where nobody gives them names.
    pub classes: ClassLabels,
    /// Names of the files that hold the weights, shards in the order of their names.
    pub weights: Vec<String>,
    /// What is worth knowing of how all of it was read, a sentence each.
    pub notes: Vec<String>,
}

/// What leads out of the folder that a model is in is none of its files.
fn usable(names: &[String]) -> Vec<&str> {
    let leads_out = |name: &str| name.starts_with('/') || name.split('/').any(|part| part == "..");
    names
        .iter()
        .map(String::as_str)
        .filter(|name| !leads_out(name))
        .collect()
}

/// What there is to know of the model among files with these `names` before its weights are read, as [`read`] finds it.
/// Where no `config.json` says what it is, `open` is asked for the weights, of which the header will do.
///
/// # Errors
/// As [`read`], and [`ModelError::Network`].
pub fn outline<'a>(names: &[String], open: Open<'_, 'a>) -> Result<Outline, ModelError> {
    let usable = usable(names);
    let mut get = getter(open);
    let (outline, weights) = begin(&usable, &mut get)?;
    let config = UnetConfig::from_json(&outline.config)?;
    Plan::expected_tensors(&config).map_err(ModelError::Network)?;
    let weights = match weights {
        Weights::Safetensors(name) | Weights::Torch(name) => vec![name.to_string()],
        Weights::Sharded(name) => shards(name, &usable, &mut get)?,
    };
    Ok(Outline { weights, ..outline })
}

/// Whether weights that are announced like this are those of the network of `config`: each file by its first bytes, the
/// header among them, and its size where that is known. What is worth knowing of how they will be read, a sentence each.
///
/// # Errors
/// [`ModelError`] says what the network is where it is none of this program's, or what does not fit.
pub fn fit(config: &str, files: &[(&[u8], Option<u64>)]) -> Result<Vec<String>, ModelError> {
    let config = UnetConfig::from_json(config)?;
    let mut found = Vec::new();
    for (start, size) in files {
        found.extend(header::tensors(start, *size)?);
    }
    let names = found.iter().map(|tensor| tensor.name.as_str());
    if let Some(family) = families::of_tensors(names) {
        return Err(ModelError::Family(family));
    }
    let expected = Plan::expected_tensors(&config).map_err(ModelError::Network)?;
    Ok(weights::fit(&expected, &found)?)
}

/// The same as `open`, with an error that names the file.
fn getter<'f, 'a>(
    open: Open<'f, 'a>,
) -> impl FnMut(&str) -> Result<Cow<'a, [u8]>, ModelError> + use<'f, 'a> {
    move |name| {
        open(name).map_err(|reason| ModelError::Open {
            name: brief(name),
            reason: brief(&reason),
        })
    }
}

/// The model among files with these `names`, of which `open` gives the bytes. Names are paths with slashes; those that lead
/// out of where they are (`..`, a slash at the beginning) are not looked at.
///
/// # Errors
/// [`ModelError`] says what is missing, what the network is where it is none of this program's, or what is wrong in which
/// file.
///
/// ```
/// use ddim_web::model_files::read;
///
/// // Somebody else's network, known by the names of its tensors.
/// let header = br#"{"init_conv.weight":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#;
/// let file = [&(header.len() as u64).to_le_bytes(), &header[..]].concat();
/// let error = read(&["unet/model.safetensors".into()], &mut |_| Ok(file.as_slice().into())).unwrap_err();
/// assert!(error.to_string().contains("lucidrains"));
/// ```
pub fn read<'a>(names: &[String], open: Open<'_, 'a>) -> Result<ModelFiles, ModelError> {
    let usable = usable(names);
    let mut get = getter(open);
    let (outline, weights) = begin(&usable, &mut get)?;
    let Outline {
        config,
        scheduler,
        classes,
        mut notes,
        ..
    } = outline;
    let weights_name = weights.name().to_string();
    let weights = match weights {
        Weights::Safetensors(name) => get(name)?.into_owned(),
        Weights::Torch(name) => {
            let bytes = get(name)?;
            let dict = torch_file(name, &bytes)?;
            if let Some(key) = dict.within {
                notes.push(format!("the weights are those under “{key}” in the file"));
            }
            serialized(dict.tensors)?
        }
        Weights::Sharded(name) => sharded(name, &usable, &mut get)?,
    };
    refuse_family(&weights)?;
    Ok(ModelFiles {
        config,
        scheduler,
        weights,
        classes,
        weights_name,
        notes,
    })
}

/// What is read before the weights, and where these are.
fn begin<'n, 'a>(
    usable: &[&'n str],
    get: Get<'_, 'a>,
) -> Result<(Outline, Weights<'n>), ModelError> {
    let Layout {
        config,
        scheduler,
        weights,
        labels,
        index,
        mut notes,
    } = match layout::choose(usable) {
        Err(LayoutError::NoConfig) => return Err(without_config(usable, get)),
        found => found?,
    };
    let mut text = |name: &str| Ok::<_, ModelError>(text(&get(name)?));
    if let Some(index) = index {
        refuse_pipeline(&text(index)?)?;
    }
    let config = text(config)?;
    refuse_class(&config)?;
    UnetConfig::from_json(&config)?;
    let scheduler = match scheduler {
        Some(name) => {
            let text = text(name)?;
            notes.extend(SchedulerConfig::from_json(&text)?.notes());
            Some(text)
        }
        None => None,
    };
    let classes = match labels {
        Some(name) => match ClassLabels::from_json(&text(name)?) {
            Ok(classes) => classes,
            Err(what) => {
                notes.push(format!("class_labels.json is not used: {what}"));
                ClassLabels::default()
            }
        },
        None => ClassLabels::default(),
    };
    let outline = Outline {
        config,
        scheduler,
        classes,
        weights: Vec::new(),
        notes,
    };
    Ok((outline, weights))
}

/// What weights without a `config.json` are.
fn without_config<'a>(names: &[&str], get: Get<'_, 'a>) -> ModelError {
    let missing = LayoutError::NoConfig.into();
    let endings = [".safetensors", ".pt", ".pth", ".ckpt", ".bin"];
    let is_weights = |name: &&&str| endings.iter().any(|ending| name.ends_with(ending));
    let Some(name) = names.iter().find(is_weights) else {
        return missing;
    };
    let Ok(bytes) = get(name) else {
        return missing;
    };
    let family = if zip::is_zip(&bytes) {
        match torch_file(name, &bytes) {
            Ok(dict) => families::of_tensors(dict.tensors.iter().map(|t| t.name.as_str())),
            Err(error) => return error,
        }
    } else {
        match refuse_family(&bytes) {
            Err(error) => return error,
            Ok(()) => None,
        }
    };
    family.map_or(missing, ModelError::Family)
}

/// The model in the zip archive `bytes`.
///
/// # Errors
/// As [`read`], and [`ModelError::Zip`].
pub fn read_zip(bytes: &[u8]) -> Result<ModelFiles, ModelError> {
    let zip = Zip::new(bytes)?;
    let entries: BTreeMap<&str, _> = (zip.entries().iter())
        .map(|entry| (entry.name.as_str(), entry))
        .collect();
    let names: Vec<String> = entries.keys().map(|name| name.to_string()).collect();
    read(&names, &mut |name| {
        let entry = entries.get(name).ok_or("not in the archive")?;
        zip.read(entry).map_err(|error| error.to_string())
    })
}

/// The text of a small file; what is no UTF-8 is refused by whoever parses it.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn refuse_pipeline(index: &str) -> Result<(), ModelError> {
    let parts = json::object(index).unwrap_or_default();
    match families::of_parts(parts.keys().map(String::as_str)) {
        Some(family) => Err(ModelError::Family(family)),
        None => Ok(()),
    }
}

fn refuse_class(config: &str) -> Result<(), ModelError> {
    let keys = json::object(config).unwrap_or_default();
    let class = keys.get("_class_name").and_then(Value::as_str);
    match class.and_then(families::of_class) {
        Some(family) => Err(ModelError::Family(family)),
        None => Ok(()),
    }
}

fn refuse_family(safetensors: &[u8]) -> Result<(), ModelError> {
    // What is no safetensors is refused, in words, by whoever loads it.
    let Ok(found) = header::tensors(safetensors, None) else {
        return Ok(());
    };
    match families::of_tensors(found.iter().map(|tensor| tensor.name.as_str())) {
        Some(family) => Err(ModelError::Family(family)),
        None => Ok(()),
    }
}

fn torch_file<'b>(name: &str, bytes: &'b [u8]) -> Result<torch::StateDict<'b>, ModelError> {
    torch::read(bytes).map_err(|source| ModelError::Torch {
        name: brief(name),
        source,
    })
}

/// The tensors as a `.safetensors` file.
fn serialized(tensors: Vec<Tensor<'_>>) -> Result<Vec<u8>, ModelError> {
    let numbers = tensors.iter().map(|tensor| tensor.data.len() as u64);
    room("the model as one file", numbers.sum())?;
    let views = tensors.iter().map(|tensor| (tensor.name.as_str(), tensor));
    safetensors::serialize(views, None)
        .map_err(|error| WeightsError::NotSafetensors(brief(&error.to_string())).into())
}
