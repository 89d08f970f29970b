//! Figure 5 of the DDIM paper in numbers: from one x_T, do different numbers of steps give the same image?

/// Euclidean distance of two images' features.
fn distance(a: &[f32], b: &[f32]) -> f64 {
    let squares = a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2));
    squares.sum::<f64>().sqrt()
}

/// The distance of each row of `a` from the same row of `b`, both `[images, dimension]`.
pub fn same_noise(a: &[Vec<f32>], b: &[Vec<f32>]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| distance(a, b)).collect()
}

/// The mean distance of all pairs of different rows of `features`; `None` for fewer than two.
pub fn different_noise(features: &[Vec<f32>]) -> Option<f64> {
    let pairs = features
        .iter()
        .enumerate()
        .flat_map(|(i, a)| features[..i].iter().map(move |b| distance(a, b)));
    let (sum, count) = pairs.fold((0.0, 0), |(sum, count), d| (sum + d, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}
