//! One operation of a plan: what it needs besides its weights, and how it is carried out.

use super::attention::AttentionTask;
use super::conv::ConvTask;
use super::kernels::Kernels;
use super::memory::{Memory, Room};
use super::pack::Packed;
use super::program::Image;
use super::unpack::Unpacked;
use super::winograd::WinogradTask;
use crate::allocate::OutOfMemory;
use crate::engine::plan::{Op, Plan};

/// What an operation needs besides its weights.
#[derive(Debug)]
pub enum Task {
    /// It makes numbers of vectors.
    Vector,
    /// A convolution as matrix products, and what it takes to put its weights in order.
    Conv(ConvTask, Option<Unpacked>),
    /// A convolution over tiles, the same.
    Winograd(WinogradTask, Option<Unpacked>),
    /// Attention.
    Attention(AttentionTask),
}

impl Task {
    /// That of `op`, with its part of `room`.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn new(
        plan: &Plan,
        op: &Op,
        packed: &Packed,
        kernels: Kernels,
        room: &mut Room,
    ) -> Result<Self, OutOfMemory> {
        Ok(match (op, packed) {
            (Op::Conv(conv), Packed::Product(product)) => Self::Conv(
                ConvTask::new(plan, conv, kernels.lanes, room)?,
                product
                    .weights
                    .is_empty()
                    .then(|| Unpacked::new(conv, false, kernels.rows, room)),
            ),
            (Op::Conv(conv), Packed::Winograd(tiles)) => Self::Winograd(
                WinogradTask::new(plan, conv, kernels, room)?,
                tiles
                    .weights
                    .is_empty()
                    .then(|| Unpacked::new(conv, true, kernels.rows, room)),
            ),
            (
                Op::Attention {
                    qkv,
                    heads,
                    head_dim,
                    ..
                },
                _,
            ) => {
                let pixels = plan.buffer(*qkv).height * plan.buffer(*qkv).width;
                let task = AttentionTask::new(pixels, *heads, *head_dim, kernels, room)?;
                Self::Attention(task)
            }
            (Op::Conv(conv), _) => {
                room.take(&[conv.source.view.channels]);
                Self::Vector
            }
            (Op::Normalise { .. }, _) => Self::Vector,
        })
    }
}

impl Image<'_> {
    /// Carries out `op`.
    ///
    /// # Safety
    /// Nothing else may use the image's memory meanwhile. `packed`, `task` and `room` must be those of `op`.
    pub(super) unsafe fn carry_out(
        &self,
        op: &Op,
        packed: &Packed,
        task: &Task,
        class: Option<usize>,
        room: Memory,
    ) {
        // SAFETY: that is what the caller promises.
        unsafe {
            match (op, packed, task) {
                (
                    Op::Normalise {
                        input,
                        eps,
                        modulation,
                        output,
                        groups,
                        ..
                    },
                    Packed::Norm(affine),
                    _,
                ) => self.normalise(*input, *groups, *eps, affine, *modulation, *output),
                (Op::Conv(conv), Packed::Single(weights), _) => {
                    self.single(conv, weights, class, room);
                }
                (Op::Conv(conv), Packed::Product(weights), Task::Conv(task, unpacked)) => {
                    let first = self.in_order(conv, unpacked, room);
                    self.conv(conv, weights, first, task, room);
                }
                (Op::Conv(conv), Packed::Winograd(weights), Task::Winograd(task, unpacked)) => {
                    let first = self.in_order(conv, unpacked, room);
                    self.winograd(conv, weights, first, task, room);
                }
                (Op::Attention { qkv, output, .. }, _, Task::Attention(task)) => {
                    self.attention(*qkv, *output, task, room);
                }
                _ => unreachable!("weights are packed, and tasks made, by the same list"),
            }
        }
    }
}
