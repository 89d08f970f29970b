//! results.json and results.md, from whatever cells there are.

mod bound;
mod chapter;
mod classifier;
mod figures;
mod grid;
mod rate;
mod table1;
mod table2;
mod text;

use std::fmt::Write;

use serde_json::{Map, json};

use super::evaluation::Evaluation;
use super::store::Store;
use crate::error::CliError;
use crate::files::whole::write_atomically;

/// Writes both files; returns the text of results.md.
///
/// # Errors
/// [`CliError::Failed`] when a cell is damaged or a file cannot be written.
pub fn write(evaluation: &Evaluation, store: &Store) -> Result<String, CliError> {
    let chapters = [
        table1::chapter(
            store,
            evaluation.loaded.model.scheduler().clipping_key().is_some(),
        )?,
        table2::chapter(store)?,
        figures::timing(store)?,
        figures::consistency(store)?,
        bound::chapter(store)?,
    ];
    let manifest = &store.manifest;
    let mut json = Map::new();
    json.insert("model".into(), json!(manifest.name));
    json.insert("fingerprint".into(), json!(manifest.model));
    json.insert("parameters".into(), json!(manifest.parameters));
    if let Some(asked) = &manifest.asked {
        json.insert("asked".into(), json!(asked));
    }
    json.insert("commands".into(), json!(manifest.commands));
    let mut text = introduction(store);
    for chapter in chapters {
        if !chapter.text.is_empty() {
            let _ = write!(text, "\n{}", chapter.text);
        }
        json.insert(chapter.name.into(), chapter.json);
    }
    let json = serde_json::to_string_pretty(&json).map_err(CliError::failed)?;
    write_atomically(&store.path("results.json"), format!("{json}\n").as_bytes())?;
    write_atomically(&store.path("results.md"), text.as_bytes())?;
    Ok(text)
}

fn introduction(store: &Store) -> String {
    let manifest = &store.manifest;
    format!(
        "# Results of the model {}\n\n\
         Tables 1 and 2 and figures 4 and 5 of the DDIM paper (Song, Meng & Ermon 2021, arXiv 2010.02502), and the \
         bound and figure 5 of DDPM (Ho, Jain & Abbeel 2020, arXiv 2006.11239), as far as they were measured, on a \
         model of {} parameters (fingerprint of its files: {}){}. The paper's numbers beside them are those of its CIFAR10 \
         model, which is about {} times as large, and in table 1 with τ linear or uniform those of CelebA 64×64. A dash \
         stands where there is no number. `ddim-web evaluate` wrote this page; it was run as\n\n```\n{}\n```\n",
        manifest.name,
        manifest.parameters,
        manifest.model,
        manifest
            .asked
            .as_ref()
            .map_or_else(String::new, |asked| format!(", asked for {asked}")),
        // DDPM, appendix B.
        (35.7e6 / manifest.parameters.max(1) as f64).round(),
        manifest.commands.join("\n")
    )
}
