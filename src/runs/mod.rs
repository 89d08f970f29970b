//! What one does with a model, for page and terminal alike: any number of images in batches ([`Model`]), the ODE as an
//! encoder and decoder ([`Ode`]), paths between noises ([`paths`]), and what is refused before any work ([`rules`]).
//!
//! Generic over [`Denoiser`](crate::engine::Denoiser). Knows no files, no terminal and no JavaScript.

mod model;
mod ode;
pub mod paths;
pub mod rules;

pub use model::{Event, Job, Model, RunError, Watch};
pub use ode::{Ode, mean_squared_error};
pub use rules::{MAX_IMAGES, Refusal};
