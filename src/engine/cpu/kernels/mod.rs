//! The inner loops, once for every set of vector instructions; [`Kernels::detect`] picks the best that is there.

pub mod product;
pub mod winograd;

mod lane;
mod point;

#[cfg(target_arch = "aarch64")]
mod arm;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "wasm32")]
mod wasm;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::ops::Range;

use product::{Pixels, Product};
use winograd::{Products, ToPixels, ToTiles};

use crate::unet::config::Activation;

/// The inner loops for one set of instructions.
///
/// # Safety
/// The functions may be called where those instructions exist: that is what [`Kernels::detect`] makes sure of, and
/// [`Product`] must be as [`product::run`] asks.
#[derive(Debug, Clone, Copy)]
pub struct Kernels {
    /// What they are called.
    pub name: &'static str,
    /// Numbers in a vector.
    pub lanes: usize,
    /// Outputs that a product computes at once: weights are packed in groups of as many.
    pub rows: usize,
    /// [`product::run`].
    pub product: unsafe fn(&Product, Range<usize>, &[Pixels]),
    /// [`product::single`].
    pub single: unsafe fn(&[f32], *const f32, &mut [f32]),
    /// [`winograd::to_tiles`].
    pub to_tiles: unsafe fn(&ToTiles, Range<usize>, &[Pixels]),
    /// [`winograd::products`].
    pub products: unsafe fn(&Products, Range<usize>),
    /// [`winograd::to_pixels`].
    pub to_pixels: unsafe fn(&ToPixels, Range<usize>, &[Pixels]),
    /// [`point::activate`].
    pub activate: unsafe fn(&[f32], &mut [f32], f32, f32, Option<Activation>),
    /// [`point::moments`].
    pub moments: unsafe fn(&[f32]) -> (f64, f64),
    /// [`point::softmax`].
    pub softmax: unsafe fn(&mut [f32], usize),
}

macro_rules! kernels {
    ($module:ident, $lane:ty, $name:literal, $rows:literal x $vectors:literal $(, $features:literal)?) => {
        mod $module {
            use super::*;

            pub const KERNELS: Kernels = Kernels {
                name: $name,
                lanes: <$lane as lane::Lane>::N,
                rows: $rows,
                product,
                single,
                to_tiles,
                products,
                to_pixels,
                activate,
                moments,
                softmax,
            };

            $(#[target_feature(enable = $features)])?
            unsafe fn product(of: &Product, outputs: Range<usize>, pixels: &[Pixels]) {
                unsafe { super::product::run::<$lane, $rows, $vectors>(of, outputs, pixels) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn single(x: &[f32], weight: *const f32, out: &mut [f32]) {
                unsafe { super::product::single::<$lane>(x, weight, out) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn to_tiles(of: &ToTiles, channels: Range<usize>, tiles: &[Pixels]) {
                unsafe { super::winograd::to_tiles::<$lane>(of, channels, tiles) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn products(of: &Products, positions: Range<usize>) {
                unsafe { super::winograd::products::<$lane, $rows, $vectors>(of, positions) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn to_pixels(of: &ToPixels, outputs: Range<usize>, tiles: &[Pixels]) {
                unsafe { super::winograd::to_pixels::<$lane>(of, outputs, tiles) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn activate(from: &[f32], to: &mut [f32], scale: f32, shift: f32, act: Option<Activation>) {
                unsafe { super::point::activate::<$lane>(from, to, scale, shift, act) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn moments(values: &[f32]) -> (f64, f64) {
                unsafe { super::point::moments::<$lane>(values) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn softmax(values: &mut [f32], columns: usize) {
                unsafe { super::point::softmax::<$lane>(values, columns) }
            }
        }
    };
}

// Rows times vectors, plus what is multiplied, is as much as the registers hold.
#[cfg(target_arch = "x86_64")]
kernels!(avx512, std::arch::x86_64::__m512, "AVX-512", 8 x 2, "avx512f");
#[cfg(target_arch = "x86_64")]
kernels!(avx2, std::arch::x86_64::__m256, "AVX2", 4 x 3, "avx2,fma");
#[cfg(target_arch = "aarch64")]
kernels!(neon, std::arch::aarch64::float32x4_t, "NEON", 8 x 3);
#[cfg(all(target_arch = "wasm32", not(target_feature = "relaxed-simd")))]
kernels!(simd128, std::arch::wasm32::v128, "SIMD128", 5 x 2, "simd128");
#[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
kernels!(simd128, std::arch::wasm32::v128, "SIMD128, relaxed", 6 x 2, "simd128,relaxed-simd");
kernels!(portable, f32, "portable", 4 x 2);

impl Kernels {
    /// The best set that this processor can run.
    pub fn best() -> Self {
        Self::available()[0]
    }

    /// Every set that this processor can run, the best first.
    pub fn available() -> Vec<Self> {
        let mut sets = vectors();
        sets.push(portable::KERNELS);
        sets
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
