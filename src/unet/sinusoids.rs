//! The features of a time step that the time embedding starts from.

/// Longest period of the sinusoids (Vaswani et al. 2017, section 3.5).
const MAX_PERIOD: f64 = 10_000.0;

/// Sinusoids of each time step, `[batch, width]` row by row: diffusers' `get_timestep_embedding`.
///
/// Computed on the host in f32 with the same order of operations, because at t ≈ 1000 the
/// rounding of a frequency moves a sine by 6e-5. An odd width ends with a zero.
pub fn sinusoids(
    timesteps: &[f32],
    width: usize,
    flip_sin_to_cos: bool,
    freq_shift: f64,
) -> Vec<f32> {
    let half = width / 2;
    let denominator = (half as f64 - freq_shift) as f32;
    let mut rows = Vec::with_capacity(timesteps.len() * width);
    for t in timesteps {
        let angle = |i: usize| t * libm::expf(-(MAX_PERIOD.ln() as f32) * i as f32 / denominator);
        let sines = (0..half).map(|i| libm::sinf(angle(i)));
        let cosines = (0..half).map(|i| libm::cosf(angle(i)));
        if flip_sin_to_cos {
            rows.extend(cosines.chain(sines));
        } else {
            rows.extend(sines.chain(cosines));
        }
        rows.extend((2 * half..width).map(|_| 0.0));
    }
    rows
}
