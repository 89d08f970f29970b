//! Networks and their runs: what the feature `network` has.

#[cfg(feature = "gpu")]
pub mod adapter;
mod denoiser;
mod load;
mod rate;
mod sampler;

#[cfg(feature = "gpu")]
pub use adapter::is_software_adapter;
pub use denoiser::{WebDenoiser, expected_tensors};
pub use rate::WebRate;
pub use sampler::WebSampler;
