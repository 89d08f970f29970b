//! Training: L_simple and other weights of L_gamma (DDIM, Song et al. 2021, eq. 5), what each step sees, the learning
//! rate, checkpoints. Gradients, the rule by which weights change, and the average of the weights are the work of a
//! [`Learner`](crate::engine::Learner).
//!
//! Knows no files and no terminal: images and checkpoints come and go as bytes, and [`Trainer::step`] is
//! asynchronous because a browser cannot wait for its GPU. Everything that step `k` draws is a pure
//! function of (seed, `k`), so a run that was interrupted and resumed equals one that was not.

pub mod batch;
pub mod checkpoint;
pub mod draw;
pub mod ema;
pub mod init;
pub mod labels;
pub mod loss;
pub mod options;
pub mod rate;
pub mod weighting;

mod error;
mod fits;
mod optimizer;
mod option_error;
#[cfg(any(feature = "cpu", not(target_arch = "wasm32")))]
mod parts;
mod trainer;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use error::TrainError;
pub use labels::{Labels, TrainingSet};
pub use optimizer::Optimizer;
pub use option_error::OptionError;
pub use options::TrainOptions;
pub use trainer::{Setup, StepReport, Trainer};
pub use weighting::Loss;
