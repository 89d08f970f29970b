//! Denoising diffusion in the browser: DDPM (Ho, Jain & Abbeel 2020, arXiv 2006.11239) and DDIM
//! (Song, Meng & Ermon 2021, arXiv 2010.02502), compiled to WebAssembly, on WebGPU or the CPU.
//!
//! Layers, each importing only the ones before it:
//!
//! 1. [`schedule`], [`timesteps`], [`step`], [`gaussian`], [`bound`], [`weighting`], [`variance_exploding`], [`discrete`],
//!    [`noise`], [`normality`], [`scheduler`], [`random`], [`images`]: the mathematics, in `f64` scalars, and pixels.
//!    [`sample_file`]: pictures and noise as bytes of a file. [`allocate`]: asking for what may not be there.
//! 2. [`unet`]: the network, diffusers' `UNet2DModel`: its configuration, its weights and, with the feature `burn`, the
//!    network itself.
//! 3. [`engine`]: runs one network on one device.
//! 4. [`sampler`]: the loop from x_T to x_0.
//! 5. [`runs`]: what one does with a sampler: batches, encoding and decoding, paths, and what is refused.
//!    [`site`]: the page as a folder to publish, as text.
//! 6. `train` (with that feature): L_simple and other weights of L_gamma, Adam and Muon, averaged weights,
//!    checkpoints.
//! 7. `evaluate` (native builds with that feature): Fréchet distance, its interval, the paper's figures.
//! 8. `web` (on wasm32, with the features `network`, `figures` and `training`): the JavaScript surface. `src/bin/ddim-web`: the same for a terminal.
//!
//! Features: `gpu` is the engine on the graphics card, `cpu` the one on the processor where a build can do without (on
//! wasm32: other builds always have it), `burn` (and
//! `burn-gpu`) the one that ours is tested against, `train` and `evaluate`
//! the two modules, `cli` the program and everything it needs (the default). With `default-features = false` the crate
//! samples on the CPU, on wasm32 with `cpu`.

pub mod allocate;
pub mod bound;
pub mod discrete;
pub mod engine;
pub mod gaussian;
pub mod images;
pub mod json;
pub mod model_files;
pub mod noise;
pub mod normality;
pub mod random;
pub mod runs;
pub mod sample_file;
pub mod sampler;
pub mod schedule;
pub mod scheduler;
pub mod site;
pub mod step;
mod tensor_file;
pub mod timesteps;
pub mod unet;
pub mod variance_exploding;
pub mod weighting;

#[cfg(all(feature = "evaluate", not(target_arch = "wasm32")))]
pub mod evaluate;

#[cfg(feature = "train")]
pub mod train;

#[cfg(all(
    target_arch = "wasm32",
    any(feature = "network", feature = "figures", feature = "training")
))]
pub mod web;
