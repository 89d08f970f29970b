//! Training: what the feature `training` has.

mod options;
mod trainer;

pub use trainer::WebTrainer;
