//! How often training sees each time step: the more it weighs, the more often.

/// The share of the draws that is spread evenly, so that no factor is above 1 / `EVEN`.
const EVEN: f64 = 0.1;

/// The distribution that time steps are drawn from: that of the square roots of what errors of v weigh, and a little of
/// the even one.
///
/// Importance sampling (Nichol & Dhariwal 2021, section 3.3): what is minimised stays the mean over all time steps with
/// their weights, for each error is divided by how much more often than evenly its time step is drawn. It only stops
/// spending half of a batch on errors that weigh next to nothing. The root, because errors are larger where min-SNR
/// weighs them less; of v, whatever the network predicts, because errors of x_0 are smaller where they weigh most. What
/// came out by other weights is in `docs/training.md`.
#[derive(Debug, Clone)]
pub struct Draw {
    /// Where the stretch of each time step ends in 0…1.
    ends: Vec<f64>,
    /// What its errors are multiplied by.
    factors: Vec<f64>,
}

impl Draw {
    /// For time steps at which an error of v has these weights; even where that cannot be told, as where all are 0. There
    /// is at least one, and none is below 0.
    pub fn new(weights: &[f64]) -> Self {
        let steps = weights.len() as f64;
        let mean = weights.iter().map(|weight| weight.sqrt()).sum::<f64>() / steps;
        // How much more often than evenly.
        let often = |weight: &f64| {
            if mean.is_normal() {
                EVEN + (1.0 - EVEN) * (weight.sqrt() / mean)
            } else {
                1.0
            }
        };
        let often: Vec<f64> = weights.iter().map(often).collect();
        let mut end = 0.0;
        let stretch = |often: &f64| {
            end += often / steps;
            end
        };
        Self {
            ends: often.iter().map(stretch).collect(),
            factors: often.iter().map(|often| often.recip()).collect(),
        }
    }

    /// The time step that `place`, evenly distributed in `[0, 1)`, stands for.
    pub fn timestep(&self, place: f64) -> usize {
        let t = self.ends.partition_point(|end| *end <= place);
        t.min(self.ends.len() - 1)
    }

    /// What an error at time step `t` is multiplied by: 1 / (T p(t)).
    ///
    /// # Panics
    /// When `t` is not below T.
    pub fn factor(&self, t: usize) -> f64 {
        self.factors[t]
    }
}
