//! Weights in the order in which the inner loops read them.

use std::collections::HashMap;

use super::kernels::product::MAX_LANES;
use crate::engine::plan::{Conv, Op, Param, Plan, Resample, Residual};

/// The weights of one operation.
#[derive(Debug)]
pub enum Packed {
    /// It has none.
    None,
    /// Weight and bias of a normalisation.
    Norm {
        /// `[channels]`.
        weight: Vec<f32>,
        /// `[channels]`.
        bias: Vec<f32>,
    },
    /// A linear layer on a vector: `[inputs][outputs]`.
    Single {
        /// `[inputs][outputs]`, and room to read on after the last.
        weight: Vec<f32>,
        /// `[outputs]`.
        bias: Vec<f32>,
        /// `[classes][outputs]`, added by the image's class.
        table: Option<Vec<f32>>,
    },
    /// A convolution, or a linear layer on every pixel.
    Product {
        /// `[groups of outputs][kernel positions][channels][output]`, see [`grouped`]; four of them for [`upsamples`].
        weights: Vec<Vec<f32>>,
        /// Length of the sum.
        depth: usize,
        /// `[outputs]`.
        bias: Vec<f32>,
    },
}

/// Whether a convolution reads every pixel twice in both directions. Then each of its four kinds of output pixels
/// sees only 2×2 different inputs: four small kernels, whose weights are sums, in place of one large one.
pub fn upsamples(conv: &Conv) -> bool {
    conv.kernel == 3
        && conv.source.resample == Resample::Nearest2x
        && conv.residual == Residual::None
}

/// The weights of every operation of `plan`, out of `tensors`, which has all of [`Plan::params`], in groups of `rows`.
pub fn pack(plan: &Plan, tensors: &HashMap<String, Vec<f32>>, rows: usize) -> Vec<Packed> {
    let tensor = |param: Param| tensors[&plan.params[param.0].name].as_slice();
    // What is made of the timestep's features alone is a vector, not a feature map, whatever the image's size.
    let mut vectors = vec![plan.features.buffer];
    let one = |op: &Op| match op {
        Op::Attention { .. } => Packed::None,
        Op::Normalise { weight, bias, .. } => Packed::Norm {
            weight: tensor(*weight).to_vec(),
            bias: tensor(*bias).to_vec(),
        },
        Op::Conv(conv) => {
            let weight: Vec<f32> = conv
                .weights
                .iter()
                .flat_map(|w| tensor(*w))
                .copied()
                .collect();
            let mut bias: Vec<f32> = conv
                .biases
                .iter()
                .flat_map(|b| tensor(*b))
                .copied()
                .collect();
            if vectors.contains(&conv.source.view.buffer) {
                vectors.push(conv.output.buffer);
                let table = match conv.residual {
                    Residual::Class(table) => Some(tensor(table).to_vec()),
                    Residual::None | Residual::Add(_) | Residual::Project { .. } => None,
                };
                return Packed::Single {
                    weight: transposed(&weight, bias.len()),
                    bias,
                    table,
                };
            }
            let inputs = conv.source.view.channels;
            let outputs = bias.len();
            let shortcut: &[f32] = match conv.residual {
                Residual::Project {
                    weight, bias: more, ..
                } => {
                    for (bias, more) in bias.iter_mut().zip(tensor(more)) {
                        *bias += more;
                    }
                    tensor(weight)
                }
                Residual::None | Residual::Add(_) | Residual::Class(_) => &[],
            };
            let kernels = if upsamples(conv) {
                [[0, 0], [0, 1], [1, 0], [1, 1]]
                    .map(|at| four(&weight, at))
                    .to_vec()
            } else {
                vec![weight]
            };
            let positions = kernels[0].len() / (outputs * inputs);
            let more = shortcut.len() / outputs;
            let depth = positions * inputs + more;
            let weights = kernels
                .iter()
                .map(|kernel| {
                    grouped(rows, outputs, depth, |o, k| {
                        if k < positions * inputs {
                            kernel[(o * inputs + k % inputs) * positions + k / inputs]
                        } else {
                            shortcut[o * more + k - positions * inputs]
                        }
                    })
                })
                .collect();
            Packed::Product {
                weights,
                depth,
                bias,
            }
        }
    };
    plan.ops.iter().map(one).collect()
}

/// `[groups of rows outputs][depth][rows]`; rows after the last output are zero.
pub fn grouped(
    rows: usize,
    outputs: usize,
    depth: usize,
    at: impl Fn(usize, usize) -> f32,
) -> Vec<f32> {
    let mut packed = vec![0.0; outputs.div_ceil(rows) * depth * rows];
    for (group, place) in packed.chunks_exact_mut(depth * rows).enumerate() {
        for row in 0..rows.min(outputs - group * rows) {
            for k in 0..depth {
                place[k * rows + row] = at(group * rows + row, k);
            }
        }
    }
    packed
}

/// The 2×2 kernels `[outputs, inputs, 2, 2]` that output pixels with row and column remainder `at` see of a 3×3 one.
pub fn four(kernel: &[f32], at: [usize; 2]) -> Vec<f32> {
    // Positions that fall on the same pixel once it stands twice.
    let merged = |remainder: usize, i: usize| match (remainder, i) {
        (0, 0) => 0..1,
        (0, _) => 1..3,
        (_, 0) => 0..2,
        _ => 2..3,
    };
    kernel
        .chunks_exact(9)
        .flat_map(|kernel| {
            [[0, 0], [0, 1], [1, 0], [1, 1]].map(|[i, j]| {
                merged(at[0], i)
                    .flat_map(|y| merged(at[1], j).map(move |x| kernel[3 * y + x]))
                    .sum()
            })
        })
        .collect()
}

/// `[outputs, inputs]` -> `[inputs][outputs]`, and room to read on after the last.
fn transposed(weight: &[f32], outputs: usize) -> Vec<f32> {
    let inputs = weight.len() / outputs;
    let rows = (0..inputs).flat_map(|i| (0..outputs).map(move |o| weight[o * inputs + i]));
    rows.chain([0.0; 4 * MAX_LANES]).collect()
}
