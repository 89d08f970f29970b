//! Operations on one number per channel: normalisations, and linear layers on the time embedding.

use super::memory::Memory;
use super::pack::{Norm, Single};
use super::program::Image;
use super::threads;
use crate::engine::plan::{Conv, View};

impl Image<'_> {
    /// # Safety
    /// As for [`Image::carry_out`].
    pub(super) unsafe fn normalise(
        &self,
        input: View,
        groups: usize,
        eps: f64,
        affine: &Norm,
        modulation: Option<View>,
        output: View,
    ) {
        let channels = input.channels / groups;
        let length = self.pixels(input) * channels;
        let memory = self.memory;
        let one = |group: usize| unsafe {
            let values = memory.read(self.offset(input) + group * length, length);
            let (mean, variance) = (self.program.kernels.moments)(values);
            let deviation = (variance + eps).sqrt();
            let at = group * channels;
            let scales = memory.write(self.offset(output) + at, channels);
            let shifts = memory.write(self.offset(output) + input.channels + at, channels);
            for c in 0..channels {
                let scale = f64::from(affine.weight[at + c]) / deviation;
                scales[c] = scale as f32;
                shifts[c] = (f64::from(affine.bias[at + c]) - mean * scale) as f32;
                if let Some(by) = modulation {
                    let factor = *memory.at(self.offset(by) + at + c) + 1.0;
                    scales[c] *= factor;
                    shifts[c] *= factor;
                    shifts[c] += *memory.at(self.offset(by) + input.channels + at + c);
                }
            }
        };
        threads::each(self.threads, groups, one);
    }

    /// # Safety
    /// As for [`Image::carry_out`].
    pub(super) unsafe fn single(
        &self,
        conv: &Conv,
        weights: &Single,
        class: Option<usize>,
        room: Memory,
    ) {
        let kernels = self.program.kernels;
        let outputs = weights.bias.len();
        unsafe {
            let mut x = self.read(conv.source.view);
            if conv.source.act.is_some() {
                let activated = room.write(0, x.len());
                (kernels.activate)(x, activated, 1.0, 0.0, conv.source.act);
                x = activated;
            }
            let out = self.memory.write(self.offset(conv.output), outputs);
            out.copy_from_slice(&weights.bias);
            if let (Some(table), Some(class)) = (&weights.table, class) {
                for (out, row) in out.iter_mut().zip(&table[class * outputs..]) {
                    *out += row;
                }
            }
            (kernels.single)(x, weights.weight.as_ptr(), out);
        }
    }
}
