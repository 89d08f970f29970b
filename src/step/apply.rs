//! The three lines of a step on the host, for engines whose numbers are there.

use super::{EpsFrom, StepCoefficients};

impl StepCoefficients {
    /// Moves `x_t`, `images` pictures one after the other, along this step, and puts the prediction of x_0 into `x0_hat`.
    /// `out` is what the network made of x_t and `z` fresh noise, both as long as x_t:
    ///
    /// ```text
    /// x0_hat = clip(p x_t + q out)      eps = r x_t + s (out or x0_hat)      x_t = a x0_hat + b eps + sigma z
    /// ```
    pub fn apply(
        &self,
        images: usize,
        x_t: &mut [f32],
        x0_hat: &mut [f32],
        out: &[f32],
        z: Option<&[f32]>,
    ) {
        let [p, q, r, s, a, b, sigma] =
            [self.p, self.q, self.r, self.s, self.a, self.b, self.sigma]
                .map(|scalar| scalar as f32);
        for ((x0_hat, x), out) in x0_hat.iter_mut().zip(x_t.iter()).zip(out) {
            *x0_hat = p * x + q * out;
        }
        let image = x0_hat.len() / images.max(1);
        for pixels in x0_hat.chunks_exact_mut(image.max(1)) {
            self.clip.apply(pixels);
        }
        let source: &[f32] = match self.eps_from {
            EpsFrom::Out => out,
            EpsFrom::X0Hat => x0_hat,
        };
        for ((x, x0_hat), source) in x_t.iter_mut().zip(x0_hat.iter()).zip(source) {
            let eps = r * *x + s * source;
            *x = a * x0_hat + b * eps;
        }
        if let Some(z) = z {
            for (x, z) in x_t.iter_mut().zip(z) {
                *x += sigma * z;
            }
        }
    }
}
