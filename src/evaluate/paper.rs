//! The numbers of the DDIM paper (Song, Meng & Ermon 2021, arXiv 2010.02502), CIFAR10.

/// One row of [`TABLE_1`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// eta as text: a number, or `sigma_hat`.
    pub eta: &'static str,
    /// FID for each S of [`STEPS_1`].
    pub fid: [f64; 5],
}

/// S of [`TABLE_1`].
pub const STEPS_1: [usize; 5] = [10, 20, 50, 100, 1000];

/// Table 1: FID of 50,000 samples of the CIFAR10 model, tau quadratic.
pub const TABLE_1: [Row; 5] = [
    Row {
        eta: "0",
        fid: [13.36, 6.84, 4.67, 4.16, 4.04],
    },
    Row {
        eta: "0.2",
        fid: [14.04, 7.11, 4.77, 4.25, 4.09],
    },
    Row {
        eta: "0.5",
        fid: [16.66, 8.35, 5.25, 4.46, 4.29],
    },
    Row {
        eta: "1",
        fid: [41.07, 18.36, 8.01, 5.78, 4.73],
    },
    Row {
        eta: "sigma_hat",
        fid: [367.43, 133.37, 32.72, 9.99, 3.17],
    },
];

/// S of [`TABLE_2`].
pub const STEPS_2: [usize; 7] = [10, 20, 50, 100, 200, 500, 1000];

/// Table 2: reconstruction error of the CIFAR10 test set, per dimension, images in 0…1.
pub const TABLE_2: [f64; 7] = [0.014, 0.0065, 0.0023, 0.0009, 0.0004, 0.0001, 0.0001];

/// DDPM (Ho et al. 2020), section 4.3: the sum of all L_{t-1} of the CIFAR10 model, bits per dimension.
pub const RATE: f64 = 1.78;

/// DDPM (Ho et al. 2020), section 4.3: L_0 of the CIFAR10 model, bits per dimension.
pub const DISTORTION: f64 = 1.97;
