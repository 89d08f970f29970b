//! Weights in several files, which one of them lists.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::Value;

use super::layout::folder;
use super::torch::Tensor;
use super::zip::is_zip;
use super::{Get, ModelError, serialized, text, torch_file};
use crate::json::{self, brief};
use crate::unet::weights;

/// Most files of one model, its shards among them.
const MOST_SHARDS: usize = 1000;

/// The shards that the list `name` names, all of which lie beside it.
pub(super) fn shards<'a>(
    name: &str,
    names: &[&str],
    get: Get<'_, 'a>,
) -> Result<Vec<String>, ModelError> {
    let refused = |what: String| ModelError::Shards {
        name: brief(name),
        what,
    };
    let folder = folder(name);
    let list = json::object(&text(&get(name)?)).map_err(|what| refused(brief(&what)))?;
    let files: Option<BTreeSet<&str>> = list
        .get("weight_map")
        .and_then(Value::as_object)
        .and_then(|map| map.values().map(Value::as_str).collect());
    let files = files
        .filter(|files| (1..=MOST_SHARDS).contains(&files.len()))
        .ok_or_else(|| refused(format!("expected a weight_map of 1 to {MOST_SHARDS} files")))?;
    let path = |file: &str| {
        let path = format!("{folder}{file}");
        if file.contains('/') || !names.contains(&path.as_str()) {
            return Err(refused(format!("{} is not beside it", brief(file))));
        }
        Ok(path)
    };
    files.into_iter().map(path).collect()
}

/// The tensors of the shards that the list `name` names.
pub(super) fn sharded<'a>(
    name: &str,
    names: &[&str],
    get: Get<'_, 'a>,
) -> Result<Vec<u8>, ModelError> {
    let mut shards_read = Vec::new();
    for path in shards(name, names, get)? {
        let bytes = get(&path)?;
        shards_read.push((path, bytes));
    }
    let mut tensors: Vec<Tensor<'_>> = Vec::new();
    for (path, bytes) in &shards_read {
        if is_zip(bytes) {
            tensors.extend(torch_file(path, bytes)?.tensors);
        } else {
            let file = weights::parse(bytes)?;
            for tensor in file.into_tensors() {
                tensors.push(Tensor {
                    name: tensor.name.into_owned(),
                    dtype: tensor.dtype,
                    shape: tensor.shape,
                    data: Cow::Borrowed(tensor.data),
                });
            }
        }
    }
    serialized(tensors)
}
