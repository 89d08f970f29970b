//! Weights in and out: diffusers' `diffusion_pytorch_model.safetensors`.
//!

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use half::{bf16, f16};
use safetensors::{Dtype, SafeTensorError, View};

use crate::json::{brief, cut};
use crate::tensor_file::{StoredTensor, TensorFile};

/// Why a weights file was refused. Every message names the file's part that is wrong.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The bytes are not safetensors.
    #[error("weights: expected a .safetensors file, found {0}")]
    NotSafetensors(String),
    /// The tensors are not those of the configured network.
    #[error("weights: do not fit config.json: {}", describe(.missing, .extra, .misshapen))]
    Mismatch {
        /// Names that the network needs.
        missing: Vec<String>,
        /// Names that the network does not know.
        extra: Vec<String>,
        /// Name, shape expected, shape found.
        misshapen: Vec<(String, Vec<usize>, Vec<usize>)>,
    },
    /// A tensor's element type is none of f32, f16, bf16.
    #[error("weights: {name}: expected F32, F16 or BF16, found {found}")]
    Dtype {
        /// The tensor.
        name: String,
        /// Its element type.
        found: String,
    },
    /// A tensor holds NaN or an infinity.
    #[error("weights: {name}: expected finite numbers, found {found} at element {index}")]
    NotFinite {
        /// The tensor.
        name: String,
        /// NaN, inf or -inf.
        found: f32,
        /// Where, counted from 0.
        index: usize,
    },
    /// A tensor could not be read back from its device.
    #[error("weights: {name}: could not be read from the device: {reason}")]
    Device {
        /// The tensor.
        name: String,
        /// What the device said.
        reason: String,
    },
}

/// Of what does not fit; with what stands around it, a line has 500 characters at most.
const LONGEST: usize = 400;

fn describe(
    missing: &[String],
    extra: &[String],
    misshapen: &[(String, Vec<usize>, Vec<usize>)],
) -> String {
    let mut parts = Vec::new();
    if !missing.is_empty() {
        parts.push(format!("missing {}", some(missing.iter().cloned())));
    }
    if !extra.is_empty() {
        let extra = some(extra.iter().cloned());
        parts.push(format!("not part of this network: {extra}"));
    }
    if !misshapen.is_empty() {
        let list = misshapen.iter().map(|(name, expected, found)| {
            let name = shortened(name);
            format!("{name} expected {expected:?} found {found:?}")
        });
        parts.push(format!("wrong shape: {}", some(list)));
    }
    cut(&parts.join("; "), LONGEST)
}

/// The first few of a list that may be as long as a file wants it, and how many more there are.
fn some(list: impl ExactSizeIterator<Item = String>) -> String {
    const NAMED: usize = 2;
    let more = list.len().saturating_sub(NAMED);
    let first: Vec<String> = list.take(NAMED).map(|text| shortened(&text)).collect();
    let first = first.join(", ");
    if more == 0 {
        first
    } else {
        format!("{first} and {more} more")
    }
}

/// As much of a name as a message has room for.
fn shortened(name: &str) -> String {
    const LONGEST: usize = 70;
    match name.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.into(),
    }
}

/// Name and shape of one tensor of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorSpec {
    /// diffusers' name.
    pub name: String,
    /// PyTorch's shape.
    pub shape: Vec<usize>,
}

impl TensorSpec {
    /// How many numbers it holds.
    pub fn numbers(&self) -> usize {
        self.shape.iter().copied().fold(1, usize::saturating_mul)
    }
}

/// Attention tensors as diffusers named them before 0.17.
const OLD_NAMES: [(&str, &str); 4] = [
    (".query.", ".to_q."),
    (".key.", ".to_k."),
    (".value.", ".to_v."),
    (".proj_attn.", ".to_out.0."),
];

fn current_name(name: &str) -> Cow<'_, str> {
    OLD_NAMES.iter().fold(name.into(), |name, (old, new)| {
        if name.contains(old) {
            name.replace(old, new).into()
        } else {
            name
        }
    })
}

/// What every tensor of a wrapped network has before its name, such as `module.` (`DataParallel`) and `_orig_mod.`
/// (`torch.compile`). The network's first layer tells it; `None` where there is none, or not all names have it.
fn prefix<'n>(names: impl Iterator<Item = &'n str> + Clone) -> Option<&'n str> {
    const FIRST: &str = "conv_in.weight";
    let prefix = names
        .clone()
        .filter_map(|name| name.strip_suffix(FIRST))
        .find(|prefix| prefix.is_empty() || prefix.ends_with('.'))
        .filter(|prefix| !prefix.is_empty())?;
    let mut names = names;
    names.all(|name| name.starts_with(prefix)).then_some(prefix)
}

/// What is worth knowing of how the weights in `bytes` are read, a sentence each; nothing where they are no
/// `.safetensors` file.
pub fn remarks(bytes: &[u8]) -> Vec<String> {
    let Ok(file) = parse(bytes) else {
        return Vec::new();
    };
    remarks_on(file.names())
}

fn remarks_on<'n>(names: impl Iterator<Item = &'n str> + Clone) -> Vec<String> {
    let told = prefix(names).map(|prefix| {
        let prefix = shortened(prefix);
        format!("weights: all tensors have the prefix {prefix} before their names; it is left out")
    });
    told.into_iter().collect()
}

/// The tensors that a network needs from the bytes of a `.safetensors` file (f32, f16 or bf16; current or old
/// attention names; a prefix that all names share is left out), by name, row-major in PyTorch's shapes.
///
/// # Errors
/// [`WeightsError`]: all tensors that are missing, unknown or misshapen are named at once.
pub fn tensors(
    expected: &[TensorSpec],
    bytes: &[u8],
) -> Result<HashMap<String, Vec<f32>>, WeightsError> {
    checked(expected, found(&parse(bytes)?))
}

/// The tensors of `file` by the names that networks have for them.
pub(crate) fn found<'f, 'a>(
    file: &'f TensorFile<'a>,
) -> BTreeMap<Cow<'f, str>, &'f StoredTensor<'a>> {
    current_names(file.iter().map(|tensor| (&*tensor.name, tensor)))
}

/// Tensors by their current names, without a prefix that all of them share.
fn current_names<'n, T>(
    tensors: impl Iterator<Item = (&'n str, T)> + Clone,
) -> BTreeMap<Cow<'n, str>, T> {
    let names = tensors.clone().map(|(name, _)| name);
    let prefix = prefix(names.clone()).unwrap_or_default();
    let there: HashSet<&str> = names.map(|name| &name[prefix.len()..]).collect();
    let mut found = BTreeMap::new();
    for (full, tensor) in tensors {
        let name = &full[prefix.len()..];
        let current = current_name(name);
        // A tensor under its old and its new name at once: the old one is left over.
        let kept = if name != current && there.contains(&*current) {
            name.into()
        } else {
            current
        };
        found.insert(kept, tensor);
    }
    found
}

/// What is known of a tensor before its numbers are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    /// Its name in the file.
    pub name: String,
    /// Its element type.
    pub dtype: Dtype,
    /// Its shape.
    pub shape: Vec<usize>,
}

/// Checks that a file with the tensors `found` has what [`tensors`] needs; what is worth knowing of how it is read, a
/// sentence each, as [`remarks`] has it.
///
/// # Errors
/// [`WeightsError::Mismatch`] and [`WeightsError::Dtype`], as of [`tensors`].
pub fn fit(expected: &[TensorSpec], found: &[Announced]) -> Result<Vec<String>, WeightsError> {
    let by_name = found.iter().map(|tensor| (tensor.name.as_str(), tensor));
    let names = by_name.clone().map(|(name, _)| name);
    for (name, Announced { dtype, .. }) in
        matched(expected, current_names(by_name), |tensor| &tensor.shape)?
    {
        if !READ.contains(dtype) {
            return Err(WeightsError::Dtype {
                name: name.clone(),
                found: format!("{dtype:?}"),
            });
        }
    }
    Ok(remarks_on(names))
}

/// Element types that are read.
const READ: [Dtype; 3] = [Dtype::F32, Dtype::F16, Dtype::BF16];

pub(crate) fn parse(bytes: &[u8]) -> Result<TensorFile<'_>, WeightsError> {
    TensorFile::read(bytes).map_err(|error| refused(bytes, bytes.len() as u64, error))
}

/// Why a file of `size` bytes that begins with `bytes` is not read.
pub(crate) fn refused(bytes: &[u8], size: u64, error: SafeTensorError) -> WeightsError {
    let start = bytes
        .iter()
        .position(|b| !b.is_ascii_whitespace())
        .unwrap_or(0);
    WeightsError::NotSafetensors(match error {
        _ if bytes.is_empty() => "an empty file".into(),
        _ if bytes[start..].starts_with(b"<") => "a web page (HTML): is the address right?".into(),
        _ if bytes.starts_with(b"PK") || bytes.starts_with(b"\x80") => {
            "a PyTorch file: save it with safe_serialization=True".into()
        }
        _ if bytes.starts_with(b"version https://git-lfs") => {
            "a Git LFS pointer: fetch the file itself".into()
        }
        SafeTensorError::InvalidHeaderLength | SafeTensorError::HeaderTooLarge => {
            let mut length = [0; 8];
            length.copy_from_slice(&bytes[..8]);
            format!(
                "a header length of {} in {size} bytes: truncated or damaged",
                u64::from_le_bytes(length),
            )
        }
        SafeTensorError::MetadataIncompleteBuffer => {
            format!("{size} bytes, not what the header announces: truncated or damaged")
        }
        other => format!("a damaged one ({})", brief(&other.to_string())),
    })
}

/// The values of the tensors `expected` out of those `found`.
pub(crate) fn checked(
    expected: &[TensorSpec],
    found: BTreeMap<Cow<'_, str>, &StoredTensor<'_>>,
) -> Result<HashMap<String, Vec<f32>>, WeightsError> {
    matched(expected, found, |tensor| &tensor.shape)?
        .into_iter()
        .map(|(name, tensor)| Ok((name.clone(), floats(name, tensor)?)))
        .collect()
}

/// The tensors `expected`, in that order, out of those `found`, which must be no others.
pub(crate) fn matched<'e, T>(
    expected: &'e [TensorSpec],
    mut found: BTreeMap<Cow<'_, str>, T>,
    shape_of: impl Fn(&T) -> &[usize],
) -> Result<Vec<(&'e String, T)>, WeightsError> {
    let mut missing = Vec::new();
    let mut misshapen = Vec::new();
    let mut matched = Vec::new();
    for TensorSpec { name, shape } in expected {
        match found.remove(name.as_str()) {
            None => missing.push(name.clone()),
            Some(tensor) if shape_of(&tensor) != shape => {
                misshapen.push((name.clone(), shape.clone(), shape_of(&tensor).to_vec()));
            }
            Some(tensor) => matched.push((name, tensor)),
        }
    }
    let extra: Vec<String> = found.into_keys().map(Cow::into_owned).collect();
    if missing.is_empty() && extra.is_empty() && misshapen.is_empty() {
        return Ok(matched);
    }
    Err(WeightsError::Mismatch {
        missing,
        extra,
        misshapen,
    })
}

pub(crate) fn floats(name: &str, tensor: &StoredTensor) -> Result<Vec<f32>, WeightsError> {
    let data = tensor.data;
    let pairs =
        |read: fn([u8; 2]) -> f32| data.chunks_exact(2).map(|b| read([b[0], b[1]])).collect();
    let values: Vec<f32> = match tensor.dtype {
        Dtype::F32 => data
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect(),
        Dtype::F16 => pairs(|b| f16::from_le_bytes(b).to_f32()),
        Dtype::BF16 => pairs(|b| bf16::from_le_bytes(b).to_f32()),
        other => {
            return Err(WeightsError::Dtype {
                name: name.into(),
                found: format!("{other:?}"),
            });
        }
    };
    match values.iter().position(|v| !v.is_finite()) {
        Some(index) => Err(WeightsError::NotFinite {
            name: name.into(),
            found: values[index],
            index,
        }),
        None => Ok(values),
    }
}

/// Element type of a written file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// 4 bytes, exact.
    F32,
    /// 2 bytes, rounded to nearest.
    F16,
}

/// The bytes of a `.safetensors` file that diffusers and [`tensors`] read.
///
/// # Errors
/// [`WeightsError::NotSafetensors`] when two tensors have one name.
pub fn serialize(tensors: Vec<(String, Stored)>) -> Result<Vec<u8>, WeightsError> {
    let metadata = HashMap::from([("format".to_string(), "pt".to_string())]);
    safetensors::serialize(tensors, Some(metadata))
        .map_err(|e| WeightsError::NotSafetensors(e.to_string()))
}

/// The bytes of a `.safetensors` file with `values` of the tensors `specs`, as [`serialize`] makes it.
///
/// # Errors
/// [`WeightsError`] when a tensor does not fill its shape, is not finite, or overflows `precision`.
pub fn to_bytes(
    specs: &[TensorSpec],
    values: &[Vec<f32>],
    precision: Precision,
) -> Result<Vec<u8>, WeightsError> {
    serialize(stored(specs, values, precision)?)
}

/// The tensors `specs` with `values`, as a file holds them.
///
/// # Errors
/// As of [`to_bytes`].
pub(crate) fn stored(
    specs: &[TensorSpec],
    values: &[Vec<f32>],
    precision: Precision,
) -> Result<Vec<(String, Stored)>, WeightsError> {
    check_lengths(specs, values)?;
    let stored = |(spec, values): (&TensorSpec, &Vec<f32>)| {
        let stored = Stored::new(&spec.name, spec.shape.clone(), values, precision)?;
        Ok((spec.name.clone(), stored))
    };
    specs.iter().zip(values).map(stored).collect()
}

/// Checks that `values` fill the tensors `specs`.
///
/// # Errors
/// [`WeightsError::Mismatch`] names those that they do not.
pub fn check_lengths(specs: &[TensorSpec], values: &[Vec<f32>]) -> Result<(), WeightsError> {
    let misshapen: Vec<_> = specs
        .iter()
        .zip(values)
        .filter(|(spec, values)| values.len() != spec.numbers())
        .map(|(spec, values)| (spec.name.clone(), spec.shape.clone(), vec![values.len()]))
        .collect();
    let missing: Vec<_> = specs
        .iter()
        .skip(values.len())
        .map(|spec| spec.name.clone())
        .collect();
    let extra: Vec<_> = (specs.len()..values.len())
        .map(|i| format!("tensor {i}"))
        .collect();
    if misshapen.is_empty() && missing.is_empty() && extra.is_empty() {
        return Ok(());
    }
    Err(WeightsError::Mismatch {
        missing,
        extra,
        misshapen,
    })
}

/// A tensor as a file holds it.
pub struct Stored {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Stored {
    /// A list of numbers, whatever they are.
    #[cfg(feature = "train")]
    pub(crate) fn list(values: &[f32]) -> Self {
        Self {
            dtype: Dtype::F32,
            shape: vec![values.len()],
            bytes: values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        }
    }

    /// Its bytes.
    #[cfg(feature = "train")]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The tensor `name` of `shape` with `values` row by row.
    ///
    /// # Errors
    /// [`WeightsError::NotFinite`] when a value is not finite, or overflows `precision`.
    pub fn new(
        name: &str,
        shape: Vec<usize>,
        values: &[f32],
        precision: Precision,
    ) -> Result<Self, WeightsError> {
        let stored = |v: &f32| match precision {
            Precision::F32 => *v,
            Precision::F16 => f16::from_f32(*v).to_f32(),
        };
        if let Some(index) = values.iter().position(|v| !stored(v).is_finite()) {
            return Err(WeightsError::NotFinite {
                name: name.into(),
                found: stored(&values[index]),
                index,
            });
        }
        let (dtype, bytes) = match precision {
            Precision::F32 => (
                Dtype::F32,
                values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            ),
            Precision::F16 => (
                Dtype::F16,
                values
                    .iter()
                    .flat_map(|v| f16::from_f32(*v).to_le_bytes())
                    .collect(),
            ),
        };
        Ok(Self {
            dtype,
            shape,
            bytes,
        })
    }
}

impl View for Stored {
    fn dtype(&self) -> Dtype {
        self.dtype
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }
    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}
