//! One file for each subcommand.

pub mod compare;
pub mod evaluate;
pub mod interpolate;
pub mod invert;
pub mod plan;
pub mod sample;
pub mod train;
