//! All parameters in one piece of memory, one after the other.

use std::ops::Range;

use crate::allocate::{OutOfMemory, reserved};
use crate::engine::STATE;
use crate::engine::plan::Param;
use crate::unet::weights::TensorSpec;

/// Where each parameter lies.
#[derive(Debug)]
pub struct Layout {
    ranges: Vec<Range<usize>>,
    /// Numbers of all of them.
    pub length: usize,
}

impl Layout {
    /// Of `params`, in their order.
    pub fn new(params: &[TensorSpec]) -> Self {
        let mut length = 0;
        let ranges = params
            .iter()
            .map(|param| {
                let first = length;
                length += param.shape.iter().product::<usize>();
                first..length
            })
            .collect();
        Self { ranges, length }
    }

    /// Where `param` lies.
    pub fn range(&self, param: Param) -> Range<usize> {
        self.ranges[param.0].clone()
    }

    /// `tensors` in one piece.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn flat(&self, tensors: &[Vec<f32>]) -> Result<Vec<f32>, OutOfMemory> {
        let mut flat = reserved(STATE, self.length as u64)?;
        tensors
            .iter()
            .for_each(|tensor| flat.extend_from_slice(tensor));
        Ok(flat)
    }

    /// `flat` in pieces.
    pub fn split(&self, flat: &[f32]) -> Vec<Vec<f32>> {
        let one = |range: &Range<usize>| flat[range.clone()].to_vec();
        self.ranges.iter().map(one).collect()
    }
}

/// Numbers for every parameter.
#[derive(Clone, Copy)]
pub struct Tensors<'a> {
    /// Where they lie.
    pub layout: &'a Layout,
    /// All of them.
    pub flat: &'a [f32],
}

impl<'a> Tensors<'a> {
    /// Those of `param`.
    pub fn get(&self, param: Param) -> &'a [f32] {
        &self.flat[self.layout.range(param)]
    }
}
