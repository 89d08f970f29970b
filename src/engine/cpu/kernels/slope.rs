//! Gradients of what happens to each number on its own: nonlinearity, normalisation, softmax.

use super::lane::{Lane, MAX_LANES};
use crate::unet::config::Activation;

/// `to = gradient act'(scale x + shift)` of `length` numbers.
#[derive(Debug, Clone, Copy)]
pub struct Slope {
    /// x.
    pub x: *const f32,
    /// Of the activated number; it may be `to`.
    pub gradient: *const f32,
    /// Of the number before.
    pub to: *mut f32,
    /// How many there are.
    pub length: usize,
    /// The factor.
    pub scale: f32,
    /// What is added.
    pub shift: f32,
    /// What is taken off x in the second sum.
    pub centre: f32,
    /// The nonlinearity.
    pub act: Option<Activation>,
}

/// What `of` says; `Σ to` and `Σ to (x - centre)`.
///
/// # Safety
/// The processor must have `L`'s instructions, and all numbers must be there; nobody else may use `to` meanwhile, nor
/// write the others.
#[inline(always)]
pub unsafe fn slope<L: Lane>(of: &Slope) -> (f64, f64) {
    // SAFETY: the caller's promise.
    unsafe {
        match of.act {
            None => slopes::<L, One>(of),
            Some(Activation::Silu) => slopes::<L, Silu>(of),
            Some(Activation::Relu) => slopes::<L, Relu>(of),
            Some(Activation::Gelu) => slopes::<L, Gelu>(of),
            Some(Activation::Mish) => slopes::<L, Mish>(of),
        }
    }
}

/// The derivative of a function of one vector. Not a closure, which would not be compiled for the vector's
/// instructions.
trait Derivative {
    fn at<L: Lane>(x: L) -> L;
}

struct One;

impl Derivative for One {
    #[inline(always)]
    fn at<L: Lane>(x: L) -> L {
        x.all(1.0)
    }
}

struct Silu;

impl Derivative for Silu {
    #[inline(always)]
    fn at<L: Lane>(x: L) -> L {
        let one = x.all(1.0);
        let sigmoid = one.div(one.add(x.all(0.0).sub(x).exp()));
        let rest = one.sub(sigmoid);
        sigmoid.mul(one.add_product(x, rest))
    }
}

struct Relu;

impl Derivative for Relu {
    #[inline(always)]
    fn at<L: Lane>(x: L) -> L {
        // There are no comparisons: all that is above 0 by more than nothing ends at 1.
        x.mul(x.all(1e30)).max(x.all(0.0)).min(x.all(1.0))
    }
}

struct Gelu;

impl Derivative for Gelu {
    #[inline(always)]
    fn at<L: Lane>(x: L) -> L {
        each(x, |x| {
            let cumulative = 0.5 * (1.0 + libm::erff(x * std::f32::consts::FRAC_1_SQRT_2));
            // 1 / sqrt(2 pi)
            cumulative + x * 0.398_942_3 * libm::expf(-0.5 * x * x)
        })
    }
}

struct Mish;

impl Derivative for Mish {
    #[inline(always)]
    fn at<L: Lane>(x: L) -> L {
        each(x, |x| {
            let softplus = x.max(0.0) + libm::log1pf(libm::expf(-x.abs()));
            let tanh = libm::tanhf(softplus);
            let sigmoid = 1.0 / (1.0 + libm::expf(-x));
            tanh + x * (1.0 - tanh * tanh) * sigmoid
        })
    }
}

#[inline(always)]
fn each<L: Lane>(x: L, f: impl Fn(f32) -> f32) -> L {
    let lanes = x.lanes().map(f);
    // SAFETY: there is a vector, so that the processor has the instructions; there are `MAX_LANES` numbers.
    unsafe { L::load(lanes.as_ptr()) }
}

/// Vectors whose sum is made in f32, before it goes on in f64.
const BLOCK: usize = 256;

/// # Safety
/// As for [`slope`].
#[inline(always)]
unsafe fn slopes<L: Lane, D: Derivative>(of: &Slope) -> (f64, f64) {
    let whole = of.length / L::N * L::N;
    let mut totals = [0.0; 2];
    // SAFETY: whole vectors end within the `length` numbers that are there; the rest goes through `lanes`.
    unsafe {
        let (scale, shift) = (L::splat(of.scale), L::splat(of.shift));
        let centre = L::splat(of.centre);
        let mut first = 0;
        while first < whole {
            let end = whole.min(first + BLOCK * L::N);
            let mut sums = [[L::splat(0.0); 2]; 2];
            for (i, at) in (first..end).step_by(L::N).enumerate() {
                let x = L::load(of.x.add(at));
                let gradient = L::load(of.gradient.add(at));
                let slope = gradient.mul(D::at(shift.add_product(x, scale)));
                let x = x.sub(centre);
                slope.store(of.to.add(at));
                let sums = &mut sums[i % 2];
                sums[0] = sums[0].add(slope);
                sums[1] = sums[1].add_product(slope, x);
            }
            for (i, total) in totals.iter_mut().enumerate() {
                let lanes = sums[0][i].add(sums[1][i]).lanes();
                *total += lanes.iter().map(|v| f64::from(*v)).sum::<f64>();
            }
            first = end;
        }
        let rest = of.length - whole;
        if rest > 0 {
            let mut lanes = [[0.0; MAX_LANES]; 2];
            lanes[0].as_mut_ptr().copy_from(of.x.add(whole), rest);
            lanes[1]
                .as_mut_ptr()
                .copy_from(of.gradient.add(whole), rest);
            let x = L::load(lanes[0].as_ptr());
            let gradient = L::load(lanes[1].as_ptr());
            let slope = gradient.mul(D::at(shift.add_product(x, scale)));
            let x = x.sub(centre);
            let slopes = slope.lanes();
            of.to.add(whole).copy_from(slopes.as_ptr(), rest);
            for (slope, x) in slopes.iter().zip(x.lanes()).take(rest) {
                totals[0] += f64::from(*slope);
                totals[1] += f64::from(slope * x);
            }
        }
    }
    (totals[0], totals[1])
}

/// `to = factor slope + tilt (x - centre) + constant + add` of `length` numbers.
#[derive(Debug, Clone, Copy)]
pub struct Finish {
    /// The slope; it may be `to`.
    pub slope: *const f32,
    /// x.
    pub x: *const f32,
    /// Another part of the gradient.
    pub add: Option<*const f32>,
    /// Where it goes.
    pub to: *mut f32,
    /// How many there are.
    pub length: usize,
    /// The factor of the slope.
    pub factor: f32,
    /// The factor of x.
    pub tilt: f32,
    /// What is taken off x.
    pub centre: f32,
    /// What is added to all.
    pub constant: f32,
}

/// What `of` says.
///
/// # Safety
/// The processor must have `L`'s instructions, and all numbers must be there; nobody else may use `to` meanwhile, nor
/// write the others.
#[inline(always)]
pub unsafe fn finish<L: Lane>(of: &Finish) {
    let whole = of.length / L::N * L::N;
    // SAFETY: whole vectors end within the `length` numbers that are there; the rest is single numbers.
    unsafe {
        let (factor, tilt) = (L::splat(of.factor), L::splat(of.tilt));
        let (centre, constant) = (L::splat(of.centre), L::splat(of.constant));
        for at in (0..whole).step_by(L::N) {
            let x = L::load(of.x.add(at)).sub(centre);
            let slope = L::load(of.slope.add(at));
            let mut sum = constant.add_product(tilt, x).add_product(factor, slope);
            if let Some(add) = of.add {
                sum = sum.add(L::load(add.add(at)));
            }
            sum.store(of.to.add(at));
        }
        for at in whole..of.length {
            let x = *of.x.add(at) - of.centre;
            let add = of.add.map_or(0.0, |add| *add.add(at));
            *of.to.add(at) = of.factor * *of.slope.add(at) + of.tilt * x + of.constant + add;
        }
    }
}

/// `gradient = p (gradient - Σ_rows p gradient)` for every column of `[rows][columns]`: through a softmax that made
/// `p`.
///
/// # Safety
/// The processor must have `L`'s instructions; `columns` must be a multiple of `L::N`, both must be whole rows and of
/// one length.
#[inline(always)]
pub unsafe fn softmax_gradient<L: Lane>(p: &[f32], gradient: &mut [f32], columns: usize) {
    let rows = p.len() / columns;
    let (p, gradient) = (p.as_ptr(), gradient.as_mut_ptr());
    // SAFETY: `first + N <= columns` because both are multiples of `N`, so that what begins at
    // `row * columns + first` ends within its row.
    unsafe {
        for first in (0..columns).step_by(L::N) {
            let at = |row: usize| row * columns + first;
            let mut total = L::splat(0.0);
            for row in 0..rows {
                let gradient = L::load(gradient.add(at(row)));
                total = total.add_product(L::load(p.add(at(row))), gradient);
            }
            for row in 0..rows {
                let to = gradient.add(at(row));
                L::load(p.add(at(row)))
                    .mul(L::load(to).sub(total))
                    .store(to);
            }
        }
    }
}
