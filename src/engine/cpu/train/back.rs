//! The operations of one image that only training has and that look at each number on its own.

use super::super::memory::Memory;
use super::super::program::Image;
use super::super::threads;
use super::attention::AttentionGradientTask;
use super::tensors::Tensors;
use crate::engine::plan::{Back, Resample, Source, View, kept};

/// What differs from image to image.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// The row of a conditional network's table.
    pub class: Option<usize>,
    /// The factor of the squared error.
    pub weight: f32,
    /// What the network's output is divided by.
    pub divisor: f32,
    /// What dropout draws from.
    pub drop_seed: u32,
    /// Numbers of the whole batch's output.
    pub numbers: usize,
}

impl Image<'_> {
    /// Carries out `back`, which is none of those that sum over the batch.
    ///
    /// # Safety
    /// Nothing else may use the image's memory meanwhile. `attention` and `room` must be those of `back`.
    pub(super) unsafe fn back(
        &self,
        back: &Back,
        attention: Option<&AttentionGradientTask>,
        facts: &Facts,
        tensors: Tensors,
        room: Memory,
    ) {
        // SAFETY: that is what the caller promises.
        unsafe {
            match (back, attention) {
                (
                    Back::Loss {
                        output,
                        target,
                        loss,
                        gradient,
                    },
                    _,
                ) => self.loss([*output, *target], [*loss, *gradient], facts),
                (Back::Sum { gradient, output }, _) => self.sum(*gradient, *output),
                (Back::Add { a, b, output }, _) => self.add(*a, *b, *output),
                (
                    Back::Drop {
                        source,
                        layer,
                        output,
                    },
                    _,
                ) => self.drop(*source, facts.drop_seed, *layer, *output),
                (Back::Through(through), _) => self.through(through, tensors),
                (
                    Back::Attention {
                        qkv,
                        gradient,
                        output,
                        ..
                    },
                    Some(task),
                ) => self.attention_gradient([*qkv, *gradient], *output, task, room),
                _ => {
                    unreachable!("the list has a task for attention, and sums over the batch apart")
                }
            }
        }
    }

    /// # Safety
    /// As for [`Image::back`], whose operation must be this one.
    unsafe fn loss(&self, [output, target]: [View; 2], [loss, gradient]: [View; 2], facts: &Facts) {
        // SAFETY: this operation reads the former and writes the latter, so that they lie apart.
        let (output, target, loss, gradient) = unsafe {
            (
                self.read(output),
                self.read(target),
                self.write(loss),
                self.write(gradient),
            )
        };
        let factor = facts.weight / facts.numbers as f32;
        let slope = 2.0 * factor / facts.divisor;
        let mut squares = 0.0;
        for (gradient, (output, target)) in gradient.iter_mut().zip(output.iter().zip(target)) {
            let error = output / facts.divisor - target;
            squares += f64::from(error) * f64::from(error);
            *gradient = slope * error;
        }
        loss[0] = (f64::from(factor) * squares) as f32;
    }

    /// # Safety
    /// As for [`Image::back`], whose operation must be this one.
    unsafe fn sum(&self, gradient: View, output: View) {
        let pixels = self.pixels(gradient);
        // SAFETY: this operation reads the one and writes the other, so that they lie apart.
        let (gradient, output) = unsafe { (self.read(gradient), self.write(output)) };
        if pixels == 1 {
            output.copy_from_slice(gradient);
            return;
        }
        for (output, plane) in output.iter_mut().zip(gradient.chunks_exact(pixels)) {
            *output = self.kernels.total(plane) as f32;
        }
    }

    /// # Safety
    /// As for [`Image::back`], whose operation must be this one.
    unsafe fn add(&self, a: View, b: View, output: View) {
        // SAFETY: this operation reads the former and writes the latter, so that they lie apart.
        let (a, b, output) = unsafe { (self.read(a), self.read(b), self.write(output)) };
        for (output, (a, b)) in output.iter_mut().zip(a.iter().zip(b)) {
            *output = a + b;
        }
    }

    /// # Safety
    /// As for [`Image::back`], whose operation must be this one.
    unsafe fn drop(&self, source: Source, seed: u32, layer: u32, output: View) {
        assert_eq!(
            source.resample,
            Resample::Keep,
            "dropout stands before a convolution that keeps the resolution"
        );
        let (channels, pixels) = (source.view.channels, self.pixels(source.view));
        let p = self.plan.config.dropout;
        let factor = (1.0 / (1.0 - p)) as f32;
        // SAFETY: this operation reads the former, so that it does not write them.
        let (values, norm) = unsafe {
            let norm = source.norm.map(|norm| self.read(norm));
            (self.read(source.view), norm)
        };
        let one = |c: usize| {
            // SAFETY: each channel of the output is worked on once, by one thread.
            let output = unsafe {
                let first = self.offset(output) + c * pixels;
                self.memory.write(first, pixels)
            };
            let (scale, shift) = norm.map_or((1.0, 0.0), |norm| (norm[c], norm[channels + c]));
            let values = &values[c * pixels..][..pixels];
            self.kernels
                .activate(values, output, scale, shift, source.act);
            for (i, value) in output.iter_mut().enumerate() {
                let place = (c * pixels + i) as u32;
                *value = if kept(seed, layer, place, p) {
                    *value * factor
                } else {
                    0.0
                };
            }
        };
        threads::each(self.threads, channels, one);
    }
}
