//! Arguments that several subcommands share, and what they open.

pub mod background;
pub mod common;
pub mod eta;
pub mod inversion;
pub mod loaded;
pub mod machine;
pub mod way;
