//! Attention, head by head: two matrix products and a softmax.

use super::geometry::vectors;
use super::kernels::Kernels;
use super::kernels::product::{Part, Pixels, Product};
use super::memory::{Memory, Room};
use super::pack::{group, grouped_length};
use super::program::Image;
use super::threads;
use crate::engine::plan::View;

/// What does not change from step to step.
#[derive(Debug)]
pub struct AttentionTask {
    heads: usize,
    head_dim: usize,
    pixels: usize,
    /// From the scores of one key to those of the next.
    pitch: usize,
    score_pixels: Vec<Pixels>,
    mixed_pixels: Vec<Pixels>,
    zeros: Vec<f32>,
    /// Where the thread's part of the room begins.
    first: usize,
    /// From one thread's part of the room to the next.
    part: usize,
    /// In a part: scores, and keys or values in the order of weights.
    scores: usize,
    packed: usize,
}

impl AttentionTask {
    /// Between `pixels` pixels.
    pub fn new(
        pixels: usize,
        heads: usize,
        head_dim: usize,
        kernels: Kernels,
        room: &mut Room,
    ) -> Self {
        let pitch = pixels.next_multiple_of(kernels.lanes);
        let mut part = Room::default();
        let scores = part.take(pixels * pitch);
        let keys = grouped_length(kernels.rows, pixels, head_dim);
        let values = grouped_length(kernels.rows, head_dim, pixels);
        let packed = part.take(keys.max(values));
        Self {
            heads,
            head_dim,
            pixels,
            pitch,
            score_pixels: vectors([1, pitch], pitch, kernels.lanes, [pitch, 1], 0),
            mixed_pixels: vectors([1, pixels], pixels, kernels.lanes, [pixels, 1], 0),
            zeros: vec![0.0; pixels.max(head_dim)],
            first: room.take(heads.min(threads::available()) * part.length),
            part: part.length,
            scores,
            packed,
        }
    }
}

impl Image<'_> {
    /// # Safety
    /// As for [`Image::carry_out`].
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
        let some = |part: usize| unsafe {
            let room = room.from(task.first + part * task.part);
            for head in threads::piece(task.heads, 1, parts, part) {
                within.head(qkv, output, task, head, room);
            }
        };
        threads::each(parts, parts, some);
    }

    /// # Safety
    /// As for [`Image::carry_out`].
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
        let kernels = self.program.kernels;
        let part = |i: usize| self.offset(qkv) + (i * heads + head) * head_dim * pixels;
        let (scores, packed) = (room.from(task.scores), room.at(task.packed));
        unsafe {
            // Scores of all keys for a query stand one below the other, so that vectors hold queries.
            let keys = self.memory.read(part(1), head_dim * pixels);
            let length = grouped_length(kernels.rows, pixels, head_dim);
            let to = room.write(task.packed, length);
            group(to, kernels.rows, pixels, head_dim, |o, k| {
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
                out: scores.at(0),
                out_plane: pitch,
                out_step: 1,
                residual: None,
                scale: (head_dim as f32).powf(-0.5),
            };
            self.product(product, pixels, &task.score_pixels);
            (kernels.softmax)(scores.write(0, pixels * pitch), pitch);
            let values = self.memory.read(part(2), head_dim * pixels);
            let length = grouped_length(kernels.rows, head_dim, pixels);
            let to = room.write(task.packed, length);
            group(to, kernels.rows, head_dim, pixels, |o, k| {
                values[o * pixels + k]
            });
            let product = Product {
                parts: &[Part {
                    x: scores.at(0),
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
            self.product(product, head_dim, &task.mixed_pixels);
        }
    }
}
