//! One vector register, whatever the processor calls it.

/// No vector is longer: planes must be readable for as many numbers after their end.
pub const MAX_LANES: usize = 16;

/// `N` numbers that are worked on at once. All functions are inlined into a caller that has switched the instructions
/// on ([`super::Kernels`]).
///
/// Whoever has a value has the instructions: [`Lane::splat`] and [`Lane::load`] are the only functions that make one of
/// nothing, and to call them is unsafe for that reason. Everything that begins with a value is safe.
///
/// # Safety
/// [`Lane::N`] is at most [`MAX_LANES`]; `load` reads and `store` writes that many numbers and no more. A value must
/// come from those two functions, unless every processor that the crate is compiled for has the instructions.
pub unsafe trait Lane: Copy {
    /// Numbers in it.
    const N: usize;
    /// `N` times `value`.
    ///
    /// # Safety
    /// The processor must have the instructions.
    unsafe fn splat(value: f32) -> Self;
    /// From memory.
    ///
    /// # Safety
    /// The processor must have the instructions, and the `N` numbers at `from` must be there to be read. They need no
    /// alignment beyond their own.
    unsafe fn load(from: *const f32) -> Self;
    /// To memory.
    ///
    /// # Safety
    /// The `N` numbers at `to` must be there to be written. They need no alignment beyond their own.
    unsafe fn store(self, to: *mut f32);
    /// `N` times `value`, where there is a vector already.
    fn all(self, value: f32) -> Self;
    /// `self + by`.
    fn add(self, by: Self) -> Self;
    /// `self - by`.
    fn sub(self, by: Self) -> Self;
    /// `self * by`.
    fn mul(self, by: Self) -> Self;
    /// `self / by`.
    fn div(self, by: Self) -> Self;
    /// The larger one.
    fn max(self, other: Self) -> Self;
    /// The smaller one.
    fn min(self, other: Self) -> Self;
    /// `self + a * b`, with one rounding or two.
    fn add_product(self, a: Self, b: Self) -> Self;
    /// `self[0], other[0], self[1], other[1], …` in two vectors.
    fn interleave(self, other: Self) -> (Self, Self);
    /// The nearest whole number.
    fn round(self) -> Self;
    /// `2^self` of whole numbers from -126 to 127.
    fn power_of_two(self) -> Self;

    /// The numbers, and zeros behind them.
    #[inline(always)]
    fn lanes(self) -> [f32; MAX_LANES] {
        let mut lanes = [0.0; MAX_LANES];
        // SAFETY: `store` writes `N` numbers, and the trait asks for `N <= MAX_LANES`.
        unsafe { self.store(lanes.as_mut_ptr()) };
        lanes
    }

    /// `e^self`, to 2 units in the last place; outside -87…88 that of the nearer end.
    #[inline(always)]
    fn exp(self) -> Self {
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
        let x = self.min(self.all(88.0)).max(self.all(-87.0));
        let n = x.mul(self.all(std::f32::consts::LOG2_E)).round();
        let r = x
            .add_product(n, self.all(-LN_2_HIGH))
            .add_product(n, self.all(-LN_2_LOW));
        let mut series = self.all(1.987_569_1e-4);
        for term in SERIES {
            series = self.all(term).add_product(series, r);
        }
        let tail = r.add_product(series, r.mul(r));
        self.all(1.0).add(tail).mul(n.power_of_two())
    }
}

/// A [`Lane`] of a register: how it is filled and emptied, and what each function makes of registers.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! lane {
    (
        $(#[$about:meta])*
        $name:ident($register:ty) of $n:literal, $splat:ident, $load:ident, $store:ident;
        interleave($left:ident, $right:ident) = $pair:expr;
        $($function:ident($first:ident $(, $other:ident)*) = $result:expr;)*
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy)]
        pub struct $name($register);

        // SAFETY: a register has $n numbers, which is what `$load` reads and `$store` writes. The field is private and
        // nothing in this module fills it but the functions below.
        unsafe impl Lane for $name {
            const N: usize = $n;
            #[inline(always)]
            unsafe fn splat(value: f32) -> Self {
                // SAFETY: the caller says that the processor has the instruction.
                Self(unsafe { $splat(value) })
            }
            #[inline(always)]
            unsafe fn load(from: *const f32) -> Self {
                // SAFETY: the caller says that the processor has the instruction, and that the numbers are there.
                Self(unsafe { $load(from) })
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut f32) {
                // SAFETY: `self` was made on this processor, so it has the instruction; the caller says that the
                // numbers are there.
                unsafe { $store(to, self.0) }
            }
            #[inline(always)]
            fn all(self, value: f32) -> Self {
                // SAFETY: `self` was made on this processor, so it has the instruction.
                Self(unsafe { $splat(value) })
            }
            $(
                #[inline(always)]
                fn $function(self $(, $other: Self)*) -> Self {
                    let $first = self.0;
                    $(let $other = $other.0;)*
                    // SAFETY: `self` was made on this processor, so it has the instructions. They touch no memory.
                    Self(unsafe { $result })
                }
            )*
            #[inline(always)]
            fn interleave(self, other: Self) -> (Self, Self) {
                let ($left, $right) = (self.0, other.0);
                // SAFETY: as above.
                let (low, high) = unsafe { $pair };
                (Self(low), Self(high))
            }
        }
    };
}
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(super) use lane;

/// Without vector instructions: one number.
// SAFETY: one number is read and written, and no processor lacks what that takes.
unsafe impl Lane for f32 {
    const N: usize = 1;
    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        value
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller says that the number is there.
        unsafe { *from }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller says that the number is there.
        unsafe { *to = self }
    }
    #[inline(always)]
    fn all(self, value: f32) -> Self {
        value
    }
    #[inline(always)]
    fn add(self, by: Self) -> Self {
        self + by
    }
    #[inline(always)]
    fn sub(self, by: Self) -> Self {
        self - by
    }
    #[inline(always)]
    fn mul(self, by: Self) -> Self {
        self * by
    }
    #[inline(always)]
    fn div(self, by: Self) -> Self {
        self / by
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        f32::max(self, other)
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        f32::min(self, other)
    }
    #[inline(always)]
    fn add_product(self, a: Self, b: Self) -> Self {
        self + a * b
    }
    #[inline(always)]
    fn interleave(self, other: Self) -> (Self, Self) {
        (self, other)
    }
    #[inline(always)]
    fn round(self) -> Self {
        libm::rintf(self)
    }
    #[inline(always)]
    fn power_of_two(self) -> Self {
        f32::from_bits(((self as i32 + 127) << 23) as u32)
    }
}
