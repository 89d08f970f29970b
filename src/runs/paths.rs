//! Paths between noises: a row between two, a grid between four (DDIM, section 5.3 and appendix D.5).

use crate::allocate::{OutOfMemory, bytes, reserved, room, volume};
use crate::noise::{MAX_GRID_SIDE, NoiseError, slerp, slerp_corners};

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
    /// There is no memory for so many.
    #[error(transparent)]
    Memory(#[from] OutOfMemory),
}

/// All x_T between `ends`, row by row `[rows * columns, C, H, W]` (DDIM, eq. 67): between two in one row, between four
/// (top left, top right, bottom left, bottom right) in a grid.
///
/// # Errors
/// [`PathError`] names what does not fit.
pub fn between(ends: &[Vec<f32>], rows: usize, columns: usize) -> Result<Vec<f32>, PathError> {
    let sides = 1..=MAX_GRID_SIDE;
    match ends {
        [_, _] if rows != 1 || columns < 2 => return Err(PathError::Frames { rows, columns }),
        [_, _] => {}
        [_, _, _, _] if sides.contains(&rows) && sides.contains(&columns) => {}
        [_, _, _, _] => return Err(NoiseError::Grid { rows, columns }.into()),
        found => return Err(PathError::Ends { found: found.len() }),
    }
    let mut noises = reserved("path", volume(&[rows, columns, ends[0].len()]))?;
    for row in 0..rows {
        for column in 0..columns {
            let place = [weight(column, columns), weight(row, rows)];
            noises.extend(at(ends, place[0], place[1])?);
        }
    }
    Ok(noises)
}

/// The noise that [`between`] has at the place `across`, `down` (both from 0 to 1): between two `ends` the second number
/// is not looked at.
///
/// # Errors
/// [`PathError`] names what does not fit.
pub fn at(ends: &[Vec<f32>], across: f64, down: f64) -> Result<Vec<f32>, PathError> {
    let image = ends.first().map_or(0, Vec::len);
    // Between four, one more on each side.
    room("path", bytes::<f32>(volume(&[3, image])))?;
    match ends {
        [a, b] => Ok(slerp(a, b, across)?),
        [a, b, c, d] => Ok(slerp_corners([a, b, c, d], across, down)?),
        found => Err(PathError::Ends { found: found.len() }),
    }
}

/// How far noise `i` of `count` is from the first to the last, from 0 to 1; the only one is the first.
pub fn weight(i: usize, count: usize) -> f64 {
    i as f64 / (count.max(2) - 1) as f64
}
