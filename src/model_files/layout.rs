//! Which of many files are a model: the layouts that diffusers and its training scripts leave.

use crate::json::brief;

/// The files of a model, by the names that they were given with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout<'a> {
    /// `config.json` of the network.
    pub config: &'a str,
    /// `scheduler_config.json`, where there is one.
    pub scheduler: Option<&'a str>,
    /// The weights.
    pub weights: Weights<'a>,
    /// `class_labels.json`, where there is one.
    pub labels: Option<&'a str>,
    /// `model_index.json`, where there is one.
    pub index: Option<&'a str>,
    /// What was chosen among several, a sentence each.
    pub notes: Vec<String>,
}

/// Where weights stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights<'a> {
    /// In one file of safetensors.
    Safetensors(&'a str),
    /// In one file of PyTorch.
    Torch(&'a str),
    /// In several files, which this one lists.
    Sharded(&'a str),
}

impl<'a> Weights<'a> {
    /// The file.
    pub fn name(self) -> &'a str {
        match self {
            Self::Safetensors(name) | Self::Torch(name) | Self::Sharded(name) => name,
        }
    }
}

/// Why no model was found. One line each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// No `config.json`.
    #[error("config.json is missing: expected it beside the weights, or in unet/")]
    NoConfig,
    /// More than one network, and nothing that says which.
    #[error("expected one model, found {first} and {second}: choose the folder of one")]
    Several {
        /// A `config.json`.
        first: String,
        /// Another one.
        second: String,
    },
    /// No weights.
    #[error(
        "{folder}diffusion_pytorch_model.safetensors is missing, and no .bin, .pt or {folder}*.index.json is beside it"
    )]
    NoWeights {
        /// The folder of the network, with a slash at its end, or nothing.
        folder: String,
    },
}

/// Folders of pipelines that hold something else than the network, with a `config.json` of their own.
const OTHERS: [&str; 9] = [
    "vae",
    "vqvae",
    "movq",
    "text_encoder",
    "text_encoder_2",
    "image_encoder",
    "safety_checker",
    "feature_extractor",
    "scheduler",
];

/// The folder of `name`, with a slash at its end where there is one.
pub fn folder(name: &str) -> &str {
    &name[..name.rfind('/').map_or(0, |at| at + 1)]
}

/// The last part of a folder's path.
fn last(folder: &str) -> &str {
    let folder = folder.trim_end_matches('/');
    folder.rsplit('/').next().unwrap_or(folder)
}

/// Chooses among files with these `names` (paths with slashes; what lies around the model does no harm).
///
/// # Errors
/// [`LayoutError`] says what is missing.
pub fn choose<'a>(names: &[&'a str]) -> Result<Layout<'a>, LayoutError> {
    let mut notes = Vec::new();
    let config = config(names, &mut notes)?;
    let home = folder(config);
    let near = |name: &str| near(names, home, name);
    let weights = weights(names, home, &mut notes).ok_or_else(|| LayoutError::NoWeights {
        folder: brief(home),
    })?;
    Ok(Layout {
        config,
        scheduler: near(SCHEDULER),
        weights,
        labels: near("class_labels.json"),
        index: near("model_index.json"),
        notes,
    })
}

const SCHEDULER: &str = "scheduler_config.json";

/// `scheduler_config.json` among files with these `names`, also where there is no network beside it.
///
/// # Errors
/// [`LayoutError::Several`] where it is not plain which one.
pub fn scheduler<'a>(names: &[&'a str]) -> Result<Option<&'a str>, LayoutError> {
    match config(names, &mut Vec::new()) {
        Ok(config) => Ok(near(names, folder(config), SCHEDULER)),
        Err(LayoutError::NoConfig) => {
            let mut found: Vec<&str> = names
                .iter()
                .copied()
                .filter(|name| name[folder(name).len()..] == *SCHEDULER)
                .collect();
            found.sort_unstable_by_key(|name| name.matches('/').count());
            Ok(found.first().copied())
        }
        Err(error) => Err(error),
    }
}

/// The file `name` that belongs to the network in the folder `home`: beside it, in `scheduler/`, or above.
pub fn near<'a>(names: &[&'a str], home: &str, name: &str) -> Option<&'a str> {
    let up = folder(home.trim_end_matches('/'));
    let around = [
        home.to_string(),
        format!("{home}scheduler/"),
        format!("{up}scheduler/"),
        up.to_string(),
    ];
    around.iter().find_map(|folder| {
        names
            .iter()
            .copied()
            .find(|found| found.strip_prefix(folder.as_str()) == Some(name))
    })
}

/// `config.json` of the network among files with these `names`, whether or not it has weights. What was chosen among
/// several is put into `notes`.
///
/// # Errors
/// [`LayoutError`]: none, or more than one.
pub fn config<'a>(names: &[&'a str], notes: &mut Vec<String>) -> Result<&'a str, LayoutError> {
    // What is better comes first: averaged weights, the network of a pipeline, a folder of its own; and what is less deep.
    let mut configs: Vec<(usize, usize, &str)> = names
        .iter()
        .copied()
        .filter(|name| name[folder(name).len()..] == *"config.json")
        .filter(|name| !OTHERS.contains(&last(folder(name))))
        .map(|name| {
            let rank = match last(folder(name)) {
                "unet_ema" => 0,
                "unet" => 1,
                _ => 2,
            };
            (rank, name.matches('/').count(), name)
        })
        .collect();
    configs.sort_unstable();
    let &(rank, depth, config) = configs.first().ok_or(LayoutError::NoConfig)?;
    if let Some((_, _, second)) =
        (configs.get(1)).filter(|second| (second.0, second.1) == (rank, depth))
    {
        return Err(LayoutError::Several {
            first: brief(config),
            second: brief(second),
        });
    }
    if rank == 0 && configs.iter().any(|(rank, ..)| *rank == 1) {
        notes.push("of unet/ and unet_ema/ the averaged weights, unet_ema/, are taken".to_string());
    }
    Ok(config)
}

/// The best of the weights in the folder `home`: safetensors before PyTorch's own files, whole numbers of bits before
/// variants, one file before several.
fn weights<'a>(names: &[&'a str], home: &str, notes: &mut Vec<String>) -> Option<Weights<'a>> {
    let rank = |file: &str| -> Option<(usize, usize, usize)> {
        let lower = file.to_ascii_lowercase();
        let (stem, kind) = if let Some(stem) = lower.strip_suffix(".safetensors.index.json") {
            (stem, 1)
        } else if let Some(stem) = lower.strip_suffix(".bin.index.json") {
            (stem, 3)
        } else if let Some(stem) = lower.strip_suffix(".safetensors") {
            (stem, 0)
        } else {
            let endings = [".bin", ".pt", ".pth", ".ckpt"];
            (
                endings
                    .iter()
                    .find_map(|ending| lower.strip_suffix(ending))?,
                2,
            )
        };
        // A shard is listed in its index; what a trainer keeps to go on is no model.
        let shard = stem.contains("-of-0") && kind % 2 == 0;
        let aside = [
            "optimizer",
            "scheduler",
            "random_states",
            "scaler",
            "training_args",
        ];
        // Nor is what this program keeps.
        let ours = (stem, kind) == ("checkpoint", 0);
        if shard || ours || aside.iter().any(|name| stem.starts_with(name)) {
            return None;
        }
        let known = ["diffusion_pytorch_model", "model", "pytorch_model"];
        let (name, variant) = stem.split_once('.').unwrap_or((stem, ""));
        let family = known
            .iter()
            .position(|known| *known == name)
            .unwrap_or(known.len());
        let variant = match variant {
            "" => 0,
            "fp32" => 1,
            "bf16" => 3,
            "fp16" => 2,
            _ => 4,
        };
        Some((variant, kind, family))
    };
    let mut found: Vec<_> = names
        .iter()
        .copied()
        .filter_map(|name| {
            let file = name.strip_prefix(home).filter(|file| !file.contains('/'))?;
            let (variant, kind, family) = rank(file)?;
            // Safetensors of any variant before what has to be taken apart.
            Some(((kind >= 2, variant, kind, family, name), name))
        })
        .collect();
    found.sort_unstable();
    let &((_, variant, kind, family, _), name) = found.first()?;
    let file = brief(&name[home.len()..]);
    if variant > 0 || family > 0 || kind > 0 {
        notes.push(format!("the weights are those in {file}"));
    }
    Some(match kind {
        0 => Weights::Safetensors(name),
        2 => Weights::Torch(name),
        _ => Weights::Sharded(name),
    })
}
