//! The models of a site, one folder each, and their entries in the list.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use ddim_web::engine::plan::Plan;
use ddim_web::engine::{self, EngineInfo};
use ddim_web::runs::Model;
use ddim_web::scheduler::SchedulerConfig;
use ddim_web::site::card::card;
use ddim_web::site::models::{Entry, LONGEST, Samples, id};
use ddim_web::unet::config::UnetConfig;
use ddim_web::unet::weights::{self, Precision};
use image::RgbImage;
use sha2::{Digest, Sha256};

use super::pictures;
use crate::args::machine::Machine;
use crate::draw::picture::write_png;
use crate::error::CliError;
use crate::files::model::{CONFIG, ModelFiles, SCHEDULER, Source, WEIGHTS};
use crate::files::whole::{read_text, write_atomically};
use crate::stop::Stop;
use crate::terminal::remark;

const CARD: &str = "README.md";
const LABELS: &str = "class_labels.json";
const PREVIEW: &str = "preview.png";
/// Samples beside real pictures, which cards show.
const SHEET: &str = "sheet.png";
const LIST: &str = "index.json";

/// What is to become of a model.
pub struct Wishes {
    /// Whether its weights are rounded to 16 bits.
    pub f16: bool,
    /// Whether it gets a card if it has none.
    pub card: bool,
    /// How many pictures are drawn if it has none.
    pub pictures: usize,
    /// In so many steps.
    pub steps: usize,
    /// Where.
    pub machine: Machine,
    /// Without a progress bar.
    pub quiet: bool,
}

/// The models that are in the site so far.
pub struct Shelf {
    folder: PathBuf,
    entries: Vec<Entry>,
    previews: Vec<RgbImage>,
}

impl Shelf {
    /// None yet, in `folder`.
    pub fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            entries: Vec::new(),
            previews: Vec::new(),
        }
    }

    /// Their entries in the list.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Pictures of those that have some.
    pub fn previews(&self) -> &[RgbImage] {
        &self.previews
    }

    /// Reads the model in the folder or archive `folder`, and writes it with all that belongs to it.
    ///
    /// # Errors
    /// The file that cannot be used and why.
    pub fn add(&mut self, folder: &Path, wishes: &Wishes, stop: &Stop) -> Result<(), CliError> {
        let named = |e: CliError| match e {
            CliError::Failed(what) if !what.starts_with(&folder.display().to_string()) => {
                CliError::Failed(format!("{}: {what}", folder.display()))
            }
            other => other,
        };
        let source = Source::open(folder)?;
        let mut files = ModelFiles::of(&source)?;
        let failed = |e: &dyn std::fmt::Display| named(CliError::failed(e));
        let config = UnetConfig::from_json(&files.config).map_err(|e| failed(&e))?;
        let scheduler = SchedulerConfig::from_json(&files.scheduler).map_err(|e| failed(&e))?;
        check_showable(&config).map_err(named)?;
        if wishes.f16 {
            files.weights = rounded(&config, &files.weights).map_err(named)?;
        }
        let mut entry = self.entry(&source, &config)?;
        let name = WEIGHTS.to_string();
        entry.sha256 = BTreeMap::from([(name, hexadecimal(&Sha256::digest(&files.weights)))]);

        let place = self.folder.join(&entry.id);
        write_atomically(&place.join(CONFIG), files.config.as_bytes())?;
        write_atomically(&place.join(SCHEDULER), files.scheduler.as_bytes())?;
        write_atomically(&place.join(WEIGHTS), &files.weights)?;
        // Proves that its files fit each other, whether or not there are pictures to draw.
        let options = wishes.machine.options()?;
        let engine = pollster::block_on(engine::Engine::load(
            &files.config,
            files.weights,
            &options,
            &mut |_, _| {},
        ))
        .map_err(|e| failed(&e))?;
        let model = Model::new(engine, scheduler);
        remark(format_args!("{}: {}", entry.name, described(model.info())));
        for note in &files.notes {
            remark(format_args!("{}: {note}", entry.name));
        }
        if entry.note.is_empty() {
            entry.note = note(model.info());
        }

        if let Some(bytes) = source.beside(PREVIEW)? {
            let picture = pictures::decoded(&bytes).map_err(|e| {
                CliError::Failed(format!("{}: {e}", folder.join(PREVIEW).display()))
            })?;
            write_atomically(&place.join(PREVIEW), &bytes)?;
            self.previews.push(picture);
        } else if wishes.pictures > 0 {
            let picture = pictures::draw(&model, wishes, stop).map_err(named)?;
            write_png(&place.join(PREVIEW), &picture)?;
            self.previews.push(picture);
        }
        // What the page reads beside the three files.
        let samples = entry.samples.as_ref().map(|samples| samples.file.as_str());
        for name in samples.into_iter().chain([LABELS, SHEET]) {
            if let Some(bytes) = source.beside(name)? {
                write_atomically(&place.join(name), &bytes)?;
            }
        }
        if let Some(bytes) = source.beside(CARD)? {
            write_atomically(&place.join(CARD), &bytes)?;
        } else if wishes.card {
            let precision = if wishes.f16 {
                "16 bits each"
            } else {
                "as they were saved"
            };
            let text = card(
                &entry.name,
                &config,
                model.info().parameters,
                model.scheduler(),
                precision,
            );
            write_atomically(&place.join(CARD), text.as_bytes())?;
        }
        self.entries.push(entry);
        Ok(())
    }

    /// The entry of the model in `source`, as far as the list beside its folder or the folder itself says it.
    fn entry(&self, source: &Source, config: &UnetConfig) -> Result<Entry, CliError> {
        let real = source.real()?;
        let name: String = source.name()?.chars().take(LONGEST).collect();
        let above = real.parent().filter(|_| real.is_dir());
        let listed = above.and_then(|above| listed(&above.join(LIST), &name));
        let mut entry = listed.unwrap_or(Entry {
            id: name.clone(),
            name: name.clone(),
            ..Entry::default()
        });
        let taken: Vec<String> = self.entries.iter().map(|entry| entry.id.clone()).collect();
        entry.id = id(&entry.id, &taken);
        entry.path = format!("{}/", entry.id);
        if entry.name.trim().is_empty() || entry.name.chars().count() > LONGEST {
            entry.name = name;
        }
        let fits = |samples: &Samples| {
            Path::new(&samples.file).file_name() == Some(samples.file.as_ref())
                && real.join(&samples.file).is_file()
        };
        entry.samples = entry.samples.filter(fits);
        let classes = config.num_class_embeds.unwrap_or(0);
        entry.labels = entry.labels.filter(|labels| labels.len() <= classes);
        entry.null_label = entry.null_label.filter(|label| *label < classes);
        Ok(entry)
    }
}

/// The entry of the folder `name` in the list at `path`, where there is such a list. Nothing depends on it.
fn listed(path: &Path, name: &str) -> Option<Entry> {
    let text = path.is_file().then(|| read_text(path))?.ok()?;
    let list: Vec<serde_json::Value> = serde_json::from_str(&text).ok()?;
    let entries = list
        .into_iter()
        .filter_map(|entry| serde_json::from_value(entry).ok());
    let mut found = entries.filter(|entry: &Entry| entry.path.trim_end_matches('/') == name);
    found.next()
}

/// What the page cannot show is refused here, not by every visitor's browser.
fn check_showable(config: &UnetConfig) -> Result<(), CliError> {
    let channels = config.out_channels;
    if channels != 1 && channels != 3 {
        return Err(CliError::Failed(format!(
            "config.json: out_channels: the page shows 1 (grey) or 3 (colour), found {channels}"
        )));
    }
    if config.sample_size.is_none() {
        return Err(CliError::Failed(
            "config.json: sample_size: the page needs the size of the pictures, found none".into(),
        ));
    }
    Ok(())
}

/// The weights with 16 bits a number.
fn rounded(config: &UnetConfig, bytes: &[u8]) -> Result<Vec<u8>, CliError> {
    let specs = Plan::expected_tensors(config).map_err(CliError::failed)?;
    let mut tensors = weights::tensors(&specs, bytes).map_err(CliError::failed)?;
    let values: Vec<Vec<f32>> = specs
        .iter()
        .filter_map(|spec| tensors.remove(&spec.name))
        .collect();
    weights::to_bytes(&specs, &values, Precision::F16).map_err(CliError::failed)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Channels and size in words.
fn kind(info: &EngineInfo) -> String {
    let colours = if info.out_channels == 1 {
        "grey"
    } else {
        "colour"
    };
    let [height, width] = info.sample_size.unwrap_or_default();
    format!("{colours} pictures of {height}×{width}")
}

fn described(info: &EngineInfo) -> String {
    format!("{} parameters, {}", info.parameters, kind(info))
}

/// What a model draws, where nobody has said it.
fn note(info: &EngineInfo) -> String {
    let millions = info.parameters as f64 / 1e6;
    let classes = info
        .classes
        .map_or(String::new(), |classes| format!(" with {classes} classes"));
    format!(
        "A diffusion model of {}{classes}, {millions:.1} million parameters.",
        kind(info)
    )
}
