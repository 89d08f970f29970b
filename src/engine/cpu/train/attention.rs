//! The gradient of attention, head by head. With `s` the scores after the softmax, `[key][query]`, and `g` the
//! gradient of the result, both also turned around (`ᵀ`):
//!
//! `dv = g sᵀ`, `ds = vᵀ g`, `dz = s (ds - Σ_keys s ds)`, `dq = scale k dz`, `dk = scale q dzᵀ`.

use super::super::attention::AttentionTask;
use super::super::kernels::Kernels;
use super::super::kernels::gradient::Spread;
use super::super::kernels::product::{Part, Product};
use super::super::memory::{Memory, Room};
use super::super::pack::{group, grouped_length};
use super::super::program::Image;
use super::super::threads;
use crate::allocate::OutOfMemory;
use crate::engine::plan::View;

/// What does not change from step to step.
#[derive(Debug)]
pub struct AttentionGradientTask {
    /// What attention itself needs: its scores are made again.
    forward: AttentionTask,
    /// Where the threads' parts of the room begin, after those of `forward`.
    first: usize,
    /// From one thread's part to the next.
    part: usize,
    /// In a part: the gradient of the scores, and what is turned around.
    slopes: usize,
    turned: usize,
}

impl AttentionGradientTask {
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
        let forward = AttentionTask::new(pixels, heads, head_dim, kernels, room)?;
        let mut part = Room::new(1);
        let slopes = part.take(&[pixels, forward.pitch]);
        let turned = part.take(&[pixels, forward.pitch]);
        Ok(Self {
            forward,
            first: room.take(&[heads.min(room.threads), part.length]),
            part: part.length,
            slopes,
            turned,
        })
    }
}

impl Image<'_> {
    /// # Safety
    /// As for [`Image::back`], whose operation must be this one, with `task` and `room` its own.
    pub(super) unsafe fn attention_gradient(
        &self,
        [qkv, gradient]: [View; 2],
        output: View,
        task: &AttentionGradientTask,
        room: Memory,
    ) {
        let parts = self.threads.min(task.forward.heads);
        // Fewer heads than threads: those share each product.
        let within = Self {
            threads: self.threads / parts,
            ..*self
        };
        threads::each(parts, parts, |part| {
            let rooms = [
                room.from(task.forward.first + part * task.forward.part),
                room.from(task.first + part * task.part),
            ];
            for head in threads::piece(task.forward.heads, 1, parts, part) {
                // SAFETY: `new` took a part of the room for every thread that works on heads, and every head is in one
                // part only.
                unsafe { within.head_gradient([qkv, gradient], output, task, head, rooms) };
            }
        });
    }

    /// # Safety
    /// As for [`Image::attention_gradient`], but that `rooms` are the parts of one thread. Threads that work at once
    /// must have parts and heads of their own.
    unsafe fn head_gradient(
        &self,
        [qkv, gradient]: [View; 2],
        output: View,
        task: &AttentionGradientTask,
        head: usize,
        [scores_room, room]: [Memory; 2],
    ) {
        let AttentionTask {
            heads,
            head_dim,
            pixels,
            pitch,
            packed,
            ..
        } = task.forward;
        let place =
            |view: View, i: usize| self.offset(view) + (i * heads + head) * head_dim * pixels;
        // SAFETY: what the head is made of lies in what this operation reads; the scores are in this thread's part.
        let (queries, keys, values, gradients, scores) = unsafe {
            let read = |at: usize| self.memory.read(at, head_dim * pixels);
            (
                read(place(qkv, 0)),
                read(place(qkv, 1)),
                read(place(qkv, 2)),
                read(place(gradient, 0)),
                self.scores(qkv, &task.forward, head, scores_room),
            )
        };
        // Every product's weights lie in the same place, and each is done before those of the next are made.
        let to_weights = scores_room.at(packed);
        let of_channels = |x: *const f32, plane: usize, to: *mut f32, scale: f32| {
            let product = Product {
                parts: &[Part {
                    x,
                    plane,
                    channels: pixels,
                    taps: &[0],
                }],
                weights: scores_room.at(packed),
                depth: pixels,
                bias: task.forward.zeros.as_ptr(),
                out: to,
                out_plane: pixels,
                out_step: 1,
                residual: None,
                scale,
            };
            // SAFETY: the planes of x are `pitch` apart, which is as far as the last vector reads. The head's channels
            // of the output nobody else uses.
            unsafe { self.product(product, head_dim, &task.forward.mixed_pixels) };
        };
        let scale = (head_dim as f32).powf(-0.5);
        let to = |i: usize| self.memory.at(place(output, i));
        let (slopes_at, turned) = (room.at(task.slopes), room.at(task.turned));

        // SAFETY: both are in this thread's parts.
        unsafe { self.turn(scores_room.at(task.forward.scores), turned, pixels, pitch) };
        // SAFETY: this thread has room for weights of either shape there.
        unsafe {
            self.pack(to_weights, [head_dim, pixels], |o, k| {
                gradients[o * pixels + k]
            })
        };
        of_channels(turned, pitch, to(2), 1.0);

        // SAFETY: this thread has room for weights of either shape there.
        unsafe {
            self.pack(to_weights, [pixels, head_dim], |o, k| {
                values[k * pixels + o]
            })
        };
        let product = Product {
            parts: &[Part {
                x: self.memory.at(place(gradient, 0)),
                plane: pixels,
                channels: head_dim,
                taps: &[0],
            }],
            weights: scores_room.at(packed),
            depth: head_dim,
            bias: task.forward.zeros.as_ptr(),
            out: slopes_at,
            out_plane: pitch,
            out_step: 1,
            residual: None,
            scale: 1.0,
        };
        // SAFETY: vectors reach less than a vector over the end of a plane, where there is something to be read. The
        // slopes are this thread's own, `pitch` for every key.
        let slopes = unsafe {
            self.product(product, pixels, &task.forward.score_pixels);
            room.write(task.slopes, pixels * pitch)
        };
        self.kernels.softmax_gradient(scores, slopes, pitch);

        // SAFETY: this thread has room for weights of either shape there.
        unsafe { self.pack(to_weights, [head_dim, pixels], |o, k| keys[o * pixels + k]) };
        of_channels(slopes_at, pitch, to(0), scale);

        // SAFETY: as above.
        unsafe { self.turn(slopes_at, turned, pixels, pitch) };
        // SAFETY: this thread has room for weights of either shape there.
        unsafe {
            self.pack(to_weights, [head_dim, pixels], |o, k| {
                queries[o * pixels + k]
            })
        };
        of_channels(turned, pitch, to(1), scale);
    }

    /// Weights of `outputs` and `depth` in groups, see [`group`].
    ///
    /// # Safety
    /// There must be room for them, which nobody else uses.
    unsafe fn pack(
        &self,
        to: *mut f32,
        [outputs, depth]: [usize; 2],
        at: impl Fn(usize, usize) -> f32,
    ) {
        let rows = self.kernels.rows;
        // SAFETY: that is what the caller promises.
        let weights =
            unsafe { std::slice::from_raw_parts_mut(to, grouped_length(rows, outputs, depth)) };
        group(weights, rows, outputs, depth, at);
    }

    /// `[key][query]` -> `[query][key]`, rows of `pitch` numbers.
    ///
    /// # Safety
    /// Both must be there, and nobody else may use `to` meanwhile.
    unsafe fn turn(&self, from: *const f32, to: *mut f32, pixels: usize, pitch: usize) {
        let lanes = self.kernels.lanes;
        for first in (0..pixels).step_by(lanes) {
            let spread = Spread {
                from: from.wrapping_add(first * pitch),
                plane: pitch,
                channels: lanes.min(pixels - first),
                size: [1, pixels],
                to: to.wrapping_add(first),
                row: 0,
                column: pitch,
            };
            // SAFETY: `pitch` is whole vectors, and there are `pixels` rows of it on either side.
            unsafe { (self.kernels.training.spread)(&spread) };
        }
    }
}
