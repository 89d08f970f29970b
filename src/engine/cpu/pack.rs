//! Weights in the order in which the inner loops read them.

#[cfg(feature = "train")]
use super::kernels;
use super::kernels::lane::MAX_LANES;
use super::memory::{Memory, Room};
use super::unpack::Unpacked;
use crate::allocate::{self, OutOfMemory};
use crate::engine::WEIGHTS;
#[cfg(feature = "train")]
use crate::engine::plan::small_kernel;
use crate::engine::plan::{Conv, Op, Param, Plan, Residual, upsamples};
use crate::unet::weights_file::WeightsFile;

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
    /// `[groups of outputs][kernel positions][channels][output]`, see [`group`]; four of them for [`upsamples`], none
    /// where they are put in order in each step.
    pub weights: Vec<f32>,
    /// Where each of them is.
    pub order: Unpacked,
    /// Length of the sum.
    pub depth: usize,
    /// `[outputs]`.
    pub bias: Vec<f32>,
}

/// Weights of a convolution over tiles.
#[derive(Debug)]
pub struct WinogradWeights {
    /// `[positions][groups of outputs][channels][output]`, and then `[groups of outputs][channels][output]` of the
    /// residual's 1×1 convolution; nothing where they are put in order in each step.
    pub weights: Vec<f32>,
    /// Where each of them is.
    pub order: Unpacked,
    /// `[outputs]`.
    pub bias: Vec<f32>,
    /// `[outputs]`.
    pub zeros: Vec<f32>,
}

/// The weights of a network.
#[derive(Debug)]
pub struct Weights {
    /// Those of every operation.
    pub ops: Vec<Packed>,
    /// Where those are that are unpacked in each step.
    pub file: Option<WeightsFile<'static>>,
}

/// When weights are put in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Packing {
    /// While the network is loaded, unless that [is large](Plan::is_large).
    #[default]
    Auto,
    /// While the network is loaded.
    Once,
    /// In each step, so that they take no more memory than their file.
    EachStep,
}

impl Packing {
    /// Whether the weights of `plan` are put in order in each step.
    pub fn waits(self, plan: &Plan) -> bool {
        match self {
            Self::Auto => plan.is_large(),
            Self::Once => false,
            Self::EachStep => true,
        }
    }
}

/// The weights of every operation of `plan`, out of `file`, which has all of [`Plan::params`], in groups of `rows`; those
/// of convolutions stay there if they `wait`.
///
/// # Errors
/// [`OutOfMemory`].
pub fn pack(
    plan: &Plan,
    file: &WeightsFile,
    rows: usize,
    wait: bool,
) -> Result<Vec<Packed>, OutOfMemory> {
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
        let mut packed = Packed::new(plan, op, single, rows, wait)?;
        let mut params = op.params();
        if let (Op::Conv(conv), false) = (op, single) {
            params.retain(|param| conv.is_bias(*param));
        }
        let tensors = params
            .into_iter()
            .map(|param| Ok((param, file.tensor(param.0)?)))
            .collect::<Result<Vec<_>, OutOfMemory>>()?;
        packed.fill_rest(op, |param| {
            let found = tensors.iter().find(|(of, _)| *of == param);
            found.map_or(&[][..], |(_, numbers)| numbers)
        });
        if let Op::Conv(conv) = op {
            packed.read(conv, file, rows)?;
        }
        Ok(packed)
    };
    plan.ops.iter().map(one).collect()
}

impl Packed {
    /// Zeros, as many as `op` has weights; `single` where it makes a vector of a vector. If they `wait`, a convolution has
    /// none.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn new(
        plan: &Plan,
        op: &Op,
        single: bool,
        rows: usize,
        wait: bool,
    ) -> Result<Self, OutOfMemory> {
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
                let more = conv.projected().map_or(0, |(_, inputs)| inputs);
                let tiles = plan.tiles_pay(conv);
                let order = Unpacked::new(conv, tiles, rows, &mut Room::new(1));
                // What rows go through is its end.
                let weights = zeros(&[if wait { 0 } else { order.rows }])?;
                if tiles {
                    return Ok(Self::Winograd(WinogradWeights {
                        weights,
                        order,
                        zeros: zeros(&[outputs])?,
                        bias,
                    }));
                }
                let positions = if upsamples(conv) {
                    4
                } else {
                    conv.kernel * conv.kernel
                };
                Self::Product(ProductWeights {
                    weights,
                    order,
                    depth: positions * inputs + more,
                    bias,
                })
            }
        })
    }

    /// Puts the weights of `conv` in order, where there is room for them; the rest is [`Self::fill_rest`]'s.
    fn read(&mut self, conv: &Conv, file: &WeightsFile, rows: usize) -> Result<(), OutOfMemory> {
        let (weights, order) = match self {
            Self::Product(product) => (&mut product.weights, &product.order),
            Self::Winograd(tiles) => (&mut tiles.weights, &tiles.order),
            Self::None | Self::Norm(_) | Self::Single(_) => return Ok(()),
        };
        if weights.is_empty() {
            return Ok(());
        }
        let mut between = allocate::zeros(WEIGHTS, order.rows_length as u64)?;
        let room = Memory::of(weights);
        for group in 0..conv.output.channels.div_ceil(rows) {
            // SAFETY: `Packed::new` made the order for this operation, and room for all that comes before the rows.
            unsafe { order.group(conv, file, rows, room, group, &mut between) };
        }
        Ok(())
    }

    /// Puts the numbers of `op`, which these are for, into their places: all of a normalisation and of a vector's layer,
    /// of a convolution those that are added.
    fn fill_rest<'t>(&mut self, op: &Op, tensor: impl Fn(Param) -> &'t [f32]) {
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
            (Self::Product(ProductWeights { bias, .. }), Op::Conv(conv))
            | (Self::Winograd(WinogradWeights { bias, .. }), Op::Conv(conv)) => {
                biases(bias, conv, &tensor);
            }
            _ => {}
        }
    }

    /// Puts the weights of `op`, which these are for, into the same places again; `rows` must be the same.
    #[cfg(feature = "train")]
    pub fn fill<'t>(&mut self, op: &Op, rows: usize, tensor: impl Fn(Param) -> &'t [f32]) {
        self.fill_rest(op, &tensor);
        match (self, op) {
            (Self::Product(product), Op::Conv(conv)) => {
                let (inputs, depth) = (conv.source.view.channels, product.depth);
                let many = upsamples(conv);
                let kernels = product.weights.chunks_mut(product.order.length);
                for (phase, to) in kernels.take(if many { 4 } else { 1 }).enumerate() {
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
                    if let Some((weight, more)) = conv.projected() {
                        let weight = tensor(weight);
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
                let inputs = conv.source.view.channels;
                let position = tiles.order.length;
                each_kernel(conv, &tensor, |o, i, kernel| {
                    let first = (o / rows * inputs + i) * rows + o % rows;
                    let turned = kernels::winograd::kernel(kernel);
                    for (p, value) in turned.into_iter().enumerate() {
                        tiles.weights[p * position + first] = value;
                    }
                });
                if let Some((weight, more)) = conv.projected() {
                    let (weight, outputs) = (tensor(weight), conv.output.channels);
                    let shortcut = &mut tiles.weights[tiles.order.shortcut..];
                    let length = grouped_length(rows, outputs, more);
                    group(&mut shortcut[..length], rows, outputs, more, |o, k| {
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
