//! A file of weights that stays as it is: its tensors are read piece by piece, whenever somebody needs some of them.
//!
//! A large network has no room for its weights a second time, and numbers of 16 bits take half of it.

use std::borrow::Cow;

use half::f16;
use safetensors::Dtype;

use super::weights::{TensorSpec, WeightsError, found, matched, parse};
#[cfg(any(feature = "cpu", not(target_arch = "wasm32")))]
use crate::allocate::{self, OutOfMemory};
#[cfg(any(feature = "cpu", not(target_arch = "wasm32")))]
use crate::engine::Storage;
use crate::tensor_file::StoredTensor;

/// What there may be no memory for.
#[cfg(any(feature = "cpu", not(target_arch = "wasm32")))]
const WEIGHTS: &str = "the network's weights";

/// The tensors that a network needs, in the bytes of a `.safetensors` file.
///
/// ```
/// use ddim_web::unet::weights::{Precision, TensorSpec, to_bytes};
/// use ddim_web::unet::weights_file::WeightsFile;
///
/// let specs = [TensorSpec { name: "conv_in.bias".into(), shape: vec![3] }];
/// let bytes = to_bytes(&specs, &[vec![0.5, -2.0, 3.0]], Precision::F16)?;
/// let mut last = [0.0; 2];
/// WeightsFile::new(&specs, bytes.into())?.read(0, 1, &mut last);
/// assert_eq!(last, [-2.0, 3.0]);
/// # Ok::<(), ddim_web::unet::weights::WeightsError>(())
/// ```
#[derive(Debug)]
pub struct WeightsFile<'a> {
    bytes: Cow<'a, [u8]>,
    tensors: Vec<Place>,
}

/// Where the numbers of a tensor lie.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// The first byte.
    first: usize,
    /// How many numbers.
    count: usize,
    element: Element,
}

/// Element type of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Element {
    F32,
    F16,
    Bf16,
}

impl Element {
    fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }
}

impl<'a> WeightsFile<'a> {
    /// The tensors `expected` in `bytes`, under the names that [`tensors`](super::weights::tensors) knows.
    ///
    /// # Errors
    /// Those of [`tensors`](super::weights::tensors).
    pub fn new(expected: &[TensorSpec], bytes: Cow<'a, [u8]>) -> Result<Self, WeightsError> {
        let start = bytes.as_ptr() as usize;
        let file = parse(&bytes)?;
        let place = |(name, tensor): (&String, &StoredTensor<'_>)| {
            let data = tensor.data;
            let (element, index) = match tensor.dtype {
                Dtype::F32 => (Element::F32, unsound::<4>(data, 0x7f80)),
                Dtype::F16 => (Element::F16, unsound::<2>(data, 0x7c00)),
                Dtype::BF16 => (Element::Bf16, unsound::<2>(data, 0x7f80)),
                _ => {
                    return Err(WeightsError::Dtype {
                        name: name.clone(),
                        found: format!("{:?}", tensor.dtype),
                    });
                }
            };
            if let Some(index) = index {
                let at = &data[index * element.size()..];
                let found = match element {
                    Element::F32 => f32_at(at),
                    Element::F16 => f16::from_le_bytes([at[0], at[1]]).to_f32(),
                    Element::Bf16 => f32_at(&[0, 0, at[0], at[1]]),
                };
                let name = name.clone();
                return Err(WeightsError::NotFinite { name, found, index });
            }
            Ok(Place {
                first: data.as_ptr() as usize - start,
                count: data.len() / element.size(),
                element,
            })
        };
        let tensors = matched(expected, found(&file), |tensor| &tensor.shape)?
            .into_iter()
            .map(place)
            .collect::<Result<_, _>>()?;
        Ok(Self { bytes, tensors })
    }

    /// Numbers in tensor `index` of those that were expected.
    pub fn count(&self, index: usize) -> usize {
        self.tensors[index].count
    }

    /// The numbers of tensor `index` from `first` on, as many as there is room for in `to`.
    pub fn read(&self, index: usize, first: usize, to: &mut [f32]) {
        let place = self.tensors[index];
        let size = place.element.size();
        let from = &self.bytes[place.first + first * size..][..to.len() * size];
        let halves = from
            .chunks_exact(2)
            .map(|b| u16::from_le_bytes([b[0], b[1]]));
        match place.element {
            Element::F32 => {
                for (to, from) in to.iter_mut().zip(from.chunks_exact(4)) {
                    *to = f32_at(from);
                }
            }
            Element::F16 => {
                for (to, bits) in to.iter_mut().zip(halves) {
                    *to = of_half(bits);
                }
            }
            Element::Bf16 => {
                for (to, bits) in to.iter_mut().zip(halves) {
                    *to = f32::from_bits(u32::from(bits) << 16);
                }
            }
        }
    }
}

/// What only the processor's engine, which keeps the file, asks for.
#[cfg(any(feature = "cpu", not(target_arch = "wasm32")))]
impl WeightsFile<'_> {
    /// With bytes of its own.
    pub fn into_owned(self) -> WeightsFile<'static> {
        WeightsFile {
            bytes: Cow::Owned(self.bytes.into_owned()),
            tensors: self.tensors,
        }
    }

    /// Puts numbers of 32 bits away as the nearest of 16, and gives the rest of the memory back.
    ///
    /// # Errors
    /// The first number that is too large for that.
    pub fn halve(self) -> Result<WeightsFile<'static>, f32> {
        let mut bytes = self.bytes.into_owned();
        let mut tensors = self.tensors;
        // In the order of the file what is written ends before what is still to be read begins.
        let mut order: Vec<usize> = Vec::new();
        for i in 0..tensors.len() {
            let at = order.partition_point(|j| tensors[*j].first <= tensors[i].first);
            order.insert(at, i);
        }
        let mut end = 0;
        for i in order {
            let place = &mut tensors[i];
            let (first, length) = (place.first, place.count * place.element.size());
            place.first = end;
            if place.element == Element::F32 {
                place.element = Element::F16;
                for at in (first..first + length).step_by(4) {
                    let number = f32_at(&bytes[at..]);
                    let half = f16::from_f32(number);
                    if !half.is_finite() {
                        return Err(number);
                    }
                    bytes[end..end + 2].copy_from_slice(&half.to_le_bytes());
                    end += 2;
                }
            } else {
                bytes.copy_within(first..first + length, end);
                end += length;
            }
        }
        bytes.truncate(end);
        bytes.shrink_to_fit();
        Ok(WeightsFile {
            bytes: Cow::Owned(bytes),
            tensors,
        })
    }

    /// How many bits most of its numbers have; bfloat16 counts as 16.
    pub fn storage(&self) -> Storage {
        let halves = self
            .tensors
            .iter()
            .filter(|place| place.element != Element::F32);
        let halves: usize = halves.map(|place| place.count).sum();
        let all: usize = self.tensors.iter().map(|place| place.count).sum();
        if 2 * halves > all {
            Storage::F16
        } else {
            Storage::F32
        }
    }

    /// All numbers of tensor `index`.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn tensor(&self, index: usize) -> Result<Vec<f32>, OutOfMemory> {
        let mut numbers = allocate::zeros(WEIGHTS, self.count(index) as u64)?;
        self.read(index, 0, &mut numbers);
        Ok(numbers)
    }
}

/// The first number of `N` bytes that is not finite: all bits of its exponent are set.
fn unsound<const N: usize>(data: &[u8], exponent: u16) -> Option<usize> {
    data.chunks_exact(N).position(|b| {
        let bits = u16::from_le_bytes([b[N - 2], b[N - 1]]);
        bits & exponent == exponent
    })
}

fn f32_at(bytes: &[u8]) -> f32 {
    f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

/// The value of a finite number of 16 bits: its exponent counts from 112 less, which a product puts right even where it
/// is the smallest one. Without a branch, so that a vector of them is as quick.
#[inline(always)]
fn of_half(bits: u16) -> f32 {
    const TWO_TO_112: f32 = f32::from_bits((112 + 127) << 23);
    let magnitude = f32::from_bits(u32::from(bits & 0x7fff) << 13) * TWO_TO_112;
    f32::from_bits(magnitude.to_bits() | u32::from(bits & 0x8000) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finite_half_has_its_value() {
        for bits in 0..=u16::MAX {
            let half = f16::from_bits(bits);
            if half.is_finite() {
                assert_eq!(of_half(bits).to_bits(), half.to_f32().to_bits(), "{bits}");
            }
        }
    }
}
