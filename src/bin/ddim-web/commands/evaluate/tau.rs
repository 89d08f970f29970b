//! The ways to choose tau that the paper and its code have.

use std::fmt;

use ddim_web::scheduler::TrajectoryOptions;
use ddim_web::step::Method;
use ddim_web::timesteps::Tau;

/// The paper's two ways to choose tau (appendix D.2), and the two of its code (`--skip_type` of ermongroup/ddim).
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum PaperTau {
    /// tau_i = floor(c i)
    #[value(alias = "paper-linear")]
    Linear,
    /// tau_i = floor(c i²)
    #[value(alias = "paper-quadratic")]
    Quadratic,
    /// The official code's: squares of S numbers evenly spaced from 0 to the root of 0.8 T
    Quad,
    /// The official code's: every T/S-th time step from 0
    Uniform,
}

impl PaperTau {
    /// `steps` steps of `method` along it.
    pub fn trajectory(self, method: Method, steps: usize) -> TrajectoryOptions {
        TrajectoryOptions {
            tau: Some(match self {
                Self::Linear => Tau::PaperLinear,
                Self::Quadratic => Tau::PaperQuadratic,
                Self::Quad => Tau::Quad,
                Self::Uniform => Tau::Uniform,
            }),
            ..TrajectoryOptions::new(method, steps)
        }
    }
}

impl fmt::Display for PaperTau {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Linear => "linear",
            Self::Quadratic => "quadratic",
            Self::Quad => "quad",
            Self::Uniform => "uniform",
        })
    }
}
