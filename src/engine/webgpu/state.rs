//! The numbers of a batch on the device that stay from step to step.

use crate::step::{Clip, EpsFrom, StepCoefficients};

/// What a batch's buffer holds, one after the other: scalars of the step, one factor per image, the timestep's features
/// of every image, labels, x_t, x0_hat, noise. Images are row-major `[channels, height, width]`. Places are counted in
/// numbers, all of them f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Images.
    pub batch: usize,
    /// Channels of x_t.
    pub inputs: usize,
    /// Channels of the network's output and of x0_hat.
    pub outputs: usize,
    /// Height times width.
    pub pixels: usize,
    /// Features of one image's timestep, a multiple of four.
    pub features: usize,
}

/// Room for the scalars of a step.
const HEAD: usize = 16;

impl Shape {
    /// q of every image.
    pub fn factors(self) -> usize {
        HEAD
    }

    /// What the network is told about t.
    pub fn features(self) -> usize {
        self.factors() + self.batch
    }

    /// The class of every image.
    pub fn labels(self) -> usize {
        self.features() + self.batch * self.features
    }

    /// x_t.
    pub fn x_t(self) -> usize {
        self.labels() + self.batch
    }

    /// x0_hat.
    pub fn x0_hat(self) -> usize {
        self.x_t() + self.input()
    }

    /// z.
    pub fn noise(self) -> usize {
        self.x0_hat() + self.output()
    }

    /// All of it.
    pub fn len(self) -> usize {
        self.noise() + self.input()
    }

    /// Numbers in x_t.
    pub fn input(self) -> usize {
        self.batch * self.inputs * self.pixels
    }

    /// Numbers in x0_hat.
    pub fn output(self) -> usize {
        self.batch * self.outputs * self.pixels
    }
}

/// What the step's kernel does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// x0_hat out of the network's output, and x_t moved on.
    Whole,
    /// x0_hat out of the network's output, to be thresholded on the host.
    Predict,
    /// x_t moved on with the x0_hat that is there.
    Move,
}

impl Shape {
    /// What changes with every step, to be written at the state's beginning: `scalars` and every image's features.
    pub fn head(self, mut scalars: Vec<f32>, features: &[Vec<f32>]) -> Vec<f32> {
        for features in features {
            let end = scalars.len() + self.features;
            scalars.extend_from_slice(features);
            scalars.resize(end, 0.0);
        }
        scalars
    }
}

/// The scalars of a step as kernels/step.wgsl reads them: the head of the state and one factor per image.
pub fn scalars(c: &StepCoefficients, divisors: &[f32], noisy: bool, part: Part) -> Vec<f32> {
    // 0 is no limit.
    let limit = match c.clip {
        Clip::Range(range) => range,
        Clip::None | Clip::Dynamic { .. } => 0.0,
    };
    let flag = |holds: bool| f64::from(u8::from(holds));
    let head = [
        c.p,
        limit,
        c.r,
        c.s,
        flag(c.eps_from == EpsFrom::X0Hat),
        c.a,
        c.b,
        if noisy { c.sigma } else { 0.0 },
        flag(part != Part::Move),
        flag(part != Part::Predict),
    ];
    let mut numbers = head.map(|scalar| scalar as f32).to_vec();
    numbers.resize(HEAD, 0.0);
    numbers.extend(divisors.iter().map(|divisor| c.q as f32 / divisor));
    numbers
}
