//! Which tiles the convolutions of a device use.

use std::fmt;
use std::str::FromStr;

use super::tile::{Tile, named};

/// The fastest of a short list of kernels on one device, as [`GpuEngine`](super::GpuEngine) measures it when a network
/// is loaded. Its text, such as `large=b64x64 small=r2x1`, can be kept and handed back in
/// [`GpuOptions`](super::GpuOptions), so that the same device is not measured twice. Results do not depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tuning {
    /// For feature maps of many pixels.
    pub(super) large: &'static Tile,
    /// For feature maps of few.
    pub(super) small: &'static Tile,
    /// For results so large that every tile keeps the device busy, as training has them; the one for large ones where
    /// it is not known.
    pub(super) huge: Option<&'static Tile>,
}

/// A text that is no [`Tuning`]; whoever kept one leaves it out then, and the device is measured again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("tuning: expected large=NAME small=NAME, perhaps huge=NAME, found {0}")]
pub struct UnknownTuning(String);

/// Up to so many pixels, those of all images counted, a feature map is small.
pub(super) const FEW: usize = 256;

/// From so many blocks of outputs on, those of all pixels counted, a result is huge.
const MANY: usize = 1 << 19;

impl Tuning {
    /// The same tile everywhere.
    pub(super) fn only(tile: &'static Tile) -> Self {
        Self {
            large: tile,
            small: tile,
            huge: None,
        }
    }

    /// The tile for a convolution from `inputs` to `outputs` blocks of channels at `count` pixels.
    pub(super) fn tile(&self, inputs: usize, outputs: usize, count: usize) -> &'static Tile {
        let (tile, alone) = if count <= FEW {
            (self.small, "r2x1")
        } else {
            let huge = self.huge.filter(|_| count * outputs >= MANY);
            (huge.unwrap_or(self.large), "r4x1")
        };
        let tile = tile.narrowed(outputs);
        if tile.wastes(inputs, outputs) {
            named(alone).unwrap_or(tile)
        } else {
            tile
        }
    }
}

impl fmt::Display for Tuning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "large={} small={}", self.large.name, self.small.name)?;
        self.huge
            .map_or(Ok(()), |huge| write!(f, " huge={}", huge.name))
    }
}

impl FromStr for Tuning {
    type Err = UnknownTuning;

    fn from_str(text: &str) -> Result<Self, UnknownTuning> {
        let tile = |part: Option<&str>, key: &str| {
            let name = part?.strip_prefix(key)?.strip_prefix('=')?;
            named(name)
        };
        let mut parts = text.split_whitespace();
        let large = tile(parts.next(), "large");
        let small = tile(parts.next(), "small");
        let third = parts.next();
        let huge = tile(third, "huge");
        match (large, small, parts.next()) {
            (Some(large), Some(small), None) if third.is_some() == huge.is_some() => {
                Ok(Self { large, small, huge })
            }
            _ => Err(UnknownTuning(text.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tile::TILES;
    use super::{FEW, Tuning};

    #[test]
    fn a_tuning_is_read_back_from_its_text() {
        for (large, small) in TILES.iter().flat_map(|a| TILES.iter().map(move |b| (a, b))) {
            let tuning = Tuning {
                large,
                small,
                huge: None,
            };
            assert_eq!(tuning.to_string().parse(), Ok(tuning));
            let huge = Some(large);
            let tuning = Tuning { huge, ..tuning };
            assert_eq!(tuning.to_string().parse(), Ok(tuning));
        }
    }

    #[test]
    fn any_other_text_is_refused() {
        for text in [
            "",
            "large=r4x1",
            "large=r4x1 small=r9x9",
            "small=r4x1 large=r4x1",
            "large=r4x1 small=r4x1 more",
            "large r4x1 small r4x1",
        ] {
            assert!(text.parse::<Tuning>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_workgroup_shares_only_what_most_of_it_needs() {
        let tuning: Tuning = "large=b64x64 small=b16x16".parse().unwrap();
        assert_eq!(tuning.tile(32, 32, FEW + 1).name, "b64x64");
        assert_eq!(tuning.tile(32, 32, FEW).name, "b16x16");
        // A picture of three channels in, or out.
        assert_eq!(tuning.tile(1, 32, FEW + 1).name, "r4x1");
        assert_eq!(tuning.tile(32, 1, FEW).name, "r2x1");
    }
}
