//! Sums of vectors over the batch: the gradients of biases, normalisations and tables.

use super::super::memory::Memory;
use super::super::program::Image;
use super::tensors::Layout;
use crate::engine::plan::{Param, View};

/// Where gradients go.
pub struct Gradients<'a> {
    /// Where each lies.
    pub layout: &'a Layout,
    /// All of them.
    pub flat: Memory,
}

impl Gradients<'_> {
    /// `params = Σ_images source`, one after the other.
    ///
    /// # Safety
    /// Nobody else may use the gradients of `params`, nor write `source`, meanwhile.
    pub(super) unsafe fn reduce<'i>(
        &self,
        images: impl Iterator<Item = Image<'i>> + Clone,
        source: View,
        params: &[Param],
    ) {
        let mut first = 0;
        for param in params {
            let range = self.layout.range(*param);
            // SAFETY: that is what the caller promises.
            let to = unsafe { self.flat.write(range.start, range.len()) };
            to.fill(0.0);
            for image in images.clone() {
                // SAFETY: as above.
                let values = unsafe { image.read(source) };
                for (to, value) in to.iter_mut().zip(&values[first..]) {
                    *to += value;
                }
            }
            first += range.len();
        }
    }

    /// `table[class] = Σ_images of that class source`.
    ///
    /// # Safety
    /// Nobody else may use the gradient of `table`, nor write `source`, meanwhile.
    pub(super) unsafe fn classes<'i>(
        &self,
        images: impl Iterator<Item = (Image<'i>, usize)>,
        source: View,
        table: Param,
    ) {
        let range = self.layout.range(table);
        // SAFETY: that is what the caller promises.
        let to = unsafe { self.flat.write(range.start, range.len()) };
        to.fill(0.0);
        for (image, class) in images {
            // SAFETY: as above.
            let values = unsafe { image.read(source) };
            let row = &mut to[class * values.len()..];
            row.iter_mut()
                .zip(values)
                .for_each(|(to, value)| *to += value);
        }
    }
}
