//! The numbers of the DDIM paper (Song, Meng & Ermon 2021, arXiv 2010.02502) and of DDPM (Ho et al. 2020, arXiv
//! 2006.11239).

/// One row of [`Table1`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// eta as text: a number, or `sigma_hat`.
    pub eta: &'static str,
    /// FID for each S of [`STEPS_1`].
    pub fid: [f64; 5],
}

/// One half of the paper's table 1: FID of 50,000 samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Table1 {
    /// The data set.
    pub data: &'static str,
    /// The rows.
    pub rows: [Row; 5],
}

/// S of [`CIFAR10`] and [`CELEBA`].
pub const STEPS_1: [usize; 5] = [10, 20, 50, 100, 1000];

/// Table 1, CIFAR10 (32×32), tau quadratic: appendix D.2 has it linear for all other data sets.
pub const CIFAR10: Table1 = Table1 {
    data: "CIFAR10",
    rows: [
        row("0", [13.36, 6.84, 4.67, 4.16, 4.04]),
        row("0.2", [14.04, 7.11, 4.77, 4.25, 4.09]),
        row("0.5", [16.66, 8.35, 5.25, 4.46, 4.29]),
        row("1", [41.07, 18.36, 8.01, 5.78, 4.73]),
        row("sigma_hat", [367.43, 133.37, 32.72, 9.99, 3.17]),
    ],
};

/// Table 1, CelebA (64×64), tau linear.
pub const CELEBA: Table1 = Table1 {
    data: "CelebA 64×64",
    rows: [
        row("0", [17.33, 13.73, 9.17, 6.53, 3.51]),
        row("0.2", [17.66, 14.11, 9.51, 6.79, 3.64]),
        row("0.5", [19.86, 16.06, 11.01, 8.09, 4.28]),
        row("1", [33.12, 26.03, 18.48, 13.93, 5.98]),
        row("sigma_hat", [299.71, 183.83, 71.71, 45.20, 3.26]),
    ],
};

const fn row(eta: &'static str, fid: [f64; 5]) -> Row {
    Row { eta, fid }
}

/// S of [`TABLE_2`].
pub const STEPS_2: [usize; 7] = [10, 20, 50, 100, 200, 500, 1000];

/// Table 2: reconstruction error of the CIFAR10 test set, per dimension, images in 0…1.
pub const TABLE_2: [f64; 7] = [0.014, 0.0065, 0.0023, 0.0009, 0.0004, 0.0001, 0.0001];

/// DDPM, section 4: L_T of the CIFAR10 model, bits per dimension.
pub const PRIOR: f64 = 1e-5;

/// DDPM, section 4.3: the sum of all L_{t-1} of the CIFAR10 model, bits per dimension.
pub const RATE: f64 = 1.78;

/// DDPM, section 4.3: L_0 of the CIFAR10 model, bits per dimension.
pub const DISTORTION: f64 = 1.97;

/// DDPM, section 4.3: the root of the mean squared error, on the scale 0…255, that L_0 stands for.
pub const DISTORTION_RMSE: f64 = 0.95;

/// DDPM, table 1: the bound of the CIFAR10 model of L_simple, bits per dimension of test images.
pub const TEST: f64 = 3.75;

/// DDPM, table 1: the same of training images.
pub const TRAIN: f64 = 3.72;

/// One row of [`RATE_DISTORTION`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sent {
    /// The time step of the state that has arrived, counted from 0.
    pub t: usize,
    /// Bits per dimension sent so far.
    pub rate: f64,
    /// Root of the mean squared error of x0_hat, on the scale 0…255.
    pub rmse: f64,
}

/// T of both papers.
pub const CHAIN: usize = 1000;

/// DDPM, table 4: rate and distortion of the CIFAR10 test set, the numbers of figure 5.
pub const RATE_DISTORTION: [Sent; 10] = [
    sent(1000, 1.77581, 0.95136),
    sent(900, 0.11994, 12.02277),
    sent(800, 0.05415, 18.47482),
    sent(700, 0.02866, 24.43656),
    sent(600, 0.01507, 30.80948),
    sent(500, 0.00716, 38.03236),
    sent(400, 0.00282, 46.12765),
    sent(300, 0.00081, 54.18826),
    sent(200, 0.00013, 60.97170),
    sent(100, 0.00000, 67.60125),
];

/// The paper counts the reverse time T - t + 1 with t from 1.
const fn sent(reverse_time: usize, rate: f64, rmse: f64) -> Sent {
    Sent {
        t: CHAIN - reverse_time,
        rate,
        rmse,
    }
}
