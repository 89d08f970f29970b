//! One file for each subcommand.

pub mod compare;
pub mod dissect;
pub mod evaluate;
pub mod interpolate;
pub mod invert;
pub mod mix;
pub mod nearest;
pub mod plan;
pub mod publish;
pub mod sample;
pub mod serve;
pub mod steps;
pub mod train;
pub mod variations;
