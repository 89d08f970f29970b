//! Files: model folders, pictures, data sets, tensors, and writing without leaving half a file behind.

pub mod classifier;
pub mod dataset;
pub mod decode;
pub mod folder;
pub mod idx;
pub mod latents;
pub mod lock;
pub mod model;
pub mod outputs;
pub mod partial;
pub mod pictures;
pub mod whole;
