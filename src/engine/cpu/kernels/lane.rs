//! One vector register, whatever the processor calls it.

/// `N` numbers that are worked on at once. All functions are inlined into a caller that has switched the instructions
/// on ([`super::Kernels`]); to call one elsewhere is what makes them unsafe.
///
/// # Safety
/// The processor must have the instructions; pointers must be valid for `N` numbers (no alignment is needed).
pub unsafe trait Lane: Copy {
    /// Numbers in it.
    const N: usize;
    /// `N` times `value`.
    unsafe fn splat(value: f32) -> Self;
    /// From memory.
    unsafe fn load(from: *const f32) -> Self;
    /// To memory.
    unsafe fn store(self, to: *mut f32);
    /// `self + by`.
    unsafe fn add(self, by: Self) -> Self;
    /// `self - by`.
    unsafe fn sub(self, by: Self) -> Self;
    /// `self * by`.
    unsafe fn mul(self, by: Self) -> Self;
    /// `self / by`.
    unsafe fn div(self, by: Self) -> Self;
    /// The larger one.
    unsafe fn max(self, other: Self) -> Self;
    /// The smaller one.
    unsafe fn min(self, other: Self) -> Self;
    /// `self + a * b`, with one rounding or two.
    unsafe fn add_product(self, a: Self, b: Self) -> Self;
    /// `self[0], other[0], self[1], other[1], …` in two vectors.
    unsafe fn interleave(self, other: Self) -> (Self, Self);
    /// The nearest whole number.
    unsafe fn round(self) -> Self;
    /// `2^self` of whole numbers from -126 to 127.
    unsafe fn power_of_two(self) -> Self;

    /// `e^self`, to 2 units in the last place; outside -87…88 that of the nearer end.
    ///
    /// # Safety
    /// As for the trait.
    #[inline(always)]
    unsafe fn exp(self) -> Self {
        // Cody & Waite: e^x = 2^n e^r with |r| <= ln 2 / 2; the polynomial is that of Cephes' expf.
        const LN_2_HIGH: f32 = 0.693_359_4;
        const LN_2_LOW: f32 = -2.121_944_4e-4;
        const SERIES: [f32; 5] = [
            1.398_199_9e-3,
            8.333_452e-3,
            4.166_579_6e-2,
            1.666_666_6e-1,
            0.5,
        ];
        unsafe {
            let x = self.min(Self::splat(88.0)).max(Self::splat(-87.0));
            let n = x.mul(Self::splat(std::f32::consts::LOG2_E)).round();
            let r = x
                .add_product(n, Self::splat(-LN_2_HIGH))
                .add_product(n, Self::splat(-LN_2_LOW));
            let mut series = Self::splat(1.987_569_1e-4);
            for term in SERIES {
                series = Self::splat(term).add_product(series, r);
            }
            let tail = r.add_product(series, r.mul(r));
            Self::splat(1.0).add(tail).mul(n.power_of_two())
        }
    }
}

/// Without vector instructions: one number.
unsafe impl Lane for f32 {
    const N: usize = 1;
    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        value
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { *from }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { *to = self }
    }
    #[inline(always)]
    unsafe fn add(self, by: Self) -> Self {
        self + by
    }
    #[inline(always)]
    unsafe fn sub(self, by: Self) -> Self {
        self - by
    }
    #[inline(always)]
    unsafe fn mul(self, by: Self) -> Self {
        self * by
    }
    #[inline(always)]
    unsafe fn div(self, by: Self) -> Self {
        self / by
    }
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        f32::max(self, other)
    }
    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        f32::min(self, other)
    }
    #[inline(always)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        self + a * b
    }
    #[inline(always)]
    unsafe fn interleave(self, other: Self) -> (Self, Self) {
        (self, other)
    }
    #[inline(always)]
    unsafe fn round(self) -> Self {
        libm::rintf(self)
    }
    #[inline(always)]
    unsafe fn power_of_two(self) -> Self {
        f32::from_bits(((self as i32 + 127) << 23) as u32)
    }
}
