//! Arguments that several subcommands share, and what they open.

pub mod background;
pub mod common;
pub mod condition;
pub mod eta;
pub mod inversion;
pub mod labels;
pub mod loaded;
pub mod machine;
pub mod way;
