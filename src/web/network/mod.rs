//! Networks and their runs: what the feature `network` has.

mod denoiser;
mod load;
mod rate;
mod sampler;

pub use denoiser::{WebDenoiser, expected_tensors};
pub use rate::WebRate;
pub use sampler::WebSampler;
