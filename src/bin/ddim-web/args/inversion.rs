//! How pictures are turned into noise.

use clap::ValueEnum;

/// What the network is told in a step from image to noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Convention {
    /// The noise level that the step goes to: decoding asks at the same time steps, and few steps lose less
    Retrace,
    /// The level that the image has: an Euler step of the DDIM paper's eq. 14, taken literally
    Strict,
}

impl From<Convention> for ddim_web::step::Convention {
    fn from(convention: Convention) -> Self {
        match convention {
            Convention::Retrace => Self::Retrace,
            Convention::Strict => Self::Strict,
        }
    }
}

/// Arguments of the subcommands that turn pictures into noise.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Inversion {
    /// What the network is told in a step from picture to noise
    #[arg(long, value_enum, default_value_t = Convention::Retrace)]
    pub convention: Convention,
}
