//! AVX2 with FMA, and AVX-512.

use std::arch::x86_64::*;

use super::lane::{Lane, lane};

const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;

lane! {
    /// Eight numbers: AVX2 with FMA.
    Avx2(__m256) of 8, _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps;
    interleave(x, other) = {
        let (low, high) = (_mm256_unpacklo_ps(x, other), _mm256_unpackhi_ps(x, other));
        (
            _mm256_permute2f128_ps::<0x20>(low, high),
            _mm256_permute2f128_ps::<0x31>(low, high),
        )
    };
    add(x, by) = _mm256_add_ps(x, by);
    sub(x, by) = _mm256_sub_ps(x, by);
    mul(x, by) = _mm256_mul_ps(x, by);
    div(x, by) = _mm256_div_ps(x, by);
    max(x, other) = _mm256_max_ps(x, other);
    min(x, other) = _mm256_min_ps(x, other);
    add_product(x, a, b) = _mm256_fmadd_ps(a, b, x);
    round(x) = _mm256_round_ps::<NEAREST>(x);
    power_of_two(x) = {
        let biased = _mm256_add_epi32(_mm256_cvtps_epi32(x), _mm256_set1_epi32(127));
        _mm256_castsi256_ps(_mm256_slli_epi32::<23>(biased))
    };
}

lane! {
    /// Sixteen numbers: the foundation of AVX-512.
    Avx512(__m512) of 16, _mm512_set1_ps, _mm512_loadu_ps, _mm512_storeu_ps;
    interleave(x, other) = {
        let low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        let high = _mm512_add_epi32(low, _mm512_set1_epi32(8));
        (
            _mm512_permutex2var_ps(x, low, other),
            _mm512_permutex2var_ps(x, high, other),
        )
    };
    add(x, by) = _mm512_add_ps(x, by);
    sub(x, by) = _mm512_sub_ps(x, by);
    mul(x, by) = _mm512_mul_ps(x, by);
    div(x, by) = _mm512_div_ps(x, by);
    max(x, other) = _mm512_max_ps(x, other);
    min(x, other) = _mm512_min_ps(x, other);
    add_product(x, a, b) = _mm512_fmadd_ps(a, b, x);
    round(x) = _mm512_roundscale_ps::<NEAREST>(x);
    power_of_two(x) = {
        let biased = _mm512_add_epi32(_mm512_cvtps_epi32(x), _mm512_set1_epi32(127));
        _mm512_castsi512_ps(_mm512_slli_epi32::<23>(biased))
    };
}
