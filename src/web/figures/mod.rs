//! What the papers' figures and the page's views are made of, beside runs of a network: the feature `figures`.

mod classes;
mod file;
mod lists;
mod model;
mod nearest;
mod noises;
mod numbers;
mod pictures;
mod points;
mod site;
mod statistics;

pub use classes::class_labels;
pub use file::{from_safetensors, to_safetensors};
pub use model::{check_weights, network_needs, outline_model, proposed_scheduler, read_model};
pub use nearest::nearest;
pub use noises::{at, between, noise};
pub use numbers::{beta_schedules, levels, run_numbers, weights};
pub use pictures::{WebChain, mixed, noised, reconstruction_error};
pub use points::marginals;
pub use site::{site_script, site_texts, site_version};
pub use statistics::statistics;
