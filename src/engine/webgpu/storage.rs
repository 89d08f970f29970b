//! Numbers as the device stores them.

use std::borrow::Cow;

use half::f16;

use crate::allocate;
use crate::engine::EngineError;
use crate::engine::{Storage, WEIGHTS};

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
                return Err(Self::overflow(*number));
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
    fn what_f16_cannot_hold_is_refused() {
        assert_eq!(*Storage::F16.encode(&[1.0, -2.0]).unwrap(), [0, 60, 0, 192]);
        assert!(Storage::F16.encode(&[65504.0, -65519.0]).is_ok());
        assert!(Storage::F16.encode(&[0.0, 65520.0]).is_err());
        // What was not a number before is not the format's fault.
        assert!(Storage::F16.encode(&[f32::INFINITY]).is_ok());
        assert_eq!(*Storage::F32.encode(&[1.0]).unwrap(), [0, 0, 128, 63]);
    }
}
