//! Arm's 128-bit vectors.

use std::arch::aarch64::*;

use super::lane::Lane;

unsafe impl Lane for float32x4_t {
    const N: usize = 4;
    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        unsafe { vdupq_n_f32(value) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { vld1q_f32(from) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { vst1q_f32(to, self) }
    }
    #[inline(always)]
    unsafe fn add(self, by: Self) -> Self {
        unsafe { vaddq_f32(self, by) }
    }
    #[inline(always)]
    unsafe fn sub(self, by: Self) -> Self {
        unsafe { vsubq_f32(self, by) }
    }
    #[inline(always)]
    unsafe fn mul(self, by: Self) -> Self {
        unsafe { vmulq_f32(self, by) }
    }
    #[inline(always)]
    unsafe fn div(self, by: Self) -> Self {
        unsafe { vdivq_f32(self, by) }
    }
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        unsafe { vmaxq_f32(self, other) }
    }
    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        unsafe { vminq_f32(self, other) }
    }
    #[inline(always)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        unsafe { vfmaq_f32(self, a, b) }
    }
    #[inline(always)]
    unsafe fn interleave(self, other: Self) -> (Self, Self) {
        unsafe { (vzip1q_f32(self, other), vzip2q_f32(self, other)) }
    }
    #[inline(always)]
    unsafe fn round(self) -> Self {
        unsafe { vrndnq_f32(self) }
    }
    #[inline(always)]
    unsafe fn power_of_two(self) -> Self {
        unsafe {
            let biased = vaddq_s32(vcvtq_s32_f32(self), vdupq_n_s32(127));
            vreinterpretq_f32_s32(vshlq_n_s32::<23>(biased))
        }
    }
}
