//! How good samples are: the measurements of the DDIM paper's section 5.
//!
//! Knows no files and no terminal. [`features`] runs the small classifier of tools/train_features.py, whose
//! features stand in for Inception's; [`frechet`] is the distance between two sets of features, [`bootstrap`] its
//! uncertainty and [`jackknife`] its bias; [`paired`] is the difference of two that share their noise; [`fit`] and
//! [`consistency`] are figures 4 and 5, [`paper`] holds the paper's numbers and [`order`] says where ours are ordered
//! differently.

pub mod bootstrap;
pub mod consistency;
pub mod features;
pub mod file;
pub mod fit;
pub mod frechet;
mod influence;
pub mod jackknife;
pub mod order;
pub mod paired;
pub mod paper;
pub mod parallel;
pub mod statistics;
pub mod student;

pub use bootstrap::Estimate;
pub use features::{FeatureNetwork, NetworkError};
pub use frechet::Reference;
pub use statistics::{FeatureSet, StatisticsError};

/// A number that differs between two byte strings with near certainty: 64-bit FNV-1a.
pub fn fingerprint<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u64 {
    let parts = parts.into_iter();
    let parts: Vec<_> = parts
        .map(|part| ((part.len() as u64).to_le_bytes(), part))
        .collect();
    let pieces = parts.iter();
    crate::images::fnv1a(pieces.flat_map(|(length, part)| [length.as_slice(), part]))
}

/// `value` (about -1…1) as an image file of 8 bits keeps it: real images are, so samples are compared like this.
pub fn eight_bits(value: f32) -> f32 {
    ((value.clamp(-1.0, 1.0) + 1.0) * 127.5).round() / 127.5 - 1.0
}
