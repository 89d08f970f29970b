//! A network's parameters as a list of flat tensors, always in the order of
//! [`Unet::expected_tensors`].
//!
//! The optimiser and the average of the weights are element by element, so they need no shapes.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor};

use crate::unet::Unet;

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
