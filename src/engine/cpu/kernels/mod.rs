//! The inner loops, once for every set of vector instructions; [`Kernels::available`] picks the best that is there.

#[cfg(feature = "train")]
pub mod gradient;
#[cfg(feature = "train")]
pub mod matrix;
pub mod product;
#[cfg(feature = "train")]
pub mod slope;
#[cfg(feature = "train")]
pub mod tiles;
#[cfg(feature = "train")]
mod training;
pub mod winograd;

pub mod lane;
mod point;

#[cfg(target_arch = "aarch64")]
mod arm;
#[cfg(test)]
mod tests;
#[cfg(all(test, feature = "train"))]
mod training_tests;
#[cfg(target_arch = "wasm32")]
mod wasm;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::ops::Range;

use lane::MAX_LANES;
use product::{Pixels, Product};
use winograd::{Products, ToPixels, ToTiles};

use crate::unet::config::Activation;

/// The inner loops for one set of instructions.
///
/// Whoever has a value has a processor with those instructions: [`Kernels::available`] is where they come from.
#[derive(Debug, Clone, Copy)]
pub struct Kernels {
    /// What they are called.
    pub name: &'static str,
    /// Numbers in a vector.
    pub lanes: usize,
    /// Outputs that a product computes at once: weights are packed in groups of as many.
    pub rows: usize,
    /// Vectors that a product computes at once.
    pub vectors: usize,
    /// [`product::run`].
    pub product: unsafe fn(&Product, Range<usize>, &[Pixels]),
    /// [`winograd::to_tiles`].
    pub to_tiles: unsafe fn(&ToTiles, Range<usize>, &[Pixels]),
    /// [`winograd::products`].
    pub products: unsafe fn(&Products, Range<usize>),
    /// [`winograd::to_pixels`].
    pub to_pixels: unsafe fn(&ToPixels, Range<usize>, &[Pixels]),
    single: unsafe fn(&[f32], &[f32], &mut [f32]),
    activate: unsafe fn(&[f32], &mut [f32], f32, f32, Option<Activation>),
    moments: unsafe fn(&[f32]) -> (f64, f64),
    softmax: unsafe fn(&mut [f32], usize),
    /// Those of gradients.
    #[cfg(feature = "train")]
    pub training: training::Training,
}

/// One of [`Kernels`], compiled for its instructions.
macro_rules! kernel {
    ([$($features:literal)?] $name:ident($($value:ident: $type:ty),*) $(-> $result:ty)? = $loop:expr) => {
        /// # Safety
        /// The processor must have the instructions, and all must be as the loop asks.
        $(#[target_feature(enable = $features)])?
        unsafe fn $name($($value: $type),*) $(-> $result)? {
            // SAFETY: the caller answers for both.
            unsafe { $loop($($value),*) }
        }
    };
}

macro_rules! kernels {
    (
        $module:ident, $lane:ty, $name:literal, $rows:literal x $vectors:literal,
        gradients $outputs:literal x $inputs:literal,
        tiles $tiles:literal x $columns:literal $(, $features:literal)?
    ) => {
        mod $module {
            use super::*;

            pub const KERNELS: Kernels = Kernels {
                name: $name,
                lanes: <$lane as lane::Lane>::N,
                rows: $rows,
                vectors: $vectors,
                product,
                single,
                to_tiles,
                products,
                to_pixels,
                activate,
                moments,
                softmax,
                #[cfg(feature = "train")]
                training: training::Training {
                    tiles: $tiles,
                    spread,
                    outer,
                    source_tiles,
                    gradient_tiles,
                    kernel_gradient,
                    slope,
                    finish,
                    softmax_gradient,
                    total,
                    kernels: turn_kernels,
                    panel,
                    pixels,
                    collect,
                    times,
                },
            };

            kernel!([$($features)?] product(of: &Product, outputs: Range<usize>, pixels: &[Pixels])
                = super::product::run::<$lane, $rows, $vectors>);
            kernel!([$($features)?] single(x: &[f32], weight: &[f32], out: &mut [f32])
                = super::product::single::<$lane>);
            kernel!([$($features)?] to_tiles(of: &ToTiles, channels: Range<usize>, tiles: &[Pixels])
                = super::winograd::to_tiles::<$lane>);
            kernel!([$($features)?] products(of: &Products, positions: Range<usize>)
                = super::winograd::products::<$lane, $rows, $vectors>);
            kernel!([$($features)?] to_pixels(of: &ToPixels, outputs: Range<usize>, tiles: &[Pixels])
                = super::winograd::to_pixels::<$lane>);
            kernel!([$($features)?] activate(
                from: &[f32], to: &mut [f32], scale: f32, shift: f32, act: Option<Activation>
            ) = super::point::activate::<$lane>);
            kernel!([$($features)?] moments(values: &[f32]) -> (f64, f64) = super::point::moments::<$lane>);
            kernel!([$($features)?] softmax(values: &mut [f32], columns: usize) = super::point::softmax::<$lane>);

            #[cfg(feature = "train")]
            const LANES: usize = <$lane as lane::Lane>::N;
            // Outputs that are worked on at once lie in one vector.
            #[cfg(feature = "train")]
            const _: () = assert!(LANES.is_multiple_of($outputs));
            #[cfg(feature = "train")]
            kernel!([$($features)?] spread(of: &gradient::Spread) = super::gradient::spread::<$lane, LANES>);
            #[cfg(feature = "train")]
            kernel!([$($features)?] outer(of: &gradient::Outer, outputs: Range<usize>, vectors: Range<usize>)
                = super::gradient::outer::<$lane, $outputs, $inputs>);
            #[cfg(feature = "train")]
            kernel!([$($features)?] source_tiles(
                of: &gradient::TileRow, row: usize, vectors: Range<usize>, tiles: &[usize]
            ) = super::gradient::source_tiles::<$lane>);
            #[cfg(feature = "train")]
            kernel!([$($features)?] gradient_tiles(
                of: &gradient::TileRow, row: usize, vectors: Range<usize>, tiles: &[usize]
            ) = super::gradient::gradient_tiles::<$lane>);
            #[cfg(feature = "train")]
            kernel!([$($features)?] kernel_gradient(from: *const f32, step: usize, to: *mut f32)
                = super::gradient::kernel_gradient::<$lane>);
            #[cfg(feature = "train")]
            kernel!([$($features)?] turn_kernels(from: *const f32, to: *mut f32, step: usize)
                = super::tiles::kernels::<$lane>);
            #[cfg(feature = "train")]
            kernel!([$($features)?] panel(of: &tiles::Panel, tiles: usize, outputs: Range<usize>)
                = super::tiles::panel::<$lane, $tiles, $columns>);
            #[cfg(feature = "train")]
            kernel!([$($features)?] pixels(of: &tiles::ToPixels, vectors: Range<usize>)
                = super::tiles::pixels::<$lane>);
            #[cfg(feature = "train")]
            kernel!([$($features)?] collect(of: &tiles::Collect) = super::tiles::collect::<$lane, LANES>);
            #[cfg(feature = "train")]
            kernel!([$($features)?] times(of: &matrix::Times, rows: Range<usize>, vectors: Range<usize>)
                = super::matrix::times::<$lane, $tiles, $columns>);
            #[cfg(feature = "train")]
            kernel!([$($features)?] slope(of: &slope::Slope) -> (f64, f64) = super::slope::slope::<$lane>);
            #[cfg(feature = "train")]
            kernel!([$($features)?] finish(of: &slope::Finish) = super::slope::finish::<$lane>);
            #[cfg(feature = "train")]
            kernel!([$($features)?] softmax_gradient(p: &[f32], gradient: &mut [f32], columns: usize)
                = super::slope::softmax_gradient::<$lane>);
            #[cfg(feature = "train")]
            kernel!([$($features)?] total(values: &[f32]) -> f64 = super::point::total::<$lane>);
        }
    };
}

// Rows times vectors, plus what is multiplied, is as much as the registers hold.
#[cfg(target_arch = "x86_64")]
kernels!(avx512, x86::Avx512, "AVX-512", 8 x 2, gradients 8 x 2, tiles 8 x 2, "avx512f");
#[cfg(target_arch = "x86_64")]
kernels!(avx2, x86::Avx2, "AVX2", 6 x 2, gradients 4 x 2, tiles 6 x 2, "avx2,fma");
#[cfg(target_arch = "aarch64")]
kernels!(neon, arm::Neon, "NEON", 8 x 3, gradients 4 x 4, tiles 8 x 2);
#[cfg(all(target_arch = "wasm32", not(target_feature = "relaxed-simd")))]
kernels!(simd128, std::arch::wasm32::v128, "SIMD128", 5 x 2, gradients 4 x 2, tiles 4 x 2, "simd128");
#[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
kernels!(simd128, std::arch::wasm32::v128, "SIMD128, relaxed", 6 x 2, gradients 4 x 2, tiles 4 x 2, "simd128,relaxed-simd");
// A module with instructions that a browser lacks is refused as a whole: there is no second choice in WebAssembly.
#[cfg(not(target_arch = "wasm32"))]
kernels!(portable, f32, "portable", 4 x 2, gradients 1 x 4, tiles 4 x 2);

impl Kernels {
    /// The best set that this processor can run.
    pub fn best() -> Self {
        Self::available()[0]
    }

    /// Every set that this processor can run, the best first.
    pub fn available() -> Vec<Self> {
        #[cfg_attr(target_arch = "wasm32", expect(unused_mut))]
        let mut sets = vectors();
        #[cfg(not(target_arch = "wasm32"))]
        sets.push(portable::KERNELS);
        sets
    }

    /// The set of this name, if this processor can run it.
    pub fn named(name: &str) -> Option<Self> {
        Self::available().into_iter().find(|set| set.name == name)
    }

    /// `out[o] += Σ_k x[k] weight[k][o]`, see [`product::single`].
    pub fn single(&self, x: &[f32], weight: &[f32], out: &mut [f32]) {
        assert!(weight.len() >= x.len() * out.len() + MAX_LANES);
        // SAFETY: the processor has the instructions, and the weights are there.
        unsafe { (self.single)(x, weight, out) }
    }

    /// `to[i] = act(scale from[i] + shift)`, see [`point::activate`].
    pub fn activate(
        &self,
        from: &[f32],
        to: &mut [f32],
        scale: f32,
        shift: f32,
        act: Option<Activation>,
    ) {
        assert_eq!(from.len(), to.len());
        // SAFETY: the processor has the instructions, and both are of one length.
        unsafe { (self.activate)(from, to, scale, shift, act) }
    }

    /// Mean and variance, see [`point::moments`].
    pub fn moments(&self, values: &[f32]) -> (f64, f64) {
        // SAFETY: the processor has the instructions.
        unsafe { (self.moments)(values) }
    }

    /// Softmax down every one of `columns`, which are whole vectors, see [`point::softmax`].
    pub fn softmax(&self, values: &mut [f32], columns: usize) {
        assert!(columns.is_multiple_of(self.lanes) && values.len() >= columns);
        // SAFETY: the processor has the instructions, the columns are whole vectors, and there is a row.
        unsafe { (self.softmax)(values, columns) }
    }
}

#[cfg(target_arch = "x86_64")]
fn vectors() -> Vec<Kernels> {
    use std::arch::is_x86_feature_detected;
    let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    [
        (is_x86_feature_detected!("avx512f"), avx512::KERNELS),
        (avx2, avx2::KERNELS),
    ]
    .into_iter()
    .filter_map(|(there, kernels)| there.then_some(kernels))
    .collect()
}

#[cfg(target_arch = "aarch64")]
fn vectors() -> Vec<Kernels> {
    vec![neon::KERNELS]
}

#[cfg(target_arch = "wasm32")]
fn vectors() -> Vec<Kernels> {
    vec![simd128::KERNELS]
}

#[cfg(not(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    target_arch = "wasm32"
)))]
fn vectors() -> Vec<Kernels> {
    Vec::new()
}
