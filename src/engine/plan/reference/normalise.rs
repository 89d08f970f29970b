//! Group normalisation (Wu & He 2018): `u = (1 + s) (weight xhat + bias) + b`, `xhat = (x - mean) / deviation`.

use super::map::Map;

/// What a normalisation is, apart from its input.
pub(super) struct Norm<'a> {
    pub groups: usize,
    pub eps: f64,
    pub weight: &'a [f64],
    pub bias: &'a [f64],
    /// s and then b of every channel.
    pub modulation: Option<Vec<f64>>,
}

impl Norm<'_> {
    /// Scale and shift of every channel, `u = scale x + shift`: `[2, channels]`.
    pub fn forward(&self, x: &Map) -> Vec<f64> {
        let statistics = self.statistics(x);
        let (mut scales, mut shifts) = (Vec::new(), Vec::new());
        for c in 0..x.channels {
            let [mean, deviation] = statistics[c / (x.channels / self.groups)];
            let (s, b) = self.modulation(c);
            let scale = self.weight[c] / deviation;
            scales.push((1.0 + s) * scale);
            shifts.push((1.0 + s) * (self.bias[c] - mean * scale) + b);
        }
        [scales, shifts].concat()
    }

    /// Mean and deviation of every group.
    fn statistics(&self, x: &Map) -> Vec<[f64; 2]> {
        let of_group = x.channels / self.groups;
        let count = (x.pixels() * of_group) as f64;
        let sum = |group: usize, of: &dyn Fn(f64) -> f64| {
            let pixels = x.values.chunks_exact(x.channels);
            let members = pixels.flat_map(|pixel| &pixel[group * of_group..][..of_group]);
            members.map(|v| of(*v)).sum::<f64>()
        };
        (0..self.groups)
            .map(|group| {
                let mean = sum(group, &|v| v) / count;
                let variance = sum(group, &|v| (v - mean).powi(2)) / count;
                [mean, (variance + self.eps).sqrt()]
            })
            .collect()
    }

    /// s and b of channel `c`.
    fn modulation(&self, c: usize) -> (f64, f64) {
        self.modulation
            .as_ref()
            .map_or((0.0, 0.0), |m| (m[c], m[m.len() / 2 + c]))
    }

    /// The gradients out of that of u.
    #[cfg(feature = "train")]
    pub fn backward(&self, x: &Map, gradient: &Map) -> NormGradients {
        let channels = x.channels;
        let of_group = channels / self.groups;
        let count = (x.pixels() * of_group) as f64;
        let statistics = self.statistics(x);
        let xhat = x.clone().map(|v, c| {
            let [mean, deviation] = statistics[c / of_group];
            (v - mean) / deviation
        });
        // Of xhat.
        let inner = gradient
            .clone()
            .map(|g, c| g * (1.0 + self.modulation(c).0) * self.weight[c]);

        let mut affine = vec![0.0; 2 * channels];
        let mut modulation = vec![0.0; 2 * channels];
        let mut means = vec![[0.0; 2]; self.groups];
        for (i, (g, xhat)) in gradient.values.iter().zip(&xhat.values).enumerate() {
            let c = i % channels;
            let factor = 1.0 + self.modulation(c).0;
            affine[c] += g * factor * xhat;
            affine[channels + c] += g * factor;
            modulation[c] += g * (self.weight[c] * xhat + self.bias[c]);
            modulation[channels + c] += g;
            let [mean, product] = &mut means[c / of_group];
            *mean += inner.values[i] / count;
            *product += inner.values[i] * xhat / count;
        }
        // Mean and deviation depend on x, too.
        let x = Map::make(x.size(), |i, j, c| {
            let [mean, product] = means[c / of_group];
            (inner.at(i, j, c) - mean - xhat.at(i, j, c) * product) / statistics[c / of_group][1]
        });
        NormGradients {
            x,
            affine,
            modulation,
        }
    }
}

/// What [`Norm::backward`] gives.
#[cfg(feature = "train")]
pub(super) struct NormGradients {
    pub x: Map,
    /// Of weight and bias, `[2, channels]`.
    pub affine: Vec<f64>,
    /// Of s and b, `[2, channels]`.
    pub modulation: Vec<f64>,
}
