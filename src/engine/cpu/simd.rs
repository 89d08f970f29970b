//! Which vector instructions the processor is to use, where that is not simply the best: for tests and measurements.

use std::fmt;

use super::kernels::Kernels;
use crate::engine::EngineError;

/// A set of vector instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Simd {
    /// 16 numbers at once; some x86 processors.
    Avx512,
    /// 8 numbers at once; x86 processors since 2013.
    Avx2,
    /// 4 numbers at once; ARM processors.
    Neon,
    /// Whatever the compiler makes of plain loops.
    Portable,
}

impl fmt::Display for Simd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::Neon => "neon",
            Self::Portable => "portable",
        })
    }
}

impl Simd {
    /// All of them.
    const ALL: [Self; 4] = [Self::Avx512, Self::Avx2, Self::Neon, Self::Portable];

    /// Those that this processor has, the best first.
    pub fn available() -> Vec<Self> {
        Self::ALL
            .into_iter()
            .filter(|simd| simd.kernels().is_some())
            .collect()
    }

    fn kernels(self) -> Option<Kernels> {
        let name = match self {
            Self::Avx512 => "AVX-512",
            Self::Avx2 => "AVX2",
            Self::Neon => "NEON",
            Self::Portable => "portable",
        };
        let mut sets = Kernels::available().into_iter();
        sets.find(|set| set.name == name)
    }
}

impl Kernels {
    /// Those of `simd`; without it the best that this processor can run.
    ///
    /// # Errors
    /// [`EngineError::Simd`] when the processor does not have it.
    pub fn of(simd: Option<Simd>) -> Result<Self, EngineError> {
        match simd {
            None => Ok(Self::best()),
            Some(simd) => simd.kernels().ok_or_else(|| {
                let available: Vec<String> =
                    Simd::available().iter().map(Simd::to_string).collect();
                EngineError::Simd {
                    wanted: simd,
                    available: available.join(", "),
                }
            }),
        }
    }
}
