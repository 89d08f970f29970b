//! Operations on one number per channel: normalisations, and linear layers on the time embedding.

use super::memory::Memory;
use super::pack::{Norm, Single};
use super::program::Image;
use super::threads;
use crate::engine::plan::{Conv, Residual, View};

impl Image<'_> {
    /// # Safety
    /// As for [`Image::carry_out`], whose operation must be this one.
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
        // SAFETY: this operation reads both, so that it writes neither.
        let (values, by) = unsafe { (self.read(input), modulation.map(|by| self.read(by))) };
        let one = |group: usize| {
            let (mean, variance) = self.kernels.moments(&values[group * length..][..length]);
            let deviation = (variance + eps).sqrt();
            let at = group * channels;
            let (first, second) = (
                self.offset(output) + at,
                self.offset(output) + input.channels + at,
            );
            // SAFETY: the output is a scale and a shift for every channel of the input, and each channel is in one
            // group only.
            let (scales, shifts) = unsafe {
                let memory = self.memory;
                (
                    memory.write(first, channels),
                    memory.write(second, channels),
                )
            };
            for c in 0..channels {
                let scale = f64::from(affine.weight[at + c]) / deviation;
                scales[c] = scale as f32;
                shifts[c] = (f64::from(affine.bias[at + c]) - mean * scale) as f32;
                if let Some(by) = by {
                    let factor = by[at + c] + 1.0;
                    scales[c] *= factor;
                    shifts[c] *= factor;
                    shifts[c] += by[input.channels + at + c];
                }
            }
        };
        threads::each(self.threads, groups, one);
    }

    /// # Safety
    /// As for [`Image::carry_out`], whose operation must be `conv`, with `room` its own.
    pub(super) unsafe fn single(
        &self,
        conv: &Conv,
        weights: &Single,
        class: Option<usize>,
        room: Memory,
    ) {
        let kernels = self.kernels;
        let outputs = conv.output.channels;
        // SAFETY: this operation reads the one and writes the other, so that they lie apart. The room is as long as a
        // vector of the source, see `Program::new`.
        let (source, activated, out) = unsafe {
            let source = self.read(conv.source.view);
            let activated = room.write(0, source.len());
            (source, activated, self.write(conv.output))
        };
        let mut x = source;
        if conv.source.act.is_some() {
            kernels.activate(x, activated, 1.0, 0.0, conv.source.act);
            x = activated;
        }
        out.copy_from_slice(&weights.bias);
        if let (Some(table), Some(class)) = (&weights.table, class) {
            for (out, row) in out.iter_mut().zip(&table[class * outputs..]) {
                *out += row;
            }
        }
        if let Residual::Add(source) = conv.residual {
            // SAFETY: this operation reads it, so that it does not write it.
            let add = unsafe { self.read(source.view) };
            out.iter_mut().zip(add).for_each(|(out, add)| *out += add);
        }
        kernels.single(x, &weights.weight, out);
    }
}
