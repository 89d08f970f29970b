//! The operations of the plan itself, in training: as they are for sampling, but for most convolutions.

use super::super::kernels::Kernels;
use super::super::memory::{Memory, Room};
use super::super::pack::Packed;
use super::super::program::Image;
use super::super::task::Task;
use super::pixels::{self, PixelTask, PixelWeights};
use super::tiles::{self, TileTask, TileWeights};
use crate::allocate::OutOfMemory;
use crate::engine::plan::{Op, Param, Plan};

/// The weights of one operation.
#[derive(Debug)]
pub enum Weights {
    /// As for sampling.
    Packed(Packed),
    /// Of a convolution over tiles.
    Tiles(TileWeights),
    /// Of a 1×1 convolution.
    Pixels(PixelWeights),
}

/// What an operation needs besides its weights.
#[derive(Debug)]
pub enum OpTask {
    /// As for sampling.
    Packed(Task),
    /// A convolution over tiles.
    Tiles(TileTask),
    /// A 1×1 convolution.
    Pixels(PixelTask),
}

impl Weights {
    /// Zeros, as many as `op` has weights; `single` where it makes a vector of a vector.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn new(plan: &Plan, op: &Op, single: bool, kernels: Kernels) -> Result<Self, OutOfMemory> {
        Ok(match op {
            Op::Conv(conv) if !single && tiles::pays(plan, conv) => {
                Self::Tiles(TileWeights::new(conv, kernels)?)
            }
            Op::Conv(conv) if !single && pixels::pays(plan, conv) => {
                Self::Pixels(PixelWeights::new(conv, kernels)?)
            }
            _ => Self::Packed(Packed::new(plan, op, single, kernels.rows, false)?),
        })
    }

    /// Puts the weights of `op`, which these are for, into the same places again.
    pub fn fill<'t>(&mut self, op: &Op, kernels: Kernels, tensor: impl Fn(Param) -> &'t [f32]) {
        match (self, op) {
            (Self::Packed(packed), _) => packed.fill(op, kernels.rows, tensor),
            (Self::Tiles(tiles), Op::Conv(conv)) => tiles.fill(conv, kernels, tensor),
            (Self::Pixels(pixels), Op::Conv(conv)) => pixels.fill(conv, kernels, tensor),
            _ => unreachable!("only convolutions have such weights"),
        }
    }
}

impl OpTask {
    /// That of `op`, with its part of `room`.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn new(
        plan: &Plan,
        op: &Op,
        weights: &Weights,
        kernels: Kernels,
        room: &mut Room,
    ) -> Result<Self, OutOfMemory> {
        Ok(match (op, weights) {
            (_, Weights::Packed(packed)) => {
                Self::Packed(Task::new(plan, op, packed, kernels, room)?)
            }
            (Op::Conv(conv), Weights::Tiles(_)) => {
                Self::Tiles(TileTask::new(plan, conv, kernels, room))
            }
            (Op::Conv(conv), Weights::Pixels(_)) => {
                Self::Pixels(PixelTask::new(plan, conv, kernels, room))
            }
            _ => unreachable!("only convolutions have such weights"),
        })
    }
}

impl Image<'_> {
    /// Carries out `op`.
    ///
    /// # Safety
    /// Nothing else may use the image's memory meanwhile. `weights`, `task` and `room` must be those of `op`.
    pub(super) unsafe fn operate(
        &self,
        op: &Op,
        weights: &Weights,
        task: &OpTask,
        class: Option<usize>,
        room: Memory,
    ) {
        // SAFETY: that is what the caller promises.
        unsafe {
            match (op, weights, task) {
                (_, Weights::Packed(packed), OpTask::Packed(task)) => {
                    self.carry_out(op, packed, task, class, room);
                }
                (Op::Conv(conv), Weights::Tiles(weights), OpTask::Tiles(task)) => {
                    self.over_tiles(conv, weights, task, room);
                }
                (Op::Conv(conv), Weights::Pixels(weights), OpTask::Pixels(task)) => {
                    self.over_pixels(conv, weights, task, room);
                }
                _ => unreachable!("weights are packed, and tasks made, by the same list"),
            }
        }
    }
}
