//! The gradient of a convolution's weights, summed over the pixels of all images of the batch.
//!
//! First every image is laid out with its channels in vectors ([`Grid`]). Then the sums are made, each by one thread
//! from the first image to the last, so that they are the same for any number of threads: as they are written, for each
//! kernel position one product ([`Way::Direct`]), or over tiles in the domain of Winograd's algorithm, with 16 products
//! in place of 36 ([`Way::Tiles`]): what `U` is to the output, its gradient `(A dy Aᵀ) ∘ (Bᵀ d B)` is to the gradient.

use super::super::kernels::Kernels;
use super::super::kernels::gradient::{Outer, Run, TileRow};
use super::super::kernels::lane::MAX_LANES;
use super::super::kernels::winograd::POSITIONS;
use super::super::memory::{Memory, Room, Shared};
use super::super::pack::merged;
use super::super::threads;
use super::grid::Grid;
use super::tensors::Layout;
use crate::engine::plan::{Param, Plan, Resample, Source, View};

/// Pixels that a sum runs over before it is put down, as long as both factors stay in a first-level cache.
const PIXELS: usize = 128;

/// Numbers of the tiles that are worked on at once: 512 KiB, a part of a second-level cache.
const TILES: usize = 1 << 17;

/// Fewer channels or tiles leave too little work between the transformations.
const FEWEST_CHANNELS: usize = 16;
const FEWEST_TILES: usize = 32;

/// Outputs of one unit of work.
const OUTPUTS: usize = 64;

/// One convolution.
#[derive(Debug)]
pub struct WeightTask {
    x: Grid,
    y: Grid,
    inputs: usize,
    outputs: usize,
    way: Way,
    /// Where the gradients go: the first output of each parameter, and the place of its first number.
    targets: Vec<(usize, usize)>,
    /// For each kernel position: which sums together are its gradient.
    taps: Vec<Vec<usize>>,
}

/// What is summed.
#[derive(Debug)]
enum Way {
    /// `[slots][vectors of inputs][outputs][lanes]`.
    Direct {
        /// Where each slot's first pixel is in x and in y.
        slots: Vec<[usize; 2]>,
        /// Pixels, some at a time.
        blocks: Vec<Vec<Run>>,
        /// From one pixel of a run to the next.
        x_step: usize,
        y_step: usize,
    },
    /// The same, with a slot for each of 16 positions.
    Tiles {
        /// The first pixel of each tile in x and in y.
        x: Vec<usize>,
        y: Vec<usize>,
        /// Tiles that are worked on at once.
        block: usize,
    },
}

/// What a batch has for all convolutions, one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Places {
    /// x and y of all images.
    pub grids: Memory,
    /// The sums.
    pub sums: Memory,
    /// Something for each thread.
    pub rooms: Memory,
    /// From one thread's to the next.
    pub room: usize,
}

/// A convolution, as [`crate::engine::plan::Back::Weights`] has it.
#[derive(Debug, Clone, Copy)]
pub struct Shape<'a> {
    /// What it read.
    pub source: Source,
    /// Of its result.
    pub gradient: View,
    /// 1 or 3.
    pub kernel: usize,
    /// 1 or 2.
    pub stride: usize,
    /// Zeros above and at the left.
    pub padding: usize,
    /// Several stand one below the other.
    pub weights: &'a [Param],
}

impl WeightTask {
    /// `shape` for a batch of `images`; `room` is for laying one image out.
    pub fn new(
        plan: &Plan,
        layout: &Layout,
        shape: &Shape,
        images: usize,
        kernels: Kernels,
        room: &mut Room,
    ) -> Self {
        let lanes = kernels.lanes;
        let buffer = plan.buffer(shape.gradient);
        let to = [buffer.height, buffer.width];
        let mut source = shape.source;
        let twice = source.resample == Resample::Nearest2x;
        if twice {
            // Each of four kinds of output pixels sees the picture as it was.
            source.resample = Resample::Keep;
        }
        let inputs = source.view.channels;
        let outputs = shape.gradient.channels;
        let tiles = to.map(|side| side.div_ceil(2));
        let over_tiles = shape.kernel == 3
            && shape.stride == 1
            && !twice
            && inputs.min(outputs) >= FEWEST_CHANNELS
            && images * tiles[0] * tiles[1] >= FEWEST_TILES;
        let gradient = Source::plain(shape.gradient);
        let (x, y, way, taps);
        if over_tiles {
            let even = tiles.map(|side| 2 * side);
            let least = even.map(|side| side + 2);
            x = Grid::new(plan, source, 1, least, images, lanes, room);
            y = Grid::new(plan, gradient, 0, even, images, lanes, room);
            let places = |grid: &Grid| -> Vec<usize> {
                let all = (0..images).flat_map(|i| (0..tiles[0]).map(move |y| (i, y)));
                all.flat_map(|(i, y)| (0..tiles[1]).map(move |x| (i, y, x)))
                    .map(|(i, y, x)| i * grid.image() + 2 * y * grid.pitch() + 2 * x * lanes)
                    .collect()
            };
            let of_tile = 4 * lanes * (x.vectors + y.vectors);
            way = Way::Tiles {
                block: (TILES / of_tile).max(FEWEST_TILES),
                x: places(&x),
                y: places(&y),
            };
            taps = (0..9).map(|tap| vec![tap]).collect();
        } else {
            let size = if twice {
                let from = plan.buffer(source.view);
                [from.height, from.width]
            } else {
                to
            };
            let padding = if twice {
                shape.kernel / 2
            } else {
                shape.padding
            };
            let least = size.map(|side| (side - 1) * shape.stride + shape.kernel);
            x = Grid::new(plan, source, padding, least, images, lanes, room);
            y = Grid::new(plan, gradient, 0, [0; 2], images, lanes, room);
            let y_step = if twice { 2 } else { 1 };
            let pixel = |grid: &Grid, y: usize, x: usize| y * grid.pitch() + x * lanes;
            let square = |side: usize| (0..side * side).map(move |i| (i / side, i % side));
            let slots;
            (slots, taps) = if twice && shape.kernel == 3 {
                let slots = square(2).flat_map(|(a, b)| square(2).map(move |(i, j)| (a, b, i, j)));
                let seen = |(tap_y, tap_x): (usize, usize)| {
                    let sees = |(a, b, i, j): (usize, usize, usize, usize)| {
                        merged(a, i).contains(&tap_y) && merged(b, j).contains(&tap_x)
                    };
                    let all = slots.clone().enumerate();
                    all.filter(|(_, slot)| sees(*slot))
                        .map(|(at, _)| at)
                        .collect()
                };
                let taps = square(3).map(seen).collect();
                let place = |(a, b, i, j)| [pixel(&x, a + i, b + j), pixel(&y, a, b)];
                (slots.clone().map(place).collect(), taps)
            } else if twice {
                let place = |(a, b)| [0, pixel(&y, a, b)];
                (square(2).map(place).collect(), vec![vec![0, 1, 2, 3]])
            } else {
                let place = |(i, j)| [pixel(&x, i, j), 0];
                let count = shape.kernel * shape.kernel;
                (
                    square(shape.kernel).map(place).collect::<Vec<_>>(),
                    (0..count).map(|tap| vec![tap]).collect(),
                )
            };
            let rows = (0..images).flat_map(|i| (0..size[0]).map(move |row| (i, row)));
            let rows = rows.map(|(i, row)| Run {
                x: i * x.image() + row * shape.stride * x.pitch(),
                y: i * y.image() + row * y_step * y.pitch(),
                count: size[1],
            });
            way = Way::Direct {
                slots,
                blocks: blocks(rows, shape.stride * lanes, y_step * lanes),
                x_step: shape.stride * lanes,
                y_step: y_step * lanes,
            };
        }
        let mut first = 0;
        let target = |param: &Param| {
            let target = (first, layout.range(*param).start);
            first += plan.params[param.0].shape[0];
            target
        };
        Self {
            targets: shape.weights.iter().map(target).collect(),
            x,
            y,
            inputs,
            outputs,
            way,
            taps,
        }
    }

    /// x and y of the batch, in this order.
    pub fn grids(&self) -> [&Grid; 2] {
        [&self.x, &self.y]
    }

    /// Numbers of x and y, of the sums, and of what each thread needs.
    pub fn lengths(&self) -> [usize; 3] {
        let slots = match &self.way {
            Way::Direct { slots, .. } => slots.len(),
            Way::Tiles { .. } => POSITIONS,
        };
        let of_thread = match self.way {
            Way::Direct { .. } => 0,
            Way::Tiles { block, .. } => {
                4 * block * self.x.lanes * (self.x.vectors + self.y.vectors)
            }
        };
        [
            self.x.length() + self.y.length(),
            slots * self.slot(),
            of_thread,
        ]
    }

    /// Numbers of one slot.
    fn slot(&self) -> usize {
        self.x.vectors * self.of_vector()
    }

    /// Numbers of one vector of inputs in a slot.
    fn of_vector(&self) -> usize {
        self.y.vectors * self.x.lanes * self.x.lanes
    }

    /// The sums of the whole batch into `gradients`, which is where [`Layout`] says, on `threads` threads.
    ///
    /// # Safety
    /// Every image must have been laid out on both grids, which lie one after the other in `places.grids`; all of
    /// `places` must have the room that [`Self::lengths`] asks for, and nobody else may use them meanwhile, nor
    /// `gradients`, which must have room for all parameters.
    pub unsafe fn run(&self, kernels: Kernels, places: &Places, threads: usize, gradients: Memory) {
        // SAFETY: all of it is what the caller promises.
        unsafe {
            match &self.way {
                Way::Direct {
                    slots,
                    blocks,
                    x_step,
                    y_step,
                } => self.direct(kernels, places, threads, slots, blocks, [*x_step, *y_step]),
                Way::Tiles { x, y, block } => {
                    self.tiles(kernels, places, threads, [x, y], *block);
                }
            }
            self.put_down(kernels, places, threads, gradients);
        }
    }

    /// # Safety
    /// As for [`Self::run`].
    unsafe fn direct(
        &self,
        kernels: Kernels,
        places: &Places,
        threads: usize,
        slots: &[[usize; 2]],
        blocks: &[Vec<Run>],
        [x_step, y_step]: [usize; 2],
    ) {
        let lanes = self.x.lanes;
        // Vectors of inputs that are taken at once stay together.
        let inputs = self.x.vectors.div_ceil(INPUTS);
        let of_outputs = OUTPUTS.next_multiple_of(lanes);
        let all_outputs = self.y.vectors * lanes;
        let outputs = all_outputs.div_ceil(of_outputs);
        let units = slots.len() * inputs * outputs;
        threads::each(threads, threads, |part| {
            for unit in threads::piece(units, 1, threads, part) {
                let (slot, rest) = (unit / (inputs * outputs), unit % (inputs * outputs));
                let (first, output) = (rest / outputs * INPUTS, rest % outputs * of_outputs);
                let vectors = first..self.x.vectors.min(first + INPUTS);
                let some = output..all_outputs.min(output + of_outputs);
                for (i, runs) in blocks.iter().enumerate() {
                    let outer = Outer {
                        x: places.grids.at(slots[slot][0]),
                        x_vector: self.x.vector(),
                        x_step,
                        y: places.grids.at(self.x.length() + slots[slot][1]),
                        y_vector: self.y.vector(),
                        y_step,
                        runs,
                        to: places.sums.at(slot * self.slot()),
                        to_vector: self.of_vector(),
                        add: i > 0,
                    };
                    // SAFETY: outputs are whole vectors; every unit has sums of its own.
                    unsafe { (kernels.training.outer)(&outer, some.clone(), vectors.clone()) };
                }
            }
        });
    }

    /// # Safety
    /// As for [`Self::run`].
    unsafe fn tiles(
        &self,
        kernels: Kernels,
        places: &Places,
        threads: usize,
        [x, y]: [&[usize]; 2],
        block: usize,
    ) {
        let lanes = self.x.lanes;
        // Rows of positions have little in common; more threads than rows share the outputs.
        let parts = threads.div_ceil(4).min(self.y.vectors);
        let units = 4 * parts;
        threads::each(threads, threads, |part| {
            let room = places.rooms.from(part * places.room);
            for unit in threads::piece(units, 1, threads, part) {
                let row = unit / parts;
                let some = threads::piece(self.y.vectors, 1, parts, unit % parts);
                let outputs = some.start * lanes..some.end * lanes;
                for (i, (x, y)) in x.chunks(block).zip(y.chunks(block)).enumerate() {
                    let vector = x.len() * lanes;
                    let xs = TileRow {
                        from: places.grids.at(0),
                        vector: self.x.vector(),
                        pitch: self.x.pitch(),
                        to: room.at(0),
                        to_vector: vector,
                        to_position: self.x.vectors * vector,
                    };
                    let ys = TileRow {
                        from: places.grids.at(self.x.length()),
                        vector: self.y.vector(),
                        pitch: self.y.pitch(),
                        to: room.at(4 * xs.to_position),
                        to_vector: vector,
                        to_position: self.y.vectors * vector,
                    };
                    let runs = [Run {
                        x: 0,
                        y: 0,
                        count: x.len(),
                    }];
                    // SAFETY: a thread's room has 4 positions of `block` tiles on both sides. Grids have 4×4 and 2×2
                    // pixels for every tile. Every unit has sums of its own.
                    unsafe {
                        (kernels.training.source_tiles)(&xs, row, 0..self.x.vectors, x);
                        (kernels.training.gradient_tiles)(&ys, row, some.clone(), y);
                        for column in 0..4 {
                            let outer = Outer {
                                x: xs.to.add(column * xs.to_position),
                                x_vector: vector,
                                x_step: lanes,
                                y: ys.to.add(column * ys.to_position),
                                y_vector: vector,
                                y_step: lanes,
                                runs: &runs,
                                to: places.sums.at((4 * row + column) * self.slot()),
                                to_vector: self.of_vector(),
                                add: i > 0,
                            };
                            let all = 0..self.x.vectors;
                            (kernels.training.outer)(&outer, outputs.clone(), all);
                        }
                    }
                }
            }
        });
    }

    /// From sums to gradients.
    ///
    /// # Safety
    /// As for [`Self::run`], once the sums are there.
    unsafe fn put_down(
        &self,
        kernels: Kernels,
        places: &Places,
        threads: usize,
        gradients: Memory,
    ) {
        let (lanes, taps) = (self.x.lanes, self.taps.len());
        // SAFETY: nobody writes what each thread reads here.
        let shared = unsafe { Shared::new(self) };
        threads::each(threads, threads, |part| {
            let this = shared.get();
            for output in threads::piece(this.outputs, 1, threads, part) {
                let (first, place) = this.target(output);
                let at = place + (output - first) * this.inputs * taps;
                // SAFETY: every output has a row of its own in one of the parameters.
                let row = unsafe { gradients.write(at, this.inputs * taps) };
                for vector in 0..this.x.vectors {
                    let from = places.sums.at(vector * this.of_vector() + output * lanes);
                    let mut values = [0.0; 9 * MAX_LANES];
                    // SAFETY: a vector of every slot is there to be read.
                    unsafe {
                        match this.way {
                            Way::Tiles { .. } => (kernels.training.kernel_gradient)(
                                from,
                                this.slot(),
                                values.as_mut_ptr(),
                            ),
                            Way::Direct { .. } => {
                                for (tap, slots) in this.taps.iter().enumerate() {
                                    for slot in slots {
                                        let from = from.add(slot * this.slot());
                                        let sums = std::slice::from_raw_parts(from, lanes);
                                        let to = &mut values[tap * lanes..][..lanes];
                                        to.iter_mut().zip(sums).for_each(|(to, sum)| *to += sum);
                                    }
                                }
                            }
                        }
                    }
                    let inputs = row[vector * lanes * taps..]
                        .chunks_exact_mut(taps)
                        .take(lanes);
                    for (lane, kernel) in inputs.enumerate() {
                        for (tap, value) in kernel.iter_mut().enumerate() {
                            *value = values[tap * lanes + lane];
                        }
                    }
                }
            }
        });
    }

    /// The parameter that has the row of `output`: its first output and its place.
    fn target(&self, output: usize) -> (usize, usize) {
        let mut found = self.targets[0];
        for target in &self.targets {
            if target.0 <= output {
                found = *target;
            }
        }
        found
    }
}

/// Vectors of inputs of one unit of work: a multiple of what every set of instructions takes at once.
const INPUTS: usize = 12;

/// `rows` in blocks of about [`PIXELS`] pixels; those that follow each other are one, cut where it is too long.
fn blocks(rows: impl Iterator<Item = Run>, x_step: usize, y_step: usize) -> Vec<Vec<Run>> {
    let mut runs: Vec<Run> = Vec::new();
    for row in rows {
        match runs.last_mut() {
            Some(last)
                if last.x + last.count * x_step == row.x
                    && last.y + last.count * y_step == row.y =>
            {
                last.count += row.count;
            }
            _ => runs.push(row),
        }
    }
    let cut = runs.into_iter().flat_map(|run| {
        (0..run.count).step_by(PIXELS).map(move |first| Run {
            x: run.x + first * x_step,
            y: run.y + first * y_step,
            count: PIXELS.min(run.count - first),
        })
    });
    let mut blocks: Vec<Vec<Run>> = Vec::new();
    let mut pixels = 0;
    for run in cut {
        match blocks.last_mut() {
            Some(block) if pixels + run.count <= PIXELS => block.push(run),
            _ => {
                blocks.push(vec![run]);
                pixels = 0;
            }
        }
        pixels += run.count;
    }
    blocks
}
