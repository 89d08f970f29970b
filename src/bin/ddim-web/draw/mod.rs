//! Pictures: grids, sheets, plots and films.

pub mod animation;
pub mod canvas;
pub mod film;
pub mod picture;
pub mod plot;
pub mod sheet;
pub mod webp;
