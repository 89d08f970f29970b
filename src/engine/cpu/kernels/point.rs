//! What happens to each number on its own: normalisation, nonlinearity, softmax.

use super::lane::{Lane, MAX_LANES};
use crate::unet::config::Activation;

/// `to[i] = act(scale from[i] + shift)`, both of the same length.
///
/// # Safety
/// The processor must have `L`'s instructions, and `to` must not be shorter than `from`.
#[inline(always)]
pub unsafe fn activate<L: Lane>(
    from: &[f32],
    to: &mut [f32],
    scale: f32,
    shift: f32,
    act: Option<Activation>,
) {
    // SAFETY: `map` asks for what the caller promised.
    unsafe {
        match act {
            None => map::<L, Identity>(from, to, scale, shift),
            Some(Activation::Silu) => map::<L, Silu>(from, to, scale, shift),
            Some(Activation::Relu) => map::<L, Relu>(from, to, scale, shift),
            Some(Activation::Gelu) => each(from, to, |x| {
                let x = x * scale + shift;
                0.5 * x * (1.0 + libm::erff(x * std::f32::consts::FRAC_1_SQRT_2))
            }),
            Some(Activation::Mish) => each(from, to, |x| {
                let x = x * scale + shift;
                let softplus = x.max(0.0) + libm::log1pf(libm::expf(-x.abs()));
                x * libm::tanhf(softplus)
            }),
        }
    }
}

fn each(from: &[f32], to: &mut [f32], f: impl Fn(f32) -> f32) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = f(*from);
    }
}

/// A function of one vector. Not a closure, which would not be compiled for the vector's instructions.
trait Function {
    fn of<L: Lane>(x: L) -> L;
}

struct Identity;

impl Function for Identity {
    #[inline(always)]
    fn of<L: Lane>(x: L) -> L {
        x
    }
}

struct Silu;

impl Function for Silu {
    #[inline(always)]
    fn of<L: Lane>(x: L) -> L {
        x.div(x.all(1.0).add(x.all(0.0).sub(x).exp()))
    }
}

struct Relu;

impl Function for Relu {
    #[inline(always)]
    fn of<L: Lane>(x: L) -> L {
        x.max(x.all(0.0))
    }
}

/// # Safety
/// As for [`activate`].
#[inline(always)]
unsafe fn map<L: Lane, F: Function>(from: &[f32], to: &mut [f32], scale: f32, shift: f32) {
    let whole = from.len() / L::N * L::N;
    // SAFETY: the caller has the instructions. `i + N <= whole <= from.len() <= to.len()`, and `lanes` has room for
    // every vector.
    unsafe {
        let (scale, shift) = (L::splat(scale), L::splat(shift));
        for i in (0..whole).step_by(L::N) {
            let x = L::load(from.as_ptr().add(i));
            F::of(shift.add_product(x, scale)).store(to.as_mut_ptr().add(i));
        }
        if whole < from.len() {
            let mut lanes = [0.0; MAX_LANES];
            let rest = from.len() - whole;
            lanes[..rest].copy_from_slice(&from[whole..]);
            let x = L::load(lanes.as_ptr());
            F::of(shift.add_product(x, scale)).store(lanes.as_mut_ptr());
            to[whole..].copy_from_slice(&lanes[..rest]);
        }
    }
}

/// Mean and variance of `values`, in two passes.
///
/// # Safety
/// The processor must have `L`'s instructions.
#[inline(always)]
pub unsafe fn moments<L: Lane>(values: &[f32]) -> (f64, f64) {
    // SAFETY: the caller has the instructions.
    unsafe {
        let count = values.len() as f64;
        let mean = sum::<L, false>(values, 0.0) / count;
        let centre = mean as f32;
        let squares = sum::<L, true>(values, centre);
        // The mean was rounded to f32: what that adds is taken off again.
        let off = mean - f64::from(centre);
        (mean, (squares / count - off * off).max(0.0))
    }
}

/// The sum of `values`.
///
/// # Safety
/// The processor must have `L`'s instructions.
#[cfg(feature = "train")]
#[inline(always)]
pub unsafe fn total<L: Lane>(values: &[f32]) -> f64 {
    // SAFETY: the caller's promise.
    unsafe { sum::<L, false>(values, 0.0) }
}

/// The sum of `values - centre`, or of its squares: up to 256 vectors in f32, those in f64.
///
/// # Safety
/// As for [`moments`].
#[inline(always)]
unsafe fn sum<L: Lane, const SQUARED: bool>(values: &[f32], centre: f32) -> f64 {
    let whole = values.len() / L::N * L::N;
    let mut total = 0.0;
    // SAFETY: the caller has the instructions. `whole` numbers and the length of every block are whole vectors, so that
    // one that begins at a multiple of `N` within a block ends within it.
    unsafe {
        let middle = L::splat(centre);
        for block in values[..whole].chunks(256 * L::N) {
            let mut sums = [L::splat(0.0); 4];
            for (i, at) in (0..block.len()).step_by(L::N).enumerate() {
                let x = L::load(block.as_ptr().add(at)).sub(middle);
                sums[i % 4] = if SQUARED {
                    sums[i % 4].add_product(x, x)
                } else {
                    sums[i % 4].add(x)
                };
            }
            let both = sums[0].add(sums[1]).add(sums[2].add(sums[3]));
            total += both.lanes().iter().map(|v| f64::from(*v)).sum::<f64>();
        }
    }
    let rest = values[whole..].iter().map(|v| {
        let x = v - centre;
        f64::from(if SQUARED { x * x } else { x })
    });
    total + rest.sum::<f64>()
}

/// Softmax over the first index of `values` `[rows][columns]`, for every column.
///
/// # Safety
/// The processor must have `L`'s instructions; `columns` must be a multiple of `L::N`, and `values` whole rows, at
/// least one.
#[inline(always)]
pub unsafe fn softmax<L: Lane>(values: &mut [f32], columns: usize) {
    let rows = values.len() / columns;
    let start = values.as_mut_ptr();
    // SAFETY: the caller has the instructions. `first + N <= columns` because both are multiples of `N`, so that what
    // begins at `row * columns + first` ends within its row, and there are `rows` of them, of which row 0 is one.
    unsafe {
        for first in (0..columns).step_by(L::N) {
            let at = |row: usize| start.wrapping_add(row * columns + first);
            let mut largest = L::load(at(0));
            for row in 1..rows {
                largest = largest.max(L::load(at(row)));
            }
            let mut total = L::splat(0.0);
            for row in 0..rows {
                let e = L::load(at(row)).sub(largest).exp();
                e.store(at(row));
                total = total.add(e);
            }
            let factor = L::splat(1.0).div(total);
            for row in 0..rows {
                L::load(at(row)).mul(factor).store(at(row));
            }
        }
    }
}
