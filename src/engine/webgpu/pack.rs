//! Weights in the order in which the kernels read them, in as few buffers as the device allows.

use std::collections::HashMap;

use super::layout::Lanes;
use crate::allocate::{self, OutOfMemory};
use crate::engine::WEIGHTS;
use crate::engine::plan::{Conv, Op, Param, Plan, Resample, Residual, small_kernel, upsamples};

/// The weights of all operations.
pub struct Packed {
    /// Numbers, cut into pieces that a device binds one at a time.
    pub pieces: Vec<Vec<f32>>,
    /// Where those of each operation are.
    pub ops: Vec<Slot>,
}

/// Where the weights of one operation are, in vectors of four numbers from the beginning of its piece.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Slot {
    /// Which of [`Packed::pieces`].
    pub piece: usize,
    /// The factors: `[positions][inputs / 4][4][outputs]`, or one per channel.
    pub weight: usize,
    /// What is added, one per channel.
    pub bias: usize,
    /// The class embedding, `[classes][outputs]`.
    pub table: usize,
    /// What a projection adds besides, where it is not summed into `bias`.
    pub second: usize,
    /// From the first of an upsampling's four kernels to the next.
    pub phase: usize,
    /// The operation makes a vector of a vector.
    pub single: bool,
}

/// Which numbers of one operation go where.
struct Parts {
    weight: Vec<f32>,
    bias: Vec<f32>,
    table: Vec<f32>,
    phases: usize,
    single: bool,
}

/// The weights of every operation of `plan`, out of `tensors`, which has all of [`Plan::params`]; no piece has more
/// than `most` numbers unless a single operation does.
///
/// # Errors
/// [`OutOfMemory`].
pub fn pack(
    plan: &Plan,
    lanes: &Lanes,
    tensors: &HashMap<String, Vec<f32>>,
    most: usize,
) -> Result<Packed, OutOfMemory> {
    let packer = Packer {
        plan,
        lanes,
        tensors,
    };
    let mut packed = Packed {
        pieces: vec![Vec::new()],
        ops: Vec::new(),
    };
    // What is made of the timestep's features alone is a vector, not a feature map, whatever the image's size.
    let mut vectors = vec![plan.features.buffer];
    for op in &plan.ops {
        packer.room(op)?;
        let parts = match op {
            Op::Attention { .. } => {
                packed.ops.push(Slot::default());
                continue;
            }
            Op::Normalise { weight, bias, .. } => packer.norm([*weight, *bias]),
            Op::Conv(conv) if vectors.contains(&conv.source.view.buffer) => {
                vectors.push(conv.output.buffer);
                packer.single(conv)
            }
            Op::Conv(conv) => packer.conv(conv),
        };
        let length = parts.bias.len() + parts.weight.len() + parts.table.len();
        if packed
            .pieces
            .last()
            .is_some_and(|piece| !piece.is_empty() && piece.len() + length > most)
        {
            packed.pieces.push(Vec::new());
        }
        let index = packed.pieces.len() - 1;
        let piece = &mut packed.pieces[index];
        let mut put = |numbers: &[f32]| {
            let at = piece.len() / 4;
            allocate::extend(WEIGHTS, piece, numbers)?;
            let more = piece.len().next_multiple_of(4) - piece.len();
            allocate::extend(WEIGHTS, piece, &[0.0; 3][..more])?;
            Ok(at)
        };
        packed.ops.push(Slot {
            piece: index,
            bias: put(&parts.bias)?,
            weight: put(&parts.weight)?,
            table: put(&parts.table)?,
            second: 0,
            phase: parts.weight.len() / (4 * parts.phases),
            single: parts.single,
        });
    }
    Ok(packed)
}

/// Whether groups of a view's channels begin and end with blocks of four lanes.
pub fn whole_blocks(lanes: &[Option<usize>], groups: usize) -> bool {
    let channels = lanes.iter().flatten().count();
    channels == lanes.len() && channels.is_multiple_of(4 * groups)
}

struct Packer<'a> {
    plan: &'a Plan,
    lanes: &'a Lanes,
    tensors: &'a HashMap<String, Vec<f32>>,
}

impl Packer<'_> {
    /// Whether the weights of `op` can be copied: as they are, as four kernels, and in the order of the lanes while that
    /// grows.
    fn room(&self, op: &Op) -> Result<(), OutOfMemory> {
        let Op::Conv(conv) = op else { return Ok(()) };
        let more = match conv.residual {
            Residual::Project { weight, .. } | Residual::Class(weight) => Some(weight),
            Residual::None | Residual::Add(_) => None,
        };
        let tensors = conv.weights.iter().copied().chain(more);
        let numbers = tensors.map(|param| self.tensor(param).len() as u64);
        allocate::room(WEIGHTS, allocate::bytes::<[f32; 8]>(numbers.sum()))
    }

    fn tensor(&self, param: Param) -> &[f32] {
        self.tensors[&self.plan.params[param.0].name].as_slice()
    }

    fn stacked(&self, params: &[Param]) -> Vec<f32> {
        params
            .iter()
            .flat_map(|p| self.tensor(*p))
            .copied()
            .collect()
    }

    /// One per channel, not per lane: the kernel for whole blocks has no empty lanes, the other counts channels.
    fn norm(&self, [weight, bias]: [Param; 2]) -> Parts {
        Parts {
            weight: self.tensor(weight).to_vec(),
            bias: self.tensor(bias).to_vec(),
            table: Vec::new(),
            phases: 1,
            single: false,
        }
    }

    fn single(&self, conv: &Conv) -> Parts {
        let outputs = self.lanes.of(conv.output);
        let kernel = Kernel {
            weight: &self.stacked(&conv.weights),
            inputs: conv.source.view.channels,
            positions: 1,
            factor: 1.0,
        };
        let mut weight = Vec::new();
        kernel.pack(&self.lanes.of(conv.source.view), &outputs, &mut weight);
        let table = match conv.residual {
            Residual::Class(table) => self
                .tensor(table)
                .chunks_exact(conv.output.channels)
                .flat_map(|row| spread(row, &outputs))
                .collect(),
            Residual::None | Residual::Add(_) | Residual::Project { .. } => Vec::new(),
        };
        Parts {
            weight,
            bias: spread(&self.stacked(&conv.biases), &outputs),
            table,
            phases: 1,
            single: true,
        }
    }

    fn conv(&self, conv: &Conv) -> Parts {
        let outputs = self.lanes.of(conv.output);
        let inputs = self.lanes.of(conv.source.view);
        let stacked = self.stacked(&conv.weights);
        let kernels = if upsamples(conv) {
            [[0, 0], [0, 1], [1, 0], [1, 1]]
                .map(|at| four(&stacked, at))
                .to_vec()
        } else {
            vec![stacked]
        };
        let mut bias = self.stacked(&conv.biases);
        let mut weight = Vec::new();
        for kernel in &kernels {
            let channels = conv.source.view.channels;
            let kernel = Kernel {
                weight: kernel,
                inputs: channels,
                positions: kernel.len() / (channels * conv.output.channels),
                factor: 1.0,
            };
            kernel.pack(&inputs, &outputs, &mut weight);
        }
        if let Residual::Project {
            source,
            weight: shortcut,
            bias: more,
        } = conv.residual
        {
            for (bias, more) in bias.iter_mut().zip(self.tensor(more)) {
                *bias += more;
            }
            // A mean of four pixels is four positions with a quarter of the weight each.
            let (times, factor) = match source.resample {
                Resample::Average2x => (4, 0.25),
                Resample::Keep | Resample::Nearest2x | Resample::Insert2x { .. } => (1, 1.0),
            };
            for _ in 0..times {
                let kernel = Kernel {
                    weight: self.tensor(shortcut),
                    inputs: source.view.channels,
                    positions: 1,
                    factor,
                };
                kernel.pack(&self.lanes.of(source.view), &outputs, &mut weight);
            }
        }
        Parts {
            weight,
            bias: spread(&bias, &outputs),
            table: Vec::new(),
            phases: kernels.len(),
            single: false,
        }
    }
}

/// `factor * weight`, `[outputs, inputs, positions]`.
struct Kernel<'a> {
    weight: &'a [f32],
    inputs: usize,
    positions: usize,
    factor: f32,
}

impl Kernel<'_> {
    /// `[positions][lanes of the input][lanes of the output]`, 0 where a lane has no channel.
    fn pack(&self, inputs: &[Option<usize>], outputs: &[Option<usize>], to: &mut Vec<f32>) {
        to.reserve(self.positions * inputs.len() * outputs.len());
        for position in 0..self.positions {
            for input in inputs {
                to.extend(outputs.iter().map(|output| match (input, output) {
                    (Some(i), Some(o)) => {
                        self.factor * self.weight[(o * self.inputs + i) * self.positions + position]
                    }
                    _ => 0.0,
                }));
            }
        }
    }
}

/// The 2×2 kernels `[outputs, inputs, 2, 2]` that output pixels with row and column remainder `at` see of 3×3 ones.
fn four(kernels: &[f32], at: [usize; 2]) -> Vec<f32> {
    kernels
        .chunks_exact(9)
        .flat_map(|kernel| small_kernel(kernel, at))
        .collect()
}

/// One number per lane.
fn spread(numbers: &[f32], lanes: &[Option<usize>]) -> Vec<f32> {
    lanes
        .iter()
        .map(|lane| lane.map_or(0.0, |channel| numbers[channel]))
        .collect()
}
