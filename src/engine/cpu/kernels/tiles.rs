//! A 3×3 convolution over Winograd's tiles ([`super::winograd`]) with channels in a vector in place of tiles: no lane
//! is empty, however few tiles a row has. The input comes out of [`super::gradient::source_tiles`], then there are the
//! sums over channels ([`panel`]), the way back to pixels ([`pixels`]), and from pixels to planes ([`collect`]).

use std::ops::Range;

use super::gradient::transposed;
use super::lane::{Lane, MAX_LANES};

/// `G g Gᵀ` of as many kernels as a vector has lanes, `[9][lanes]`, into 16 positions, each `step` after the other.
///
/// # Safety
/// The processor must have `L`'s instructions; nine vectors must be there, and room for one at each position.
#[inline(always)]
pub unsafe fn kernels<L: Lane>(from: *const f32, to: *mut f32, step: usize) {
    // SAFETY: `3 y + x` is below 9, `4 y + x` below 16.
    unsafe {
        let half = L::splat(0.5);
        let mut columns = [[half; 4]; 3];
        for (x, column) in columns.iter_mut().enumerate() {
            let from = from.add(x * L::N);
            let g = [
                L::load(from),
                L::load(from.add(3 * L::N)),
                L::load(from.add(6 * L::N)),
            ];
            *column = by_g(g, half);
        }
        let [a, b, c] = columns;
        for (y, ((a, b), c)) in a.into_iter().zip(b).zip(c).enumerate() {
            let row = by_g([a, b, c], half);
            for (x, value) in row.into_iter().enumerate() {
                value.store(to.add((4 * y + x) * step));
            }
        }
    }
}

/// `G g` of one column.
#[inline(always)]
fn by_g<L: Lane>([a, b, c]: [L; 3], half: L) -> [L; 4] {
    let outer = a.add(c);
    [a, outer.add(b).mul(half), outer.sub(b).mul(half), c]
}

/// `to[o][tile] (+)= Σ_i weights[o][i] x[i][tile]` for one position; with pixels in place of tiles a 1×1 convolution.
#[derive(Debug, Clone, Copy)]
pub struct Panel {
    /// `[vectors of inputs][tiles][lanes]`.
    pub x: *const f32,
    /// From one vector of inputs to the next.
    pub x_vector: usize,
    /// Vectors of inputs.
    pub inputs: usize,
    /// `[vectors of outputs][inputs][lanes]`, with as many inputs as their vectors have lanes.
    pub weights: *const f32,
    /// `[vectors of outputs][tiles][lanes]`.
    pub to: *mut f32,
    /// From one vector of outputs to the next.
    pub to_vector: usize,
    /// Whether the sums are added to what is there.
    pub add: bool,
}

/// The sums of `tiles`, filled up to whole groups of `R`, and of `outputs`, which are vectors; `R` tiles of `V` vectors
/// at once.
///
/// # Safety
/// The processor must have `L`'s instructions. For all of those tiles and outputs and all inputs x and the weights must
/// be there to be read and `to` to be written; nobody may write the former or use the latter meanwhile.
#[inline(always)]
pub unsafe fn panel<L: Lane, const R: usize, const V: usize>(
    of: &Panel,
    tiles: usize,
    outputs: Range<usize>,
) {
    let whole = outputs.start + outputs.len() / V * V;
    // SAFETY: all of these are among `outputs` and the groups of `tiles`.
    unsafe {
        for output in (outputs.start..whole).step_by(V) {
            for tile in (0..tiles).step_by(R) {
                sums::<L, R, V>(of, tile, output);
            }
        }
        for output in whole..outputs.end {
            for tile in (0..tiles).step_by(R) {
                sums::<L, R, 1>(of, tile, output);
            }
        }
    }
}

/// # Safety
/// As for [`panel`], with `R` tiles and `V` vectors.
#[inline(always)]
unsafe fn sums<L: Lane, const R: usize, const V: usize>(of: &Panel, tile: usize, output: usize) {
    // SAFETY: a vector of outputs has `N` weights for each of `inputs * N` inputs, a vector of inputs `N` numbers for
    // each tile. `weights` and `x` end just after the last.
    unsafe {
        let per_output = of.inputs * L::N * L::N;
        let mut sums = [[L::splat(0.0); V]; R];
        let mut weights = of.weights.add(output * per_output);
        for vector in 0..of.inputs {
            let mut x = of.x.add(vector * of.x_vector + tile * L::N);
            for _ in 0..L::N {
                let mut values = [L::splat(0.0); V];
                for (v, value) in values.iter_mut().enumerate() {
                    *value = L::load(weights.add(v * per_output));
                }
                for (row, sums) in sums.iter_mut().enumerate() {
                    let x = L::splat(*x.add(row * L::N));
                    for v in 0..V {
                        sums[v] = sums[v].add_product(x, values[v]);
                    }
                }
                x = x.add(1);
                weights = weights.add(L::N);
            }
        }
        let to = of.to.add(output * of.to_vector + tile * L::N);
        for (row, sums) in sums.iter().enumerate() {
            for (v, sum) in sums.iter().enumerate() {
                let to = to.add(v * of.to_vector + row * L::N);
                let mut sum = *sum;
                if of.add {
                    sum = sum.add(L::load(to));
                }
                sum.store(to);
            }
        }
    }
}

/// From tiles to pixels: `Aᵀ sums A`.
#[derive(Debug, Clone, Copy)]
pub struct ToPixels {
    /// `[16 positions][vectors][tiles][lanes]`.
    pub sums: *const f32,
    /// From one position to the next.
    pub position: usize,
    /// From one vector to the next.
    pub vector: usize,
    /// Rows and columns of tiles.
    pub tiles: [usize; 2],
    /// `[vectors][pixels][lanes]`, with two rows and columns for each of tiles.
    pub to: *mut f32,
    /// From one vector to the next.
    pub to_vector: usize,
}

/// The pixels of `vectors`.
///
/// # Safety
/// The processor must have `L`'s instructions. All sums must be there to be read, and all pixels to be written; nobody
/// may write the former or use the latter meanwhile.
#[inline(always)]
pub unsafe fn pixels<L: Lane>(of: &ToPixels, vectors: Range<usize>) {
    let [rows, columns] = of.tiles;
    // SAFETY: those are the tiles and pixels that the caller speaks of.
    unsafe {
        for vector in vectors {
            let mut from = of.sums.add(vector * of.vector);
            let to = of.to.add(vector * of.to_vector);
            for y in 0..rows {
                let mut upper = to.add(2 * y * 2 * columns * L::N);
                for _ in 0..columns {
                    let lower = upper.add(2 * columns * L::N);
                    let mut rows = [[L::splat(0.0); 2]; 4];
                    for (y, row) in rows.iter_mut().enumerate() {
                        let m = from.add(4 * y * of.position);
                        let m = [
                            L::load(m),
                            L::load(m.add(of.position)),
                            L::load(m.add(2 * of.position)),
                            L::load(m.add(3 * of.position)),
                        ];
                        row[0] = m[0].add(m[1]).add(m[2]);
                        row[1] = m[1].sub(m[2]).sub(m[3]);
                    }
                    let [a, b, c, d] = rows;
                    for x in 0..2 {
                        a[x].add(b[x]).add(c[x]).store(upper.add(x * L::N));
                        b[x].sub(c[x]).sub(d[x]).store(lower.add(x * L::N));
                    }
                    upper = upper.add(2 * L::N);
                    from = from.add(L::N);
                }
            }
        }
    }
}

/// From pixels to planes: `to[c plane + y columns + x] = scale (from[y row + x N + c] + bias[c] + residual)`.
#[derive(Debug, Clone, Copy)]
pub struct Collect {
    /// The first pixel.
    pub from: *const f32,
    /// From one row to the next.
    pub row: usize,
    /// Rows and columns that are wanted.
    pub size: [usize; 2],
    /// The first channel's plane.
    pub to: *mut f32,
    /// From one channel's plane to the next.
    pub plane: usize,
    /// Channels, at most one vector.
    pub channels: usize,
    /// One number per channel.
    pub bias: *const f32,
    /// The first channel's plane, and from one to the next.
    pub residual: Option<(*const f32, usize)>,
    /// Factor of everything.
    pub scale: f32,
}

/// # Safety
/// The processor must have `L`'s instructions, and `N` must be `L::N`. All that is named must be there: vectors for all
/// pixels, planes for all channels. Nobody else may use those of `to` meanwhile, nor write the others; the residual may
/// be `to` itself.
#[inline(always)]
pub unsafe fn collect<L: Lane, const N: usize>(of: &Collect) {
    let [rows, columns] = of.size;
    let pixels = rows * columns;
    let (mut x, mut from) = (0, of.from);
    // SAFETY: a vector of pixels that is not whole goes through `lanes`; pointers go one pixel further than the last by
    // `wrapping_add`. Every number of the residual is read before the same one of `to` is written.
    unsafe {
        let scale = L::splat(of.scale);
        for first in (0..pixels).step_by(N) {
            let length = N.min(pixels - first);
            let mut vectors = [L::splat(0.0); N];
            for (i, vector) in vectors.iter_mut().enumerate() {
                if i < length {
                    *vector = L::load(from);
                    x += 1;
                    from = from.wrapping_add(N);
                    if x == columns {
                        x = 0;
                        from = from.wrapping_add(of.row).wrapping_sub(columns * N);
                    }
                }
            }
            let vectors = transposed::<L, N>(vectors);
            for (c, vector) in vectors.into_iter().enumerate() {
                if c < of.channels {
                    let to = of.to.add(c * of.plane + first);
                    let from = of.residual.map(|(from, plane)| from.add(c * plane + first));
                    let mut value = vector.add(L::splat(*of.bias.add(c)));
                    if length == N {
                        if let Some(from) = from {
                            value = value.add(L::load(from));
                        }
                        value.mul(scale).store(to);
                    } else {
                        let mut lanes = [0.0; MAX_LANES];
                        if let Some(from) = from {
                            lanes.as_mut_ptr().copy_from(from, length);
                        }
                        let value = value.add(L::load(lanes.as_ptr())).mul(scale);
                        value.store(lanes.as_mut_ptr());
                        to.copy_from(lanes.as_ptr(), length);
                    }
                }
            }
        }
    }
}
