//! `class_labels.json` of a model folder.

use std::path::Path;

use ddim_web::unet::labels::{CLASS_LABELS, ClassLabels};

use super::model::place;
use super::whole::read_text;
use crate::error::CliError;

/// What the `classes` classes of the model in `folder` are called; `None` where no file says it. Of a network without
/// classes the file says nothing.
///
/// # Errors
/// The file, and what is wrong with it.
pub fn class_labels(
    folder: &Path,
    classes: Option<usize>,
) -> Result<Option<ClassLabels>, CliError> {
    let path = place(folder, "unet", CLASS_LABELS);
    let Some(classes) = classes.filter(|_| path.exists()) else {
        return Ok(None);
    };
    let failed = |error| CliError::Failed(format!("{}: {error}", path.display()));
    let labels = ClassLabels::from_json(&read_text(&path)?).map_err(failed)?;
    labels.check(classes).map_err(failed)?;
    Ok(Some(labels))
}
