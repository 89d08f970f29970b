//! Arm's 128-bit vectors.

use std::arch::aarch64::*;

use super::lane::{Lane, lane};

// Nothing asks the processor whether it has them: every one that a program with std is compiled for does.
const _: () = assert!(cfg!(target_feature = "neon"));

lane! {
    /// Four numbers.
    Neon(float32x4_t) of 4, vdupq_n_f32, vld1q_f32, vst1q_f32;
    interleave(x, other) = (vzip1q_f32(x, other), vzip2q_f32(x, other));
    add(x, by) = vaddq_f32(x, by);
    sub(x, by) = vsubq_f32(x, by);
    mul(x, by) = vmulq_f32(x, by);
    div(x, by) = vdivq_f32(x, by);
    max(x, other) = vmaxq_f32(x, other);
    min(x, other) = vminq_f32(x, other);
    add_product(x, a, b) = vfmaq_f32(x, a, b);
    round(x) = vrndnq_f32(x);
    power_of_two(x) = {
        let biased = vaddq_s32(vcvtq_s32_f32(x), vdupq_n_s32(127));
        vreinterpretq_f32_s32(vshlq_n_s32::<23>(biased))
    };
}
