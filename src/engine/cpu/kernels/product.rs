//! The matrix product inside every convolution, linear layer and attention.
//!
//! `out[o][i] = scale (bias[o] + residual[o][i] + Σ_k weight[k][o] x[k][i])`, where `i` runs over pixels and `k` over
//! channels and kernel positions. A channel is a plane of pixels, so that a vector holds neighbouring pixels and a
//! kernel position is a shift. A few outputs (rows) of a few vectors stay in registers while `k` runs: as many as there
//! are registers for.

use super::lane::Lane;

/// Some terms of the sum: a kernel over some channels.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// The first channel's plane.
    pub x: *const f32,
    /// From one channel's plane to the next.
    pub plane: usize,
    /// Number of channels.
    pub channels: usize,
    /// Where each kernel position begins, from a pixel's own place.
    pub taps: &'a [usize],
}

/// Neighbouring pixels: where they lie in the planes of x and in those of the output.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// The first pixel in x.
    pub input: usize,
    /// The first pixel in the output.
    pub output: usize,
    /// Number of pixels, at most [`MAX_LANES`](super::lane::MAX_LANES) and at most the vector's length.
    pub length: usize,
}

/// One vector of pixels: what is loaded together.
#[derive(Debug, Clone)]
pub struct Pixels {
    /// The first pixel in x.
    pub input: usize,
    /// Where its pixels belong in the output; lanes in no run are thrown away. Inputs are counted from this vector's.
    pub runs: Vec<Run>,
}

/// A whole product.
///
/// Whoever runs one answers for its addresses, see [`run`].
#[derive(Debug, Clone, Copy)]
pub struct Product<'a> {
    /// The terms of the sum, in the order in which the weights are packed.
    pub parts: &'a [Part<'a>],
    /// `[groups of rows][k][row]`, see [`super::super::pack::grouped`].
    pub weights: *const f32,
    /// Number of `k`.
    pub depth: usize,
    /// `[outputs]`.
    pub bias: *const f32,
    /// The first output's plane.
    pub out: *mut f32,
    /// From one output's plane to the next.
    pub out_plane: usize,
    /// From one pixel to the next in a run.
    pub out_step: usize,
    /// A plane for each output, laid out like the output's.
    pub residual: Option<(*const f32, usize)>,
    /// Factor of everything.
    pub scale: f32,
}

/// Computes the outputs `outputs`, whose first is a multiple of `R`, at `pixels`; `R` outputs of `V` vectors at once.
///
/// # Safety
/// - The processor must have `L`'s instructions.
/// - `outputs` must begin with a multiple of `R`, and there must be `weights` for whole groups of `R` outputs, up to
///   the one that `outputs` ends in. `depth` must be the sum of channels times taps over all parts.
/// - For every part, `L::N` numbers must be there to be read at `x + tap + pixels.input + channel * plane`, those of
///   lanes in no run too, and nobody may write them meanwhile.
/// - There must be a `bias` for every one of `outputs`, and in `out` and in the residual a plane that reaches over all
///   runs of `pixels`. A run has at most `L::N` numbers. Nobody else may use those places in `out` meanwhile.
#[inline(always)]
pub unsafe fn run<L: Lane, const R: usize, const V: usize>(
    product: &Product,
    outputs: std::ops::Range<usize>,
    pixels: &[Pixels],
) {
    // Whatever is smaller is read again and again: it should stay in the nearest cache.
    let together = if product.depth * outputs.len() < SMALL {
        V
    } else {
        (TOGETHER / L::N).next_multiple_of(V)
    };
    for some in pixels.chunks(together) {
        for first in outputs.clone().step_by(R) {
            for some in some.chunks(V) {
                // SAFETY: every block is a part of what the caller answers for, and `first` is a multiple of `R` as the
                // first output is.
                unsafe { block::<L, R, V>(product, first, outputs.end, some) };
            }
        }
    }
}

/// Weights that a second-level cache holds with room to spare: 512 KiB.
const SMALL: usize = 1 << 17;

/// Pixels that more weights than [`SMALL`] are read for: what they are made of stays in a second-level cache meanwhile.
const TOGETHER: usize = 128;

/// # Safety
/// As for [`run`], with the outputs from `first` to below `end`, of which `R` are computed.
#[inline(always)]
unsafe fn block<L: Lane, const R: usize, const V: usize>(
    product: &Product,
    first: usize,
    end: usize,
    pixels: &[Pixels],
) {
    // SAFETY: the same outputs at the same pixels, all at once or one after the other.
    unsafe {
        if let Ok(all) = <&[Pixels; V]>::try_from(pixels) {
            sums::<L, R, V>(product, first, end, all);
        } else {
            for one in pixels {
                sums::<L, R, 1>(product, first, end, std::array::from_ref(one));
            }
        }
    }
}

/// # Safety
/// As for [`block`].
#[inline(always)]
unsafe fn sums<L: Lane, const R: usize, const V: usize>(
    product: &Product,
    first: usize,
    end: usize,
    pixels: &[Pixels; V],
) {
    // SAFETY: a group of `R` outputs has `R * depth` weights, so that the group of `first` begins at `first * depth`,
    // and the parts take `R` for each channel of each tap: `R * depth` in all. Where x is read the caller has named.
    // Outputs at and after `end` are not stored.
    unsafe {
        let mut sums = [[L::splat(0.0); V]; R];
        let mut weight = product.weights.add(first * product.depth);
        for part in product.parts {
            for tap in part.taps {
                let mut x = [part.x.wrapping_add(*tap); V];
                for v in 0..V {
                    x[v] = x[v].wrapping_add(pixels[v].input);
                }
                accumulate::<L, R, V>(&mut sums, x, part.plane, weight, part.channels);
                weight = weight.add(part.channels * R);
            }
        }
        // Whatever is indexed by a variable lies in memory: the sums themselves never are.
        let mut tile = [[L::splat(0.0); V]; R];
        for row in 0..R {
            for v in 0..V {
                tile[row][v] = sums[row][v];
            }
        }
        for (row, tile) in tile.iter().enumerate().take(end - first) {
            for v in 0..V {
                finish(product, first + row, tile[v], &pixels[v]);
            }
        }
    }
}

/// `sums[row][v] += Σ_k weight[k][row] x[v][k plane]` for the `terms` first `k`.
///
/// # Safety
/// The processor must have `L`'s instructions. There must be `R` weights for each of `terms`, and `L::N` numbers at
/// every `x[v]` and at each of the next `terms - 1` places that are `plane` further.
#[inline(always)]
pub(super) unsafe fn accumulate<L: Lane, const R: usize, const V: usize>(
    sums: &mut [[L; V]; R],
    mut x: [*const f32; V],
    plane: usize,
    mut weight: *const f32,
    terms: usize,
) {
    // SAFETY: term k reads at `x[v] + k plane` and `weight + k R + row`, which the caller says are there. `x` ends one
    // plane after the last, which may be nowhere, so it goes on by `wrapping_add`; `weight` ends just after the last.
    unsafe {
        for _ in 0..terms {
            let mut values = [L::splat(0.0); V];
            for v in 0..V {
                values[v] = L::load(x[v]);
                x[v] = x[v].wrapping_add(plane);
            }
            for (row, sums) in sums.iter_mut().enumerate() {
                let weight = L::splat(*weight.add(row));
                for v in 0..V {
                    sums[v] = sums[v].add_product(weight, values[v]);
                }
            }
            weight = weight.add(R);
        }
    }
}

/// Bias, residual and scale, and where it goes.
///
/// # Safety
/// As for [`run`], with the output `output` at `pixels`.
#[inline(always)]
unsafe fn finish<L: Lane>(product: &Product, output: usize, sum: L, pixels: &Pixels) {
    // SAFETY: `output` has a bias, and a plane in `out` and in the residual in which all pixels of a run lie:
    // `output .. output + N` where one run is a whole vector and pixels follow each other.
    unsafe {
        let bias = L::splat(*product.bias.add(output));
        let scale = L::splat(product.scale);
        let to = product.out.add(output * product.out_plane);
        let from = product
            .residual
            .map(|(first, plane)| first.add(output * plane));
        let mut sum = sum.add(bias);
        if let [Run { length, output, .. }] = pixels.runs[..]
            && length == L::N
            && product.out_step == 1
        {
            if let Some(from) = from {
                sum = sum.add(L::load(from.add(output)));
            }
            sum.mul(scale).store(to.add(output));
            return;
        }
        let lanes = sum.lanes();
        for run in &pixels.runs {
            for i in 0..run.length {
                let at = run.output + i * product.out_step;
                let add = from.map_or(0.0, |from| *from.add(at));
                *to.add(at) = (lanes[run.input + i] + add) * product.scale;
            }
        }
    }
}

/// `out[o] += Σ_k x[k] weight[k][o]`: one pixel, where a vector holds outputs. `weight` is `[k][outputs]`, readable for
/// [`MAX_LANES`](super::lane::MAX_LANES) numbers after its end.
///
/// # Safety
/// The processor must have `L`'s instructions, and `weight` at least `x.len() * out.len() + MAX_LANES` numbers.
#[inline(always)]
pub unsafe fn single<L: Lane>(x: &[f32], weight: &[f32], out: &mut [f32]) {
    let vectors = out.len().div_ceil(L::N);
    let whole = vectors / 4 * 4;
    // SAFETY: all of these are among `vectors`.
    unsafe {
        for first in (0..whole).step_by(4) {
            columns::<L, 4>(x, weight, out, first * L::N);
        }
        for first in whole..vectors {
            columns::<L, 1>(x, weight, out, first * L::N);
        }
    }
}

/// [`single`] for the `V` vectors of outputs that begin with `first`.
///
/// # Safety
/// As for [`single`], and each of the vectors must begin within `out`.
#[inline(always)]
unsafe fn columns<L: Lane, const V: usize>(
    x: &[f32],
    weight: &[f32],
    out: &mut [f32],
    first: usize,
) {
    // SAFETY: the caller has the instructions. A vector that begins within the last of `x.len()` rows ends less than
    // `N <= MAX_LANES` numbers after it, and so many are there.
    unsafe {
        let mut sums = [L::splat(0.0); V];
        for (k, x) in x.iter().enumerate() {
            let row = weight.as_ptr().add(k * out.len() + first);
            let x = L::splat(*x);
            for (v, sum) in sums.iter_mut().enumerate() {
                *sum = sum.add_product(x, L::load(row.add(v * L::N)));
            }
        }
        for (v, sum) in sums.iter().enumerate() {
            let at = first + v * L::N;
            let length = L::N.min(out.len() - at);
            for (out, lane) in out[at..at + length].iter_mut().zip(sum.lanes()) {
                *out += lane;
            }
        }
    }
}
