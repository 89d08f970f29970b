//! The classifier whose features distances are measured in: reads the file of tools/train_features.py.
//!
//! 3×3 convolutions with ReLU, the mean over all positions (the features), one linear layer (the classes).
//! The file says how many convolutions there are and what their strides are; every shape follows from the
//! tensors. It stands where the papers have Inception, so its distances compare only with each other.

use std::collections::BTreeMap;

use burn::tensor::activation::relu;
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, TensorData};
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;

use super::statistics::MAX_DIMENSION;
use crate::unet::weights::{self, WeightsError};

/// The most convolutions of one network.
const MAX_LAYERS: usize = 64;

/// Why a file is no such network, or images do not fit it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// Not a .safetensors file, or numbers of a wrong kind.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The metadata does not give the strides.
    #[error(
        "strides: expected 1 to {MAX_LAYERS} comma-separated numbers from 1 to 4 in the metadata, found {found}"
    )]
    Strides {
        /// What the metadata says, or that it says nothing.
        found: String,
    },
    /// A tensor is not there.
    #[error(
        "{name}: missing: a network of {layers} convolutions has conv.<i> and linear, each with weight and bias"
    )]
    Missing {
        /// The tensor.
        name: String,
        /// Number of convolutions that the strides announce.
        layers: usize,
    },
    /// A tensor has another shape.
    #[error("{name}: expected {expected}, found {found:?}")]
    Shape {
        /// The tensor.
        name: String,
        /// What it may be.
        expected: String,
        /// What it is.
        found: Vec<usize>,
    },
    /// A tensor that no such network has.
    #[error("{name}: not part of a network of {layers} convolutions and a linear layer")]
    Unknown {
        /// The tensor.
        name: String,
        /// Number of convolutions that the strides announce.
        layers: usize,
    },
    /// The images do not fit.
    #[error(
        "images: expected [images, {channels}, height, width] of {expected} numbers, found {shape:?} and {found} numbers"
    )]
    Images {
        /// Channels of the network's input.
        channels: usize,
        /// The product of the shape.
        expected: usize,
        /// The shape given.
        shape: [usize; 4],
        /// Numbers given.
        found: usize,
    },
    /// The device failed while it was working.
    #[error("device: {0}")]
    Device(String),
}

/// A classifier on a device.
#[derive(Debug)]
pub struct FeatureNetwork {
    convolutions: Vec<Convolution>,
    weight: Tensor<2>, // [classes, dimension]
    bias: Tensor<2>,   // [1, classes]
    device: Device,
    metadata: BTreeMap<String, String>,
}

#[derive(Debug)]
struct Convolution {
    weight: Tensor<4>, // [out, in, 3, 3]
    bias: Tensor<1>,
    stride: usize,
}

impl FeatureNetwork {
    /// Reads a `.safetensors` file (f32, f16 or bf16) with `conv.<i>.weight`, `conv.<i>.bias`, `linear.weight`,
    /// `linear.bias` and the metadata `strides`.
    ///
    /// # Errors
    /// [`NetworkError`] names the tensor that is wrong.
    pub fn from_bytes(bytes: &[u8], device: &Device) -> Result<Self, NetworkError> {
        let file = weights::parse(bytes)?;
        let metadata = metadata(bytes);
        let strides = strides(metadata.get("strides"))?;
        let mut tensors = Tensors {
            found: file.iter().collect(),
            layers: strides.len(),
            device,
        };
        let (mut convolutions, mut inputs) = (Vec::new(), None);
        for (layer, stride) in strides.into_iter().enumerate() {
            let (convolution, outputs) = tensors.convolution(layer, inputs, stride)?;
            convolutions.push(convolution);
            inputs = Some(outputs);
        }
        let (weight, bias) = tensors.linear(inputs)?;
        tensors.nothing_left()?;
        Ok(Self {
            convolutions,
            weight,
            bias,
            device: device.clone(),
            metadata,
        })
    }

    /// Channels of the images.
    pub fn in_channels(&self) -> usize {
        self.convolutions[0].weight.dims()[1]
    }

    /// Features of one image.
    pub fn dimension(&self) -> usize {
        self.weight.dims()[1]
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.weight.dims()[0]
    }

    /// What the file says about itself: `architecture`, `accuracy`, `data`, `command`, `strides`, …
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// The features of `images` `[B, C, H, W]` in -1…1: `[B, dimension]`, row-major.
    ///
    /// # Errors
    /// [`NetworkError::Images`] when they do not fit the network.
    pub fn features(&self, images: Vec<f32>, shape: [usize; 4]) -> Result<Vec<f32>, NetworkError> {
        read(self.forward(images, shape)?)
    }

    /// The logits of the classes for `images` `[B, C, H, W]` in -1…1: `[B, classes]`, row-major.
    ///
    /// # Errors
    /// [`NetworkError::Images`] when they do not fit the network.
    pub fn logits(&self, images: Vec<f32>, shape: [usize; 4]) -> Result<Vec<f32>, NetworkError> {
        let features = self.forward(images, shape)?;
        read(features.matmul(self.weight.clone().transpose()) + self.bias.clone())
    }

    fn forward(&self, images: Vec<f32>, shape: [usize; 4]) -> Result<Tensor<2>, NetworkError> {
        let (channels, expected) = (self.in_channels(), shape.iter().product());
        if shape[1] != channels || expected == 0 || images.len() != expected {
            return Err(NetworkError::Images {
                channels,
                expected,
                shape,
                found: images.len(),
            });
        }
        let images = Tensor::<4>::from_data(TensorData::new(images, shape), &self.device);
        let last = self.convolutions.iter().fold(images, |x, layer| {
            let options = ConvOptions::new([layer.stride; 2], [1, 1], [1, 1], 1);
            relu(conv2d(
                x,
                layer.weight.clone(),
                Some(layer.bias.clone()),
                options,
            ))
        });
        let [batch, dimension, height, width] = last.dims();
        let mean = last.reshape([batch, dimension, height * width]).mean_dim(2); // [B, D, 1]
        Ok(mean.reshape([batch, dimension]))
    }
}

fn read(tensor: Tensor<2>) -> Result<Vec<f32>, NetworkError> {
    tensor
        .into_data()
        .try_into_vec()
        .map_err(|error| NetworkError::Device(format!("{error:?}")))
}

fn metadata(bytes: &[u8]) -> BTreeMap<String, String> {
    SafeTensors::read_metadata(bytes)
        .ok()
        .and_then(|(_, header)| header.metadata().clone())
        .unwrap_or_default()
        .into_iter()
        .collect()
}

fn strides(text: Option<&String>) -> Result<Vec<usize>, NetworkError> {
    let list: Option<Vec<usize>> = text.and_then(|text| {
        let numbers = text.split(',').map(|n| n.trim().parse().ok());
        numbers.map(|n| n.filter(|n| (1..=4).contains(n))).collect()
    });
    list.filter(|list| list.len() <= MAX_LAYERS)
        .ok_or_else(|| NetworkError::Strides {
            found: text.map_or("none".into(), |text| text.chars().take(80).collect()),
        })
}

/// The tensors of a file that have not been used yet.
struct Tensors<'a> {
    found: BTreeMap<&'a str, TensorView<'a>>,
    layers: usize,
    device: &'a Device,
}

impl Tensors<'_> {
    /// The numbers and the shape of `name`, which has to be `expected`; `None` stands for any length up to
    /// [`MAX_DIMENSION`].
    fn take<const D: usize>(
        &mut self,
        name: &str,
        expected: [Option<usize>; D],
    ) -> Result<(Tensor<D>, [usize; D]), NetworkError> {
        let view = self.found.remove(name).ok_or(NetworkError::Missing {
            name: name.into(),
            layers: self.layers,
        })?;
        let fits = |(found, expected): (&usize, &Option<usize>)| {
            expected.map_or((1..=MAX_DIMENSION).contains(found), |e| e == *found)
        };
        let shape = <[usize; D]>::try_from(view.shape())
            .ok()
            .filter(|shape| shape.iter().zip(&expected).all(fits))
            .ok_or_else(|| NetworkError::Shape {
                name: name.into(),
                expected: words(&expected),
                found: view.shape().to_vec(),
            })?;
        let values = weights::floats(name, &view)?;
        Ok((
            Tensor::from_data(TensorData::new(values, shape), self.device),
            shape,
        ))
    }

    fn convolution(
        &mut self,
        layer: usize,
        inputs: Option<usize>,
        stride: usize,
    ) -> Result<(Convolution, usize), NetworkError> {
        let name = format!("conv.{layer}.weight");
        let (weight, [outputs, ..]) = self.take(&name, [None, inputs, Some(3), Some(3)])?;
        let (bias, _) = self.take(&format!("conv.{layer}.bias"), [Some(outputs)])?;
        Ok((
            Convolution {
                weight,
                bias,
                stride,
            },
            outputs,
        ))
    }

    fn linear(&mut self, inputs: Option<usize>) -> Result<(Tensor<2>, Tensor<2>), NetworkError> {
        let (weight, [classes, _]) = self.take("linear.weight", [None, inputs])?;
        let (bias, _) = self.take::<1>("linear.bias", [Some(classes)])?;
        Ok((weight, bias.reshape([1, classes])))
    }

    fn nothing_left(&self) -> Result<(), NetworkError> {
        match self.found.keys().next() {
            Some(name) => Err(NetworkError::Unknown {
                name: (*name).into(),
                layers: self.layers,
            }),
            None => Ok(()),
        }
    }
}

fn words(shape: &[Option<usize>]) -> String {
    let sides: Vec<String> = shape
        .iter()
        .map(|side| side.map_or("any".into(), |n| n.to_string()))
        .collect();
    format!("[{}]", sides.join(", "))
}
