//! A convolution as one matrix product, or as four where it upsamples.

use super::geometry::Geometry;
use super::kernels::product::{Part, Pixels, Product};
use super::memory::{Memory, Room};
use super::pack::{ProductWeights, upsamples};
use super::program::Image;
use super::staging::Staged;
use super::threads;
use crate::engine::plan::{Conv, Plan, Resample, Residual, Source};

/// What does not change from step to step.
#[derive(Debug)]
pub struct ConvTask {
    geometry: Geometry,
    source: Staged,
    residual: Option<Staged>,
    /// In the operation's room: what is added to every pixel.
    sums: usize,
}

impl ConvTask {
    /// `conv` with vectors of `lanes` numbers.
    pub fn new(plan: &Plan, conv: &Conv, lanes: usize, room: &mut Room) -> Self {
        let geometry = Geometry::new(plan, conv, lanes);
        let mut source = conv.source;
        if upsamples(conv) {
            // The small kernels read the picture as it was.
            source.resample = Resample::Keep;
        }
        let layout = geometry.residual(plan, conv);
        let residual = residual_source(conv).zip(layout);
        Self {
            source: Staged::new(plan, source, geometry.layout, room),
            residual: residual.map(|(source, layout)| Staged::new(plan, source, layout, room)),
            sums: room.take(conv.output.channels),
            geometry,
        }
    }
}

/// A [`Product`] that threads may share: they write different pixels or outputs.
struct Shared<'a>(Product<'a>);

// SAFETY: all its pointers but `out` are only read, and every thread writes its own part of `out`.
unsafe impl Sync for Shared<'_> {}

impl Image<'_> {
    /// # Safety
    /// As for [`Image::carry_out`].
    pub(super) unsafe fn conv(
        &self,
        conv: &Conv,
        packed: &ProductWeights,
        task: &ConvTask,
        room: Memory,
    ) {
        let geometry = &task.geometry;
        unsafe {
            let (x, plane) = self.stage(&task.source, room);
            let residual = task
                .residual
                .as_ref()
                .map(|residual| self.stage(residual, room));
            let sums = self.sums(conv, &packed.bias, room.from(task.sums));
            let kernels = packed.weights.iter().zip(&geometry.taps);
            for ((weights, taps), pixels) in kernels.zip(&geometry.pixels) {
                let main = Part {
                    x,
                    plane,
                    channels: conv.source.view.channels,
                    taps,
                };
                let mut parts = [main, main];
                let mut count = 1;
                let mut add = residual;
                if let (Residual::Project { source, .. }, Some((x, plane))) =
                    (conv.residual, residual)
                {
                    parts[1] = Part {
                        x,
                        plane,
                        channels: source.view.channels,
                        taps: std::slice::from_ref(&geometry.centre),
                    };
                    count = 2;
                    add = None;
                }
                let product = Product {
                    parts: &parts[..count],
                    weights: weights.as_ptr(),
                    depth: packed.depth,
                    bias: sums,
                    out: self.memory.at(self.offset(conv.output)),
                    out_plane: self.pixels(conv.output),
                    out_step: geometry.out_step,
                    residual: add,
                    scale: conv.scale,
                };
                self.product(product, packed.bias.len(), pixels);
            }
        }
    }

    /// Bias and time embedding.
    ///
    /// # Safety
    /// As for [`Image::carry_out`].
    pub(super) unsafe fn sums(&self, conv: &Conv, bias: &[f32], to: Memory) -> *const f32 {
        unsafe {
            let sums = to.write(0, bias.len());
            sums.copy_from_slice(bias);
            if let Some(time) = conv.time {
                let time = self.read(time);
                sums.iter_mut()
                    .zip(time)
                    .for_each(|(sum, time)| *sum += time);
            }
        }
        to.at(0)
    }

    /// All outputs at all pixels, cut into one piece per thread.
    ///
    /// # Safety
    /// As for [`Image::carry_out`].
    pub(super) unsafe fn product(&self, product: Product, outputs: usize, pixels: &[Pixels]) {
        let shared = Shared(product);
        let (kernels, threads) = (self.program.kernels, self.threads);
        let by_pixels = pixels.len() >= 4 * threads;
        let work = |i: usize| unsafe {
            let product = &{ &shared }.0;
            if by_pixels {
                let some = threads::piece(pixels.len(), 1, threads, i);
                (kernels.product)(product, 0..outputs, &pixels[some]);
            } else {
                let some = threads::piece(outputs, kernels.rows, threads, i);
                (kernels.product)(product, some, pixels);
            }
        };
        threads::each(threads, threads, work);
    }
}

/// What is added to the result, or projected and added.
pub fn residual_source(conv: &Conv) -> Option<Source> {
    match conv.residual {
        Residual::Add(source) | Residual::Project { source, .. } => Some(source),
        Residual::None | Residual::Class(_) => None,
    }
}
