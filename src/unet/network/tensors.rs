//! The network's parameters as the tensors of diffusers' file, and back.
//!
//! A parameter's path in [`Unet`] is its tensor's name, except that burn writes `gamma`/`beta` for a normalisation's
//! `weight`/`bias`, keeps a linear layer's matrix transposed, and that three fields are named after what they are.

use std::collections::HashMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor, TensorData};

use super::Unet;
use crate::unet::config::UnetConfig;
use crate::unet::weights::{Precision, Stored, TensorSpec, WeightsError, serialize, tensors};

impl Unet {
    /// The tensors that a weights file for `config` holds, in the network's order.
    pub fn expected_tensors(config: &UnetConfig) -> Vec<TensorSpec> {
        // Parameters are drawn when first used, so that this network costs nothing.
        specs(&Self::init(config, &Device::flex()))
    }

    /// Its tensors, and whether burn keeps each with rows and columns exchanged.
    #[cfg(all(feature = "train", not(target_arch = "wasm32")))]
    pub(crate) fn layout(&self) -> Vec<(TensorSpec, bool)> {
        specs_and_layout(self)
    }

    /// Builds the network of `config` on `device` from the bytes of a `.safetensors` file, see [`tensors`].
    ///
    /// # Errors
    /// [`WeightsError`] as [`tensors`] has it.
    pub fn from_safetensors(
        config: &UnetConfig,
        bytes: &[u8],
        device: &Device,
    ) -> Result<Self, WeightsError> {
        let unet = Self::init(config, device);
        let mut values = tensors(&specs(&unet), bytes)?;
        Ok(unet.map(&mut Fill(Walk::default(), &mut values)))
    }

    /// The bytes of a `.safetensors` file that diffusers and [`Unet::from_safetensors`] read.
    ///
    /// # Errors
    /// [`WeightsError`] when a tensor cannot be read from its device, is not finite, or overflows f16.
    pub fn to_safetensors(&self, precision: Precision) -> Result<Vec<u8>, WeightsError> {
        let mut read = Read(Walk::default(), Ok(Vec::new()), precision);
        self.visit(&mut read);
        serialize(read.1?)
    }
}

fn specs(unet: &Unet) -> Vec<TensorSpec> {
    let specs = specs_and_layout(unet).into_iter();
    specs.map(|(spec, _)| spec).collect()
}

fn specs_and_layout(unet: &Unet) -> Vec<(TensorSpec, bool)> {
    struct Collect(Walk, Vec<(TensorSpec, bool)>);
    impl ModuleVisitor for Collect {
        fn enter_module(&mut self, name: &str, container: &str) {
            self.0.enter(name, container);
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.0.exit();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let mut shape = param.lazy_shape().to_vec();
            let transposed = self.0.transposed();
            if transposed {
                shape.reverse();
            }
            let name = self.0.tensor_name();
            self.1.push((TensorSpec { name, shape }, transposed));
        }
    }
    let mut collect = Collect(Walk::default(), Vec::new());
    unet.visit(&mut collect);
    collect.1
}

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
    Stored::new(name, shape, &values, precision)
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

/// `[rows, columns]` -> `[columns, rows]`, row-major.
pub(crate) fn transpose(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..columns)
        .flat_map(|c| (0..rows).map(move |r| values[r * columns + c]))
        .collect()
}
