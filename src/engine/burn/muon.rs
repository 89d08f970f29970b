//! Muon (Jordan et al. 2024) over one flat tensor.

use burn::tensor::Tensor;

use crate::engine::optimizer::{LEAST, MOMENTUM, POLYNOMIAL, TIMES, rate};

/// `value`, `[rows · columns]`, after a step along `gradient`; `momentum` is that of the steps before, and after this one.
pub fn step(
    lr: f64,
    shape: [usize; 2],
    value: Tensor<1>,
    gradient: Tensor<1>,
    momentum: &mut Tensor<1>,
) -> Tensor<1> {
    let mixed = |old: Tensor<1>| old * MOMENTUM + gradient.clone() * (1.0 - MOMENTUM);
    *momentum = mixed(momentum.clone());
    let change = orthogonal(mixed(momentum.clone()).reshape(shape));
    let [length] = value.dims();
    value - change.reshape([length]) * (lr * rate(shape))
}

/// All singular values made about 1.
fn orthogonal(x: Tensor<2>) -> Tensor<2> {
    let [rows, columns] = x.dims();
    if rows > columns {
        return orthogonal(x.transpose()).transpose();
    }
    let [a, b, c] = POLYNOMIAL;
    let norm = x.clone().square().sum().sqrt().clamp_min(LEAST);
    let mut x = x / norm.reshape([1, 1]);
    for _ in 0..TIMES {
        let gram = x.clone().matmul(x.clone().transpose());
        let factor = gram.clone() * b + gram.clone().matmul(gram) * c;
        x = x.clone() * a + factor.matmul(x);
    }
    x
}
