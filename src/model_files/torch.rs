//! PyTorch's files (`.bin`, `.pt`, `.pth`, `.ckpt`): a zip archive with a pickle that says what the tensors are, and their
//! numbers as stored entries beside it.

use std::borrow::Cow;
use std::collections::HashMap;

use safetensors::{Dtype, View};

use super::pickle::{Id, Pickle, PickleError, StorageClass, Value};
use super::zip::{Entry, Zip, ZipError, is_zip};
use crate::allocate::{OutOfMemory, reserved};
use crate::json::brief;

/// Why a file of PyTorch was refused. One line each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TorchError {
    /// A pickle without the archive.
    #[error(
        "written by PyTorch before 1.6, or not by torch.save: load it in PyTorch and write its state_dict with \
         safetensors.torch.save_file"
    )]
    Legacy,
    /// Neither of them.
    #[error("expected a file of PyTorch, found something else")]
    Foreign,
    /// The archive cannot be read.
    #[error(transparent)]
    Zip(#[from] ZipError),
    /// The pickle cannot be read.
    #[error(transparent)]
    Pickle(#[from] PickleError),
    /// The archive has no pickle, or its numbers are in the wrong order.
    #[error("{0}")]
    Archive(&'static str),
    /// A tensor does not fit its numbers.
    #[error("{name}: {what}")]
    Tensor {
        /// The tensor.
        name: String,
        /// What is wrong.
        what: &'static str,
    },
    /// There is no memory for a tensor in another order.
    #[error(transparent)]
    Memory(#[from] OutOfMemory),
    /// There is no dictionary of tensors.
    #[error("data.pkl: expected a state_dict, a dictionary of tensors, found none")]
    NoTensors,
}

/// A tensor of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor<'a> {
    /// Its name.
    pub name: String,
    /// The type of its numbers.
    pub dtype: Dtype,
    /// Its sides.
    pub shape: Vec<usize>,
    /// The numbers, row by row.
    pub data: Cow<'a, [u8]>,
}

impl View for &Tensor<'_> {
    fn dtype(&self) -> Dtype {
        self.dtype
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.data)
    }
    fn data_len(&self) -> usize {
        self.data.len()
    }
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq)]
pub struct StateDict<'a> {
    /// The key of the file's dictionary that has the tensors, where they are not at its top.
    pub within: Option<String>,
    /// The tensors, in their order.
    pub tensors: Vec<Tensor<'a>>,
}

/// The tensors in `bytes`, a file that `torch.save` wrote of a `state_dict` or of a dictionary that has one (for several,
/// the averaged weights). Nothing in the file is run.
///
/// # Errors
/// [`TorchError`] says what is in the way.
pub fn read(bytes: &[u8]) -> Result<StateDict<'_>, TorchError> {
    if bytes.starts_with(b"\x80") {
        return Err(TorchError::Legacy);
    }
    if !is_zip(bytes) {
        return Err(TorchError::Foreign);
    }
    let zip = Zip::new(bytes)?;
    let no_pickle = TorchError::Archive("expected data.pkl in the archive, found none");
    let by_name: HashMap<&str, &Entry> = (zip.entries().iter())
        .map(|entry| (entry.name.as_str(), entry))
        .collect();
    let entry = |wanted: &str| by_name.get(wanted).copied();
    let pickle = (zip.entries().iter())
        .find(|entry| entry.name == "data.pkl" || entry.name.ends_with("/data.pkl"))
        .ok_or(no_pickle)?;
    let folder = pickle.name.strip_suffix("data.pkl").unwrap_or_default();
    if let Some(order) = entry(&format!("{folder}byteorder"))
        && *zip.read(order)? != *b"little"
    {
        return Err(TorchError::Archive(
            "byteorder: expected little, found another",
        ));
    }
    let text = zip.read(pickle)?;
    let pickle = Pickle::read(&text)?;
    let (within, dict) = state_dict(&pickle).ok_or(TorchError::NoTensors)?;
    let mut tensors = Vec::new();
    // What all tensors together take: views of one storage could ask for any amount.
    let mut left = bytes.len().saturating_mul(2);
    for (key, value) in dict {
        let (
            Some(name),
            Value::Tensor {
                storage,
                offset,
                size,
                stride,
            },
        ) = (pickle.text(*key), pickle.value(*value))
        else {
            continue;
        };
        let refused = |what| TorchError::Tensor {
            name: brief(name),
            what,
        };
        let sides = (pickle.integers(*size).zip(pickle.integers(*stride)))
            .filter(|(size, stride)| size.len() == stride.len() && size.len() <= 8);
        let (shape, strides) = sides.ok_or(refused("expected sides and strides"))?;
        let &Value::Storage { class, key } = pickle.value(*storage) else {
            return Err(refused("expected a storage"));
        };
        let (dtype, width) = element(class);
        let file = pickle.text(key).map(|key| format!("{folder}data/{key}"));
        let file = file
            .and_then(|file| entry(&file))
            .ok_or(refused("its numbers are not in the archive"))?;
        let Cow::Borrowed(numbers) = zip.read(file)? else {
            return Err(refused("its numbers are packed, which PyTorch does not do"));
        };
        let offset =
            usize::try_from(*offset).map_err(|_| refused("expected an offset of 0 or more"))?;
        let data = view(numbers, offset, &shape, &strides, width, &mut left)?
            .ok_or(refused("does not fit its numbers"))?;
        let data = if class == StorageClass::Double {
            Cow::Owned(narrowed(&data)?)
        } else {
            data
        };
        tensors.push(Tensor {
            name: name.into(),
            dtype,
            shape,
            data,
        });
    }
    Ok(StateDict { within, tensors })
}

/// The type that a class is read as, and the width of its elements.
fn element(class: StorageClass) -> (Dtype, usize) {
    match class {
        StorageClass::Float => (Dtype::F32, 4),
        StorageClass::Half => (Dtype::F16, 2),
        StorageClass::BFloat16 => (Dtype::BF16, 2),
        StorageClass::Double => (Dtype::F32, 8),
        StorageClass::Long => (Dtype::I64, 8),
        StorageClass::Int => (Dtype::I32, 4),
        StorageClass::Byte => (Dtype::U8, 1),
        StorageClass::Bool => (Dtype::BOOL, 1),
    }
}

/// f64 as f32.
fn narrowed(data: &[u8]) -> Result<Vec<u8>, OutOfMemory> {
    let mut narrow = reserved("a tensor", data.len() as u64 / 2)?;
    let numbers = data.chunks_exact(8).flat_map(|bytes| {
        let mut whole = [0; 8];
        whole.copy_from_slice(bytes);
        (f64::from_le_bytes(whole) as f32).to_le_bytes()
    });
    narrow.extend(numbers);
    Ok(narrow)
}

/// The elements of a view, row by row: as they stand where that is their order, else gathered, which takes from `left`.
/// `None` where they are not all among `numbers`.
fn view<'a>(
    numbers: &'a [u8],
    offset: usize,
    shape: &[usize],
    strides: &[usize],
    width: usize,
    left: &mut usize,
) -> Result<Option<Cow<'a, [u8]>>, OutOfMemory> {
    let count = (shape.iter()).try_fold(1usize, |count, side| count.checked_mul(*side));
    let length = count.and_then(|count| count.checked_mul(width));
    let after = length.and_then(|length| left.checked_sub(length));
    let (Some(count), Some(length), Some(after)) = (count, length, after) else {
        return Ok(None);
    };
    *left = after;
    let mut expected = 1usize;
    let mut in_order = true;
    for (side, stride) in shape.iter().zip(strides).rev() {
        in_order &= *side == 1 || *stride == expected;
        expected = expected.saturating_mul(*side);
    }
    if in_order || count == 0 {
        let start = offset.checked_mul(width);
        let place = start.and_then(|start| Some(start..start.checked_add(length)?));
        return Ok(place
            .and_then(|place| numbers.get(place))
            .map(Cow::Borrowed));
    }
    let mut data = reserved("a tensor", length as u64)?;
    let mut at = vec![0; shape.len()];
    for _ in 0..count {
        let place = at
            .iter()
            .zip(strides)
            .try_fold(offset, |place, (index, stride)| {
                place.checked_add(usize::checked_mul(*index, *stride)?)
            })
            .and_then(|place| place.checked_mul(width))
            .and_then(|place| numbers.get(place..place.checked_add(width)?));
        let Some(element) = place else {
            return Ok(None);
        };
        data.extend_from_slice(element);
        // The last side runs fastest.
        for (index, side) in at.iter_mut().zip(shape).rev() {
            *index += 1;
            if *index < *side {
                break;
            }
            *index = 0;
        }
    }
    Ok(Some(Cow::Owned(data)))
}

/// A dictionary's entries.
type Entries = [(Id, Id)];

/// The dictionary with tensors in it: the pickle itself, or one that it holds, averaged weights first.
fn state_dict<'p>(pickle: &'p Pickle<'_>) -> Option<(Option<String>, &'p Entries)> {
    let entries = |id: Id| match pickle.value(id) {
        Value::Dict(entries) => Some(entries.as_slice()),
        _ => None,
    };
    let has_tensors = |entries: &Entries| {
        let is_tensor = |id: Id| matches!(pickle.value(id), Value::Tensor { .. });
        entries.iter().any(|(_, value)| is_tensor(*value))
    };
    let top = entries(pickle.root)?;
    if has_tensors(top) {
        return Some((None, top));
    }
    let mut found: Option<(&str, &Entries)> = None;
    for (key, value) in top {
        let Some(inside) = entries(*value).filter(|inside| has_tensors(inside)) else {
            continue;
        };
        let key = pickle.text(*key).unwrap_or_default();
        if found.is_none() || key.contains("ema") {
            found = Some((key, inside));
        }
    }
    found.map(|(key, inside)| (Some(brief(key)), inside))
}
