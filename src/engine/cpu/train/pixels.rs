//! A 1×1 convolution with channels in a vector: a sum over channels for every pixel, see
//! [`super::super::kernels::tiles`].

use super::super::conv::residual_source;
use super::super::geometry::dense_layout;
use super::super::kernels::Kernels;
use super::super::kernels::tiles::{Collect, Panel};
use super::super::memory::{Memory, Numbers, Room, Shared};
use super::super::pack::{biases, each_kernel};
use super::super::program::Image;
use super::super::staging::Staged;
use super::super::threads;
use super::grid::Grid;
use crate::allocate::{OutOfMemory, volume};
use crate::engine::WEIGHTS;
use crate::engine::plan::{Conv, Param, Plan, Residual, Source};

/// Numbers of the sums that are worked on at once: 128 KiB.
const BLOCK: usize = 1 << 15;

/// Fewer channels or pixels leave most of a vector, or of what is taken at once, empty.
const FEWEST_CHANNELS: usize = 16;
const FEWEST_PIXELS: usize = 16;

/// Whether `conv`, which is none on a vector, takes less time this way.
pub fn pays(plan: &Plan, conv: &Conv) -> bool {
    let output = plan.buffer(conv.output);
    conv.kernel == 1
        && conv.stride == 1
        && !matches!(conv.residual, Residual::Project { .. })
        && conv.source.view.channels.min(conv.output.channels) >= FEWEST_CHANNELS
        && output.height * output.width >= FEWEST_PIXELS
}

/// `[vectors of outputs][inputs][lanes]`; inputs are filled up to whole vectors.
#[derive(Debug)]
pub struct Lines(pub Numbers);

impl Lines {
    /// Zeros for `inputs` and `outputs`.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn new(inputs: usize, outputs: usize, lanes: usize) -> Result<Self, OutOfMemory> {
        let [wide, high] = [inputs, outputs].map(|n| n.next_multiple_of(lanes));
        Ok(Self(Numbers::zeros(WEIGHTS, volume(&[wide, high]))?))
    }

    /// Puts the weight of one pair of channels where it belongs.
    pub fn put(&mut self, [input, inputs]: [usize; 2], output: usize, lanes: usize, value: f32) {
        let wide = inputs.next_multiple_of(lanes);
        let at = (output / lanes * wide + input) * lanes + output % lanes;
        self.0[at] = value;
    }
}

/// The weights of one convolution.
#[derive(Debug)]
pub struct PixelWeights {
    lines: Lines,
    bias: Vec<f32>,
}

impl PixelWeights {
    /// Zeros, as many as `conv` has weights.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn new(conv: &Conv, kernels: Kernels) -> Result<Self, OutOfMemory> {
        let (inputs, outputs) = (conv.source.view.channels, conv.output.channels);
        Ok(Self {
            lines: Lines::new(inputs, outputs, kernels.lanes)?,
            bias: vec![0.0; outputs],
        })
    }

    /// Puts the weights of `conv`, which these are for, into the same places again.
    pub fn fill<'t>(&mut self, conv: &Conv, kernels: Kernels, tensor: impl Fn(Param) -> &'t [f32]) {
        let inputs = conv.source.view.channels;
        each_kernel(conv, &tensor, |output, input, kernel| {
            self.lines
                .put([input, inputs], output, kernels.lanes, kernel[0]);
        });
        biases(&mut self.bias, conv, &tensor);
    }
}

/// What does not change from step to step.
#[derive(Debug)]
pub struct PixelTask {
    grid: Grid,
    residual: Option<Staged>,
    /// Vectors of outputs.
    outputs: usize,
    pixels: usize,
    /// Pixels that are worked on at once: whole groups of what the kernels take.
    block: usize,
    /// In the operation's room: the input, what is added to every pixel, and where the threads' parts begin.
    input: usize,
    sums: usize,
    first: usize,
    /// From one thread's part to the next.
    part: usize,
}

impl PixelTask {
    /// `conv` with the register tile of `kernels`.
    pub fn new(plan: &Plan, conv: &Conv, kernels: Kernels, room: &mut Room) -> Self {
        let lanes = kernels.lanes;
        let output = plan.buffer(conv.output);
        let size = [output.height, output.width];
        let grid = Grid::new(plan, conv.source, 0, [0; 2], 1, lanes, room);
        let outputs = conv.output.channels.div_ceil(lanes);
        let at_once = kernels.training.tiles;
        let pixels = size[0] * size[1];
        let block = (BLOCK / (outputs * lanes)).clamp(1, pixels);
        let block = block.next_multiple_of(at_once);
        let residual = residual_source(conv).map(|source: Source| {
            let layout = dense_layout(&source, size);
            Staged::new(plan, source, layout, room)
        });
        let mut part = Room::new(1);
        part.take(&[outputs, block, lanes]);
        Self {
            residual,
            outputs,
            pixels,
            block,
            // The last group may read as many pixels after the last.
            input: room.take(&[grid.length() + at_once * lanes]),
            sums: room.take(&[conv.output.channels]),
            first: room.take(&[room.threads, part.length]),
            part: part.length,
            grid,
        }
    }
}

impl Image<'_> {
    /// # Safety
    /// As for [`Image::carry_out`], whose operation must be `conv`, with `packed`, `task` and `room` its own.
    pub(super) unsafe fn over_pixels(
        &self,
        conv: &Conv,
        packed: &PixelWeights,
        task: &PixelTask,
        room: Memory,
    ) {
        let (kernels, lanes) = (self.kernels.training, self.kernels.lanes);
        // SAFETY: `PixelTask::new` made all of it for this operation and took the sums from its room, one for each
        // output.
        let (residual, sums) = unsafe {
            self.lay_on_grid(&task.grid, 0, room.from(task.input), room);
            let residual = task.residual.as_ref();
            (
                residual.map(|residual| self.stage(residual, room)),
                self.sums(conv, &packed.bias, room.from(task.sums)),
            )
        };
        let out = self.memory.at(self.offset(conv.output));
        // SAFETY: each thread has outputs and a part of the room of its own; the rest is only read.
        let shared = unsafe { Shared::new((residual, sums, out)) };
        let parts = self.threads.min(task.outputs);
        threads::each(parts, parts, |part| {
            let (residual, sums, out) = *shared.get();
            let some = threads::piece(task.outputs, 1, parts, part);
            let own = room.at(task.first + part * task.part);
            for first in (0..task.pixels).step_by(task.block) {
                let count = task.block.min(task.pixels - first);
                let panel = Panel {
                    x: room.at(task.input + first * lanes),
                    x_vector: task.grid.vector(),
                    inputs: task.grid.vectors,
                    weights: packed.lines.0.as_ptr(),
                    to: own,
                    to_vector: task.block * lanes,
                    add: false,
                };
                // SAFETY: pixels are there up to a whole group, and a part has room for `block` of them; weights are
                // there for all outputs.
                unsafe { (kernels.panel)(&panel, count, some.clone()) };
                for vector in some.clone() {
                    let channel = vector * lanes;
                    // SAFETY: the pixels and channels are among those of the output and of the residual; every channel
                    // has a sum.
                    unsafe {
                        let collect = Collect {
                            from: own.add(vector * task.block * lanes),
                            row: 0,
                            size: [1, count],
                            to: out.add(channel * task.pixels + first),
                            plane: task.pixels,
                            channels: lanes.min(conv.output.channels - channel),
                            bias: sums.add(channel),
                            residual: residual
                                .map(|(from, plane)| (from.add(channel * plane + first), plane)),
                            scale: conv.scale,
                        };
                        (kernels.collect)(&collect);
                    }
                }
            }
        });
    }
}
