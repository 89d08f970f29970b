//! Least squares: a straight line through points (figure 4 of the DDIM paper is one).

/// `y = slope x + intercept`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// Rise per unit of x.
    pub slope: f64,
    /// y at x = 0.
    pub intercept: f64,
    /// The share of y's variance that the line explains; 1 where all y are equal.
    pub r_squared: f64,
}

impl Line {
    /// The line with the least sum of squared errors; `None` without two different x.
    pub fn through(points: &[(f64, f64)]) -> Option<Self> {
        let count = points.len() as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
        let (x, y) = (mean(|p| p.0), mean(|p| p.1));
        let product = |of: &dyn Fn(f64, f64) -> f64| -> f64 {
            points.iter().map(|p| of(p.0 - x, p.1 - y)).sum()
        };
        let (xx, xy, yy) = (
            product(&|dx, _| dx * dx),
            product(&|dx, dy| dx * dy),
            product(&|_, dy| dy * dy),
        );
        (xx > 0.0).then(|| Self {
            slope: xy / xx,
            intercept: y - xy / xx * x,
            r_squared: if yy > 0.0 { xy * xy / (xx * yy) } else { 1.0 },
        })
    }
}

/// The middle one of `values` (not empty), or the mean of the middle two.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (below, above) = ((sorted.len() - 1) / 2, sorted.len() / 2);
    (sorted[below] + sorted[above]) / 2.0
}

/// Mean of `values` (not empty) and its standard error; the error of a single value is unknown.
pub fn mean_and_error(values: &[f64]) -> (f64, Option<f64>) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
    let error = (values.len() > 1).then(|| (squares / (count - 1.0) / count).sqrt());
    (mean, error)
}
