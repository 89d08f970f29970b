//! Weights in the order in which the inner loops read them.

use std::collections::HashMap;

use super::kernels::lane::MAX_LANES;
use super::{kernels, winograd};
use crate::engine::plan::{Conv, Op, Param, Plan, Resample, Residual};

/// The weights of one operation.
#[derive(Debug)]
pub enum Packed {
    /// It has none.
    None,
    /// A normalisation.
    Norm(Norm),
    /// A linear layer on a vector.
    Single(Single),
    /// A convolution, or a linear layer on every pixel.
    Product(ProductWeights),
    /// A convolution over tiles.
    Winograd(WinogradWeights),
}

/// Weight and bias of a normalisation.
#[derive(Debug)]
pub struct Norm {
    /// `[channels]`.
    pub weight: Vec<f32>,
    /// `[channels]`.
    pub bias: Vec<f32>,
}

/// Weights of a linear layer on a vector.
#[derive(Debug)]
pub struct Single {
    /// `[inputs][outputs]`, and room to read on after the last.
    pub weight: Vec<f32>,
    /// `[outputs]`.
    pub bias: Vec<f32>,
    /// `[classes][outputs]`, added by the image's class.
    pub table: Option<Vec<f32>>,
}

/// Weights of a convolution, or of a linear layer on every pixel.
#[derive(Debug)]
pub struct ProductWeights {
    /// `[groups of outputs][kernel positions][channels][output]`, see [`group`]; four of them for [`upsamples`].
    pub weights: Vec<Vec<f32>>,
    /// Length of the sum.
    pub depth: usize,
    /// `[outputs]`.
    pub bias: Vec<f32>,
}

/// Weights of a convolution over tiles.
#[derive(Debug)]
pub struct WinogradWeights {
    /// `[positions][groups of outputs][channels][output]`.
    pub weights: Vec<f32>,
    /// `[groups of outputs][channels][output]` of the residual's 1×1 convolution.
    pub shortcut: Vec<f32>,
    /// `[outputs]`.
    pub bias: Vec<f32>,
    /// `[outputs]`.
    pub zeros: Vec<f32>,
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
        Op::Normalise { weight, bias, .. } => Packed::Norm(Norm {
            weight: tensor(*weight).to_vec(),
            bias: tensor(*bias).to_vec(),
        }),
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
                return Packed::Single(Single {
                    weight: transposed(&weight, bias.len()),
                    bias,
                    table,
                });
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
            if winograd::pays(plan, conv) {
                let more = shortcut.len() / outputs;
                return Packed::Winograd(WinogradWeights {
                    weights: over_tiles(rows, outputs, &weight),
                    shortcut: grouped(rows, outputs, more, |o, k| shortcut[o * more + k]),
                    zeros: vec![0.0; outputs],
                    bias,
                });
            }
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
            Packed::Product(ProductWeights {
                weights,
                depth,
                bias,
            })
        }
    };
    plan.ops.iter().map(one).collect()
}

/// Length of what [`group`] fills.
pub fn grouped_length(rows: usize, outputs: usize, depth: usize) -> usize {
    outputs.div_ceil(rows) * depth * rows
}

/// Fills `[groups of rows outputs][depth][rows]`; rows after the last output stay as they are.
pub fn group(
    to: &mut [f32],
    rows: usize,
    outputs: usize,
    depth: usize,
    at: impl Fn(usize, usize) -> f32,
) {
    for (group, place) in to.chunks_exact_mut(depth * rows).enumerate() {
        for row in 0..rows.min(outputs - group * rows) {
            for k in 0..depth {
                place[k * rows + row] = at(group * rows + row, k);
            }
        }
    }
}

/// [`group`] in new memory; rows after the last output are zero.
pub fn grouped(
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

/// The kernels `[outputs, inputs, 3, 3]` for [`kernels::winograd::products`].
pub fn over_tiles(rows: usize, outputs: usize, weight: &[f32]) -> Vec<f32> {
    let inputs = weight.len() / (9 * outputs);
    let kernels: Vec<_> = weight
        .chunks_exact(9)
        .map(kernels::winograd::kernel)
        .collect();
    (0..kernels::winograd::POSITIONS)
        .flat_map(|position| {
            grouped(rows, outputs, inputs, |o, k| {
                kernels[o * inputs + k][position]
            })
        })
        .collect()
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
    rows.chain([0.0; MAX_LANES]).collect()
}
