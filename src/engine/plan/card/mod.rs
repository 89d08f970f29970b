//! How a network lies on the graphics card: known before there is one, so that what a model needs can be told.

mod lanes;
mod places;
mod weights;

pub use lanes::Lanes;
pub use places::Places;
#[cfg(feature = "gpu")]
pub use places::{ZEROS, after};
pub use weights::Shelves;
#[cfg(feature = "gpu")]
pub use weights::{Slot, lengths, projections};
