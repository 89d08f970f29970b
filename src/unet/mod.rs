//! The network: diffusers' `UNet2DModel` (the UNet of Ho et al. 2020, appendix B).
//!
//! What it is made of ([`config`]), what it can run on ([`input`]), its weights ([`weights`]) and what its classes are
//! called ([`labels`]); the network itself is lowered by [`crate::engine::plan`], and written layer by layer in burn by `Unet` (feature `burn`).

pub mod config;
pub mod input;
pub mod labels;
pub mod weights;
#[cfg(any(feature = "cpu", feature = "gpu", not(target_arch = "wasm32")))]
pub mod weights_file;

pub(crate) mod sinusoids;

#[cfg(feature = "burn")]
mod network;

#[cfg(feature = "burn")]
pub use network::Unet;
#[cfg(all(feature = "burn", feature = "train", not(target_arch = "wasm32")))]
pub(crate) use network::transpose;
