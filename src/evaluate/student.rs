//! Student's t distribution (Student 1908).

use std::f64::consts::FRAC_2_PI;

/// Halvings of the interval that a quantile is searched in: as many as f64 can tell apart.
const HALVINGS: usize = 200;

/// How probable it is that |t| is at most `t` (not below 0) with `freedom` degrees of freedom, at least 1: the finite
/// series of Abramowitz & Stegun 1964, 26.7.3 and 26.7.4.
pub fn within(t: f64, freedom: usize) -> f64 {
    let (sine, cosine) = (t / (freedom as f64).sqrt()).atan().sin_cos();
    let odd = freedom % 2 == 1;
    let mut term = if odd { cosine } else { 1.0 };
    let mut sum = if freedom == 1 { 0.0 } else { term };
    for k in (2 + usize::from(odd)..freedom).step_by(2) {
        term *= cosine * cosine * (k - 1) as f64 / k as f64;
        sum += term;
    }
    if odd {
        FRAC_2_PI * ((t / (freedom as f64).sqrt()).atan() + sine * sum)
    } else {
        sine * sum
    }
}

/// The t that |t| exceeds with probability `level`, in 0…1 but neither end.
pub fn two_sided(level: f64, freedom: usize) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while 1.0 - within(high, freedom) > level && high < f64::MAX / 2.0 {
        high *= 2.0;
    }
    for _ in 0..HALVINGS {
        let middle = (low + high) / 2.0;
        if 1.0 - within(middle, freedom) > level {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}
