//! The rules by which weights change, and which of them a parameter goes by.

use serde::{Deserialize, Serialize};

use crate::unet::weights::TensorSpec;

/// How weights change along their gradients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Optimizer {
    /// Adam (Kingma & Ba 2015).
    #[default]
    Adam,
    /// Muon (Jordan et al. 2024) for the matrices of a network ([`matrix`]), Adam for the rest: the momentum of a
    /// matrix, with all its singular values made about 1. As `torch.optim.Muon` without weight decay, with
    /// `adjust_lr_fn="match_rms_adamw"` (Liu et al. 2025, arXiv 2502.16982), so that one learning rate serves both.
    Muon,
}

/// The decay of Muon's momentum.
pub const MOMENTUM: f64 = 0.95;

/// The polynomial `a x + b x³ + c x⁵` of the singular values, applied [`TIMES`] times (Jordan et al. 2024).
pub const POLYNOMIAL: [f32; 3] = [3.4445, -4.7750, 2.0315];

/// How often it is applied.
pub const TIMES: usize = 5;

/// The least norm that a matrix is divided by.
pub const LEAST: f64 = 1e-7;

/// The rows and columns of `param` as Muon takes it: a row for each output, a column for each input at each position of
/// a kernel. `None` for what Adam changes: vectors, tables, and the layers that pictures come in by and go out by.
pub fn matrix(param: &TensorSpec) -> Option<[usize; 2]> {
    const OTHERS: [&str; 3] = ["conv_in.", "conv_out.", "class_embedding."];
    let rows = *param.shape.first()?;
    let columns = param.shape[1..].iter().product();
    let hidden = param.shape.len() > 1 && !OTHERS.iter().any(|name| param.name.starts_with(name));
    (hidden && rows > 0 && columns > 0).then_some([rows, columns])
}

/// The factor of the learning rate for a matrix: its change has the root mean square that Adam's usually has.
pub fn rate([rows, columns]: [usize; 2]) -> f64 {
    0.2 * (rows.max(columns) as f64).sqrt()
}
