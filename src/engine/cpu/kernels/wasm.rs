//! WebAssembly's 128-bit vectors. With relaxed SIMD a product and its sum are one instruction, rounded once.

use std::arch::wasm32::*;

use super::lane::Lane;

// SAFETY: a vector has four numbers, which is what is read and written. A module that has these instructions anywhere
// is refused by an engine without them, so that no program gets here without.
unsafe impl Lane for v128 {
    const N: usize = 4;
    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        f32x4_splat(value)
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller says that the numbers are there; the instruction asks for no alignment.
        unsafe { v128_load(from.cast()) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller says that the numbers are there; the instruction asks for no alignment.
        unsafe { v128_store(to.cast(), self) }
    }
    #[inline(always)]
    fn all(self, value: f32) -> Self {
        f32x4_splat(value)
    }
    #[inline(always)]
    fn add(self, by: Self) -> Self {
        f32x4_add(self, by)
    }
    #[inline(always)]
    fn sub(self, by: Self) -> Self {
        f32x4_sub(self, by)
    }
    #[inline(always)]
    fn mul(self, by: Self) -> Self {
        f32x4_mul(self, by)
    }
    #[inline(always)]
    fn div(self, by: Self) -> Self {
        f32x4_div(self, by)
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        f32x4_pmax(self, other)
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        f32x4_pmin(self, other)
    }
    #[inline(always)]
    fn add_product(self, a: Self, b: Self) -> Self {
        #[cfg(target_feature = "relaxed-simd")]
        return f32x4_relaxed_madd(a, b, self);
        #[cfg(not(target_feature = "relaxed-simd"))]
        f32x4_add(self, f32x4_mul(a, b))
    }
    #[inline(always)]
    fn interleave(self, other: Self) -> (Self, Self) {
        (
            i32x4_shuffle::<0, 4, 1, 5>(self, other),
            i32x4_shuffle::<2, 6, 3, 7>(self, other),
        )
    }
    #[inline(always)]
    fn round(self) -> Self {
        f32x4_nearest(self)
    }
    #[inline(always)]
    fn power_of_two(self) -> Self {
        i32x4_shl(i32x4_add(i32x4_trunc_sat_f32x4(self), i32x4_splat(127)), 23)
    }
}
