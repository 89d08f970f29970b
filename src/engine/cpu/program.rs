//! A plan with everything that does not change from step to step, and how an operation is carried out.

use std::sync::Arc;

use super::geometry::{Geometry, Layout, Planes, vectors};
use super::kernels::Kernels;
use super::kernels::product::{MAX_LANES, Part, Pixels, Product};
use super::pack::{Packed, grouped};
use super::threads;
use crate::engine::plan::{Conv, Op, Plan, Resample, Residual, Source, View};

/// One network for one image size.
#[derive(Debug)]
pub struct Program {
    /// The list.
    pub plan: Plan,
    packed: Arc<Vec<Packed>>,
    shapes: Vec<Shape>,
    kernels: Kernels,
    scratch: usize,
}

/// What an operation needs besides its weights.
#[derive(Debug)]
enum Shape {
    Other,
    Conv(Geometry),
    Attention(Vec<Pixels>, Vec<Pixels>),
}

/// The memory of one image: its buffers, and room for what one operation makes for itself.
#[derive(Debug)]
pub struct Workspace {
    arena: Vec<f32>,
    scratch: Vec<f32>,
}

/// A pointer that threads may share because each writes elsewhere.
#[derive(Clone, Copy)]
struct Memory(*mut f32);

// SAFETY: it is only a number; whoever follows it answers for what is there.
unsafe impl Send for Memory {}
unsafe impl Sync for Memory {}

impl Memory {
    fn at(self, offset: usize) -> *mut f32 {
        self.0.wrapping_add(offset)
    }

    /// # Safety
    /// Nothing may write there meanwhile.
    unsafe fn read<'a>(self, offset: usize, length: usize) -> &'a [f32] {
        unsafe { std::slice::from_raw_parts(self.at(offset), length) }
    }

    /// # Safety
    /// Nothing else may be there meanwhile.
    unsafe fn write<'a>(self, offset: usize, length: usize) -> &'a mut [f32] {
        unsafe { std::slice::from_raw_parts_mut(self.at(offset), length) }
    }
}

/// A [`Product`] that threads may share: they write different pixels or outputs.
struct Shared<'a>(Product<'a>);

// SAFETY: all its pointers but `out` are only read, and every thread writes its own part of `out`.
unsafe impl Sync for Shared<'_> {}

impl Program {
    /// `plan` with the weights that were packed for its network.
    pub fn new(plan: Plan, packed: Arc<Vec<Packed>>, kernels: Kernels) -> Self {
        let lanes = kernels.lanes;
        let mut scratch = 0;
        let mut shapes = Vec::new();
        for (op, packed) in plan.ops.iter().zip(packed.iter()) {
            let (shape, needed) = match (op, packed) {
                (Op::Conv(conv), Packed::Product { bias, .. }) => {
                    let geometry = Geometry::new(&plan, conv, lanes);
                    let staged = staged_length(geometry.layout, conv.source.view.channels);
                    let residual = geometry.residual(&plan, conv).map_or(0, |layout| {
                        staged_length(layout, residual_source(conv).map_or(0, |s| s.view.channels))
                    });
                    (Shape::Conv(geometry), staged + residual + bias.len())
                }
                (Op::Attention { qkv, heads, .. }, _) => {
                    let pixels = tokens(&plan, *qkv);
                    let pitch = pixels.next_multiple_of(lanes);
                    let scores = vectors([1, pitch], pitch, lanes, [pitch, 1], 0);
                    let mixed = vectors([1, pixels], pixels, lanes, [pixels, 1], 0);
                    let room = heads * pixels * pitch;
                    (Shape::Attention(scores, mixed), room)
                }
                _ => (Shape::Other, 0),
            };
            shapes.push(shape);
            scratch = scratch.max(needed);
        }
        Self {
            plan,
            packed,
            shapes,
            kernels,
            scratch,
        }
    }

    /// Memory for one image.
    pub fn workspace(&self) -> Workspace {
        // Vectors at the end of a plane are read beyond it.
        Workspace {
            arena: vec![0.0; self.plan.arena + MAX_LANES],
            scratch: vec![0.0; self.scratch + MAX_LANES],
        }
    }

    /// The network's output for one image `x` `[C, H, W]` with the time features `features`, into `out`.
    pub fn run(
        &self,
        workspace: &mut Workspace,
        features: &[f32],
        class: Option<usize>,
        x: &[f32],
        out: &mut [f32],
        threads: usize,
    ) {
        let arena = Memory(workspace.arena.as_mut_ptr());
        let scratch = Memory(workspace.scratch.as_mut_ptr());
        // SAFETY: views lie in the arena (the plan's tests), and nothing else holds the workspace.
        unsafe {
            let view = |view| arena.write(self.offset(view), self.length(view));
            view(self.plan.features).copy_from_slice(features);
            let input = view(self.plan.input);
            if self.plan.config.center_input_sample {
                for (input, x) in input.iter_mut().zip(x) {
                    *input = x * 2.0 - 1.0;
                }
            } else {
                input.copy_from_slice(x);
            }
            for ((op, packed), shape) in self
                .plan
                .ops
                .iter()
                .zip(self.packed.iter())
                .zip(&self.shapes)
            {
                match (op, packed, shape) {
                    (Op::Normalise { .. }, Packed::Norm { weight, bias }, _) => {
                        self.normalise(op, weight, bias, arena, threads);
                    }
                    (Op::Conv(conv), Packed::Single { .. }, _) => {
                        self.single(conv, packed, class, arena, scratch);
                    }
                    (Op::Conv(conv), Packed::Product { .. }, Shape::Conv(geometry)) => {
                        self.conv(conv, packed, geometry, arena, scratch, threads);
                    }
                    (Op::Attention { .. }, _, Shape::Attention(scores, mixed)) => {
                        self.attention(op, [scores, mixed], arena, scratch, threads);
                    }
                    _ => unreachable!("pack and Program::new go by the same list"),
                }
            }
            out.copy_from_slice(view(self.plan.output));
        }
    }

    /// Planes are whole and channels follow each other, so that a view is one piece.
    fn offset(&self, view: View) -> usize {
        let buffer = self.plan.buffer(view);
        buffer.offset + view.first * buffer.height * buffer.width
    }

    fn length(&self, view: View) -> usize {
        view.channels * tokens(&self.plan, view)
    }

    /// # Safety
    /// `arena` must be this program's, and nothing else may use it meanwhile; so for the rest.
    unsafe fn normalise(
        &self,
        op: &Op,
        weight: &[f32],
        bias: &[f32],
        arena: Memory,
        threads: usize,
    ) {
        let Op::Normalise {
            input,
            groups,
            eps,
            modulation,
            output,
            ..
        } = op
        else {
            return;
        };
        let channels = input.channels / groups;
        let length = self.length(*input) / groups;
        let one = |group: usize| unsafe {
            let values = arena.read(self.offset(*input) + group * length, length);
            let (mean, variance) = (self.kernels.moments)(values);
            let deviation = (variance + eps).sqrt();
            let at = group * channels;
            let scales = arena.write(self.offset(*output) + at, channels);
            let shifts = arena.write(self.offset(*output) + input.channels + at, channels);
            for c in 0..channels {
                let scale = f64::from(weight[at + c]) / deviation;
                scales[c] = scale as f32;
                shifts[c] = (f64::from(bias[at + c]) - mean * scale) as f32;
                if let Some(by) = modulation {
                    let factor = *arena.at(self.offset(*by) + at + c) + 1.0;
                    scales[c] *= factor;
                    shifts[c] *= factor;
                    shifts[c] += *arena.at(self.offset(*by) + input.channels + at + c);
                }
            }
        };
        threads::each(threads, *groups, one);
    }

    unsafe fn single(
        &self,
        conv: &Conv,
        packed: &Packed,
        class: Option<usize>,
        arena: Memory,
        scratch: Memory,
    ) {
        let Packed::Single {
            weight,
            bias,
            table,
        } = packed
        else {
            return;
        };
        let source = conv.source.view;
        unsafe {
            let mut x = arena.read(self.offset(source), source.channels);
            if conv.source.act.is_some() {
                let activated = scratch.write(0, source.channels);
                (self.kernels.activate)(x, activated, 1.0, 0.0, conv.source.act);
                x = activated;
            }
            let out = arena.write(self.offset(conv.output), bias.len());
            out.copy_from_slice(bias);
            if let (Some(table), Some(class)) = (table, class) {
                for (out, row) in out.iter_mut().zip(&table[class * bias.len()..]) {
                    *out += row;
                }
            }
            (self.kernels.single)(x, weight.as_ptr(), bias.len(), out, 0);
        }
    }

    unsafe fn conv(
        &self,
        conv: &Conv,
        packed: &Packed,
        geometry: &Geometry,
        arena: Memory,
        scratch: Memory,
        threads: usize,
    ) {
        let Packed::Product {
            weights,
            depth,
            bias,
        } = packed
        else {
            return;
        };
        let mut free = 0;
        let mut planes = |source: &Source, layout: Layout, as_read: bool| unsafe {
            let source = Source {
                // The small kernels of an upsampling read the picture as it was.
                resample: if as_read {
                    source.resample
                } else {
                    Resample::Keep
                },
                ..*source
            };
            match layout {
                Layout::Direct => (
                    arena.at(self.offset(source.view)).cast_const(),
                    tokens(&self.plan, source.view),
                ),
                Layout::Staged(planes) => {
                    let to = Memory(scratch.at(free));
                    self.stage(&source, planes, arena, to, threads);
                    free += staged_length(layout, source.view.channels);
                    (to.at(0).cast_const(), planes.plane())
                }
            }
        };
        let four = weights.len() == 4;
        let (x, plane) = planes(&conv.source, geometry.layout, !four);
        let residual = residual_source(conv).zip(geometry.residual(&self.plan, conv));
        let residual = residual.map(|(source, layout)| (source, planes(&source, layout, true)));
        let sums = scratch.at(free);
        let centre = [geometry.centre];
        unsafe {
            let sums = std::slice::from_raw_parts_mut(sums, bias.len());
            sums.copy_from_slice(bias);
            if let Some(time) = conv.time {
                let time = arena.read(self.offset(time), bias.len());
                sums.iter_mut()
                    .zip(time)
                    .for_each(|(sum, time)| *sum += time);
            }
            for ((weights, taps), pixels) in
                weights.iter().zip(&geometry.taps).zip(&geometry.pixels)
            {
                let main = Part {
                    x,
                    plane,
                    channels: conv.source.view.channels,
                    taps,
                };
                let (shortcut, add) = match (conv.residual, residual) {
                    (Residual::Project { .. }, Some((source, (x, plane)))) => {
                        let channels = source.view.channels;
                        let taps = &centre[..];
                        let part = Part {
                            x,
                            plane,
                            channels,
                            taps,
                        };
                        (Some(part), None)
                    }
                    (_, place) => (None, place.map(|(_, place)| place)),
                };
                let parts = [main, shortcut.unwrap_or(main)];
                let product = Product {
                    parts: &parts[..1 + usize::from(shortcut.is_some())],
                    weights: weights.as_ptr(),
                    depth: *depth,
                    bias: sums.as_ptr(),
                    out: arena.at(self.offset(conv.output)),
                    out_plane: tokens(&self.plan, conv.output),
                    out_step: geometry.out_step,
                    residual: add,
                    scale: conv.scale,
                };
                self.product(product, bias.len(), pixels, threads);
            }
        }
    }

    /// All outputs at all pixels, cut into one piece per thread.
    unsafe fn product(&self, product: Product, outputs: usize, pixels: &[Pixels], threads: usize) {
        let shared = Shared(product);
        let by_pixels = pixels.len() >= 4 * threads;
        let work = |i: usize| unsafe {
            let product = &{ &shared }.0;
            if by_pixels {
                let some = threads::piece(pixels.len(), 1, threads, i);
                (self.kernels.product)(product, 0..outputs, &pixels[some]);
            } else {
                let some = threads::piece(outputs, self.kernels.rows, threads, i);
                (self.kernels.product)(product, some, pixels);
            }
        };
        threads::each(threads, threads, work);
    }

    /// Normalised, activated and resampled planes of `source`, with zeros around.
    unsafe fn stage(
        &self,
        source: &Source,
        planes: Planes,
        arena: Memory,
        to: Memory,
        threads: usize,
    ) {
        let from = self.plan.buffer(source.view);
        let (height, width) = (from.height, from.width);
        let one = |c: usize| unsafe {
            let values = arena.read(
                self.offset(source.view) + c * height * width,
                height * width,
            );
            let (scale, shift) = source.norm.map_or((1.0, 0.0), |norm| {
                let at = self.offset(norm) + c;
                (*arena.at(at), *arena.at(at + source.view.channels))
            });
            let plane = to.write(c * planes.plane(), planes.plane());
            let straight = source.resample == Resample::Keep && !planes.split;
            if straight && planes.padding == 0 {
                (self.kernels.activate)(values, plane, scale, shift, source.act);
                return;
            }
            plane.fill(0.0);
            if straight {
                for (y, row) in values.chunks_exact(width).enumerate() {
                    let first = (y + 1) * planes.pitch + 1;
                    let place = &mut plane[first..first + width];
                    (self.kernels.activate)(row, place, scale, shift, source.act);
                }
                return;
            }
            self.rearrange(values, width, source, (scale, shift), planes, plane);
        };
        threads::each(threads, source.view.channels, one);
    }

    /// The cases that are rare: pixel by pixel.
    unsafe fn rearrange(
        &self,
        values: &[f32],
        width: usize,
        source: &Source,
        (scale, shift): (f32, f32),
        planes: Planes,
        plane: &mut [f32],
    ) {
        let mut activated = values.to_vec();
        if source.act.is_some() || source.norm.is_some() {
            unsafe { (self.kernels.activate)(values, &mut activated, scale, shift, source.act) };
        }
        let at = |y: usize, x: usize| activated[y * width + x];
        let [rows, columns] = planes.size;
        for y in 0..rows {
            for x in 0..columns {
                let value = match source.resample {
                    Resample::Keep => at(y, x),
                    Resample::Nearest2x => at(y / 2, x / 2),
                    Resample::Average2x => {
                        let (y, x) = (2 * y, 2 * x);
                        (at(y, x) + at(y, x + 1) + at(y + 1, x) + at(y + 1, x + 1)) / 4.0
                    }
                };
                let (y, x) = (y + planes.padding, x + planes.padding);
                let place = if planes.split {
                    (2 * (y % 2) + x % 2) * planes.phase() + y / 2 * planes.pitch + x / 2
                } else {
                    y * planes.pitch + x
                };
                plane[place] = value;
            }
        }
    }

    unsafe fn attention(
        &self,
        op: &Op,
        [score_pixels, mixed_pixels]: [&[Pixels]; 2],
        arena: Memory,
        scratch: Memory,
        threads: usize,
    ) {
        let Op::Attention {
            qkv,
            heads,
            head_dim,
            output,
        } = op
        else {
            return;
        };
        let pixels = tokens(&self.plan, *qkv);
        let pitch = pixels.next_multiple_of(self.kernels.lanes);
        let inner = heads * head_dim;
        let zeros = vec![0.0; pixels.max(*head_dim)];
        let zeros = Memory(zeros.as_ptr().cast_mut());
        let one = |head: usize| unsafe {
            let part = |i: usize| self.offset(*qkv) + (i * inner + head * head_dim) * pixels;
            let room = pixels * pitch;
            let scores = Memory(scratch.at(head * room));
            // Scores of all keys for a query stand one below the other, so that vectors hold queries.
            let keys = arena.read(part(1), head_dim * pixels);
            let keys = grouped(self.kernels.rows, pixels, *head_dim, |o, k| {
                keys[k * pixels + o]
            });
            let product = Product {
                parts: &[Part {
                    x: arena.at(part(0)),
                    plane: pixels,
                    channels: *head_dim,
                    taps: &[0],
                }],
                weights: keys.as_ptr(),
                depth: *head_dim,
                bias: zeros.at(0),
                out: scores.at(0),
                out_plane: pitch,
                out_step: 1,
                residual: None,
                scale: (*head_dim as f32).powf(-0.5),
            };
            self.product(product, pixels, score_pixels, 1);
            (self.kernels.softmax)(scores.write(0, pixels * pitch), pitch);
            let values = arena.read(part(2), head_dim * pixels);
            let values = grouped(self.kernels.rows, *head_dim, pixels, |o, k| {
                values[o * pixels + k]
            });
            let product = Product {
                parts: &[Part {
                    x: scores.at(0),
                    plane: pitch,
                    channels: pixels,
                    taps: &[0],
                }],
                weights: values.as_ptr(),
                depth: pixels,
                bias: zeros.at(0),
                out: arena.at(self.offset(*output) + head * head_dim * pixels),
                out_plane: pixels,
                out_step: 1,
                residual: None,
                scale: 1.0,
            };
            self.product(product, *head_dim, mixed_pixels, 1);
        };
        threads::each(threads, *heads, one);
    }
}

fn tokens(plan: &Plan, view: View) -> usize {
    let buffer = plan.buffer(view);
    buffer.height * buffer.width
}

fn residual_source(conv: &Conv) -> Option<Source> {
    match conv.residual {
        Residual::Add(source) | Residual::Project { source, .. } => Some(source),
        Residual::None | Residual::Class(_) => None,
    }
}

/// Numbers of the copies, and room to read on after the last.
fn staged_length(layout: Layout, channels: usize) -> usize {
    match layout {
        Layout::Direct => 0,
        Layout::Staged(planes) => planes.plane() * channels + MAX_LANES,
    }
}
