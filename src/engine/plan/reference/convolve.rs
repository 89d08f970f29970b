//! Convolution: `output[o][p] = Σ_i Σ_tap weight[o][i][tap] x[i][stride p + tap - padding]`.

use super::map::Map;

/// What a convolution is, apart from its input and its weights.
#[derive(Clone, Copy)]
pub(super) struct Geometry {
    pub kernel: usize,
    pub stride: usize,
    pub padding: usize,
}

impl Geometry {
    /// Kernel 1.
    pub const POINT: Self = Self {
        kernel: 1,
        stride: 1,
        padding: 0,
    };

    /// The pixel of `x` that `tap` = `[row, column]` of the kernel meets at the output's `(y, x)`.
    fn meets<'a>(
        &self,
        x: &'a Map,
        [row, column]: [usize; 2],
        at: [usize; 2],
    ) -> Option<&'a [f64]> {
        let row = (at[0] * self.stride + row).checked_sub(self.padding)?;
        let column = (at[1] * self.stride + column).checked_sub(self.padding)?;
        (row < x.height && column < x.width).then(|| x.pixel(row, column))
    }

    fn taps(&self) -> impl Iterator<Item = [usize; 2]> + use<> {
        let kernel = self.kernel;
        (0..kernel).flat_map(move |row| (0..kernel).map(move |column| [row, column]))
    }

    /// `weight`: `[outputs, inputs, kernel, kernel]`; `size`: of the output.
    pub fn forward(&self, x: &Map, weight: &[f64], size: [usize; 3]) -> Map {
        let (inputs, outputs) = (x.channels, size[2]);
        let taps = self.kernel * self.kernel;
        assert_eq!(weight.len(), outputs * inputs * taps);
        // [kernel, kernel, inputs, outputs], so that the innermost loop goes on in memory.
        let mut turned = vec![0.0; weight.len()];
        for (i, kernel) in weight.chunks_exact(taps).enumerate() {
            let (o, c) = (i / inputs, i % inputs);
            for (tap, w) in kernel.iter().enumerate() {
                turned[(tap * inputs + c) * outputs + o] = *w;
            }
        }
        let mut output = Map::zeros(size);
        for (i, sums) in output.values.chunks_exact_mut(outputs).enumerate() {
            let at = [i / size[1], i % size[1]];
            for (tap, weights) in self.taps().zip(turned.chunks_exact(inputs * outputs)) {
                let Some(pixel) = self.meets(x, tap, at) else {
                    continue;
                };
                for (v, weights) in pixel.iter().zip(weights.chunks_exact(outputs)) {
                    for (sum, w) in sums.iter_mut().zip(weights) {
                        *sum += w * v;
                    }
                }
            }
        }
        output
    }

    /// Adds `Σ_p gradient[o][p] x[i][stride p + tap - padding]` to `weight[o][i][tap]`.
    #[cfg(feature = "train")]
    pub fn weight_gradient(&self, x: &Map, gradient: &Map, weight: &mut [f64]) {
        let (inputs, outputs) = (x.channels, gradient.channels);
        let taps = self.kernel * self.kernel;
        assert_eq!(weight.len(), outputs * inputs * taps);
        // [kernel, kernel, outputs, inputs]
        let mut turned = vec![0.0; weight.len()];
        for (i, gradients) in gradient.values.chunks_exact(outputs).enumerate() {
            let at = [i / gradient.width, i % gradient.width];
            for (tap, weights) in self.taps().zip(turned.chunks_exact_mut(inputs * outputs)) {
                let Some(pixel) = self.meets(x, tap, at) else {
                    continue;
                };
                for (g, weights) in gradients.iter().zip(weights.chunks_exact_mut(inputs)) {
                    for (w, v) in weights.iter_mut().zip(pixel) {
                        *w += g * v;
                    }
                }
            }
        }
        for (i, kernel) in weight.chunks_exact_mut(taps).enumerate() {
            let (o, c) = (i / inputs, i % inputs);
            for (tap, w) in kernel.iter_mut().enumerate() {
                *w += turned[(tap * outputs + o) * inputs + c];
            }
        }
    }
}

/// Weights `[outputs, inputs, kernel, kernel]` as `[inputs, outputs, kernel, kernel]` with the kernels turned by half a
/// circle: with stride 1, the gradient of a convolution's input is the convolution of its output's gradient with them.
pub(super) fn transposed(weight: &[f64], inputs: usize, kernel: usize) -> Vec<f64> {
    let taps = kernel * kernel;
    let outputs = weight.len() / (inputs * taps);
    let mut turned = vec![0.0; weight.len()];
    for (i, kernel) in weight.chunks_exact(taps).enumerate() {
        let (o, c) = (i / inputs, i % inputs);
        let to = &mut turned[(c * outputs + o) * taps..][..taps];
        to.iter_mut().rev().zip(kernel).for_each(|(to, w)| *to = *w);
    }
    turned
}
