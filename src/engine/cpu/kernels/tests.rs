//! Every set of loops that this processor has, against plain loops in f64. Runs natively and in the browser.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::{wasm_bindgen_test as test, wasm_bindgen_test_configure};

use super::lane::MAX_LANES;
use super::product::{Part, Product};
use super::winograd::POSITIONS;
use super::*;
use crate::engine::cpu::geometry::{Planes, vectors};
use crate::engine::cpu::pack::{group, grouped_length};
use crate::noise::gaussian;

#[cfg(target_arch = "wasm32")]
wasm_bindgen_test_configure!(run_in_dedicated_worker);

pub fn random(draw: u32, length: usize) -> Vec<f32> {
    let mut values = vec![0.0; length];
    gaussian(7, 0, draw, &mut values);
    values
}

pub fn assert_close(found: &[f32], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (f64::from(*found) - expected).abs();
        assert!(
            error <= tolerance * (1.0 + expected.abs()),
            "{what}: {found} and {expected} at {i}"
        );
    }
}

/// [`group`] in new memory; rows after the last output are zero.
fn grouped(
    rows: usize,
    outputs: usize,
    depth: usize,
    at: impl Fn(usize, usize) -> f32,
) -> Vec<f32> {
    let mut packed = vec![0.0; grouped_length(rows, outputs, depth)];
    if depth > 0 {
        group(&mut packed, rows, outputs, depth, at);
    }
    packed
}

/// The kernels `[outputs, inputs, 3, 3]` for [`products`].
fn over_tiles(rows: usize, outputs: usize, weight: &[f32]) -> Vec<f32> {
    let inputs = weight.len() / (9 * outputs);
    let kernels: Vec<_> = weight
        .chunks_exact(9)
        .map(super::winograd::kernel)
        .collect();
    (0..POSITIONS)
        .flat_map(|position| {
            grouped(rows, outputs, inputs, |o, k| {
                kernels[o * inputs + k][position]
            })
        })
        .collect()
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
            let places = vectors([rows, columns], pitch, kernels.lanes, [columns, 1], 0).unwrap();
            // SAFETY: x, y and the residual go on for `MAX_LANES` numbers after their planes, which `vectors` lays out
            // within `pitch`; weights are packed in groups of `kernels.rows`, bias and `out` are for `outputs`.
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

/// The three parts of a convolution over tiles, with bias, residual and scale, for even and odd sizes.
#[test]
fn a_convolution_over_tiles_is_the_sum_over_its_kernel() {
    for kernels in Kernels::available() {
        for [rows, columns, inputs, outputs] in [
            [8, 8, 3, 5],
            [7, 5, 6, 12],
            [2, 64, 4, 8],
            [5, 33, 2, 17],
            [1, 1, 1, 1],
        ] {
            let what = format!("{} {rows}x{columns}", kernels.name);
            let size @ [height, width] = [rows, columns];
            let image = random(1, inputs * height * width);
            let weight = random(2, outputs * inputs * 9);
            let bias = random(3, outputs);
            let residual = random(4, outputs * height * width + MAX_LANES);
            let planes = Planes::tiles(size);
            let mut x = vec![0.0; inputs * planes.plane() + MAX_LANES];
            let pixels = || (0..height).flat_map(|y| (0..width).map(move |x| (y, x)));
            for (c, (row, column)) in (0..inputs).flat_map(|c| pixels().map(move |at| (c, at))) {
                let (y, z) = (row + 1, column + 1);
                let place = (2 * (y % 2) + z % 2) * planes.phase() + y / 2 * planes.pitch + z / 2;
                x[c * planes.plane() + place] = image[(c * height + row) * width + column];
            }
            let count = [height.div_ceil(2), width.div_ceil(2)];
            let tiles = vectors(count, planes.pitch, kernels.lanes, [2 * width, 2], 0).unwrap();
            let packed = over_tiles(kernels.rows, outputs, &weight);
            let filled = outputs.next_multiple_of(kernels.rows);
            let step = tiles.len() * inputs * kernels.lanes;
            let sums_step = tiles.len() * filled * kernels.lanes;
            let mut transformed = vec![f32::NAN; POSITIONS * step];
            let mut sums = vec![f32::NAN; POSITIONS * sums_step];
            let mut out = vec![f32::NAN; outputs * height * width];
            let to_tiles = ToTiles {
                x: x.as_ptr(),
                plane: planes.plane(),
                phase: planes.phase(),
                pitch: planes.pitch,
                tiles: transformed.as_mut_ptr(),
                step,
                channels: inputs,
            };
            let products = Products {
                weights: packed.as_ptr(),
                channels: inputs,
                outputs: filled,
                vectors: tiles.len(),
                tiles: transformed.as_ptr(),
                step,
                sums: sums.as_mut_ptr(),
                sums_step,
            };
            let to_pixels = ToPixels {
                sums: sums.as_ptr(),
                step: sums_step,
                outputs: filled,
                bias: bias.as_ptr(),
                out: out.as_mut_ptr(),
                size,
                residual: Some((residual.as_ptr(), height * width)),
                scale: 0.5,
            };
            // SAFETY: x and the residual go on for `MAX_LANES` numbers after their planes, which are those that
            // `Planes` asks for; `transformed` and `sums` have a step for each position, weights are packed for
            // `filled` outputs, bias and `out` are for `outputs`.
            unsafe {
                (kernels.to_tiles)(&to_tiles, 0..inputs, &tiles);
                (kernels.products)(&products, 0..POSITIONS);
                (kernels.to_pixels)(&to_pixels, 0..outputs, &tiles);
            }

            let mut expected = Vec::new();
            for (o, (y, z)) in (0..outputs).flat_map(|o| pixels().map(move |at| (o, at))) {
                let at = (o * height + y) * width + z;
                let mut sum = f64::from(bias[o]) + f64::from(residual[at]);
                for (c, k) in (0..inputs).flat_map(|c| (0..9).map(move |k| (c, k))) {
                    let (y, z) = (y + k / 3, z + k % 3);
                    if y >= 1 && z >= 1 && y <= height && z <= width {
                        let value = image[(c * height + y - 1) * width + z - 1];
                        let weight = weight[(o * inputs + c) * 9 + k];
                        sum += f64::from(weight) * f64::from(value);
                    }
                }
                expected.push(0.5 * sum);
            }
            assert_close(&out, &expected, 4e-6 * (9 * inputs) as f64, &what);
        }
    }
}

#[test]
fn a_linear_layer_adds_to_its_bias() {
    for kernels in Kernels::available() {
        for [inputs, outputs] in [[1, 1], [5, 3], [32, 130]] {
            let x = random(1, inputs);
            let weight = random(2, inputs * outputs + MAX_LANES);
            let bias = random(3, outputs);
            let mut out = bias.clone();
            kernels.single(&x, &weight, &mut out);
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
            kernels.activate(&values, &mut found, 1.5, -0.25, act);
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
            let (m, v) = kernels.moments(&values);
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
        kernels.softmax(&mut found, columns);
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
