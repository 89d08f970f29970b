//! What one does with a model, for page and terminal alike: any number of images in batches ([`Model`]), the ODE as
//! an encoder and decoder ([`Ode`]), steps taken apart ([`dissect()`]), paths between noises ([`paths`]), pictures
//! that are noised part of the way ([`partial`]) or step by step ([`chain`]), q_sigma in one dimension ([`marginals`]),
//! what each time step costs ([`rate`]), the nearest of many pictures
//! ([`nearest`]), the numbers of a run ([`numbers`]), and what is refused before any work ([`rules`]).
//!
//! Generic over [`Denoiser`](crate::engine::Denoiser). Knows no files, no terminal and no JavaScript.

pub mod chain;
mod dissect;
pub mod marginals;
mod model;
pub mod nearest;
pub mod numbers;
mod ode;
pub mod partial;
pub mod paths;
pub mod rate;
pub mod rules;
pub mod strata;

pub use dissect::{Dissected, dissect};
pub use model::{Event, Job, Model, RunError, Watch};
pub use ode::{Ode, mean_squared_error};
pub use rules::{MAX_IMAGES, Refusal};
