//! Changes of resolution, and the same backwards.

use super::map::Map;
use crate::engine::plan::Resample;

pub(super) fn forward(x: Map, resample: Resample) -> Map {
    let Map {
        height: h,
        width: w,
        channels,
        ..
    } = x;
    match resample {
        Resample::Keep => x,
        Resample::Nearest2x => Map::make([2 * h, 2 * w, channels], |i, j, c| x.at(i / 2, j / 2, c)),
        Resample::Average2x => Map::make([h / 2, w / 2, channels], |i, j, c| {
            square(&x, 2 * i, 2 * j, c) / 4.0
        }),
        Resample::Insert2x { odd } => {
            let odd = usize::from(odd);
            Map::make([2 * h, 2 * w, channels], |i, j, c| {
                if i % 2 == odd && j % 2 == odd {
                    x.at(i / 2, j / 2, c)
                } else {
                    0.0
                }
            })
        }
    }
}

/// The gradient of what has `size` = `[height, width]` out of that of its resampled form.
#[cfg(feature = "train")]
pub(super) fn backward(gradient: Map, resample: Resample, [h, w]: [usize; 2]) -> Map {
    let g = gradient;
    let size = [h, w, g.channels];
    match resample {
        Resample::Keep => g,
        // A pixel is read four times.
        Resample::Nearest2x => Map::make(size, |i, j, c| square(&g, 2 * i, 2 * j, c)),
        Resample::Average2x => Map::make(size, |i, j, c| {
            // A last odd row or column is in no square.
            if i / 2 < g.height && j / 2 < g.width {
                g.at(i / 2, j / 2, c) / 4.0
            } else {
                0.0
            }
        }),
        Resample::Insert2x { odd } => {
            let odd = usize::from(odd);
            Map::make(size, |i, j, c| g.at(2 * i + odd, 2 * j + odd, c))
        }
    }
}

/// The sum of the 2×2 pixels from `(y, x)` on.
fn square(map: &Map, y: usize, x: usize, c: usize) -> f64 {
    map.at(y, x, c) + map.at(y, x + 1, c) + map.at(y + 1, x, c) + map.at(y + 1, x + 1, c)
}
