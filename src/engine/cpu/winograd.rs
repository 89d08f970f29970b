//! A convolution as 16 matrix products over tiles of its output, see [`super::kernels::winograd`].

use super::conv::residual_source;
use super::geometry::{Layout, Planes, dense_layout, vectors};
use super::kernels::Kernels;
use super::kernels::product::{Part, Pixels, Product};
use super::kernels::winograd::{POSITIONS, Products, ToPixels, ToTiles};
use super::memory::{Memory, Room, Shared};
use super::pack::WinogradWeights;
use super::program::Image;
use super::staging::Staged;
use super::threads;
use super::unpack::Addresses;
use crate::allocate::OutOfMemory;
use crate::engine::plan::{BLOCK, Conv, Plan, Residual, TILES_TOGETHER};

/// What does not change from step to step.
#[derive(Debug)]
pub struct WinogradTask {
    source: Staged,
    planes: Planes,
    residual: Option<Staged>,
    /// Tiles, vector by vector.
    tiles: Vec<Pixels>,
    /// The pixels of the residual's 1×1 convolution.
    pixels: Vec<Pixels>,
    /// Vectors of tiles that are worked on at once.
    block: usize,
    /// Outputs, filled up to whole rows of the register tile.
    outputs: usize,
    /// In the operation's room: transformed inputs, their products, and what is added to every pixel.
    inputs: usize,
    products: usize,
    sums: usize,
}

impl WinogradTask {
    /// `conv` with the register tile of `kernels`.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn new(
        plan: &Plan,
        conv: &Conv,
        kernels: Kernels,
        room: &mut Room,
    ) -> Result<Self, OutOfMemory> {
        let output = plan.buffer(conv.output);
        let size @ [height, width] = [output.height, output.width];
        let planes = Planes::tiles(size);
        let tiles = vectors(
            [height.div_ceil(2), width.div_ceil(2)],
            planes.pitch,
            kernels.lanes,
            [2 * width, 2],
            0,
        )?;
        let outputs = conv.output.channels.next_multiple_of(kernels.rows);
        let inputs = conv.source.view.channels;
        let of_vector = POSITIONS * kernels.lanes * (inputs + outputs);
        let block = together(tiles.len(), of_vector, kernels);
        let residual = residual_source(conv).map(|source| {
            let layout = dense_layout(&source, size);
            Staged::new(plan, source, layout, room)
        });
        Ok(Self {
            source: Staged::new(plan, conv.source, Layout::Staged(planes), room),
            planes,
            residual,
            pixels: vectors(size, width, kernels.lanes, [width, 1], 0)?,
            inputs: room.take(&[POSITIONS, step(block, inputs, kernels)]),
            products: room.take(&[POSITIONS, step(block, outputs, kernels)]),
            sums: room.take(&[conv.output.channels]),
            tiles,
            block,
            outputs,
        })
    }
}

/// Vectors of tiles that are worked on at once, of `count`, where one has `length` numbers: whole register tiles, as even
/// as they can be.
fn together(count: usize, length: usize, kernels: Kernels) -> usize {
    let least = TILES_TOGETHER.div_ceil(kernels.lanes);
    let most = (BLOCK / length)
        .max(least)
        .next_multiple_of(kernels.vectors);
    let even = count.div_ceil(count.div_ceil(most));
    even.next_multiple_of(kernels.vectors).min(count)
}

/// Numbers from one position to the next. Not a power of two, or all positions would compete for one place in a cache.
fn step(vectors: usize, channels: usize, kernels: Kernels) -> usize {
    vectors * channels * kernels.lanes + 16
}

impl Image<'_> {
    /// # Safety
    /// As for [`Image::carry_out`], whose operation must be `conv`, with `packed`, `task` and `room` its own, and
    /// `unpacked` its weights in order where `packed` has none.
    pub(super) unsafe fn winograd(
        &self,
        conv: &Conv,
        packed: &WinogradWeights,
        unpacked: Option<Addresses>,
        task: &WinogradTask,
        room: Memory,
    ) {
        let kernels = self.kernels;
        let output = self.plan.buffer(conv.output);
        let (weights, shortcut) = match unpacked {
            Some(unpacked) => (unpacked.weights, unpacked.shortcut),
            None => {
                let first = packed.weights.as_ptr();
                (first, first.wrapping_add(packed.order.shortcut))
            }
        };
        let (channels, outputs) = (conv.source.view.channels, conv.output.channels);
        let out = self.memory.at(self.offset(conv.output));
        let pixels = self.pixels(conv.output);
        // SAFETY: `WinogradTask::new` made both for this operation and took the sums from its room, one for each
        // output.
        let ((x, plane), mut residual, sums) = unsafe {
            let residual = task.residual.as_ref();
            (
                self.stage(&task.source, room),
                residual.map(|residual| self.stage(residual, room)),
                self.sums(conv, &packed.bias, room.from(task.sums)),
            )
        };
        if let (Residual::Project { source, .. }, Some((x, plane))) = (conv.residual, residual) {
            let product = Product {
                parts: &[Part {
                    x,
                    plane,
                    channels: source.view.channels,
                    taps: &[0],
                }],
                weights: shortcut,
                depth: source.view.channels,
                bias: packed.zeros.as_ptr(),
                out,
                out_plane: pixels,
                out_step: 1,
                residual: None,
                scale: 1.0,
            };
            // SAFETY: the residual's planes have the output's size, and what is read behind them by the last vector is
            // there, too (see `stage`). `pack` or `unpack` made the weights in groups of `kernels.rows`, and a zero for each
            // output. The output's planes nobody else uses.
            unsafe { self.product(product, outputs, &task.pixels) };
            residual = Some((out.cast_const(), pixels));
        }
        for tiles in task.tiles.chunks(task.block) {
            let to_tiles = ToTiles {
                x,
                plane,
                phase: task.planes.phase(),
                pitch: task.planes.pitch,
                tiles: room.at(task.inputs),
                step: step(tiles.len(), channels, kernels),
                channels,
            };
            let products = Products {
                weights,
                channels,
                outputs: task.outputs,
                vectors: tiles.len(),
                tiles: to_tiles.tiles,
                step: to_tiles.step,
                sums: room.at(task.products),
                sums_step: step(tiles.len(), task.outputs, kernels),
            };
            let to_pixels = ToPixels {
                sums: products.sums,
                step: products.sums_step,
                outputs: task.outputs,
                bias: sums,
                out,
                size: [output.height, output.width],
                residual,
                scale: conv.scale,
            };
            // SAFETY: `WinogradTask::new` took room for `POSITIONS` steps of `task.block` vectors, and there are no
            // more tiles. Each of the three writes what only the next ones read, and a thread has channels, positions
            // and then outputs of its own, which lie apart.
            let (to_tiles, products, to_pixels) = unsafe {
                (
                    Shared::new(to_tiles),
                    Shared::new(products),
                    Shared::new(to_pixels),
                )
            };
            // SAFETY: the source is laid out in `task.planes`, which is what `tiles` are counted in, and what is read
            // behind them by the last vector is there, too (see `stage`).
            self.pieces(channels, |some| unsafe {
                (kernels.to_tiles)(to_tiles.get(), some, tiles);
            });
            // SAFETY: `pack` or `unpack` made weights for as many outputs as `task.outputs`, which are whole groups of
            // `kernels.rows`.
            self.pieces(POSITIONS, |some| unsafe {
                (kernels.products)(products.get(), some);
            });
            // SAFETY: every output has a sum of its own, a plane in the output that nobody else uses, and one in the
            // residual, which has the same size. `vectors` puts no run of tiles over the end of a row.
            self.pieces(outputs, |some| unsafe {
                (kernels.to_pixels)(to_pixels.get(), some, tiles);
            });
        }
    }

    /// `work` on `count` things, some on each thread.
    fn pieces(&self, count: usize, work: impl Fn(std::ops::Range<usize>) + Send + Sync) {
        let parts = self.threads;
        threads::each(parts, parts, |i| work(threads::piece(count, 1, parts, i)));
    }
}
