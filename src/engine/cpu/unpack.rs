//! Weights out of their file into the order of the inner loops: once, or, where they are those of a network that is too large
//! for that (which takes up to four times the memory of the file), whenever an operation uses them. The operation's own
//! room is where they go then, so that all operations share the place.

use super::kernels::winograd::{POSITIONS, kernel};
use super::memory::{Memory, Room};
use super::pack::grouped_length;
use super::program::Image;
use super::threads;
use crate::engine::plan::{Conv, Param, small_kernel, upsamples};
use crate::unet::weights_file::WeightsFile;

/// Where they go, in the operation's room.
#[derive(Debug)]
pub struct Unpacked {
    /// As [`ProductWeights`](super::pack::ProductWeights) or [`WinogradWeights`](super::pack::WinogradWeights) has them.
    pub weights: usize,
    /// Of one of the kernels of an upsampling, or of one position of a tile.
    pub length: usize,
    /// Those of a residual's 1×1 convolution, where they lie apart.
    pub shortcut: usize,
    /// For each thread the tensors' rows for one group of outputs.
    pub rows: usize,
    pub rows_length: usize,
    tiles: bool,
}

/// Addresses of what was put in order.
#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    /// The first weight.
    pub weights: *const f32,
    /// From one kernel of an upsampling to the next.
    pub length: usize,
    /// The first weight of a residual's 1×1 convolution, where they lie apart.
    pub shortcut: *const f32,
}

impl Unpacked {
    /// For the weights of `conv` in groups of `size` outputs, over `tiles` or as a product, in `room`.
    pub fn new(conv: &Conv, tiles: bool, size: usize, room: &mut Room) -> Self {
        let (inputs, outputs) = (conv.source.view.channels, conv.output.channels);
        let more = conv.projected().map_or(0, |(_, inputs)| inputs);
        let grouped = |depth: usize| grouped_length(size, outputs, depth);
        let row = inputs * conv.kernel * conv.kernel;
        let (times, length, shortcut) = match tiles {
            true => (POSITIONS, grouped(inputs), grouped(more)),
            false if upsamples(conv) => (4, grouped(4 * inputs), 0),
            false => (1, grouped(row + more), 0),
        };
        let rows_length = size * more.max(row);
        Self {
            weights: room.take(&[times, length]),
            length,
            shortcut: room.take(&[shortcut]),
            rows: room.take(&[room.threads, rows_length]),
            rows_length,
            tiles,
        }
    }
}

impl Image<'_> {
    /// The weights of `conv` in order, where they are not kept like that.
    ///
    /// # Safety
    /// As for [`Image::carry_out`], whose operation must be `conv`, with `room` its own and `unpacked` made for it.
    pub(super) unsafe fn in_order(
        &self,
        conv: &Conv,
        unpacked: &Option<Unpacked>,
        room: Memory,
    ) -> Option<Addresses> {
        let (file, unpacked) = (self.file?, unpacked.as_ref()?);
        let groups = conv.output.channels.div_ceil(self.kernels.rows);
        let of_thread = |thread: usize| {
            // SAFETY: `Unpacked::new` took rows for every thread that the room is for, and there are no more parts; each
            // has its own, and groups of its own. The room has what `unpacked` says.
            unsafe {
                let rows = unpacked.rows + thread * unpacked.rows_length;
                let rows = room.write(rows, unpacked.rows_length);
                for some in threads::piece(groups, 1, self.threads, thread) {
                    unpacked.group(conv, file, self.kernels.rows, room, some, rows);
                }
            }
        };
        threads::each(self.threads, self.threads, of_thread);
        Some(Addresses {
            weights: room.at(unpacked.weights),
            length: unpacked.length,
            shortcut: room.at(unpacked.shortcut),
        })
    }
}

impl Unpacked {
    /// The weights of one group of `size` outputs, by way of `rows`, into `room`.
    ///
    /// # Safety
    /// `self` must be made for `conv`; `room` must have what it says, and nobody else may use the places of this group
    /// meanwhile.
    pub unsafe fn group(
        &self,
        conv: &Conv,
        file: &WeightsFile,
        size: usize,
        room: Memory,
        group: usize,
        rows: &mut [f32],
    ) {
        let inputs = conv.source.view.channels;
        let outputs = group * size..conv.output.channels.min((group + 1) * size);
        let positions = conv.kernel * conv.kernel;
        let row = inputs * positions;
        let projected = conv.projected();
        read_rows(file, &conv.weights, row, outputs.clone(), rows);
        let more = projected.map_or(0, |(_, inputs)| inputs);
        // Where the numbers of each position are, of which there are `inputs * size`.
        let (first, step) = match self.tiles {
            true => (self.weights + group * inputs * size, self.length),
            false => (self.weights + group * (row + more) * size, inputs * size),
        };
        // SAFETY: as the caller says. A group has `size` numbers for each term of the sum, in each kernel or position.
        unsafe {
            if self.tiles || upsamples(conv) {
                for input in 0..inputs {
                    for o in 0..size {
                        let g = &rows[o * row + input * 9..][..9];
                        let at = input * size + o;
                        if self.tiles {
                            for (position, value) in kernel(g).into_iter().enumerate() {
                                *room.at(first + position * step + at) = value;
                            }
                            continue;
                        }
                        for phase in 0..4 {
                            let first = self.weights + phase * self.length + group * 4 * step;
                            let small = small_kernel(g, [phase / 2, phase % 2]);
                            for (position, value) in small.into_iter().enumerate() {
                                *room.at(first + position * step + at) = value;
                            }
                        }
                    }
                }
            } else {
                turn(
                    rows,
                    [size, inputs, positions],
                    room.write(first, row * size),
                );
            }
            if let Some((weight, more)) = projected {
                let length = more * size;
                let first = match self.tiles {
                    true => self.shortcut + group * length,
                    // Behind the kernel's own, of which there is one.
                    false => first + row * size,
                };
                read_rows(file, &[weight], more, outputs, rows);
                turn(rows, [size, more, 1], room.write(first, length));
            }
        }
    }
}

/// The rows `outputs`, each of `row` numbers, of the tensors `params`, which stand one below the other; zeros for those that
/// are missing in `to`.
fn read_rows(
    file: &WeightsFile,
    params: &[Param],
    row: usize,
    outputs: std::ops::Range<usize>,
    to: &mut [f32],
) {
    let missing = outputs.len() * row;
    let mut rows = to.chunks_exact_mut(row);
    let mut before = 0;
    for param in params {
        let count = file.count(param.0) / row;
        let some = outputs.start.max(before)..outputs.end.min(before + count);
        for (output, to) in some.zip(&mut rows) {
            file.read(param.0, (output - before) * row, to);
        }
        before += count;
    }
    to[missing..].fill(0.0);
}

/// `[rows][columns][positions]` as `[positions][columns][rows]`.
fn turn(from: &[f32], [rows, columns, positions]: [usize; 3], to: &mut [f32]) {
    for (place, to) in to.chunks_exact_mut(rows).enumerate() {
        let (position, column) = (place / columns, place % columns);
        for (o, to) in to.iter_mut().enumerate() {
            *to = from[(o * columns + column) * positions + position];
        }
    }
}
