//! How the numbers of a network are stored, where there is a choice.

use std::fmt;
use std::str::FromStr;

#[cfg(any(feature = "cpu", feature = "gpu", not(target_arch = "wasm32")))]
use super::EngineError;

/// The format of weights and feature maps on the GPU, and of the weights of a large network on the processor. Sums are f32
/// with either, and so are the sampler's own numbers: x_t, x0_hat, noise and the timestep's features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Storage {
    /// 32 bits: the same numbers as on the processor, up to rounding.
    #[default]
    F32,
    /// 16 bits, where the device offers `shader-f16`: half the memory and half the reading, 3 digits of each number.
    ///
    /// Its largest number is 65504. A weight beyond that is refused when the network is loaded; a feature map beyond it
    /// becomes infinite and then not a number, which the sampler reports.
    F16,
}

/// A name that no format has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("storage: expected f32 or f16, found {0}")]
pub struct UnknownStorage(String);

impl fmt::Display for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
        })
    }
}

impl Storage {
    /// That `number` is too large for 16 bits.
    #[cfg(any(feature = "cpu", feature = "gpu", not(target_arch = "wasm32")))]
    pub(super) fn overflow(number: f32) -> EngineError {
        EngineError::Device(format!(
            "storage: f16 holds numbers up to {}, and the weights have {number}: choose f32",
            half::f16::MAX
        ))
    }
}

impl FromStr for Storage {
    type Err = UnknownStorage;

    fn from_str(name: &str) -> Result<Self, UnknownStorage> {
        [Self::F32, Self::F16]
            .into_iter()
            .find(|storage| storage.to_string() == name)
            .ok_or_else(|| UnknownStorage(name.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::Storage;

    #[test]
    fn a_format_is_read_back_from_its_name() {
        for storage in [Storage::F32, Storage::F16] {
            assert_eq!(storage.to_string().parse(), Ok(storage));
        }
        assert!("f8".parse::<Storage>().is_err());
    }
}
