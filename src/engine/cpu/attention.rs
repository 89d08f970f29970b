//! Attention, head by head: two matrix products and a softmax.

use super::geometry::vectors;
use super::kernels::Kernels;
use super::kernels::product::{Part, Pixels, Product};
use super::memory::{Memory, Room};
use super::pack::{group, grouped_length};
use super::program::Image;
use super::threads;
use crate::allocate::OutOfMemory;
use crate::engine::plan::View;

/// What does not change from step to step.
#[derive(Debug)]
pub struct AttentionTask {
    pub heads: usize,
    pub head_dim: usize,
    pub pixels: usize,
    /// From the scores of one key to those of the next.
    pub pitch: usize,
    pub score_pixels: Vec<Pixels>,
    pub mixed_pixels: Vec<Pixels>,
    pub zeros: Vec<f32>,
    /// Where the thread's part of the room begins.
    pub first: usize,
    /// From one thread's part of the room to the next.
    pub part: usize,
    /// In a part: scores, and keys or values in the order of weights.
    pub scores: usize,
    pub packed: usize,
}

impl AttentionTask {
    /// Between `pixels` pixels.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn new(
        pixels: usize,
        heads: usize,
        head_dim: usize,
        kernels: Kernels,
        room: &mut Room,
    ) -> Result<Self, OutOfMemory> {
        let pitch = pixels.next_multiple_of(kernels.lanes);
        // A thread shares its part only with those that help it.
        let mut part = Room::new(1);
        let scores = part.take(&[pixels, pitch]);
        let keys = grouped_length(kernels.rows, pixels, head_dim);
        let values = grouped_length(kernels.rows, head_dim, pixels);
        let packed = part.take(&[keys.max(values)]);
        Ok(Self {
            heads,
            head_dim,
            pixels,
            pitch,
            score_pixels: vectors([1, pitch], pitch, kernels.lanes, [pitch, 1], 0)?,
            mixed_pixels: vectors([1, pixels], pixels, kernels.lanes, [pixels, 1], 0)?,
            zeros: vec![0.0; pixels.max(head_dim)],
            first: room.take(&[heads.min(room.threads), part.length]),
            part: part.length,
            scores,
            packed,
        })
    }
}

impl Image<'_> {
    /// # Safety
    /// As for [`Image::carry_out`], whose operation must be this one, with `task` and `room` its own.
    pub(super) unsafe fn attention(
        &self,
        qkv: View,
        output: View,
        task: &AttentionTask,
        room: Memory,
    ) {
        let parts = self.threads.min(task.heads);
        // Fewer heads than threads: those share each product.
        let within = Self {
            threads: self.threads / parts,
            ..*self
        };
        let some = |part: usize| {
            let room = room.from(task.first + part * task.part);
            for head in threads::piece(task.heads, 1, parts, part) {
                // SAFETY: `AttentionTask::new` took a part of the room for every thread that works on heads, and every
                // head is in one part only.
                unsafe { within.head(qkv, output, task, head, room) };
            }
        };
        threads::each(parts, parts, some);
    }

    /// The scores of a head after the softmax, `[key][query]` with `pitch` numbers for a key, in the thread's part.
    ///
    /// # Safety
    /// As for [`Image::attention`], but that `room` is the part of one thread. Threads that work at once must have
    /// parts and heads of their own.
    pub(super) unsafe fn scores<'m>(
        &self,
        qkv: View,
        task: &AttentionTask,
        head: usize,
        room: Memory,
    ) -> &'m [f32] {
        let &AttentionTask {
            heads,
            head_dim,
            pixels,
            pitch,
            ..
        } = task;
        let kernels = self.kernels;
        let part = |i: usize| self.offset(qkv) + (i * heads + head) * head_dim * pixels;
        // SAFETY: queries and keys of each head lie in `qkv`, which this operation reads and so does not write. In its
        // part of the room a thread has scores, and next to them weights for the longer of both products.
        let (keys, weights_of_keys) = unsafe {
            let of_keys = grouped_length(kernels.rows, pixels, head_dim);
            (
                self.memory.read(part(1), head_dim * pixels),
                room.write(task.packed, of_keys),
            )
        };
        let (scores, packed) = (room.at(task.scores), room.at(task.packed));
        // Scores of all keys for a query stand one below the other, so that vectors hold queries.
        group(weights_of_keys, kernels.rows, pixels, head_dim, |o, k| {
            keys[k * pixels + o]
        });
        let product = Product {
            parts: &[Part {
                x: self.memory.at(part(0)),
                plane: pixels,
                channels: head_dim,
                taps: &[0],
            }],
            weights: packed,
            depth: head_dim,
            bias: task.zeros.as_ptr(),
            out: scores,
            out_plane: pitch,
            out_step: 1,
            residual: None,
            scale: (head_dim as f32).powf(-0.5),
        };
        // SAFETY: vectors reach over all of `pitch`, which is less than a vector longer than `pixels`: behind the last
        // queries lie keys, and behind the last keys values. Weights were filled in above, and `zeros` has one for each
        // key. The scores are this thread's own, `pitch` for every key.
        let scores_of_all = unsafe {
            self.product(product, pixels, &task.score_pixels);
            room.write(task.scores, pixels * pitch)
        };
        kernels.softmax(scores_of_all, pitch);
        scores_of_all
    }

    /// # Safety
    /// As for [`Image::attention`], but that `room` is the part of one thread. Threads that work at once must have
    /// parts and heads of their own.
    unsafe fn head(
        &self,
        qkv: View,
        output: View,
        task: &AttentionTask,
        head: usize,
        room: Memory,
    ) {
        let &AttentionTask {
            heads,
            head_dim,
            pixels,
            pitch,
            ..
        } = task;
        let kernels = self.kernels;
        // SAFETY: as for [`Image::scores`]; values lie in `qkv`, too.
        let values = unsafe {
            self.scores(qkv, task, head, room);
            let values = self.offset(qkv) + (2 * heads + head) * head_dim * pixels;
            self.memory.read(values, head_dim * pixels)
        };
        let (scores, packed) = (room.at(task.scores), room.at(task.packed));
        // SAFETY: as for the keys, which are not used any more.
        let weights_of_values = unsafe {
            let of_values = grouped_length(kernels.rows, head_dim, pixels);
            room.write(task.packed, of_values)
        };
        group(weights_of_values, kernels.rows, head_dim, pixels, |o, k| {
            values[o * pixels + k]
        });
        let product = Product {
            parts: &[Part {
                x: scores,
                plane: pitch,
                channels: pixels,
                taps: &[0],
            }],
            weights: packed,
            depth: pixels,
            bias: task.zeros.as_ptr(),
            out: self
                .memory
                .at(self.offset(output) + head * head_dim * pixels),
            out_plane: pixels,
            out_step: 1,
            residual: None,
            scale: 1.0,
        };
        // SAFETY: the last vector reads up to `pitch`, which is where the next scores begin. Weights were filled in
        // above, and `zeros` has one for each channel. The head's channels of the output nobody else uses.
        unsafe { self.product(product, head_dim, &task.mixed_pixels) };
    }
}
