//! The gradient of a convolution's weights, summed over the pixels of all images of the batch.
//!
//! First every image is laid out with its channels in vectors ([`Grid`]). Then the sums are made (`sums.rs`), each by one thread
//! from the first image to the last, so that they are the same for any number of threads: as they are written, for each
//! kernel position one product ([`Way::Direct`]), or over tiles in the domain of Winograd's algorithm, with 16 products
//! in place of 36 ([`Way::Tiles`]): what `U` is to the output, its gradient `(A dy Aᵀ) ∘ (Bᵀ d B)` is to the gradient.

use super::super::kernels::Kernels;
use super::super::kernels::gradient::Run;
use super::super::kernels::winograd::POSITIONS;
use super::super::memory::Room;
use super::grid::Grid;
use super::tensors::Layout;
use crate::allocate::{self, OutOfMemory, bytes, volume};
use crate::engine::plan::{Param, Plan, Resample, Source, View, merged};

/// Pixels that a sum runs over before it is put down, as long as both factors stay in a first-level cache.
const PIXELS: usize = 128;

/// What there is no memory for.
const PLACES: &str = "where the pixels of a batch lie";

/// Numbers of the tiles that are worked on at once: 512 KiB, a part of a second-level cache.
const TILES: usize = 1 << 17;

/// Fewer channels or tiles leave too little work between the transformations.
const FEWEST_CHANNELS: usize = 16;
const FEWEST_TILES: usize = 32;

/// One convolution.
#[derive(Debug)]
pub struct WeightTask {
    pub(super) x: Grid,
    pub(super) y: Grid,
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) way: Way,
    /// Where the gradients go: the first output of each parameter, and the place of its first number.
    pub(super) targets: Vec<(usize, usize)>,
    /// For each kernel position: which sums together are its gradient.
    pub(super) taps: Vec<Vec<usize>>,
}

/// What is summed.
#[derive(Debug)]
pub(super) enum Way {
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
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn new(
        plan: &Plan,
        layout: &Layout,
        shape: &Shape,
        images: usize,
        kernels: Kernels,
        room: &mut Room,
    ) -> Result<Self, OutOfMemory> {
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
            // A list that grows has twice as much for a moment.
            let tiles = volume(&[images, tiles[0], tiles[1]]);
            allocate::room(PLACES, bytes::<[usize; 6]>(tiles))?;
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
            // A run for each row at most, and for each piece of one; a block of them has a list of its own.
            let pieces = volume(&[images, size[0], size[1].div_ceil(PIXELS)]);
            allocate::room(PLACES, bytes::<[Run; 12]>(pieces))?;
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
        Ok(Self {
            targets: shape.weights.iter().map(target).collect(),
            x,
            y,
            inputs,
            outputs,
            way,
            taps,
        })
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
    pub(super) fn slot(&self) -> usize {
        self.x.vectors * self.of_vector()
    }

    /// Numbers of one vector of inputs in a slot.
    pub(super) fn of_vector(&self) -> usize {
        self.y.vectors * self.x.lanes * self.x.lanes
    }
}

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
