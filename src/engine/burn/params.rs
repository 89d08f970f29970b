//! A network's parameters as a list of flat tensors, in the order of [`Unet::expected_tensors`], and as the vectors of
//! a [`LearnerState`](crate::engine::LearnerState), in the order of [`Plan::expected_tensors`].
//!
//! Adam and the average of the weights are element by element, so they need no shapes; Muon is told those of its matrices.

use std::collections::HashMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Tensor};

use super::download;
use crate::engine::EngineError;
use crate::engine::optimizer::matrix;
use crate::engine::plan::Plan;
use crate::unet::weights::{TensorSpec, check_lengths};
use crate::unet::{Unet, transpose};

/// The values of all parameters, outside any graph.
pub fn values(unet: &Unet) -> Vec<Tensor<1>> {
    struct Read(Vec<Tensor<1>>);
    impl ModuleVisitor for Read {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.0.push(flat(param.val().without_autodiff()));
        }
    }
    let mut read = Read(Vec::new());
    unet.visit(&mut read);
    read.0
}

/// Takes the gradients of all parameters out of `gradients`; `None` for one that is not trained.
pub fn gradients(unet: &Unet, gradients: &mut Gradients) -> Vec<Option<Tensor<1>>> {
    struct Take<'a>(&'a mut Gradients, Vec<Option<Tensor<1>>>);
    impl ModuleVisitor for Take<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.1.push(param.val().grad_remove(self.0).map(flat));
        }
    }
    let mut take = Take(gradients, Vec::new());
    unet.visit(&mut take);
    take.1
}

/// `unet` with other values; which parameters are trained stays the same.
///
/// # Panics
/// When there are fewer values than parameters, or one does not fill its parameter.
pub fn assign(unet: Unet, values: Vec<Tensor<1>>) -> Unet {
    struct Assign(std::vec::IntoIter<Tensor<1>>);
    impl ModuleMapper for Assign {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let Some(value) = self.0.next() else {
                panic!("assign: fewer values than parameters")
            };
            let value: Tensor<D> = value.reshape(param.lazy_shape());
            let value = if param.lazy_device().is_autodiff() {
                value.autodiff()
            } else {
                value
            };
            let id = param.id;
            param.transform_for_load(value, id)
        }
    }
    unet.map(&mut Assign(values.into_iter()))
}

fn flat<const D: usize>(tensor: Tensor<D>) -> Tensor<1> {
    tensor.flatten(0, D - 1)
}

/// How the two forms of a network's parameters become each other.
pub struct Layout {
    /// The tensors of a weights file, in the plan's order.
    pub params: Vec<TensorSpec>,
    /// Where each of the network's parameters is among them, and whether burn keeps it with rows and columns
    /// exchanged.
    places: Vec<(usize, bool)>,
    /// Rows and columns of each of the network's parameters that Muon takes, as burn keeps it.
    pub matrices: Vec<Option<[usize; 2]>>,
}

impl Layout {
    /// That of `unet`.
    ///
    /// # Errors
    /// [`EngineError::Input`] when the network is too large for any image.
    pub fn new(unet: &Unet) -> Result<Self, EngineError> {
        let params = Plan::expected_tensors(unet.config())?;
        let at: HashMap<&str, usize> = params
            .iter()
            .enumerate()
            .map(|(i, spec)| (spec.name.as_str(), i))
            .collect();
        let places: Vec<_> = unet
            .layout()
            .iter()
            .map(|(spec, transposed)| (at[spec.name.as_str()], *transposed))
            .collect();
        let kept = |&(at, transposed): &(usize, bool)| {
            let [rows, columns] = matrix(&params[at])?;
            Some(if transposed {
                [columns, rows]
            } else {
                [rows, columns]
            })
        };
        Ok(Self {
            matrices: places.iter().map(kept).collect(),
            params,
            places,
        })
    }

    /// The parameters of the network out of the plan's.
    ///
    /// # Errors
    /// [`EngineError::Weights`] when one does not fill its shape.
    pub fn upload(
        &self,
        mut values: Vec<Vec<f32>>,
        device: &Device,
    ) -> Result<Vec<Tensor<1>>, EngineError> {
        check_lengths(&self.params, &values)?;
        let tensor = |&(at, transposed): &(usize, bool)| {
            let mut values = std::mem::take(&mut values[at]);
            if transposed {
                let shape = &self.params[at].shape;
                values = transpose(&values, shape[0], shape[1]);
            }
            Tensor::from_data(values.as_slice(), device)
        };
        Ok(self.places.iter().map(tensor).collect())
    }

    /// The plan's parameters out of the network's; zeros for what is missing.
    ///
    /// # Errors
    /// [`EngineError::Device`] when the device fails.
    pub async fn download(
        &self,
        tensors: Vec<Option<Tensor<1>>>,
    ) -> Result<Vec<Vec<f32>>, EngineError> {
        let mut values = vec![Vec::new(); self.params.len()];
        for (&(at, transposed), tensor) in self.places.iter().zip(tensors) {
            let shape = &self.params[at].shape;
            values[at] = match tensor {
                None => vec![0.0; shape.iter().product()],
                Some(tensor) if transposed => {
                    transpose(&download(tensor).await?, shape[1], shape[0])
                }
                Some(tensor) => download(tensor).await?,
            };
        }
        Ok(values)
    }
}
