//! A 3×3 convolution with 16 multiplications where 36 are written: Winograd's F(2×2, 3×3) (Lavin & Gray 2016).
//!
//! The output is cut into tiles of 2×2 pixels, each of which sees 4×4 pixels `d` of the input. With the kernel `g`
//! `[3, 3]` of every pair of channels turned into `u = G g Gᵀ` once ([`kernel`]), a tile is
//! `y = Aᵀ (Σ_channels u ∘ (Bᵀ d B)) A`: the sums over channels are 16 matrix products, one for each of the 4×4
//! positions, and `A` and `B` hold nothing but 0, 1 and -1.
//!
//! A vector holds neighbouring tiles. The input lies in four planes per channel, one for each remainder of row and
//! column by two, so that what neighbouring tiles need at one position are neighbouring numbers.

use std::ops::Range;

use super::lane::{Lane, MAX_LANES};
use super::product::{Pixels, accumulate};

/// Matrix products, one for each number of a 4×4 tile.
pub const POSITIONS: usize = 16;

/// `G g Gᵀ` of one kernel `[3, 3]`.
pub fn kernel(g: &[f32]) -> [f32; POSITIONS] {
    let g: [f64; 9] = std::array::from_fn(|i| f64::from(g[i]));
    let by_g = |[a, b, c]: [f64; 3]| [a, (a + b + c) / 2.0, (a - b + c) / 2.0, c];
    let columns = [0, 1, 2].map(|x| by_g([g[x], g[3 + x], g[6 + x]]));
    let rows = [0, 1, 2, 3].map(|y| by_g(columns.map(|column| column[y])));
    std::array::from_fn(|i| rows[i / 4][i % 4] as f32)
}

/// From pixels to tiles: `Bᵀ d B`.
#[derive(Debug, Clone, Copy)]
pub struct ToTiles {
    /// The first channel's planes.
    pub x: *const f32,
    /// From one channel to the next.
    pub plane: usize,
    /// From one of the four planes of a channel to the next.
    pub phase: usize,
    /// From one row of a plane to the next.
    pub pitch: usize,
    /// `[positions][vectors of tiles][channels][lanes]`.
    pub tiles: *mut f32,
    /// From one position to the next.
    pub step: usize,
    /// Number of channels.
    pub channels: usize,
}

/// The tiles of `channels`; `tiles[..].input` is where a vector's first tile begins in a plane.
///
/// # Safety
/// - The processor must have `L`'s instructions.
/// - Of every channel there must be four planes, `phase` apart, with `L::N` numbers to be read at `input`, `input + 1`
///   and a `pitch` further of every vector, those of lanes in no run too; nobody may write them meanwhile.
/// - `of.channels` must be more than every one of `channels`, `of.tiles` must have room for [`POSITIONS`] times `step`,
///   and `step` for all channels of all `tiles`. Nobody else may use the places of `channels` there.
#[inline(always)]
pub unsafe fn to_tiles<L: Lane>(of: &ToTiles, channels: Range<usize>, tiles: &[Pixels]) {
    // SAFETY: plane 2 (y % 2) + x % 2 of the channel is read at row y / 2 and column x / 2 with y and x below 4, which
    // are the places that the caller has named. `(4 y + x) step` is below `POSITIONS * step`, and the vector of a
    // channel is within one `step`.
    unsafe {
        for channel in channels {
            for (j, tile) in tiles.iter().enumerate() {
                let d = of.x.add(channel * of.plane + tile.input);
                let mut columns = [[L::splat(0.0); 4]; 4];
                for (x, column) in columns.iter_mut().enumerate() {
                    let at = |y: usize| {
                        d.add((2 * (y % 2) + x % 2) * of.phase + y / 2 * of.pitch + x / 2)
                    };
                    let d = [
                        L::load(at(0)),
                        L::load(at(1)),
                        L::load(at(2)),
                        L::load(at(3)),
                    ];
                    *column = [
                        d[0].sub(d[2]),
                        d[1].add(d[2]),
                        d[2].sub(d[1]),
                        d[1].sub(d[3]),
                    ];
                }
                let [a, b, c, d] = columns;
                let to = of.tiles.add((j * of.channels + channel) * L::N);
                for y in 0..4 {
                    let to = to.add(4 * y * of.step);
                    a[y].sub(c[y]).store(to);
                    b[y].add(c[y]).store(to.add(of.step));
                    c[y].sub(b[y]).store(to.add(2 * of.step));
                    b[y].sub(d[y]).store(to.add(3 * of.step));
                }
            }
        }
    }
}

/// The sums over channels.
#[derive(Debug, Clone, Copy)]
pub struct Products {
    /// `[positions][groups of rows][channels][row]`.
    pub weights: *const f32,
    /// Number of channels.
    pub channels: usize,
    /// Number of outputs: a multiple of the rows of the register tile.
    pub outputs: usize,
    /// Number of vectors of tiles.
    pub vectors: usize,
    /// `[positions][vectors of tiles][channels][lanes]`.
    pub tiles: *const f32,
    /// From one position to the next in `tiles`.
    pub step: usize,
    /// `[positions][vectors of tiles][outputs][lanes]`.
    pub sums: *mut f32,
    /// From one position to the next in `sums`.
    pub sums_step: usize,
}

/// The products of `positions`; `R` outputs of `V` vectors at once.
///
/// # Safety
/// - The processor must have `L`'s instructions.
/// - `of.outputs` must be a multiple of `R`, and there must be `weights` of all of them for every one of `positions`.
/// - `tiles` and `sums` must have `step` and `sums_step` numbers for each of `positions`, which must be enough for all
///   channels and all outputs of all vectors. Nobody may write the former or use the latter meanwhile.
#[inline(always)]
pub unsafe fn products<L: Lane, const R: usize, const V: usize>(
    of: &Products,
    positions: Range<usize>,
) {
    let whole = of.vectors / V * V;
    // SAFETY: `first + R <= of.outputs` because both are multiples of `R`; `vector + V <= of.vectors`.
    unsafe {
        for position in positions {
            for first in (0..of.outputs).step_by(R) {
                for vector in (0..whole).step_by(V) {
                    product::<L, R, V>(of, position, first, vector);
                }
                for vector in whole..of.vectors {
                    product::<L, R, 1>(of, position, first, vector);
                }
            }
        }
    }
}

/// # Safety
/// As for [`products`], with the outputs `first..first + R` and the vectors `vector..vector + V`, which must be among
/// those of `of`.
#[inline(always)]
unsafe fn product<L: Lane, const R: usize, const V: usize>(
    of: &Products,
    position: usize,
    first: usize,
    vector: usize,
) {
    // SAFETY: a position has `outputs * channels` weights, a group of `R` outputs `R * channels`. A vector of tiles has
    // `N` numbers for each channel, one after the other, and in `sums` for each output: all within one `step` of a
    // position.
    unsafe {
        let weights = of
            .weights
            .add((position * of.outputs + first) * of.channels);
        let mut x = [of.tiles.add(position * of.step); V];
        for (v, x) in x.iter_mut().enumerate() {
            *x = x.add((vector + v) * of.channels * L::N);
        }
        let mut sums = [[L::splat(0.0); V]; R];
        accumulate::<L, R, V>(&mut sums, x, L::N, weights, of.channels);
        let to = of.sums.add(position * of.sums_step);
        for (row, sums) in sums.iter().enumerate() {
            for (v, sum) in sums.iter().enumerate() {
                sum.store(to.add(((vector + v) * of.outputs + first + row) * L::N));
            }
        }
    }
}

/// From tiles to pixels: `scale (Aᵀ sums A + bias + residual)`.
#[derive(Debug, Clone, Copy)]
pub struct ToPixels {
    /// `[positions][vectors of tiles][outputs][lanes]`.
    pub sums: *const f32,
    /// From one position to the next.
    pub step: usize,
    /// Number of outputs in `sums`.
    pub outputs: usize,
    /// `[outputs]`.
    pub bias: *const f32,
    /// The first output's plane.
    pub out: *mut f32,
    /// Height and width of a plane.
    pub size: [usize; 2],
    /// A plane for each output, laid out like the output's.
    pub residual: Option<(*const f32, usize)>,
    /// Factor of everything.
    pub scale: f32,
}

/// The pixels of `outputs`; `tiles[..].runs` says where the first pixel of each tile belongs, and no run goes over the
/// end of a row.
///
/// # Safety
/// - The processor must have `L`'s instructions.
/// - `of.outputs` must be more than every one of `outputs`, and `sums` must have `step` numbers for each of
///   [`POSITIONS`], enough for all outputs of all `tiles`. Nobody may write them meanwhile.
/// - There must be a `bias` for every one of `outputs`, and a plane of `size` in `out` and in the residual, which may
///   be the same. A run has at most `L::N` tiles, and the first pixel of each lies in the plane, all of them in one
///   row. Nobody else may use those planes of `out` meanwhile.
#[inline(always)]
pub unsafe fn to_pixels<L: Lane>(of: &ToPixels, outputs: Range<usize>, tiles: &[Pixels]) {
    // SAFETY: `(4 y + x) step` is below `POSITIONS * step`, and the vector of an output is within one `step`. Rows of
    // pixels are those of the caller's tiles, and one below.
    unsafe {
        for output in outputs {
            for (j, tile) in tiles.iter().enumerate() {
                let m = of.sums.add((j * of.outputs + output) * L::N);
                let mut columns = [[L::splat(0.0); 2]; 4];
                for (y, columns) in columns.iter_mut().enumerate() {
                    let m = m.add(4 * y * of.step);
                    let m = [
                        L::load(m),
                        L::load(m.add(of.step)),
                        L::load(m.add(2 * of.step)),
                        L::load(m.add(3 * of.step)),
                    ];
                    columns[0] = m[0].add(m[1]).add(m[2]);
                    columns[1] = m[1].sub(m[2]).sub(m[3]);
                }
                let [a, b, c, d] = columns;
                let upper = [a[0].add(b[0]).add(c[0]), a[1].add(b[1]).add(c[1])];
                let lower = [b[0].sub(c[0]).sub(d[0]), b[1].sub(c[1]).sub(d[1])];
                row(of, output, upper, tile, 0);
                row(of, output, lower, tile, of.size[1]);
            }
        }
    }
}

/// One row of pixels of a vector of tiles, `below` numbers after the tiles' first.
///
/// # Safety
/// As for [`to_pixels`], with the output `output`; `below` must be 0 or the width of a plane.
#[inline(always)]
unsafe fn row<L: Lane>(of: &ToPixels, output: usize, columns: [L; 2], tile: &Pixels, below: usize) {
    let [height, width] = of.size;
    // SAFETY: `output` has a bias, and a plane of `height * width` numbers in `out` and in the residual. A row that is
    // not in the plane is left out. Where the width is even a tile has two pixels in its row, so that `N` tiles of one
    // row have `2 N`; else `length` ends with the row. Every pixel of the residual is read before the same one of `out`
    // is written.
    unsafe {
        let bias = L::splat(*of.bias.add(output));
        let scale = L::splat(of.scale);
        let to = of.out.add(output * height * width);
        let from = of.residual.map(|(first, plane)| first.add(output * plane));
        let (first, second) = columns[0].interleave(columns[1]);
        let pair = [first.add(bias), second.add(bias)];
        if let [run] = tile.runs[..]
            && run.length == L::N
            && width.is_multiple_of(2)
        {
            let at = run.output + below;
            if at >= height * width {
                return;
            }
            for (i, mut sum) in pair.into_iter().enumerate() {
                let at = at + i * L::N;
                if let Some(from) = from {
                    sum = sum.add(L::load(from.add(at)));
                }
                sum.mul(scale).store(to.add(at));
            }
            return;
        }
        let mut lanes = [0.0; 2 * MAX_LANES];
        pair[0].store(lanes.as_mut_ptr());
        pair[1].store(lanes.as_mut_ptr().add(L::N));
        for run in &tile.runs {
            let at = run.output + below;
            if at >= height * width {
                continue;
            }
            let length = (2 * run.length).min(width - at % width);
            for (i, lane) in lanes[2 * run.input..][..length].iter().enumerate() {
                let add = from.map_or(0.0, |from| *from.add(at + i));
                *to.add(at + i) = (lane + add) * of.scale;
            }
        }
    }
}
