//! Weights of a network that is too large for them to be kept in the order of the inner loops, which takes up to four
//! times the memory of their file: they stay in the file, and are put into that order whenever an operation uses them. The
//! operation's own room is where they go, so that all operations share the place. What comes out are the same numbers as
//! [`Packed::fill`] has.

use super::kernels::Kernels;
use super::kernels::winograd::{POSITIONS, kernel};
use super::memory::{Memory, Room};
use super::pack::{Packed, grouped_length};
use super::program::Image;
use super::threads;
use crate::engine::plan::{Conv, Param, Residual, small_kernel, upsamples};
use crate::unet::tensor_file::TensorFile;

/// Where they go, in the operation's room.
#[derive(Debug)]
pub struct Unpacked {
    /// As [`ProductWeights`](super::pack::ProductWeights) or [`WinogradWeights`](super::pack::WinogradWeights) has them.
    weights: usize,
    /// Of one of the kernels of an upsampling, or of one position of a tile.
    length: usize,
    /// Those of a residual's 1×1 convolution, where they lie apart.
    shortcut: usize,
    /// For each thread the tensors' rows for one group of outputs.
    rows: usize,
    rows_length: usize,
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

/// Inputs of a residual's 1×1 convolution.
fn projected(conv: &Conv) -> Option<(Param, usize)> {
    match conv.residual {
        Residual::Project { source, weight, .. } => Some((weight, source.view.channels)),
        Residual::None | Residual::Add(_) | Residual::Class(_) => None,
    }
}

impl Unpacked {
    /// For the weights of `conv`, unless `packed` has them.
    pub fn new(conv: &Conv, packed: &Packed, kernels: Kernels, room: &mut Room) -> Option<Self> {
        let (inputs, outputs) = (conv.source.view.channels, conv.output.channels);
        let more = projected(conv).map_or(0, |(_, inputs)| inputs);
        let grouped = |depth: usize| grouped_length(kernels.rows, outputs, depth);
        let (times, length, shortcut) = match packed {
            Packed::Product(product) if product.weights.is_empty() => {
                let kernels = if upsamples(conv) { 4 } else { 1 };
                (kernels, grouped(product.depth), 0)
            }
            Packed::Winograd(tiles) if tiles.weights.is_empty() => {
                (POSITIONS, grouped(inputs), grouped(more))
            }
            _ => return None,
        };
        let rows_length = kernels.rows * more.max(inputs * conv.kernel * conv.kernel);
        Some(Self {
            weights: room.take(&[times, length]),
            length,
            shortcut: room.take(&[shortcut]),
            rows: room.take(&[room.threads, rows_length]),
            rows_length,
            tiles: matches!(packed, Packed::Winograd(_)),
        })
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
        // SAFETY: that is what the caller promises.
        Some(unsafe { self.unpack(conv, file, unpacked, room) })
    }

    /// Puts the weights of `conv`, which are in `file`, in order.
    ///
    /// # Safety
    /// As for [`Image::carry_out`], whose operation must be `conv`, with `room` its own and `unpacked` made for it.
    unsafe fn unpack(
        &self,
        conv: &Conv,
        file: &TensorFile,
        unpacked: &Unpacked,
        room: Memory,
    ) -> Addresses {
        let group = self.kernels.rows;
        let groups = conv.output.channels.div_ceil(group);
        let of_thread = |thread: usize| {
            // SAFETY: `Unpacked::new` took rows for every thread that the room is for, and there are no more parts; each
            // has its own, and groups of its own.
            unsafe {
                let rows = unpacked.rows + thread * unpacked.rows_length;
                let rows = room.write(rows, unpacked.rows_length);
                for some in threads::piece(groups, 1, self.threads, thread) {
                    self.unpack_group(conv, file, unpacked, room, some, rows);
                }
            }
        };
        threads::each(self.threads, self.threads, of_thread);
        Addresses {
            weights: room.at(unpacked.weights),
            length: unpacked.length,
            shortcut: room.at(unpacked.shortcut),
        }
    }

    /// The weights of one group of outputs, by way of `rows`.
    ///
    /// # Safety
    /// As for [`Image::unpack`]; nobody else may use the places of this group meanwhile.
    unsafe fn unpack_group(
        &self,
        conv: &Conv,
        file: &TensorFile,
        unpacked: &Unpacked,
        room: Memory,
        group: usize,
        rows: &mut [f32],
    ) {
        let (inputs, size) = (conv.source.view.channels, self.kernels.rows);
        let outputs = group * size..conv.output.channels.min((group + 1) * size);
        let positions = conv.kernel * conv.kernel;
        let row = inputs * positions;
        let projected = projected(conv);
        read_rows(file, &conv.weights, row, outputs.clone(), rows);
        let more = projected.map_or(0, |(_, inputs)| inputs);
        // SAFETY: as the caller says. A group has `size` numbers for each term of the sum, in each kernel or position.
        unsafe {
            if unpacked.tiles {
                let length = inputs * size;
                let first = unpacked.weights + group * length;
                let mut places: [&mut [f32]; POSITIONS] = std::array::from_fn(|position| {
                    room.write(first + position * unpacked.length, length)
                });
                for input in 0..inputs {
                    for o in 0..size {
                        let g = &rows[o * row + input * 9..][..9];
                        for (place, value) in places.iter_mut().zip(kernel(g)) {
                            place[input * size + o] = value;
                        }
                    }
                }
            } else if upsamples(conv) {
                let length = 4 * inputs * size;
                for phase in 0..4 {
                    let first = unpacked.weights + phase * unpacked.length + group * length;
                    let to = room.write(first, length);
                    for input in 0..inputs {
                        for o in 0..size {
                            let g = &rows[o * row + input * 9..][..9];
                            let small = small_kernel(g, [phase / 2, phase % 2]);
                            for (position, value) in small.into_iter().enumerate() {
                                to[(position * inputs + input) * size + o] = value;
                            }
                        }
                    }
                }
            } else {
                let first = unpacked.weights + group * (row + more) * size;
                turn(
                    rows,
                    [size, inputs, positions],
                    room.write(first, row * size),
                );
            }
            if let Some((weight, more)) = projected {
                let length = more * size;
                let first = if unpacked.tiles {
                    unpacked.shortcut + group * length
                } else {
                    unpacked.weights + group * (row + more) * size + row * size
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
    file: &TensorFile,
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
