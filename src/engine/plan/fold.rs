//! A convolution of an image in which every pixel stands twice, as four convolutions of the image itself.

use super::{Conv, Resample, Residual};

/// Whether a convolution reads every pixel twice in both directions. Then each of its four kinds of output pixels
/// sees only 2×2 different inputs: four small kernels, whose weights are sums, in place of one large one.
pub fn upsamples(conv: &Conv) -> bool {
    conv.kernel == 3
        && conv.source.resample == Resample::Nearest2x
        && conv.residual == Residual::None
}

/// The 2×2 kernel that output pixels with row and column remainder `at` see of a 3×3 one.
#[cfg(any(feature = "cpu", feature = "gpu", not(target_arch = "wasm32")))]
pub fn small_kernel(kernel: &[f32], at: [usize; 2]) -> [f32; 4] {
    [[0, 0], [0, 1], [1, 0], [1, 1]].map(|[i, j]| {
        merged(at[0], i)
            .flat_map(|y| merged(at[1], j).map(move |x| kernel[3 * y + x]))
            .sum()
    })
}

/// Rows or columns of a 3×3 kernel that fall on the same pixel once it stands twice: those that output pixels with
/// this `remainder` see at place `i` of two.
#[cfg(any(feature = "cpu", feature = "gpu", not(target_arch = "wasm32")))]
pub fn merged(remainder: usize, i: usize) -> std::ops::Range<usize> {
    match (remainder, i) {
        (0, 0) => 0..1,
        (0, _) => 1..3,
        (_, 0) => 0..2,
        _ => 2..3,
    }
}
