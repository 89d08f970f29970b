//! How the numbers between the operations are stored.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use half::f16;

use crate::allocate;
use crate::engine::EngineError;
use crate::engine::WEIGHTS;

/// The format of weights and feature maps on the GPU. Sums are f32 with either, and so are the sampler's own numbers:
/// x_t, x0_hat, noise and the timestep's features.
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

impl FromStr for Storage {
    type Err = UnknownStorage;

    fn from_str(name: &str) -> Result<Self, UnknownStorage> {
        [Self::F32, Self::F16]
            .into_iter()
            .find(|storage| storage.to_string() == name)
            .ok_or_else(|| UnknownStorage(name.into()))
    }
}

impl Storage {
    /// Bytes of one number.
    pub(super) fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
        }
    }

    /// `numbers` as the device stores them.
    ///
    /// # Errors
    /// [`EngineError::Device`] when one is too large for the format.
    ///
    /// [`EngineError::Memory`] when there is no room for a copy.
    pub(super) fn encode(self, numbers: &[f32]) -> Result<Cow<'_, [u8]>, EngineError> {
        if self == Self::F32 {
            return Ok(bytes(numbers));
        }
        let count = numbers.len() as u64;
        let mut encoded = allocate::reserved(WEIGHTS, allocate::bytes::<f16>(count))?;
        for number in numbers {
            let half = f16::from_f32(*number);
            if number.is_finite() && !half.is_finite() {
                return Err(EngineError::Device(format!(
                    "storage: f16 holds numbers up to {}, and the weights have {number}: choose f32",
                    f16::MAX
                )));
            }
            encoded.extend_from_slice(&half.to_le_bytes());
        }
        Ok(Cow::Owned(encoded))
    }
}

/// Little-endian, as every device that WebGPU runs on has them; no copy where the processor has them like that too.
pub fn bytes(numbers: &[f32]) -> Cow<'_, [u8]> {
    if cfg!(target_endian = "little") {
        // SAFETY: an f32 is four bytes without padding, bytes may lie anywhere, and they live as long as the numbers.
        let bytes = unsafe {
            std::slice::from_raw_parts(numbers.as_ptr().cast::<u8>(), size_of_val(numbers))
        };
        return Cow::Borrowed(bytes);
    }
    Cow::Owned(numbers.iter().flat_map(|x| x.to_le_bytes()).collect())
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

    #[test]
    fn what_f16_cannot_hold_is_refused() {
        assert_eq!(*Storage::F16.encode(&[1.0, -2.0]).unwrap(), [0, 60, 0, 192]);
        assert!(Storage::F16.encode(&[65504.0, -65519.0]).is_ok());
        assert!(Storage::F16.encode(&[0.0, 65520.0]).is_err());
        // What was not a number before is not the format's fault.
        assert!(Storage::F16.encode(&[f32::INFINITY]).is_ok());
        assert_eq!(*Storage::F32.encode(&[1.0]).unwrap(), [0, 0, 128, 63]);
    }
}
