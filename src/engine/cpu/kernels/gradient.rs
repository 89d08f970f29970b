//! The inner loops of gradients.
//!
//! The gradient of a convolution's weights is a sum over pixels: `sums[o][i] = Σ_p y[p][o] x[p][i]`, where a kernel
//! position is a shift of x. Here a vector holds channels and not pixels, so that the sum runs over whole vectors:
//! [`spread`] turns planes into `[vectors of channels][pixels][lanes]`. Some outputs of some vectors of inputs stay in
//! registers while p runs ([`outer`]).

use std::ops::Range;

use super::lane::Lane;

/// From planes to pixels: `to[y row + x column + c] = from[c plane + y columns + x]`.
#[derive(Debug, Clone, Copy)]
pub struct Spread {
    /// The first channel's plane.
    pub from: *const f32,
    /// From one channel's plane to the next.
    pub plane: usize,
    /// Channels, at most one vector; zeros take the place of the others.
    pub channels: usize,
    /// Rows and columns of a plane.
    pub size: [usize; 2],
    /// Where the first pixel goes.
    pub to: *mut f32,
    /// From one row to the next.
    pub row: usize,
    /// From one pixel to the next.
    pub column: usize,
}

/// # Safety
/// The processor must have `L`'s instructions, and `N` must be `L::N`. Every plane must be there, and `L::N` numbers to
/// be read after the last. At each of the places in `to` there must be room for `L::N` numbers that nobody else uses.
#[inline(always)]
pub unsafe fn spread<L: Lane, const N: usize>(of: &Spread) {
    let [rows, columns] = of.size;
    let pixels = rows * columns;
    let (mut x, mut to) = (0, of.to);
    // SAFETY: a vector that begins within a plane ends less than `N` numbers after it. Only pixels of the plane are
    // stored, each where the caller has room for it.
    unsafe {
        for first in (0..pixels).step_by(N) {
            let mut vectors = [L::splat(0.0); N];
            for (c, vector) in vectors.iter_mut().enumerate() {
                if c < of.channels {
                    *vector = L::load(of.from.add(c * of.plane + first));
                }
            }
            let vectors = transposed::<L, N>(vectors);
            for (i, vector) in vectors.into_iter().enumerate() {
                if first + i < pixels {
                    vector.store(to);
                    x += 1;
                    to = to.wrapping_add(of.column);
                    if x == columns {
                        x = 0;
                        to = to.wrapping_add(of.row).wrapping_sub(columns * of.column);
                    }
                }
            }
        }
    }
}

/// Number i of vector j becomes number j of vector i.
#[inline(always)]
pub(super) fn transposed<L: Lane, const N: usize>(mut rows: [L; N]) -> [L; N] {
    // One bit of the index after the other moves from the vector's number into the place within it.
    let mut done = 1;
    while done < N {
        let mut next = rows;
        for i in 0..N / 2 {
            (next[2 * i], next[2 * i + 1]) = rows[i].interleave(rows[i + N / 2]);
        }
        rows = next;
        done *= 2;
    }
    rows
}

/// Some neighbouring pixels of a sum.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// The first pixel in x.
    pub x: usize,
    /// The first pixel in y.
    pub y: usize,
    /// How many.
    pub count: usize,
}

/// `to[i][o] (+)= Σ_runs Σ_k y[k][o] x[k][i]`.
#[derive(Debug, Clone, Copy)]
pub struct Outer<'a> {
    /// `[vectors][pixels][lanes]`.
    pub x: *const f32,
    /// From one vector of channels to the next.
    pub x_vector: usize,
    /// From one pixel of a run to the next.
    pub x_step: usize,
    /// `[vectors][pixels][lanes]`.
    pub y: *const f32,
    /// From one vector of channels to the next.
    pub y_vector: usize,
    /// From one pixel of a run to the next.
    pub y_step: usize,
    /// The terms.
    pub runs: &'a [Run],
    /// `[vectors of inputs][outputs][lanes]`.
    pub to: *mut f32,
    /// From one vector of inputs to the next.
    pub to_vector: usize,
    /// Whether the sums are added to what is there.
    pub add: bool,
}

/// The sums of `outputs` and of `vectors` of inputs; `R` outputs of `V` vectors at once.
///
/// # Safety
/// The processor must have `L`'s instructions, and `L::N` must be a multiple of `R`. `outputs` must begin and end with
/// a multiple of `R`. For all of them, all of `vectors` and all runs x and y must be there to be read and `to` to be
/// written; nobody may write the former or use the latter meanwhile.
#[inline(always)]
pub unsafe fn outer<L: Lane, const R: usize, const V: usize>(
    of: &Outer,
    outputs: Range<usize>,
    vectors: Range<usize>,
) {
    let whole = vectors.start + vectors.len() / V * V;
    // SAFETY: all of these are among `outputs` and `vectors`.
    unsafe {
        for vector in (vectors.start..whole).step_by(V) {
            for first in outputs.clone().step_by(R) {
                block::<L, R, V>(of, first, vector);
            }
        }
        for vector in whole..vectors.end {
            for first in outputs.clone().step_by(R) {
                block::<L, R, 1>(of, first, vector);
            }
        }
    }
}

/// # Safety
/// As for [`outer`], with `R` outputs and `V` vectors.
#[inline(always)]
unsafe fn block<L: Lane, const R: usize, const V: usize>(of: &Outer, first: usize, vector: usize) {
    // SAFETY: output o is number `o % N` of its vector; with `R` that divides `N` and `first` they are all in one.
    // Pointers go one step further than the last term, which may be nowhere, by `wrapping_add`.
    unsafe {
        let mut sums = [[L::splat(0.0); V]; R];
        let y = of.y.add(first / L::N * of.y_vector + first % L::N);
        for run in of.runs {
            let mut y = y.add(run.y);
            let mut x = [of.x; V];
            for (v, x) in x.iter_mut().enumerate() {
                *x = x.add((vector + v) * of.x_vector + run.x);
            }
            for _ in 0..run.count {
                let mut values = [L::splat(0.0); V];
                for v in 0..V {
                    values[v] = L::load(x[v]);
                    x[v] = x[v].wrapping_add(of.x_step);
                }
                for (row, sums) in sums.iter_mut().enumerate() {
                    let factor = L::splat(*y.add(row));
                    for v in 0..V {
                        sums[v] = sums[v].add_product(factor, values[v]);
                    }
                }
                y = y.wrapping_add(of.y_step);
            }
        }
        let to = of.to.add(vector * of.to_vector + first * L::N);
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

/// One row of positions of Winograd's tiles ([`super::winograd`]), four of the sixteen, with channels in a vector.
#[derive(Debug, Clone, Copy)]
pub struct TileRow {
    /// `[vectors][pixels][lanes]`.
    pub from: *const f32,
    /// From one vector of channels to the next.
    pub vector: usize,
    /// From one row of pixels to the next.
    pub pitch: usize,
    /// `[4 positions][vectors][tiles][lanes]`.
    pub to: *mut f32,
    /// From one vector of channels to the next.
    pub to_vector: usize,
    /// From one position to the next.
    pub to_position: usize,
}

/// Row `row` of `Bᵀ d B` for some vectors of channels; `tiles` are the places of each tile's first pixel.
///
/// # Safety
/// The processor must have `L`'s instructions. Of every tile and each of `vectors` there must be 4×4 pixels to be read,
/// which nobody writes meanwhile, and room in `to` that nobody else uses.
#[inline(always)]
pub unsafe fn source_tiles<L: Lane>(
    of: &TileRow,
    row: usize,
    vectors: Range<usize>,
    tiles: &[usize],
) {
    // Each number of the column step is the one pixel plus or minus another one.
    let (one, other, sign) = [(0, 2, -1.0), (1, 2, 1.0), (2, 1, -1.0), (1, 3, -1.0)][row];
    // SAFETY: those are the places that the caller has named.
    unsafe {
        let sign = L::splat(sign);
        for vector in vectors {
            let from = of.from.add(vector * of.vector);
            let mut to = of.to.add(vector * of.to_vector);
            for tile in tiles {
                let first = from.add(tile + one * of.pitch);
                let second = from.add(tile + other * of.pitch);
                let mut c = [sign; 4];
                for (x, c) in c.iter_mut().enumerate() {
                    let (first, second) = (first.add(x * L::N), second.add(x * L::N));
                    *c = L::load(first).add_product(sign, L::load(second));
                }
                c[0].sub(c[2]).store(to);
                c[1].add(c[2]).store(to.add(of.to_position));
                c[2].sub(c[1]).store(to.add(2 * of.to_position));
                c[1].sub(c[3]).store(to.add(3 * of.to_position));
                to = to.add(L::N);
            }
        }
    }
}

/// Row `row` of `A y Aᵀ`, the gradient of the sums over channels out of that of 2×2 pixels.
///
/// # Safety
/// As for [`source_tiles`], with 2×2 pixels.
#[inline(always)]
pub unsafe fn gradient_tiles<L: Lane>(
    of: &TileRow,
    row: usize,
    vectors: Range<usize>,
    tiles: &[usize],
) {
    let (upper, lower) = [(1.0, 0.0), (1.0, 1.0), (1.0, -1.0), (0.0, -1.0)][row];
    // SAFETY: those are the places that the caller has named.
    unsafe {
        let (upper, lower) = (L::splat(upper), L::splat(lower));
        let zero = L::splat(0.0);
        for vector in vectors {
            let from = of.from.add(vector * of.vector);
            let mut to = of.to.add(vector * of.to_vector);
            for tile in tiles {
                let from = from.add(*tile);
                let mut c = [zero; 2];
                for (x, c) in c.iter_mut().enumerate() {
                    let from = from.add(x * L::N);
                    let first = L::load(from).mul(upper);
                    *c = first.add_product(lower, L::load(from.add(of.pitch)));
                }
                c[0].store(to);
                c[0].add(c[1]).store(to.add(of.to_position));
                c[0].sub(c[1]).store(to.add(2 * of.to_position));
                zero.sub(c[1]).store(to.add(3 * of.to_position));
                to = to.add(L::N);
            }
        }
    }
}

/// `Gᵀ u G`, the gradient `[9][lanes]` of a kernel out of that of its 16 positions, each `step` after the other.
///
/// # Safety
/// The processor must have `L`'s instructions. A vector must be there to be read at each of 16 positions, and room for
/// nine at `to`.
#[inline(always)]
pub unsafe fn kernel_gradient<L: Lane>(from: *const f32, step: usize, to: *mut f32) {
    // SAFETY: `4 y + x` is below 16, `3 y + x` below 9.
    unsafe {
        let half = L::splat(0.5);
        let mut columns = [[half; 3]; 4];
        for (x, column) in columns.iter_mut().enumerate() {
            let from = from.add(x * step);
            let u = [
                L::load(from),
                L::load(from.add(4 * step)),
                L::load(from.add(8 * step)),
                L::load(from.add(12 * step)),
            ];
            *column = by_g(u, half);
        }
        let [a, b, c, d] = columns;
        for (y, (((a, b), c), d)) in a.into_iter().zip(b).zip(c).zip(d).enumerate() {
            let row = by_g([a, b, c, d], half);
            for (x, value) in row.into_iter().enumerate() {
                value.store(to.add((3 * y + x) * L::N));
            }
        }
    }
}

/// `Gᵀ u` of one column.
#[inline(always)]
fn by_g<L: Lane>(u: [L; 4], half: L) -> [L; 3] {
    let (sum, difference) = (u[1].add(u[2]).mul(half), u[1].sub(u[2]).mul(half));
    [u[0].add(sum), difference, sum.add(u[3])]
}
