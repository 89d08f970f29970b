//! The classifier whose features distances are measured in: reads the file of tools/train_features.py.
//!
//! 3×3 convolutions with ReLU, the mean over all positions (the features), one linear layer (the classes).
//! The file says how many convolutions there are and what their strides are; every shape follows from the
//! tensors. It stands where the papers have Inception, so its distances compare only with each other.

use std::collections::BTreeMap;

use nalgebra::{DMatrix, DVector};

use super::statistics::MAX_DIMENSION;
use crate::tensor_file::StoredTensor;
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
}

/// A classifier.
#[derive(Debug)]
pub struct FeatureNetwork {
    convolutions: Vec<Convolution>,
    weight: DMatrix<f32>, // [dimension, classes]
    bias: DVector<f32>,
    metadata: BTreeMap<String, String>,
}

#[derive(Debug)]
struct Convolution {
    weight: DMatrix<f32>, // [in * 9, out]
    bias: DVector<f32>,
    stride: usize,
}

/// The feature maps of one image: `[height * width, channels]`, column after column.
struct Maps {
    values: DMatrix<f32>,
    height: usize,
    width: usize,
}

impl Convolution {
    fn inputs(&self) -> usize {
        self.weight.nrows() / 9
    }

    /// The 3×3 convolution with padding 1, and its ReLU.
    fn apply(&self, maps: &Maps) -> Maps {
        let Maps { values, .. } = maps;
        let [height, width] = [maps.height, maps.width].map(|side| (side - 1) / self.stride + 1);
        let mut columns = DMatrix::zeros(height * width, self.weight.nrows());
        for (index, mut column) in columns.column_iter_mut().enumerate() {
            let (map, dy, dx) = (values.column(index / 9), index % 9 / 3, index % 3);
            // One row and one column of zeros lie around the map.
            let rows = column.as_mut_slice().chunks_exact_mut(width);
            for (row, out) in rows.enumerate() {
                let y = row * self.stride + dy;
                if (1..=maps.height).contains(&y) {
                    let first = usize::from(dx == 0);
                    let from = (y - 1) * maps.width + first * self.stride + dx - 1;
                    // A map that is narrower than a stride has nothing there.
                    let source = map.as_slice().get(from..y * maps.width);
                    let taken = source.unwrap_or_default().iter().step_by(self.stride);
                    for (value, source) in out[first..].iter_mut().zip(taken) {
                        *value = *source;
                    }
                }
            }
        }
        let mut values = columns * &self.weight;
        for (mut map, bias) in values.column_iter_mut().zip(&self.bias) {
            map.apply(|value| *value = (*value + bias).max(0.0));
        }
        Maps {
            values,
            height,
            width,
        }
    }
}

impl FeatureNetwork {
    /// Reads a `.safetensors` file (f32, f16 or bf16) with `conv.<i>.weight`, `conv.<i>.bias`, `linear.weight`,
    /// `linear.bias` and the metadata `strides`.
    ///
    /// # Errors
    /// [`NetworkError`] names the tensor that is wrong.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NetworkError> {
        let file = weights::parse(bytes)?;
        let metadata: BTreeMap<String, String> = (file.metadata.iter())
            .map(|(name, text)| (name.to_string(), text.to_string()))
            .collect();
        let strides = strides(metadata.get("strides"))?;
        let mut tensors = Tensors {
            found: (file.iter().map(|tensor| (&*tensor.name, tensor))).collect(),
            layers: strides.len(),
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
            metadata,
        })
    }

    /// Channels of the images.
    pub fn in_channels(&self) -> usize {
        self.convolutions[0].inputs()
    }

    /// Features of one image.
    pub fn dimension(&self) -> usize {
        self.weight.nrows()
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.weight.ncols()
    }

    /// What the file says about itself: `architecture`, `accuracy`, `data`, `command`, `strides`, …
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// The features of `images` `[B, C, H, W]` in -1…1: `[B, dimension]`, row-major.
    ///
    /// # Errors
    /// [`NetworkError::Images`] when they do not fit the network.
    pub fn features(&self, images: &[f32], shape: [usize; 4]) -> Result<Vec<f32>, NetworkError> {
        self.of_each(images, shape, |features| features)
    }

    /// The logits of the classes for `images` `[B, C, H, W]` in -1…1: `[B, classes]`, row-major.
    ///
    /// # Errors
    /// [`NetworkError::Images`] when they do not fit the network.
    pub fn logits(&self, images: &[f32], shape: [usize; 4]) -> Result<Vec<f32>, NetworkError> {
        self.of_each(images, shape, |features| {
            self.weight.tr_mul(&features) + &self.bias
        })
    }

    /// What `result` makes of the features of every image, one after the other.
    fn of_each(
        &self,
        images: &[f32],
        shape: [usize; 4],
        result: impl Fn(DVector<f32>) -> DVector<f32>,
    ) -> Result<Vec<f32>, NetworkError> {
        let [_, channels, height, width] = shape;
        let expected = shape.iter().product();
        if channels != self.in_channels() || expected == 0 || images.len() != expected {
            return Err(NetworkError::Images {
                channels: self.in_channels(),
                expected,
                shape,
                found: images.len(),
            });
        }
        let each = images.chunks_exact(channels * height * width);
        Ok(each
            .flat_map(|image| {
                let first = Maps {
                    values: DMatrix::from_column_slice(height * width, channels, image),
                    height,
                    width,
                };
                let layers = self.convolutions.iter();
                let last = layers.fold(first, |maps, layer| layer.apply(&maps));
                let features = last.values.row_mean().transpose();
                Vec::from(result(features).data)
            })
            .collect())
    }
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
    found: BTreeMap<&'a str, &'a StoredTensor<'a>>,
    layers: usize,
}

impl Tensors<'_> {
    /// The numbers and the shape of `name`, which has to be `expected`; `None` stands for any length up to
    /// [`MAX_DIMENSION`].
    fn take<const D: usize>(
        &mut self,
        name: &str,
        expected: [Option<usize>; D],
    ) -> Result<(Vec<f32>, [usize; D]), NetworkError> {
        let tensor = self.found.remove(name).ok_or(NetworkError::Missing {
            name: name.into(),
            layers: self.layers,
        })?;
        let fits = |(found, expected): (&usize, &Option<usize>)| {
            expected.map_or((1..=MAX_DIMENSION).contains(found), |e| e == *found)
        };
        let shape = <[usize; D]>::try_from(&tensor.shape[..])
            .ok()
            .filter(|shape| shape.iter().zip(&expected).all(fits))
            .ok_or_else(|| NetworkError::Shape {
                name: name.into(),
                expected: words(&expected),
                found: tensor.shape.clone(),
            })?;
        let values = weights::floats(name, tensor)?;
        Ok((values, shape))
    }

    fn convolution(
        &mut self,
        layer: usize,
        inputs: Option<usize>,
        stride: usize,
    ) -> Result<(Convolution, usize), NetworkError> {
        let name = format!("conv.{layer}.weight");
        let (weight, [outputs, inputs, ..]) = self.take(&name, [None, inputs, Some(3), Some(3)])?;
        let (bias, _) = self.take(&format!("conv.{layer}.bias"), [Some(outputs)])?;
        Ok((
            Convolution {
                weight: DMatrix::from_vec(inputs * 9, outputs, weight),
                bias: bias.into(),
                stride,
            },
            outputs,
        ))
    }

    fn linear(
        &mut self,
        inputs: Option<usize>,
    ) -> Result<(DMatrix<f32>, DVector<f32>), NetworkError> {
        let (weight, [classes, inputs]) = self.take("linear.weight", [None, inputs])?;
        let (bias, _) = self.take("linear.bias", [Some(classes)])?;
        Ok((DMatrix::from_vec(inputs, classes, weight), bias.into()))
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
