//! Paths between noises: a row between two, a grid between four (DDIM, section 5.3 and appendix D.5).

use crate::noise::{NoiseError, slerp, slerp_corners, slerp_grid};

/// Why there is no path.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// Neither two ends nor four corners.
    #[error("ends: expected 2 for a row or 4 for a grid, found {found}")]
    Ends {
        /// How many.
        found: usize,
    },
    /// A row of fewer than two noises, or a row with more than one line.
    #[error(
        "frames: expected at least 2, its ends among them, in one row between 2 ends, found {rows} × {columns}"
    )]
    Frames {
        /// Rows.
        rows: usize,
        /// Columns.
        columns: usize,
    },
    /// The noises cannot be joined.
    #[error(transparent)]
    Noise(#[from] NoiseError),
}

/// All x_T between `ends`, row by row `[rows * columns, C, H, W]` (DDIM, eq. 67): between two in one row, between four
/// (top left, top right, bottom left, bottom right) in a grid.
///
/// # Errors
/// [`PathError`] names what does not fit.
pub fn between(ends: &[Vec<f32>], rows: usize, columns: usize) -> Result<Vec<f32>, PathError> {
    let noises = match ends {
        [_, _] if rows != 1 || columns < 2 => return Err(PathError::Frames { rows, columns }),
        [a, b] => (0..columns)
            .map(|i| slerp(a, b, weight(i, columns)))
            .collect::<Result<Vec<_>, _>>()?,
        [a, b, c, d] => slerp_grid([a, b, c, d], rows, columns)?,
        found => {
            return Err(PathError::Ends { found: found.len() });
        }
    };
    Ok(noises.concat())
}

/// The noise that [`between`] has at the place `across`, `down` (both from 0 to 1): between two `ends` the second number
/// is not looked at.
///
/// # Errors
/// [`PathError`] names what does not fit.
pub fn at(ends: &[Vec<f32>], across: f64, down: f64) -> Result<Vec<f32>, PathError> {
    match ends {
        [a, b] => Ok(slerp(a, b, across)?),
        [a, b, c, d] => Ok(slerp_corners([a, b, c, d], across, down)?),
        found => Err(PathError::Ends { found: found.len() }),
    }
}

/// How far noise `i` of `count` (2 or more) is from the first to the last, from 0 to 1.
pub fn weight(i: usize, count: usize) -> f64 {
    i as f64 / (count - 1) as f64
}
