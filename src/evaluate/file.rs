//! Features in a `.safetensors` file: `real` `[N, D]`, and any number of other sets `[M, D]` under their names.

use std::collections::BTreeMap;

use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::statistics::{FeatureSet, StatisticsError};
use crate::json::{brief, few};
use crate::unet::weights::{self, WeightsError};

/// Name of the real images' features.
pub const REAL: &str = "real";

/// Why a file of features was refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FeatureFileError {
    /// Not a .safetensors file, or numbers of a wrong kind.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The features of the real images are not there.
    #[error("expected a tensor {REAL} [images, features], found {}", few(found))]
    NoReal {
        /// Names of the tensors that are there.
        found: Vec<String>,
    },
    /// A tensor is not a matrix.
    #[error("{}: expected [images, features], found {}", brief(name), brief(&format!("{found:?}")))]
    Shape {
        /// The tensor.
        name: String,
        /// Its shape.
        found: Vec<usize>,
    },
    /// A tensor is no usable set of features.
    #[error("{name}: {error}")]
    Set {
        /// The tensor.
        name: String,
        /// What is wrong with it.
        error: StatisticsError,
    },
}

/// The features of the real images, and all other sets of the file by name.
///
/// # Errors
/// [`FeatureFileError`] names the tensor that is wrong.
pub fn read(bytes: &[u8]) -> Result<(FeatureSet, BTreeMap<String, FeatureSet>), FeatureFileError> {
    let file = weights::parse(bytes)?;
    let mut sets = BTreeMap::new();
    for tensor in file.iter() {
        let name = &*tensor.name;
        let &[_, dimension] = &tensor.shape[..] else {
            return Err(FeatureFileError::Shape {
                name: name.into(),
                found: tensor.shape.clone(),
            });
        };
        let set = FeatureSet::new(weights::floats(name, tensor)?, dimension).map_err(|error| {
            FeatureFileError::Set {
                name: name.into(),
                error,
            }
        })?;
        sets.insert(name.to_string(), set);
    }
    match sets.remove(REAL) {
        Some(real) => Ok((real, sets)),
        None => Err(FeatureFileError::NoReal {
            found: sets.into_keys().collect(),
        }),
    }
}

/// The bytes of a file that holds the features of real images only.
///
/// # Errors
/// [`FeatureFileError::Weights`] when the format cannot hold them.
pub fn write(real: &FeatureSet) -> Result<Vec<u8>, FeatureFileError> {
    let bytes: Vec<u8> = real.values().iter().flat_map(|v| v.to_le_bytes()).collect();
    let refused = |error: safetensors::SafeTensorError| {
        FeatureFileError::Weights(WeightsError::NotSafetensors(error.to_string()))
    };
    let shape = vec![real.count(), real.dimension()];
    let view = TensorView::new(Dtype::F32, shape, &bytes).map_err(refused)?;
    safetensors::serialize([(REAL, view)], None).map_err(refused)
}
