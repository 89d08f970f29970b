//! Every set of loops that this processor has, against plain loops in f64.

use super::product::{MAX_LANES, Part, Product};
use super::*;
use crate::engine::cpu::geometry::vectors;
use crate::engine::cpu::pack::grouped;
use crate::noise::gaussian;

fn random(draw: u32, length: usize) -> Vec<f32> {
    let mut values = vec![0.0; length];
    gaussian(7, 0, draw, &mut values);
    values
}

fn assert_close(found: &[f32], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (f64::from(*found) - expected).abs();
        assert!(
            error <= tolerance * (1.0 + expected.abs()),
            "{what}: {found} and {expected} at {i}"
        );
    }
}

/// A 3×3 convolution and the 1×1 convolution of a second input, bias, residual and scale.
#[test]
fn a_product_is_the_sum_that_it_says() {
    for kernels in Kernels::available() {
        for [rows, columns, inputs, more, outputs] in [
            [4, 4, 3, 2, 5],
            [7, 5, 6, 1, 12],
            [8, 16, 4, 4, 8],
            [3, 33, 2, 3, 17],
            [1, 1, 1, 1, 1],
        ] {
            let what = format!("{} {rows}x{columns}", kernels.name);
            let pitch = columns + 1;
            let plane = (rows + 2) * pitch + 1;
            let x = random(1, inputs * plane + MAX_LANES);
            let y = random(2, more * plane + MAX_LANES);
            let depth = 9 * inputs + more;
            let weight = random(3, outputs * depth);
            let packed = grouped(kernels.rows, outputs, depth, |o, k| weight[o * depth + k]);
            let bias = random(4, outputs);
            let pixels = rows * columns;
            let residual = random(5, outputs * pixels + MAX_LANES);
            let taps: Vec<usize> = (0..9).map(|i| i / 3 * pitch + i % 3).collect();
            let mut out = vec![f32::NAN; outputs * pixels];
            let product = Product {
                parts: &[
                    Part {
                        x: x.as_ptr(),
                        plane,
                        channels: inputs,
                        taps: &taps,
                    },
                    Part {
                        x: y.as_ptr(),
                        plane,
                        channels: more,
                        taps: &[pitch + 1],
                    },
                ],
                weights: packed.as_ptr(),
                depth,
                bias: bias.as_ptr(),
                out: out.as_mut_ptr(),
                out_plane: pixels,
                out_step: 1,
                residual: Some((residual.as_ptr(), pixels)),
                scale: 0.5,
            };
            let places = vectors([rows, columns], pitch, kernels.lanes, [columns, 1], 0);
            // SAFETY: the set is available, and all planes have room behind them.
            unsafe { (kernels.product)(&product, 0..outputs, &places) };

            let mut expected = Vec::new();
            for o in 0..outputs {
                for at in 0..pixels {
                    let start = at / columns * pitch + at % columns;
                    let mut sum = f64::from(bias[o]) + f64::from(residual[o * pixels + at]);
                    for k in 0..depth {
                        let value = if k < 9 * inputs {
                            x[k % inputs * plane + start + taps[k / inputs]]
                        } else {
                            y[(k - 9 * inputs) * plane + start + pitch + 1]
                        };
                        sum += f64::from(weight[o * depth + k]) * f64::from(value);
                    }
                    expected.push(0.5 * sum);
                }
            }
            assert_close(&out, &expected, 2e-6 * depth as f64, &what);
        }
    }
}

#[test]
fn a_linear_layer_adds_to_its_bias() {
    for kernels in Kernels::available() {
        for [inputs, outputs] in [[1, 1], [5, 3], [32, 130]] {
            let x = random(1, inputs);
            let weight = random(2, inputs * outputs + 4 * MAX_LANES);
            let bias = random(3, outputs);
            let mut out = bias.clone();
            // SAFETY: the set is available, and the weights have room behind them.
            unsafe { (kernels.single)(&x, weight.as_ptr(), outputs, &mut out, 0) };
            let sum = |o: usize| {
                let products =
                    (0..inputs).map(|k| f64::from(x[k]) * f64::from(weight[k * outputs + o]));
                f64::from(bias[o]) + products.sum::<f64>()
            };
            let expected: Vec<f64> = (0..outputs).map(sum).collect();
            assert_close(&out, &expected, 1e-5, kernels.name);
        }
    }
}

#[test]
fn activations_are_exact_to_a_few_units_in_the_last_place() {
    let values: Vec<f32> = (-2000..=2000).map(|i| i as f32 * 0.05).collect();
    for kernels in Kernels::available() {
        for act in [
            None,
            Some(Activation::Silu),
            Some(Activation::Relu),
            Some(Activation::Gelu),
            Some(Activation::Mish),
        ] {
            let mut found = vec![0.0; values.len()];
            // SAFETY: the set is available.
            unsafe { (kernels.activate)(&values, &mut found, 1.5, -0.25, act) };
            let expected: Vec<f64> = values
                .iter()
                .map(|x| {
                    let x = f64::from(*x) * 1.5 - 0.25;
                    match act {
                        None => x,
                        Some(Activation::Silu) => x / (1.0 + (-x).exp()),
                        Some(Activation::Relu) => x.max(0.0),
                        Some(Activation::Gelu) => {
                            0.5 * x * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
                        }
                        Some(Activation::Mish) => x * x.exp().ln_1p().tanh(),
                    }
                })
                .map(|y| if y.is_finite() { y } else { 0.0 })
                .collect();
            let finite: Vec<f32> = found
                .iter()
                .map(|y| if y.is_finite() { *y } else { 0.0 })
                .collect();
            assert_eq!(finite, found, "{} {act:?}", kernels.name);
            assert_close(
                &found,
                &expected,
                1e-6,
                &format!("{} {act:?}", kernels.name),
            );
        }
    }
}

#[test]
fn moments_survive_a_mean_that_dwarfs_the_spread() {
    for kernels in Kernels::available() {
        for length in [1, 7, 64, 10_001] {
            let values: Vec<f32> = random(1, length).iter().map(|v| 1000.0 + v).collect();
            let exact: Vec<f64> = values.iter().map(|v| f64::from(*v)).collect();
            let mean = exact.iter().sum::<f64>() / length as f64;
            let variance = exact.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / length as f64;
            // SAFETY: the set is available.
            let (m, v) = unsafe { (kernels.moments)(&values) };
            assert!(
                (m - mean).abs() < 1e-6 * mean,
                "{}: {m} and {mean}",
                kernels.name
            );
            assert!(
                (v - variance).abs() < 1e-5 * (1.0 + variance),
                "{}: {v} and {variance}",
                kernels.name
            );
        }
    }
}

#[test]
fn softmax_sums_to_one_down_every_column() {
    for kernels in Kernels::available() {
        let (rows, columns) = (37, 3 * MAX_LANES);
        let scores: Vec<f32> = random(1, rows * columns).iter().map(|v| 30.0 * v).collect();
        let mut found = scores.clone();
        // SAFETY: the set is available, and the columns are whole vectors.
        unsafe { (kernels.softmax)(&mut found, columns) };
        let exp = |at: usize| f64::from(scores[at]).exp();
        let expected: Vec<f64> = (0..rows * columns)
            .map(|at| {
                exp(at)
                    / (0..rows)
                        .map(|row| exp(row * columns + at % columns))
                        .sum::<f64>()
            })
            .collect();
        assert_close(&found, &expected, 1e-6, kernels.name);
    }
}
