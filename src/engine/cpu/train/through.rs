//! Back through resampling, nonlinearity and normalisation.

use super::super::kernels::slope::{Finish, Slope};
use super::super::program::Image;
use super::super::threads;
use super::tensors::Tensors;
use crate::engine::plan::{NormGradient, Resample, Through};

/// One channel of a normalisation.
struct Channel {
    /// `u = scale x + shift`.
    scale: f64,
    shift: f64,
    /// `1 + s`.
    modulation: f64,
    weight: f64,
    bias: f64,
}

impl Image<'_> {
    /// # Safety
    /// As for [`Image::back`], whose operation must be `through`.
    pub(super) unsafe fn through(&self, through: &Through, tensors: Tensors) {
        let (channels, pixels) = (through.input.channels, self.pixels(through.input));
        if let Some(norm) = &through.norm {
            let groups = norm.groups;
            // SAFETY: groups share no channels, neither of the output nor of what is summed.
            threads::each(self.threads, groups, |group| unsafe {
                self.through_group(through, norm, group, tensors);
            });
            return;
        }
        // One number of a channel follows the other, and nothing depends on the channel.
        let parts = self.threads.min(channels);
        threads::each(parts, parts, |part| {
            let some = threads::piece(channels, 1, parts, part);
            let (first, length) = (some.start * pixels, some.len() * pixels);
            if through.resample == Resample::Keep && through.act.is_none() {
                // SAFETY: parts share no channels.
                unsafe {
                    let gradient = self.memory.at(self.offset(through.gradient) + first);
                    self.finish(through, [first, length], gradient, 0.0, [1.0, 0.0, 0.0]);
                }
                return;
            }
            // SAFETY: as above; what is made of the gradient goes where the output will be.
            unsafe {
                let mut gradient = self.memory.at(self.offset(through.gradient) + first);
                let to = self.memory.at(self.offset(through.output) + first);
                if through.resample != Resample::Keep {
                    some.for_each(|c| self.resampled(through, c));
                    gradient = to;
                }
                if through.act.is_some() {
                    (self.kernels.training.slope)(&Slope {
                        x: self.memory.at(self.offset(through.input) + first),
                        gradient,
                        to,
                        length,
                        scale: 1.0,
                        shift: 0.0,
                        centre: 0.0,
                        act: through.act,
                    });
                }
                self.finish(through, [first, length], to, 0.0, [1.0, 0.0, 0.0]);
            }
        });
    }

    /// The channels of one group: first the gradient of what the normalisation made, with its sums, then that of x.
    ///
    /// # Safety
    /// As for [`Image::through`]; nobody else may work on this group.
    unsafe fn through_group(
        &self,
        through: &Through,
        norm: &NormGradient,
        group: usize,
        tensors: Tensors,
    ) {
        let (all, pixels) = (through.input.channels, self.pixels(through.input));
        let of_group = all / norm.groups;
        let channels = group * of_group..(group + 1) * of_group;
        // SAFETY: this operation reads both, so that it writes neither.
        let (x, modulation) = unsafe {
            let values = self.read(through.input);
            (
                &values[channels.start * pixels..channels.end * pixels],
                norm.modulation.map(|view| self.read(view)),
            )
        };
        let (weights, biases) = (tensors.get(norm.weight), tensors.get(norm.bias));
        let (mean, variance) = self.kernels.moments(x);
        let deviation = (variance + norm.eps).sqrt();
        let channel = |c: usize| {
            let (weight, bias) = (f64::from(weights[c]), f64::from(biases[c]));
            let (s, b) =
                modulation.map_or((0.0, 0.0), |m| (f64::from(m[c]), f64::from(m[all + c])));
            let modulation = 1.0 + s;
            Channel {
                scale: modulation * weight / deviation,
                shift: modulation * (bias - mean * weight / deviation) + b,
                modulation,
                weight,
                bias,
            }
        };
        let centre = mean as f32;
        // The mean was rounded: what the products lack for it.
        let off = f64::from(centre) - mean;
        let [mut sum_of_all, mut product_of_all] = [0.0; 2];
        for c in channels.clone() {
            let of = channel(c);
            let first = c * pixels;
            // SAFETY: the channel's planes, of which the output's nobody else uses; what is made of the gradient goes
            // where the output will be.
            let (sum, product) = unsafe {
                let mut gradient = self.memory.at(self.offset(through.gradient) + first);
                let to = self.memory.at(self.offset(through.output) + first);
                if through.resample != Resample::Keep {
                    self.resampled(through, c);
                    gradient = to;
                }
                (self.kernels.training.slope)(&Slope {
                    x: self.memory.at(self.offset(through.input) + first),
                    gradient,
                    to,
                    length: pixels,
                    scale: of.scale as f32,
                    shift: of.shift as f32,
                    centre,
                    act: through.act,
                })
            };
            let product = (product + off * sum) / deviation;
            // SAFETY: each channel has numbers of its own there.
            unsafe {
                let affine = self.offset(norm.affine_gradient);
                *self.memory.at(affine + c) = (of.modulation * product) as f32;
                *self.memory.at(affine + all + c) = (of.modulation * sum) as f32;
                if let Some(view) = norm.modulation_gradient {
                    let to = self.offset(view);
                    *self.memory.at(to + c) = (of.weight * product + of.bias * sum) as f32;
                    *self.memory.at(to + all + c) = sum as f32;
                }
            }
            let factor = of.modulation * of.weight;
            sum_of_all += factor * sum;
            product_of_all += factor * product;
        }
        let count = (pixels * of_group) as f64;
        let tilt = -product_of_all / count / (deviation * deviation);
        let constant = -sum_of_all / count / deviation + off * tilt;
        for c in channels {
            let of = channel(c);
            let first = c * pixels;
            let by = [of.scale as f32, tilt as f32, constant as f32];
            // SAFETY: as above.
            unsafe {
                let slope = self.memory.at(self.offset(through.output) + first);
                self.finish(through, [first, pixels], slope, centre, by);
            }
        }
    }

    /// `output = add + scale (factor slope + tilt (x - centre) + constant)` of the `length` numbers from `first` on.
    ///
    /// # Safety
    /// As for [`Image::through`]; nobody else may work on these numbers. At `slope` there must be as many.
    unsafe fn finish(
        &self,
        through: &Through,
        [first, length]: [usize; 2],
        slope: *mut f32,
        centre: f32,
        [factor, tilt, constant]: [f32; 3],
    ) {
        let at = |view| self.memory.at(self.offset(view) + first);
        let scale = through.scale;
        // Without a normalisation x is multiplied by 0, and need not be there.
        let x = if through.norm.is_some() {
            at(through.input)
        } else {
            slope
        };
        // SAFETY: these are numbers of the views that this operation reads, and of the one that it writes.
        unsafe {
            (self.kernels.training.finish)(&Finish {
                slope,
                x,
                add: through.add.map(|view| at(view).cast_const()),
                to: at(through.output),
                length,
                factor: scale * factor,
                tilt: scale * tilt,
                centre,
                constant: scale * constant,
            });
        }
    }

    /// The gradient of one channel before it was resampled, where the output will be.
    ///
    /// # Safety
    /// As for [`Image::through`]; nobody else may work on this channel.
    unsafe fn resampled(&self, through: &Through, c: usize) {
        let buffer = self.plan.buffer(through.output);
        let (width, pixels) = (buffer.width, buffer.height * buffer.width);
        let from = self.plan.buffer(through.gradient);
        let (wide, many) = (from.width, from.height * from.width);
        // SAFETY: this operation reads the one and writes the other, so that they lie apart.
        let (gradient, to) = unsafe {
            let gradient = self.offset(through.gradient) + c * many;
            let to = self.offset(through.output) + c * pixels;
            (
                self.memory.read(gradient, many),
                self.memory.write(to, pixels),
            )
        };
        for (y, to) in to.chunks_exact_mut(width).enumerate() {
            let row = |y: usize| &gradient[y * wide..][..wide];
            match through.resample {
                Resample::Keep => to.copy_from_slice(row(y)),
                Resample::Nearest2x => {
                    let pairs = row(2 * y)
                        .chunks_exact(2)
                        .zip(row(2 * y + 1).chunks_exact(2));
                    for (to, (upper, lower)) in to.iter_mut().zip(pairs) {
                        *to = (upper[0] + upper[1]) + (lower[0] + lower[1]);
                    }
                }
                Resample::Average2x => {
                    for (to, from) in to.chunks_exact_mut(2).zip(row(y / 2)) {
                        to.fill(from / 4.0);
                    }
                }
                Resample::Insert2x { odd } => {
                    let odd = usize::from(odd);
                    for (to, from) in to.iter_mut().zip(row(2 * y + odd).chunks_exact(2)) {
                        *to = from[odd];
                    }
                }
            }
        }
    }
}
