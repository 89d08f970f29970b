//! Training: what the feature `training` has.

mod options;
#[cfg(feature = "cpu")]
mod parts;
mod trainer;

pub use trainer::WebTrainer;
