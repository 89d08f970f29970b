//! A convolution as one matrix product, or as four where it upsamples.

use super::geometry::Geometry;
use super::kernels::product::{Part, Pixels, Product};
use super::memory::{Memory, Room, Shared};
use super::pack::ProductWeights;
use super::program::Image;
use super::staging::Staged;
use super::threads;
use super::unpack::Addresses;
use crate::allocate::OutOfMemory;
use crate::engine::plan::{Conv, Plan, Resample, Residual, Source, upsamples};

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
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn new(
        plan: &Plan,
        conv: &Conv,
        lanes: usize,
        room: &mut Room,
    ) -> Result<Self, OutOfMemory> {
        let geometry = Geometry::new(plan, conv, lanes)?;
        let mut source = conv.source;
        if upsamples(conv) {
            // The small kernels read the picture as it was.
            source.resample = Resample::Keep;
        }
        let layout = geometry.residual(plan, conv);
        let residual = residual_source(conv).zip(layout);
        Ok(Self {
            source: Staged::new(plan, source, geometry.layout, room),
            residual: residual.map(|(source, layout)| Staged::new(plan, source, layout, room)),
            sums: room.take(&[conv.output.channels]),
            geometry,
        })
    }
}

impl Image<'_> {
    /// # Safety
    /// As for [`Image::carry_out`], whose operation must be `conv`, with `packed`, `task` and `room` its own, and
    /// `unpacked` its weights in order where `packed` has none.
    pub(super) unsafe fn conv(
        &self,
        conv: &Conv,
        packed: &ProductWeights,
        unpacked: Option<Addresses>,
        task: &ConvTask,
        room: Memory,
    ) {
        let geometry = &task.geometry;
        // SAFETY: `ConvTask::new` made both for this operation and took the sums from its room, one for each output.
        let ((x, plane), residual, sums) = unsafe {
            let residual = task.residual.as_ref();
            (
                self.stage(&task.source, room),
                residual.map(|residual| self.stage(residual, room)),
                self.sums(conv, &packed.bias, room.from(task.sums)),
            )
        };
        for (i, (taps, pixels)) in geometry.taps.iter().zip(&geometry.pixels).enumerate() {
            let weights = match unpacked {
                Some(unpacked) => unpacked.weights.wrapping_add(i * unpacked.length),
                None => packed.weights[i * packed.order.length..].as_ptr(),
            };
            let main = Part {
                x,
                plane,
                channels: conv.source.view.channels,
                taps,
            };
            let mut parts = [main, main];
            let mut count = 1;
            let mut add = residual;
            if let (Residual::Project { source, .. }, Some((x, plane))) = (conv.residual, residual)
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
                weights,
                depth: packed.depth,
                bias: sums,
                out: self.memory.at(self.offset(conv.output)),
                out_plane: self.pixels(conv.output),
                out_step: geometry.out_step,
                residual: add,
                scale: conv.scale,
            };
            // SAFETY: the planes are laid out as `geometry` says, and what is read behind them by the last vector is
            // there, too (see `stage`). `pack` or `unpack` made the weights of as many kernel positions as there are taps, in
            // groups of `kernels.rows`. A residual that is added has the output's size, and the output's planes nobody
            // else uses.
            unsafe { self.product(product, conv.output.channels, pixels) };
        }
    }

    /// Bias and time embedding.
    ///
    /// # Safety
    /// As for [`Image::carry_out`], whose operation must be `conv`; at `to` there must be room for all of `bias`.
    pub(super) unsafe fn sums(&self, conv: &Conv, bias: &[f32], to: Memory) -> *const f32 {
        // SAFETY: the room is this operation's, and not a part of what it reads.
        let (sums, time) = unsafe {
            let time = conv.time.map(|time| self.read(time));
            (to.write(0, bias.len()), time)
        };
        sums.copy_from_slice(bias);
        for (sum, time) in sums.iter_mut().zip(time.unwrap_or_default()) {
            *sum += time;
        }
        to.at(0)
    }

    /// The first `outputs` at all `pixels`, cut into one piece per thread.
    ///
    /// # Safety
    /// As for [`run`](super::kernels::product::run) with all of them, and with weights in groups of `kernels.rows`. No
    /// two of `pixels` may have a place in the output in common, nor two outputs.
    pub(super) unsafe fn product(&self, product: Product, outputs: usize, pixels: &[Pixels]) {
        let (kernels, threads) = (self.kernels, self.threads);
        // SAFETY: of what it points to only `out` is written, and each thread has pixels or outputs of its own.
        let product = unsafe { Shared::new(product) };
        let by_pixels = pixels.len() >= 4 * threads;
        let work = |i: usize| {
            let (outputs, pixels) = if by_pixels {
                let some = threads::piece(pixels.len(), 1, threads, i);
                (0..outputs, &pixels[some])
            } else {
                let some = threads::piece(outputs, kernels.rows, threads, i);
                (some, pixels)
            };
            // SAFETY: a part of what the caller answers for; a piece begins at a multiple of `kernels.rows`.
            unsafe { (kernels.product)(product.get(), outputs, pixels) };
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
