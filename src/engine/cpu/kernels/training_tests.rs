//! The loops of gradients, every set that this processor has, against plain loops in f64. Runs natively and in the
//! browser.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::gradient::{Outer, Run, Spread, TileRow};
use super::lane::MAX_LANES;
use super::matrix::Times;
use super::slope::{Finish, Slope};
use super::tests::{assert_close, random};
use super::tiles::{Collect, Panel, ToPixels};
use super::winograd::{self, POSITIONS};
use super::*;

/// `[channels][pixels]` as `[vectors][pixels][lanes]`.
fn spread(kernels: &Kernels, planes: &[f32], channels: usize, size: [usize; 2]) -> Vec<f32> {
    let (lanes, pixels) = (kernels.lanes, size[0] * size[1]);
    let mut to = vec![f32::NAN; channels.next_multiple_of(lanes) * pixels];
    for (vector, first) in (0..channels).step_by(lanes).enumerate() {
        let spread = Spread {
            from: planes[first * pixels..].as_ptr(),
            plane: pixels,
            channels: lanes.min(channels - first),
            size,
            to: to[vector * pixels * lanes..].as_mut_ptr(),
            row: size[1] * lanes,
            column: lanes,
        };
        // SAFETY: there is a plane for each channel and a vector behind, and room for all pixels.
        unsafe { (kernels.training.spread)(&spread) };
    }
    to
}

#[test]
fn planes_become_pixels_and_planes_again() {
    for kernels in Kernels::available() {
        let lanes = kernels.lanes;
        for (channels, size) in [(1, [1, 1]), (5, [3, 7]), (16, [4, 4]), (19, [5, 5])] {
            let pixels = size[0] * size[1];
            let planes = random(1, channels * pixels + MAX_LANES);
            let spread = spread(&kernels, &planes, channels, size);
            let (bias, residual) = (random(2, channels), random(3, channels * pixels));
            let mut found = vec![f32::NAN; channels * pixels];
            for (vector, first) in (0..channels).step_by(lanes).enumerate() {
                for c in first..channels.min(first + lanes) {
                    for p in 0..pixels {
                        let at = (vector * pixels + p) * lanes + c - first;
                        assert_eq!(spread[at], planes[c * pixels + p], "{}", kernels.name);
                    }
                }
                let collect = Collect {
                    from: spread[vector * pixels * lanes..].as_ptr(),
                    row: size[1] * lanes,
                    size,
                    to: found[first * pixels..].as_mut_ptr(),
                    plane: pixels,
                    channels: lanes.min(channels - first),
                    bias: bias[first..].as_ptr(),
                    residual: Some((residual[first * pixels..].as_ptr(), pixels)),
                    scale: 0.5,
                };
                // SAFETY: all planes and pixels are there.
                unsafe { (kernels.training.collect)(&collect) };
            }
            let expected = |i: usize| {
                let sum = planes[i] + bias[i / pixels] + residual[i];
                f64::from(sum) * 0.5
            };
            let expected: Vec<f64> = (0..channels * pixels).map(expected).collect();
            assert_close(&found, &expected, 1e-6, kernels.name);
        }
    }
}

#[test]
fn an_outer_product_is_the_sum_over_its_runs() {
    for kernels in Kernels::available() {
        let lanes = kernels.lanes;
        let (inputs, outputs, pixels) = (3 * lanes, 2 * lanes, 11);
        let (x, y) = (random(1, inputs * pixels), random(2, outputs * pixels));
        let runs = [(0, 4), (6, 5)].map(|(first, count)| Run {
            x: first * lanes,
            y: first * lanes,
            count,
        });
        let mut found = random(3, inputs * outputs);
        let before = found.clone();
        let outer = Outer {
            x: x.as_ptr(),
            x_vector: pixels * lanes,
            x_step: lanes,
            y: y.as_ptr(),
            y_vector: pixels * lanes,
            y_step: lanes,
            runs: &runs,
            to: found.as_mut_ptr(),
            to_vector: outputs * lanes,
            add: true,
        };
        // SAFETY: outputs are whole vectors, and all pixels are there.
        unsafe { (kernels.training.outer)(&outer, 0..outputs, 0..3) };
        let at = |numbers: &[f32], c: usize, p: usize| {
            f64::from(numbers[(c / lanes * pixels + p) * lanes + c % lanes])
        };
        let expected = |i: usize| {
            let (vector, o, lane) = (i / (outputs * lanes), i / lanes % outputs, i % lanes);
            let terms = (0..4).chain(6..11);
            let sum: f64 = terms
                .map(|p| at(&y, o, p) * at(&x, vector * lanes + lane, p))
                .sum();
            f64::from(before[i]) + sum
        };
        let expected: Vec<f64> = (0..found.len()).map(expected).collect();
        assert_close(&found, &expected, 1e-5, kernels.name);
    }
}

/// A 3×3 convolution over tiles with channels in a vector, and the gradient of its kernel, on one row of tiles.
#[test]
fn tiles_make_a_convolution_and_the_gradient_of_its_kernel() {
    for kernels in Kernels::available() {
        let (lanes, training) = (kernels.lanes, kernels.training);
        let (columns, count) = (10, 4);
        let room = count * training.tiles * lanes;
        let x = random(1, 4 * columns * lanes);
        let y = random(2, 2 * 2 * count * lanes);
        let weight = random(3, lanes * lanes * 9);
        let places: Vec<usize> = (0..count).map(|tile| 2 * tile * lanes).collect();
        // `[input][lane of output]` at each position.
        let position = lanes * lanes;
        let mut packed = vec![0.0; POSITIONS * position];
        for i in 0..lanes {
            let mut taps = vec![0.0; 9 * lanes];
            for (o, tap) in (0..lanes).flat_map(|o| (0..9).map(move |tap| (o, tap))) {
                taps[tap * lanes + o] = weight[(o * lanes + i) * 9 + tap];
            }
            let to = packed[i * lanes..].as_mut_ptr();
            // SAFETY: nine vectors, and 16 places.
            unsafe { (training.kernels)(taps.as_ptr(), to, position) };
        }
        let mut sums = vec![0.0; POSITIONS * room];
        let mut gradients = vec![0.0; POSITIONS * position];
        for row in 0..4 {
            let (mut xs, mut ys) = (vec![0.0; 4 * room], vec![0.0; 4 * room]);
            let tile_row = |from: &[f32], columns: usize, to: &mut [f32]| TileRow {
                from: from.as_ptr(),
                vector: 0,
                pitch: columns * lanes,
                to: to.as_mut_ptr(),
                to_vector: 0,
                to_position: room,
            };
            let (of_x, of_y) = (
                tile_row(&x, columns, &mut xs),
                tile_row(&y, 2 * count, &mut ys),
            );
            // SAFETY: 4×4 and 2×2 pixels are there for every tile, and room for all of them, up to whole groups.
            unsafe {
                (training.source_tiles)(&of_x, row, 0..1, &places);
                (training.gradient_tiles)(&of_y, row, 0..1, &places);
                for column in 0..4 {
                    let at = 4 * row + column;
                    let panel = Panel {
                        x: xs[column * room..].as_ptr(),
                        x_vector: room,
                        inputs: 1,
                        weights: packed[at * position..].as_ptr(),
                        to: sums[at * room..].as_mut_ptr(),
                        to_vector: room,
                        add: false,
                    };
                    (training.panel)(&panel, count, 0..1);
                    let run = [Run { x: 0, y: 0, count }];
                    let outer = Outer {
                        x: panel.x,
                        x_vector: room,
                        x_step: lanes,
                        y: ys[column * room..].as_ptr(),
                        y_vector: room,
                        y_step: lanes,
                        runs: &run,
                        to: gradients[at * position..].as_mut_ptr(),
                        to_vector: position,
                        add: false,
                    };
                    (training.outer)(&outer, 0..lanes, 0..1);
                }
            }
        }
        let mut found = vec![f32::NAN; 2 * 2 * count * lanes];
        let to_pixels = ToPixels {
            sums: sums.as_ptr(),
            position: room,
            vector: room,
            tiles: [1, count],
            to: found.as_mut_ptr(),
            to_vector: 0,
        };
        // SAFETY: all positions are there, and room for four pixels of each tile.
        unsafe { (training.pixels)(&to_pixels, 0..1) };
        let pixel = |y: usize, p: usize, c: usize| (y * 2 * count + p) * lanes + c;
        let source = |y: usize, p: usize, c: usize| f64::from(x[(y * columns + p) * lanes + c]);
        let mut expected = vec![0.0; found.len()];
        let mut of_kernel = vec![0.0; weight.len()];
        for (row, p) in (0..2).flat_map(|row| (0..2 * count).map(move |p| (row, p))) {
            for (o, i) in (0..lanes).flat_map(|o| (0..lanes).map(move |i| (o, i))) {
                for tap in 0..9 {
                    let at = (o * lanes + i) * 9 + tap;
                    let source = source(row + tap / 3, p + tap % 3, i);
                    expected[pixel(row, p, o)] += f64::from(weight[at]) * source;
                    of_kernel[at] += f64::from(y[pixel(row, p, o)]) * source;
                }
            }
        }
        assert_close(&found, &expected, 1e-4, kernels.name);
        let mut found = vec![0.0; weight.len()];
        for o in 0..lanes {
            let mut taps = vec![0.0; 9 * lanes];
            let from = gradients[o * lanes..].as_ptr();
            // SAFETY: 16 vectors are there, and room for nine.
            unsafe { (training.kernel_gradient)(from, position, taps.as_mut_ptr()) };
            for (i, tap) in (0..lanes).flat_map(|i| (0..9).map(move |tap| (i, tap))) {
                found[(o * lanes + i) * 9 + tap] = taps[tap * lanes + i];
            }
        }
        assert_close(&found, &of_kernel, 1e-4, kernels.name);
        let plain: Vec<f32> = weight[..9].to_vec();
        let turned = winograd::kernel(&plain);
        for (at, expected) in turned.into_iter().enumerate() {
            assert!((packed[at * position] - expected).abs() < 1e-6);
        }
    }
}

#[test]
fn slopes_are_those_of_differences_and_their_sums_are_kept() {
    for kernels in Kernels::available() {
        for act in [
            None,
            Some(Activation::Silu),
            Some(Activation::Relu),
            Some(Activation::Gelu),
            Some(Activation::Mish),
        ] {
            let length = 1000 + kernels.lanes / 2;
            let x: Vec<f32> = (0..length).map(|i| (i as f32 - 500.3) * 0.02).collect();
            let gradient = random(2, length);
            let (scale, shift, centre) = (1.5, -0.25, 0.125);
            let mut found = vec![0.0; length];
            let slope = Slope {
                x: x.as_ptr(),
                gradient: gradient.as_ptr(),
                to: found.as_mut_ptr(),
                length,
                scale,
                shift,
                centre,
                act,
            };
            // SAFETY: all three are of that length.
            let sums = unsafe { (kernels.training.slope)(&slope) };
            let value = |u: f64| match act {
                None => u,
                Some(Activation::Silu) => u / (1.0 + libm::exp(-u)),
                Some(Activation::Relu) => u.max(0.0),
                Some(Activation::Gelu) => 0.5 * u * (1.0 + libm::erf(u / 2f64.sqrt())),
                Some(Activation::Mish) => u * libm::tanh(libm::log1p(libm::exp(u))),
            };
            let expected = |i: usize| {
                let u = f64::from(x[i] * scale + shift);
                let slope = (value(u + 1e-6) - value(u - 1e-6)) / 2e-6;
                f64::from(gradient[i]) * slope
            };
            let expected: Vec<f64> = (0..length).map(expected).collect();
            let what = format!("{} {act:?}", kernels.name);
            assert_close(&found, &expected, 1e-5, &what);
            let products = expected.iter().zip(&x);
            let products = products.map(|(e, x)| e * f64::from(x - centre));
            let totals = [expected.iter().sum::<f64>(), products.sum()];
            for (found, expected) in [sums.0, sums.1].into_iter().zip(totals) {
                assert!(
                    (found - expected).abs() < 1e-3,
                    "{what}: {found} {expected}"
                );
            }
            let total = kernels.total(&found);
            assert!((total - totals[0]).abs() < 1e-3, "{what}");

            let add = random(3, length);
            let mut finished = vec![0.0; length];
            let finish = Finish {
                slope: found.as_ptr(),
                x: x.as_ptr(),
                add: Some(add.as_ptr()),
                to: finished.as_mut_ptr(),
                length,
                factor: 2.0,
                tilt: -0.5,
                centre,
                constant: 0.75,
            };
            // SAFETY: all are of that length.
            unsafe { (kernels.training.finish)(&finish) };
            let expected = |i: usize| {
                let tilted = -0.5 * f64::from(x[i] - centre);
                2.0 * f64::from(found[i]) + tilted + 0.75 + f64::from(add[i])
            };
            let expected: Vec<f64> = (0..length).map(expected).collect();
            assert_close(&finished, &expected, 1e-6, &what);
        }
    }
}

#[test]
fn the_gradient_of_a_softmax_sums_to_nothing_down_every_column() {
    for kernels in Kernels::available() {
        let (rows, columns) = (7, 2 * kernels.lanes);
        let mut p = random(1, rows * columns);
        kernels.softmax(&mut p, columns);
        let before = random(2, rows * columns);
        let mut found = before.clone();
        kernels.softmax_gradient(&p, &mut found, columns);
        let product = |i: usize| f64::from(p[i]) * f64::from(before[i]);
        let expected = |i: usize| {
            let total: f64 = (0..rows)
                .map(|row| product(row * columns + i % columns))
                .sum();
            f64::from(p[i]) * (f64::from(before[i]) - total)
        };
        let expected: Vec<f64> = (0..rows * columns).map(expected).collect();
        assert_close(&found, &expected, 1e-5, kernels.name);
    }
}

#[test]
fn a_product_of_matrices_is_the_sum_over_what_they_share() {
    for kernels in Kernels::available() {
        let lanes = kernels.lanes;
        for (rows, vectors, depth) in [(1, 1, 1), (9, 3, 5), (16, 2, 33), (7, 1, 2)] {
            let (left_row, right_row, to_row) = (rows + 3, vectors * lanes, vectors * lanes + 2);
            let (left, right) = (random(1, depth * left_row), random(2, depth * right_row));
            let mut found = vec![0.5; rows * to_row];
            let times = Times {
                left: left.as_ptr(),
                left_row,
                right: right.as_ptr(),
                right_row,
                depth,
                to: found.as_mut_ptr(),
                to_row,
            };
            // SAFETY: both factors have so many rows, and so does the result.
            unsafe { (kernels.training.times)(&times, 0..rows, 0..vectors) };
            let expected = |i: usize| {
                let (row, column) = (i / to_row, i % to_row);
                if column >= right_row {
                    return 0.5;
                }
                let term = |k: usize| {
                    f64::from(left[k * left_row + row]) * f64::from(right[k * right_row + column])
                };
                (0..depth).map(term).sum::<f64>()
            };
            let expected: Vec<f64> = (0..rows * to_row).map(expected).collect();
            assert_close(&found, &expected, 1e-5, kernels.name);
        }
    }
}
