//! Where the weights lie on the graphics card: in as few pieces as the device allows.

use super::lanes::Lanes;
use crate::engine::plan::{Conv, Op, Plan, Resample, Residual, View, upsamples};

/// Where the weights of one operation are, in vectors of four numbers from the beginning of its piece.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Slot {
    /// Which of [`Shelves::pieces`].
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

/// The places of all weights.
pub struct Shelves {
    /// Numbers in every piece; a device binds one at a time.
    pub pieces: Vec<usize>,
    /// Where those of each operation are.
    pub ops: Vec<Slot>,
}

impl Shelves {
    /// Those of `plan`; no piece has more than `most` numbers unless a single operation does.
    pub fn new(plan: &Plan, lanes: &Lanes, most: usize) -> Self {
        let mut shelves = Self {
            pieces: vec![0],
            ops: Vec::new(),
        };
        // What is made of the timestep's features alone is a vector, not a feature map, whatever the image's size.
        let mut vectors = vec![plan.features.buffer];
        for op in &plan.ops {
            let single = matches!(op, Op::Conv(conv) if vectors.contains(&conv.source.view.buffer));
            if single {
                vectors.push(op.writes().buffer);
            }
            let [bias, weight, table] = lengths(plan, lanes, op);
            let kernels = match op {
                Op::Conv(conv) if upsamples(conv) => 4,
                _ => 1,
            };
            let [first, second, third] =
                [bias, weight, table].map(|length| length.next_multiple_of(4));
            let all = first.saturating_add(second).saturating_add(third);
            let mut piece = shelves.pieces.len() - 1;
            let mut at = shelves.pieces[piece];
            if at > 0 && at.saturating_add(all) > most {
                shelves.pieces.push(0);
                (piece, at) = (piece + 1, 0);
            }
            shelves.pieces[piece] = at.saturating_add(all);
            let at = at / 4;
            shelves.ops.push(Slot {
                piece,
                bias: at,
                weight: at + first / 4,
                table: at + (first + second) / 4,
                second: 0,
                phase: weight / (4 * kernels),
                single,
            });
        }
        shelves
    }
}

/// No operation's weights or tables have more numbers on any device.
const MOST: usize = usize::MAX / 8;

/// Numbers of an operation's biases, weights and table.
pub fn lengths(plan: &Plan, lanes: &Lanes, op: &Op) -> [usize; 3] {
    let of = |view: View| 4 * lanes.blocks(view);
    match op {
        Op::Attention { .. } => [0; 3],
        // One per channel, not per lane: the kernel for whole blocks has no empty lanes, the other counts channels.
        Op::Normalise { input, .. } => [input.channels, input.channels, 0],
        Op::Conv(conv) => {
            let outputs = of(conv.output);
            let (more, classes) = match conv.residual {
                Residual::Project { source, .. } => {
                    (of(source.view) * projections(source.resample), 0)
                }
                Residual::Class(table) => (0, plan.params[table.0].shape[0]),
                Residual::None | Residual::Add(_) => (0, 0),
            };
            let inputs = positions(conv) * of(conv.source.view);
            [1, inputs + more, classes].map(|rows| rows.saturating_mul(outputs).min(MOST))
        }
    }
}

/// Positions of all kernels of a convolution: an upsampling has four of 2×2.
fn positions(conv: &Conv) -> usize {
    if upsamples(conv) {
        16
    } else {
        conv.kernel * conv.kernel
    }
}

/// Positions that a projection reads: a mean of four pixels is four, with a quarter of the weight each.
pub fn projections(resample: Resample) -> usize {
    match resample {
        Resample::Average2x => 4,
        Resample::Keep | Resample::Nearest2x | Resample::Insert2x { .. } => 1,
    }
}
