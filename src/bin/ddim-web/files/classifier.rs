//! The classifier whose features images are compared by.

use std::path::Path;

use ddim_web::evaluate::{FeatureNetwork, fingerprint};

use super::whole;
use crate::error::CliError;

/// A classifier, and the fingerprint of its file.
pub struct Classifier {
    /// The network.
    pub network: FeatureNetwork,
    /// Fingerprint of its file.
    pub fingerprint: String,
}

impl Classifier {
    /// Reads the classifier in `path` for images of `shape` `[C, H, W]`.
    ///
    /// # Errors
    /// [`CliError::Failed`] when it is none, or takes images with another number of channels.
    pub fn open(path: &Path, shape: [usize; 3]) -> Result<Self, CliError> {
        let failed =
            |e: &dyn std::fmt::Display| CliError::Failed(format!("{}: {e}", path.display()));
        let bytes = whole::read(path)?;
        let network = FeatureNetwork::from_bytes(&bytes).map_err(|e| failed(&e))?;
        let channels = network.in_channels();
        if channels != shape[0] {
            return Err(failed(&format!(
                "conv.0.weight: expected {} input channels as the model's images, found {channels}",
                shape[0]
            )));
        }
        Ok(Self {
            network,
            fingerprint: format!("{:016x}", fingerprint([bytes.as_slice()])),
        })
    }
}
