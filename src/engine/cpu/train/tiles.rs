//! A convolution over tiles with channels in a vector, see [`super::super::kernels::tiles`]: forward as well as
//! backward, where it takes less time than [`super::super::winograd`] with its tiles in a vector, but needs weights of
//! another order.

use super::super::geometry::dense_layout;
use super::super::kernels::Kernels;
use super::super::kernels::gradient::TileRow;
use super::super::kernels::lane::MAX_LANES;
use super::super::kernels::tiles::{Collect, Panel, ToPixels};
use super::super::kernels::winograd::POSITIONS;
use super::super::memory::{Memory, Numbers, Room, Shared};
use super::super::pack::biases;
use super::super::program::Image;
use super::super::staging::Staged;
use super::super::threads;
use super::grid::Grid;
use super::pixels::Lines;
use crate::allocate::{OutOfMemory, volume};
use crate::engine::WEIGHTS;
use crate::engine::plan::{Conv, Param, Plan, Resample, Residual};

/// Numbers of the sums that are worked on at once: 512 KiB, a part of a second-level cache.
const BLOCK: usize = 1 << 17;

/// Fewer channels or tiles leave too little work between the transformations.
const FEWEST_CHANNELS: usize = 16;
const FEWEST_TILES: usize = 4;

/// Whether `conv` takes less time this way.
pub fn pays(plan: &Plan, conv: &Conv) -> bool {
    let output = plan.buffer(conv.output);
    conv.kernel == 3
        && conv.stride == 1
        && conv.weights.len() == 1
        && conv.source.resample != Resample::Nearest2x
        && conv.source.view.channels.min(conv.output.channels) >= FEWEST_CHANNELS
        && output.height.div_ceil(2) * output.width.div_ceil(2) >= FEWEST_TILES
}

/// The weights of one convolution.
#[derive(Debug)]
pub struct TileWeights {
    /// `[positions][vectors of outputs][inputs][lanes]`; inputs are filled up to whole vectors.
    weights: Numbers,
    /// Of the residual's 1×1 convolution.
    shortcut: Lines,
    bias: Vec<f32>,
}

impl TileWeights {
    /// Zeros, as many as `conv` has weights.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn new(conv: &Conv, kernels: Kernels) -> Result<Self, OutOfMemory> {
        let (inputs, outputs) = (conv.source.view.channels, conv.output.channels);
        let [wide, high] = [inputs, outputs].map(|n| n.next_multiple_of(kernels.lanes));
        let more = match conv.residual {
            Residual::Project { source, .. } => source.view.channels,
            Residual::None | Residual::Add(_) | Residual::Class(_) => 0,
        };
        Ok(Self {
            weights: Numbers::zeros(WEIGHTS, volume(&[POSITIONS, wide, high]))?,
            shortcut: Lines::new(more, outputs, kernels.lanes)?,
            bias: vec![0.0; outputs],
        })
    }

    /// Puts the weights of `conv`, which these are for, into the same places again.
    pub fn fill<'t>(&mut self, conv: &Conv, kernels: Kernels, tensor: impl Fn(Param) -> &'t [f32]) {
        let lanes = kernels.lanes;
        let (inputs, outputs) = (conv.source.view.channels, conv.output.channels);
        let position = self.weights.len() / POSITIONS;
        let wide = inputs.next_multiple_of(lanes);
        let weight = tensor(conv.weights[0]);
        // From one output to the next, and from one input to the next.
        let [output, input] = if conv.transposed {
            [9, 9 * outputs]
        } else {
            [9 * inputs, 9]
        };
        for (vector, first) in (0..outputs).step_by(lanes).enumerate() {
            let some = lanes.min(outputs - first);
            let mut taps = [0.0; 9 * MAX_LANES];
            for i in 0..inputs {
                for lane in 0..some {
                    let from = &weight[(first + lane) * output + i * input..][..9];
                    for (tap, value) in from.iter().enumerate() {
                        let tap = if conv.transposed { 8 - tap } else { tap };
                        taps[tap * lanes + lane] = *value;
                    }
                }
                let to = &mut self.weights[(vector * wide + i) * lanes..];
                assert!(to.len() >= (POSITIONS - 1) * position + lanes);
                // SAFETY: nine vectors are there, and 16 places that are a position apart.
                unsafe {
                    (kernels.training.kernels)(taps.as_ptr(), to.as_mut_ptr(), position);
                }
            }
        }
        biases(&mut self.bias, conv, &tensor);
        if let Residual::Project { weight, .. } = conv.residual {
            let weight = tensor(weight);
            let more = weight.len() / outputs;
            for (output, row) in weight.chunks_exact(more).enumerate() {
                for (input, value) in row.iter().enumerate() {
                    self.shortcut.put([input, more], output, lanes, *value);
                }
            }
        }
    }
}

/// What does not change from step to step.
#[derive(Debug)]
pub struct TileTask {
    grid: Grid,
    /// What is added.
    residual: Option<Staged>,
    /// What the residual's 1×1 convolution reads, and where in the operation's room.
    projected: Option<(Grid, usize)>,
    /// Vectors of outputs.
    outputs: usize,
    /// Rows and columns of the output.
    size: [usize; 2],
    /// Rows and columns of tiles, and rows that are worked on at once.
    tiles: [usize; 2],
    rows: usize,
    /// The first pixel of each of those tiles in the grid.
    places: Vec<usize>,
    /// From one vector to the next in tiles and their sums: whole groups of what the kernels take at once.
    vector: usize,
    /// In the operation's room: the input, what is added to every pixel, and where the threads' parts begin.
    input: usize,
    sums: usize,
    first: usize,
    /// From one thread's part to the next; in a part: four positions of the input, all of the output, and its pixels.
    part: usize,
    source_tiles: usize,
    products: usize,
    pixels: usize,
}

impl TileTask {
    /// `conv` with the register tile of `kernels`.
    pub fn new(plan: &Plan, conv: &Conv, kernels: Kernels, room: &mut Room) -> Self {
        let lanes = kernels.lanes;
        let output = plan.buffer(conv.output);
        let size = [output.height, output.width];
        let tiles = size.map(|side| side.div_ceil(2));
        let least = tiles.map(|side| 2 * side + 2);
        let grid = Grid::new(plan, conv.source, 1, least, 1, lanes, room);
        let outputs = conv.output.channels.div_ceil(lanes);
        let of_row = POSITIONS * outputs * lanes * tiles[1];
        let rows = (BLOCK / of_row).clamp(1, tiles[0]);
        let vector = (rows * tiles[1]).next_multiple_of(kernels.training.tiles) * lanes;
        let (mut residual, mut projected) = (None, None);
        match conv.residual {
            Residual::Add(source) => {
                let layout = dense_layout(&source, size);
                residual = Some(Staged::new(plan, source, layout, room));
            }
            Residual::Project { source, .. } => {
                // In the order of the tiles' pixels.
                let even = tiles.map(|side| 2 * side);
                let grid = Grid::new(plan, source, 0, even, 1, lanes, room);
                // The last group may read as many pixels after the last.
                let slack = kernels.training.tiles * lanes;
                projected = Some((grid, room.take(&[grid.length() + slack])));
            }
            Residual::None | Residual::Class(_) => {}
        }
        let in_rows = (0..rows).flat_map(|y| (0..tiles[1]).map(move |x| (y, x)));
        let places = in_rows.map(|(y, x)| 2 * y * grid.pitch() + 2 * x * lanes);
        let mut part = Room::new(1);
        let source_tiles = part.take(&[4, grid.vectors, vector]);
        let products = part.take(&[POSITIONS, outputs, vector]);
        let pixels = part.take(&[outputs, 4, vector]);
        Self {
            residual,
            projected,
            outputs,
            size,
            tiles,
            rows,
            places: places.collect(),
            vector,
            input: room.take(&[grid.length()]),
            sums: room.take(&[conv.output.channels]),
            first: room.take(&[room.threads, part.length]),
            part: part.length,
            source_tiles,
            products,
            pixels,
            grid,
        }
    }
}

impl Image<'_> {
    /// # Safety
    /// As for [`Image::carry_out`], whose operation must be `conv`, with `packed`, `task` and `room` its own.
    pub(super) unsafe fn over_tiles(
        &self,
        conv: &Conv,
        packed: &TileWeights,
        task: &TileTask,
        room: Memory,
    ) {
        let out = self.memory.at(self.offset(conv.output));
        let pixels = self.pixels(conv.output);
        // SAFETY: `TileTask::new` made all of it for this operation and took the sums from its room, one for each
        // output.
        let (residual, sums) = unsafe {
            self.lay_on_grid(&task.grid, 0, room.from(task.input), room);
            if let Some((grid, place)) = &task.projected {
                self.lay_on_grid(grid, 0, room.from(*place), room);
            }
            let residual = task.residual.as_ref();
            (
                residual.map(|residual| self.stage(residual, room)),
                self.sums(conv, &packed.bias, room.from(task.sums)),
            )
        };
        // SAFETY: each thread has outputs and a part of the room of its own; the rest is only read.
        let shared = unsafe { Shared::new((residual, sums, out)) };
        let parts = self.threads.min(task.outputs);
        threads::each(parts, parts, |part| {
            let (residual, sums, out) = *shared.get();
            let some = threads::piece(task.outputs, 1, parts, part);
            let own = room.from(task.first + part * task.part);
            for first in (0..task.tiles[0]).step_by(task.rows) {
                // SAFETY: as above.
                unsafe {
                    self.rows_of_tiles(packed, task, first, some.clone(), room, own);
                    let collect = Collect {
                        from: own.at(task.pixels),
                        row: 2 * task.tiles[1] * self.kernels.lanes,
                        size: [0, 0],
                        to: out,
                        plane: pixels,
                        channels: conv.output.channels,
                        bias: sums,
                        residual,
                        scale: conv.scale,
                    };
                    self.put_pixels(collect, task, first, some.clone());
                }
            }
        });
    }

    /// The rows of tiles from `first` on as pixels, for some vectors of outputs.
    ///
    /// # Safety
    /// As for [`Image::over_tiles`], with `own` the part of one thread.
    unsafe fn rows_of_tiles(
        &self,
        packed: &TileWeights,
        task: &TileTask,
        first: usize,
        outputs: std::ops::Range<usize>,
        room: Memory,
        own: Memory,
    ) {
        let kernels = self.kernels.training;
        let grid = &task.grid;
        let rows = task.rows.min(task.tiles[0] - first);
        let count = rows * task.tiles[1];
        let weights = packed.weights.len() / POSITIONS;
        for row in 0..4 {
            let tile_row = TileRow {
                from: room.at(task.input + 2 * first * grid.pitch()),
                vector: grid.vector(),
                pitch: grid.pitch(),
                to: own.at(task.source_tiles),
                to_vector: task.vector,
                to_position: grid.vectors * task.vector,
            };
            let places = &task.places[..count];
            // SAFETY: the grid has 4×4 pixels for every tile, and the part four positions of `vector` numbers for each
            // vector.
            unsafe { (kernels.source_tiles)(&tile_row, row, 0..grid.vectors, places) };
            for column in 0..4 {
                let position = 4 * row + column;
                let panel = Panel {
                    x: own.at(task.source_tiles + column * grid.vectors * task.vector),
                    x_vector: task.vector,
                    inputs: grid.vectors,
                    weights: packed.weights[position * weights..].as_ptr(),
                    to: own.at(task.products + position * task.outputs * task.vector),
                    to_vector: task.vector,
                    add: false,
                };
                // SAFETY: `vector` is whole groups of tiles, on both sides; weights are there for all outputs.
                unsafe { (kernels.panel)(&panel, count, outputs.clone()) };
            }
        }
        let to_pixels = ToPixels {
            sums: own.at(task.products),
            position: task.outputs * task.vector,
            vector: task.vector,
            tiles: [rows, task.tiles[1]],
            to: own.at(task.pixels),
            to_vector: 4 * task.vector,
        };
        // SAFETY: all positions are there now, and room for four pixels of each tile.
        unsafe { (kernels.pixels)(&to_pixels, outputs.clone()) };
        if let Some((grid, place)) = &task.projected {
            let panel = Panel {
                x: room.at(place + 2 * first * grid.pitch()),
                x_vector: grid.vector(),
                inputs: grid.vectors,
                weights: packed.shortcut.0.as_ptr(),
                to: to_pixels.to,
                to_vector: to_pixels.to_vector,
                add: true,
            };
            // SAFETY: the grid has four pixels for each tile in the same order, and so many of them are whole groups.
            unsafe { (kernels.panel)(&panel, 4 * count, outputs) };
        }
    }

    /// The pixels of the rows of tiles from `first` on where they belong, for some vectors of outputs; `whole` speaks
    /// of all channels and all rows.
    ///
    /// # Safety
    /// As for [`Image::over_tiles`], once the pixels are there.
    unsafe fn put_pixels(
        &self,
        whole: Collect,
        task: &TileTask,
        first: usize,
        outputs: std::ops::Range<usize>,
    ) {
        let lanes = self.kernels.lanes;
        let [height, width] = task.size;
        let rows = (2 * task.rows).min(height - 2 * first);
        let begin = 2 * first * width;
        for vector in outputs {
            let channel = vector * lanes;
            // SAFETY: the rows and channels are among those of the output and of the residual; every channel has a sum.
            unsafe {
                let collect = Collect {
                    from: whole.from.add(vector * 4 * task.vector),
                    size: [rows, width],
                    to: whole.to.add(channel * whole.plane + begin),
                    channels: lanes.min(whole.channels - channel),
                    bias: whole.bias.add(channel),
                    residual: whole
                        .residual
                        .map(|(from, plane)| (from.add(channel * plane + begin), plane)),
                    ..whole
                };
                (self.kernels.training.collect)(&collect);
            }
        }
    }
}
