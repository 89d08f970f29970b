//! Weights in the order in which the inner loops read them.

use std::collections::HashMap;

use super::kernels::lane::MAX_LANES;
use super::{kernels, winograd};
use crate::allocate::{self, OutOfMemory};
use crate::engine::WEIGHTS;
use crate::engine::plan::{Conv, Op, Param, Plan, Residual, small_kernel, upsamples};

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

/// The weights of every operation of `plan`, out of `tensors`, which has all of [`Plan::params`], in groups of `rows`.
///
/// # Errors
/// [`OutOfMemory`].
pub fn pack(
    plan: &Plan,
    tensors: &HashMap<String, Vec<f32>>,
    rows: usize,
) -> Result<Vec<Packed>, OutOfMemory> {
    let tensor = |param: Param| tensors[&plan.params[param.0].name].as_slice();
    // What is made of the timestep's features alone is a vector, not a feature map, whatever the image's size.
    let mut vectors = vec![plan.features.buffer];
    let one = |op: &Op| {
        let single = match op {
            Op::Conv(conv) => vectors.contains(&conv.source.view.buffer),
            Op::Normalise { .. } | Op::Attention { .. } => false,
        };
        if single {
            vectors.push(op.writes().buffer);
        }
        let mut packed = Packed::new(plan, op, single, rows)?;
        packed.fill(op, rows, tensor);
        Ok(packed)
    };
    plan.ops.iter().map(one).collect()
}

impl Packed {
    /// Zeros, as many as `op` has weights; `single` where it makes a vector of a vector.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn new(plan: &Plan, op: &Op, single: bool, rows: usize) -> Result<Self, OutOfMemory> {
        let zeros = |sides: &[usize]| allocate::zeros(WEIGHTS, allocate::volume(sides));
        let numbers = |param: Param| plan.params[param.0].numbers();
        Ok(match op {
            Op::Attention { .. } => Self::None,
            Op::Normalise { input, .. } => Self::Norm(Norm {
                weight: zeros(&[input.channels])?,
                bias: zeros(&[input.channels])?,
            }),
            Op::Conv(conv) => {
                let (inputs, outputs) = (conv.source.view.channels, conv.output.channels);
                let bias = zeros(&[outputs])?;
                if single {
                    let table = match conv.residual {
                        Residual::Class(table) => Some(zeros(&[numbers(table)])?),
                        Residual::None | Residual::Add(_) | Residual::Project { .. } => None,
                    };
                    return Ok(Self::Single(Single {
                        weight: zeros(&[inputs * outputs + MAX_LANES])?,
                        bias,
                        table,
                    }));
                }
                let more = match conv.residual {
                    Residual::Project { weight, .. } => numbers(weight) / outputs,
                    Residual::None | Residual::Add(_) | Residual::Class(_) => 0,
                };
                let grouped = |depth: usize| zeros(&[grouped_length(rows, outputs, depth)]);
                if winograd::pays(plan, conv) {
                    let position = grouped_length(rows, outputs, inputs);
                    return Ok(Self::Winograd(WinogradWeights {
                        weights: zeros(&[kernels::winograd::POSITIONS, position])?,
                        shortcut: grouped(more)?,
                        zeros: zeros(&[outputs])?,
                        bias,
                    }));
                }
                let (kernels, positions) = if upsamples(conv) {
                    (4, 4)
                } else {
                    (1, conv.kernel * conv.kernel)
                };
                let depth = positions * inputs + more;
                Self::Product(ProductWeights {
                    weights: (0..kernels)
                        .map(|_| grouped(depth))
                        .collect::<Result<_, _>>()?,
                    depth,
                    bias,
                })
            }
        })
    }

    /// Puts the weights of `op`, which these are for, into the same places again; `rows` must be the same.
    pub fn fill<'t>(&mut self, op: &Op, rows: usize, tensor: impl Fn(Param) -> &'t [f32]) {
        match (self, op) {
            (Self::Norm(norm), Op::Normalise { weight, bias, .. }) => {
                norm.weight.copy_from_slice(tensor(*weight));
                norm.bias.copy_from_slice(tensor(*bias));
            }
            (Self::Single(single), Op::Conv(conv)) => {
                biases(&mut single.bias, conv, &tensor);
                let outputs = conv.output.channels;
                each_kernel(conv, &tensor, |o, i, kernel| {
                    single.weight[i * outputs + o] = kernel[0];
                });
                if let (Some(to), Residual::Class(table)) = (&mut single.table, conv.residual) {
                    to.copy_from_slice(tensor(table));
                }
            }
            (Self::Product(product), Op::Conv(conv)) => {
                biases(&mut product.bias, conv, &tensor);
                let (inputs, depth) = (conv.source.view.channels, product.depth);
                let many = product.weights.len() > 1;
                for (phase, to) in product.weights.iter_mut().enumerate() {
                    each_kernel(conv, &tensor, |o, i, kernel| {
                        let first = o / rows * depth * rows + i * rows + o % rows;
                        let mut put = |position: usize, value: f32| {
                            to[first + position * inputs * rows] = value;
                        };
                        if many {
                            let small = small_kernel(kernel, [phase / 2, phase % 2]);
                            (0..4).for_each(|position| put(position, small[position]));
                        } else {
                            let positions = kernel.iter().enumerate();
                            positions.for_each(|(position, value)| put(position, *value));
                        }
                    });
                    if let Residual::Project { weight, .. } = conv.residual {
                        let weight = tensor(weight);
                        let more = weight.len() / conv.output.channels;
                        let before = depth - more;
                        for (o, row) in weight.chunks_exact(more).enumerate() {
                            let first = (o / rows * depth + before) * rows + o % rows;
                            for (k, value) in row.iter().enumerate() {
                                to[first + k * rows] = *value;
                            }
                        }
                    }
                }
            }
            (Self::Winograd(tiles), Op::Conv(conv)) => {
                biases(&mut tiles.bias, conv, &tensor);
                let inputs = conv.source.view.channels;
                let position = tiles.weights.len() / kernels::winograd::POSITIONS;
                each_kernel(conv, &tensor, |o, i, kernel| {
                    let first = (o / rows * inputs + i) * rows + o % rows;
                    let turned = kernels::winograd::kernel(kernel);
                    for (p, value) in turned.into_iter().enumerate() {
                        tiles.weights[p * position + first] = value;
                    }
                });
                if let Residual::Project { weight, .. } = conv.residual {
                    let (weight, outputs) = (tensor(weight), conv.output.channels);
                    let more = weight.len() / outputs;
                    group(&mut tiles.shortcut, rows, outputs, more, |o, k| {
                        weight[o * more + k]
                    });
                }
            }
            _ => {}
        }
    }
}

/// Calls `put(output, input, kernel)` for every pair that `conv` has a kernel for, turned by half a circle where it is
/// transposed.
pub fn each_kernel<'t>(
    conv: &Conv,
    tensor: &impl Fn(Param) -> &'t [f32],
    mut put: impl FnMut(usize, usize, &[f32]),
) {
    let positions = conv.kernel * conv.kernel;
    let columns = if conv.transposed {
        conv.output.channels
    } else {
        conv.source.view.channels
    };
    let rows = conv
        .weights
        .iter()
        .flat_map(|weight| tensor(*weight).chunks_exact(columns * positions));
    for (row, kernels) in rows.enumerate() {
        for (column, kernel) in kernels.chunks_exact(positions).enumerate() {
            if conv.transposed {
                let mut turned = [0.0; 9];
                let turned = &mut turned[..positions];
                turned.copy_from_slice(kernel);
                turned.reverse();
                put(column, row, turned);
            } else {
                put(row, column, kernel);
            }
        }
    }
}

/// One after the other, each with that of the residual's 1×1 convolution; zeros where there are none.
pub fn biases<'t>(to: &mut [f32], conv: &Conv, tensor: &impl Fn(Param) -> &'t [f32]) {
    let values = conv.biases.iter().flat_map(|bias| tensor(*bias));
    for (to, value) in to.iter_mut().zip(values) {
        *to = *value;
    }
    if let Residual::Project { bias, .. } = conv.residual {
        for (to, more) in to.iter_mut().zip(tensor(bias)) {
            *to += more;
        }
    }
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
