//! Weights in the order in which the kernels read them.

#[cfg(feature = "train")]
pub use super::layout::Slot;
use super::layout::{Lanes, lengths, projections};
use crate::allocate::{self, OutOfMemory};
use crate::engine::WEIGHTS;
use crate::engine::plan::{Conv, Op, Param, Plan, Residual, small_kernel, upsamples};

/// Whether groups of a view's channels begin and end with blocks of four lanes.
pub fn whole_blocks(lanes: &[Option<usize>], groups: usize) -> bool {
    let channels = lanes.iter().flatten().count();
    channels == lanes.len() && channels.is_multiple_of(4 * groups)
}

/// Reads the weights of single operations.
pub struct Packer<'a, T> {
    /// The network.
    pub plan: &'a Plan,
    /// Its lanes.
    pub lanes: &'a Lanes,
    /// All numbers of those of [`Plan::params`], one tensor below the other.
    pub tensors: T,
}

impl<T: Fn(&[Param]) -> Result<Vec<f32>, OutOfMemory>> Packer<'_, T> {
    /// What `op` adds, its factors, and its class embedding, in the order in which they lie in its piece.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn pack(&self, op: &Op) -> Result<[Vec<f32>; 3], OutOfMemory> {
        let of = |param: &Param| (self.tensors)(&[*param]);
        match op {
            Op::Attention { .. } => Ok(Default::default()),
            Op::Normalise { weight, bias, .. } => Ok([of(bias)?, of(weight)?, Vec::new()]),
            Op::Conv(conv) => self.conv(conv, lengths(self.plan, self.lanes, op)),
        }
    }

    fn conv(
        &self,
        conv: &Conv,
        [_, numbers, rows]: [usize; 3],
    ) -> Result<[Vec<f32>; 3], OutOfMemory> {
        let outputs = self.lanes.of(conv.output);
        let inputs = self.lanes.of(conv.source.view);
        let channels = conv.source.view.channels;
        let mut bias = (self.tensors)(&conv.biases)?;
        let mut table = allocate::reserved(WEIGHTS, rows as u64)?;
        let mut weight = allocate::reserved(WEIGHTS, numbers as u64)?;
        let mut pack = |kernel: Kernel<'_>, inputs: &[Option<usize>]| {
            kernel.pack(inputs, &outputs, &mut weight);
        };
        let stacked = (self.tensors)(&conv.weights)?;
        let one = Kernel {
            weight: &stacked,
            inputs: channels,
            factor: 1.0,
        };
        if upsamples(conv) {
            for at in [[0, 0], [0, 1], [1, 0], [1, 1]] {
                let numbers = stacked.len() as u64 / 9 * 4;
                let mut four = allocate::reserved(WEIGHTS, numbers)?;
                let kernels = stacked.chunks_exact(9);
                four.extend(kernels.flat_map(|kernel| small_kernel(kernel, at)));
                let kernel = Kernel {
                    weight: &four,
                    ..one
                };
                pack(kernel, &inputs);
            }
        } else {
            pack(one, &inputs);
        }
        drop(stacked);
        match conv.residual {
            Residual::Project {
                source,
                weight,
                bias: more,
            } => {
                for (bias, more) in bias.iter_mut().zip((self.tensors)(&[more])?) {
                    *bias += more;
                }
                let times = projections(source.resample);
                let shortcut = (self.tensors)(&[weight])?;
                for _ in 0..times {
                    let kernel = Kernel {
                        weight: &shortcut,
                        inputs: source.view.channels,
                        factor: 1.0 / times as f32,
                    };
                    pack(kernel, &self.lanes.of(source.view));
                }
            }
            Residual::Class(rows) => {
                for row in (self.tensors)(&[rows])?.chunks_exact(conv.output.channels) {
                    table.extend(spread(row, &outputs));
                }
            }
            Residual::None | Residual::Add(_) => {}
        }
        Ok([spread(&bias, &outputs), weight, table])
    }
}

/// `factor * weight`, `[outputs, inputs, positions]`.
struct Kernel<'a> {
    weight: &'a [f32],
    inputs: usize,
    factor: f32,
}

impl Kernel<'_> {
    /// `[positions][lanes of the input][lanes of the output]`, 0 where a lane has no channel.
    fn pack(&self, inputs: &[Option<usize>], outputs: &[Option<usize>], to: &mut Vec<f32>) {
        let positions = self.weight.len() / (self.inputs * outputs.iter().flatten().count());
        for position in 0..positions {
            for input in inputs {
                to.extend(outputs.iter().map(|output| match (input, output) {
                    (Some(i), Some(o)) => {
                        self.factor * self.weight[(o * self.inputs + i) * positions + position]
                    }
                    _ => 0.0,
                }));
            }
        }
    }
}

/// One number per lane.
fn spread(numbers: &[f32], lanes: &[Option<usize>]) -> Vec<f32> {
    lanes
        .iter()
        .map(|lane| lane.map_or(0.0, |channel| numbers[channel]))
        .collect()
}
