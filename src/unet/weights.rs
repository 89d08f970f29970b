//! Weights in and out: diffusers' `diffusion_pytorch_model.safetensors`.
//!
//! The only place that knows tensor names. A parameter's path in [`Unet`] is its tensor's name,
//! except that burn writes `gamma`/`beta` for a normalisation's `weight`/`bias`, keeps a linear
//! layer's matrix transposed, and that three fields are named after what they are.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor, TensorData};
use half::{bf16, f16};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensorError, SafeTensors, View};

use super::Unet;
use super::config::UnetConfig;

/// Why a weights file was refused. Every message names the file's part that is wrong.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
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

fn describe(
    missing: &[String],
    extra: &[String],
    misshapen: &[(String, Vec<usize>, Vec<usize>)],
) -> String {
    let mut parts = Vec::new();
    if !missing.is_empty() {
        parts.push(format!("missing {}", missing.join(", ")));
    }
    if !extra.is_empty() {
        parts.push(format!("not part of this network: {}", extra.join(", ")));
    }
    if !misshapen.is_empty() {
        let list: Vec<String> = misshapen
            .iter()
            .map(|(name, expected, found)| format!("{name} expected {expected:?} found {found:?}"))
            .collect();
        parts.push(format!("wrong shape: {}", list.join(", ")));
    }
    parts.join("; ")
}

/// Name and shape of one tensor of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorSpec {
    /// diffusers' name.
    pub name: String,
    /// PyTorch's shape.
    pub shape: Vec<usize>,
}

/// The tensors that a weights file for `config` holds, in the network's order.
pub fn expected_tensors(config: &UnetConfig) -> Vec<TensorSpec> {
    // Parameters are drawn when first used, so that this network costs nothing.
    specs(&Unet::init(config, &Device::flex()))
}

fn specs(unet: &Unet) -> Vec<TensorSpec> {
    struct Collect(Walk, Vec<TensorSpec>);
    impl ModuleVisitor for Collect {
        fn enter_module(&mut self, name: &str, container: &str) {
            self.0.enter(name, container);
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.0.exit();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let mut shape = param.lazy_shape().to_vec();
            if self.0.transposed() {
                shape.reverse();
            }
            self.1.push(TensorSpec {
                name: self.0.tensor_name(),
                shape,
            });
        }
    }
    let mut collect = Collect(Walk::default(), Vec::new());
    unet.visit(&mut collect);
    collect.1
}

/// The path to the parameter being looked at: field names and the struct each belongs to.
#[derive(Default)]
struct Walk(Vec<(String, String)>);

impl Walk {
    fn enter(&mut self, name: &str, container: &str) {
        self.0.push((name.into(), container.into()));
    }

    fn exit(&mut self) {
        self.0.pop();
    }

    /// burn multiplies `x·W`, PyTorch `x·Wᵀ`.
    fn transposed(&self) -> bool {
        self.0
            .last()
            .is_some_and(|(field, owner)| owner == "Struct:Linear" && field == "weight")
    }

    fn tensor_name(&self) -> String {
        let parts: Vec<&str> = self
            .0
            .iter()
            .map(|(field, owner)| match (owner.as_str(), field.as_str()) {
                ("Struct:GroupNorm", "gamma") => "weight",
                ("Struct:GroupNorm", "beta") => "bias",
                ("Struct:Attention", "to_out") => "to_out.0",
                ("Struct:DownBlock", "downsample_conv" | "downsample_resnet") => "downsamplers.0",
                ("Struct:UpBlock", "upsample_conv" | "upsample_resnet") => "upsamplers.0",
                (_, field) => field,
            })
            .collect();
        parts.join(".")
    }
}

/// Attention tensors as diffusers named them before 0.17.
const OLD_NAMES: [(&str, &str); 4] = [
    (".query.", ".to_q."),
    (".key.", ".to_k."),
    (".value.", ".to_v."),
    (".proj_attn.", ".to_out.0."),
];

fn current_name(name: &str) -> String {
    OLD_NAMES
        .iter()
        .fold(name.to_string(), |name, (old, new)| name.replace(old, new))
}

/// The tensors that a network needs from the bytes of a `.safetensors` file (f32, f16 or bf16; current or old
/// attention names), by name, row-major in PyTorch's shapes.
///
/// # Errors
/// [`WeightsError`]: all tensors that are missing, unknown or misshapen are named at once.
pub fn tensors(
    expected: &[TensorSpec],
    bytes: &[u8],
) -> Result<HashMap<String, Vec<f32>>, WeightsError> {
    let file = parse(bytes)?;
    let mut found: BTreeMap<String, TensorView> = BTreeMap::new();
    for (name, view) in file.iter() {
        let current = current_name(name);
        // A tensor under its old and its new name at once: the old one is left over.
        let kept = if name != current && file.tensor(&current).is_ok() {
            name.to_string()
        } else {
            current
        };
        found.insert(kept, view);
    }
    checked(expected, found)
}

/// Builds the network of `config` on `device` from the bytes of a `.safetensors` file, see [`tensors`].
///
/// # Errors
/// [`WeightsError`] as [`tensors`] has it.
pub fn load(config: &UnetConfig, bytes: &[u8], device: &Device) -> Result<Unet, WeightsError> {
    let unet = Unet::init(config, device);
    let mut values = tensors(&specs(&unet), bytes)?;

    struct Fill<'a>(Walk, &'a mut HashMap<String, Vec<f32>>);
    impl ModuleMapper for Fill<'_> {
        fn enter_module(&mut self, name: &str, container: &str) {
            self.0.enter(name, container);
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.0.exit();
        }
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let Some(mut values) = self.1.remove(&self.0.tensor_name()) else {
                return param;
            };
            let shape = param.lazy_shape();
            if self.0.transposed() {
                values = transpose(&values, shape[1], shape[0]);
            }
            let (id, device) = (param.id, param.lazy_device());
            param.transform_for_load(
                Tensor::from_data(TensorData::new(values, shape), &device),
                id,
            )
        }
    }
    Ok(unet.map(&mut Fill(Walk::default(), &mut values)))
}

pub(crate) fn parse(bytes: &[u8]) -> Result<SafeTensors<'_>, WeightsError> {
    SafeTensors::deserialize(bytes).map_err(|error| {
        let start = bytes
            .iter()
            .position(|b| !b.is_ascii_whitespace())
            .unwrap_or(0);
        WeightsError::NotSafetensors(match error {
            _ if bytes.is_empty() => "an empty file".into(),
            _ if bytes[start..].starts_with(b"<") => {
                "a web page (HTML): is the address right?".into()
            }
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
                    "a header length of {} in {} bytes: truncated or damaged",
                    u64::from_le_bytes(length),
                    bytes.len()
                )
            }
            SafeTensorError::MetadataIncompleteBuffer => {
                format!(
                    "{} bytes, not what the header announces: truncated or damaged",
                    bytes.len()
                )
            }
            other => format!("a damaged one ({other})"),
        })
    })
}

fn checked(
    expected: &[TensorSpec],
    mut found: BTreeMap<String, TensorView>,
) -> Result<HashMap<String, Vec<f32>>, WeightsError> {
    let mut missing = Vec::new();
    let mut misshapen = Vec::new();
    let mut matched = Vec::new();
    for TensorSpec { name, shape } in expected {
        match found.remove(name) {
            None => missing.push(name.clone()),
            Some(view) if view.shape() != shape => {
                misshapen.push((name.clone(), shape.clone(), view.shape().to_vec()));
            }
            Some(view) => matched.push((name, view)),
        }
    }
    let extra: Vec<String> = found.into_keys().collect();
    if !missing.is_empty() || !extra.is_empty() || !misshapen.is_empty() {
        return Err(WeightsError::Mismatch {
            missing,
            extra,
            misshapen,
        });
    }
    matched
        .into_iter()
        .map(|(name, view)| Ok((name.clone(), floats(name, &view)?)))
        .collect()
}

pub(crate) fn floats(name: &str, view: &TensorView) -> Result<Vec<f32>, WeightsError> {
    let data = view.data();
    let pairs =
        |read: fn([u8; 2]) -> f32| data.chunks_exact(2).map(|b| read([b[0], b[1]])).collect();
    let values: Vec<f32> = match view.dtype() {
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

/// `[rows, columns]` -> `[columns, rows]`, row-major.
fn transpose(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..columns)
        .flat_map(|c| (0..rows).map(move |r| values[r * columns + c]))
        .collect()
}

/// Element type of a written file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// 4 bytes, exact.
    F32,
    /// 2 bytes, rounded to nearest.
    F16,
}

/// The bytes of a `.safetensors` file that diffusers and [`load`] read.
///
/// # Errors
/// [`WeightsError`] when a tensor cannot be read from its device, is not finite, or overflows f16.
pub fn save(unet: &Unet, precision: Precision) -> Result<Vec<u8>, WeightsError> {
    struct Read(Walk, Result<Vec<(String, Stored)>, WeightsError>, Precision);
    impl ModuleVisitor for Read {
        fn enter_module(&mut self, name: &str, container: &str) {
            self.0.enter(name, container);
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.0.exit();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let name = self.0.tensor_name();
            let (transposed, precision) = (self.0.transposed(), self.2);
            if let Ok(tensors) = &mut self.1 {
                match store(&name, param.val(), transposed, precision) {
                    Ok(stored) => tensors.push((name, stored)),
                    Err(error) => self.1 = Err(error),
                }
            }
        }
    }
    let mut read = Read(Walk::default(), Ok(Vec::new()), precision);
    unet.visit(&mut read);
    let metadata = HashMap::from([("format".to_string(), "pt".to_string())]);
    safetensors::serialize(read.1?, Some(metadata))
        .map_err(|e| WeightsError::NotSafetensors(e.to_string()))
}

struct Stored {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

fn store<const D: usize>(
    name: &str,
    tensor: Tensor<D>,
    transposed: bool,
    precision: Precision,
) -> Result<Stored, WeightsError> {
    let mut shape = tensor.dims().to_vec();
    let mut values: Vec<f32> = tensor
        .try_into_vec_as()
        .map_err(|error| WeightsError::Device {
            name: name.into(),
            reason: format!("{error:?}"),
        })?;
    if transposed {
        values = transpose(&values, shape[0], shape[1]);
        shape.reverse();
    }
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
    Ok(Stored {
        dtype,
        shape,
        bytes,
    })
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
