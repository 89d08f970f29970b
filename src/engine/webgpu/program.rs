//! A plan as a list of dispatches over one arena.

use std::collections::BTreeSet;

use super::device::{Gpu, Kind, STRIDE};
use super::layout::{Lanes, Places, after};
use super::pack::{Packed, Place, whole_blocks};
use super::state::Shape;
use super::template::render;
use crate::engine::cpu::pack::upsamples;
use crate::engine::plan::{ALIGNMENT, Conv, Op, Plan, Resample, Residual, Source, View};
use crate::engine::{EngineError, Progress};
use crate::unet::config::Activation;

/// One network for one size of images and batch: everything that does not change from step to step.
pub struct Program {
    /// The list.
    pub plan: Plan,
    /// The batch.
    pub batch: usize,
    /// All intermediate results of all images.
    pub arena: wgpu::Buffer,
    /// The parameters of every dispatch, [`STRIDE`] bytes apart.
    pub parameters: wgpu::Buffer,
    /// Blocks of the features of one image.
    pub features: usize,
    dispatches: Vec<Dispatch>,
}

/// One kernel's run.
struct Dispatch {
    pipeline: wgpu::ComputePipeline,
    groups: [u32; 3],
    /// Which of the weights' pieces it reads.
    piece: usize,
}

/// A dispatch before its kernel is compiled.
struct Draft {
    kernel: &'static str,
    names: Vec<(&'static str, usize)>,
    fields: Vec<(&'static str, u32)>,
    groups: [usize; 3],
    piece: usize,
}

/// The vectors of zeros that the arena begins with, what is read outside a picture.
const ZEROS: usize = ALIGNMENT / 4;

const BINDINGS: &str = include_str!("kernels/bindings.wgsl");
const ACTIVATION: &str = include_str!("kernels/activation.wgsl");
const CONV: &str = include_str!("kernels/conv.wgsl");
const INPUT: &str = include_str!("kernels/input.wgsl");
const LINEAR: &str = include_str!("kernels/linear.wgsl");
const MIX: &str = include_str!("kernels/mix.wgsl");
const NORMALISE: &str = include_str!("kernels/normalise.wgsl");
const NORMALISE_CHANNELS: &str = include_str!("kernels/normalise_channels.wgsl");
const SCORES: &str = include_str!("kernels/scores.wgsl");
const STEP: &str = include_str!("kernels/step.wgsl");

impl Program {
    /// `plan` for `batch` images, with the weights that were packed for its network.
    ///
    /// # Errors
    /// [`EngineError::Device`] when the device is too small for it.
    pub fn new(
        gpu: &Gpu,
        plan: Plan,
        batch: usize,
        lanes: &Lanes,
        ops: &[Place],
    ) -> Result<Self, EngineError> {
        let places = Places::new(&plan, lanes);
        let features = lanes.blocks(plan.features);
        let drafter = Drafter {
            plan: &plan,
            lanes,
            places: &places,
            batch,
            features,
            kind: gpu.kind(),
        };
        let drafts = drafter.all(ops);
        let most = gpu.limits().max_compute_workgroups_per_dimension as usize;
        if let Some(draft) = drafts.iter().find(|d| d.groups.iter().any(|n| *n > most)) {
            return Err(EngineError::Device(format!(
                "batch or size too large: a step would take {:?} workgroups, {} takes {most} in a row",
                draft.groups,
                gpu.name()
            )));
        }
        let numbers = 4 * (drafter.base() + batch * places.image);
        let storage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
        let arena = gpu.buffer("a network's intermediate results", numbers, storage)?;
        let words = STRIDE as usize / 4;
        let uniform = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
        let parameters = gpu.buffer("parameters", drafts.len() * words, uniform)?;
        let mut bytes = vec![0; drafts.len() * STRIDE as usize];
        for (draft, bytes) in drafts.iter().zip(bytes.chunks_exact_mut(STRIDE as usize)) {
            for ((_, value), bytes) in draft.fields.iter().zip(bytes.chunks_exact_mut(4)) {
                bytes.copy_from_slice(&value.to_le_bytes());
            }
        }
        gpu.queue().write_buffer(&parameters, 0, &bytes);
        let dispatches = drafts
            .iter()
            .map(|draft| Dispatch {
                pipeline: gpu.pipeline(&draft.code()),
                groups: draft.groups.map(|n| n as u32),
                piece: draft.piece,
            })
            .collect();
        gpu.check()?;
        Ok(Self {
            plan,
            batch,
            arena,
            parameters,
            features,
            dispatches,
        })
    }

    /// Number of kernels that a step starts.
    pub fn dispatches(&self) -> usize {
        self.dispatches.len()
    }

    /// Puts the kernels from `first` on into `encoder`: all of them are the network and the sampler's step, the last
    /// one is the step alone. `groups` has one binding for each piece of the weights.
    pub fn encode(
        &self,
        first: usize,
        encoder: &mut wgpu::CommandEncoder,
        groups: &[wgpu::BindGroup],
    ) {
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        for (i, dispatch) in self.dispatches.iter().enumerate().skip(first) {
            pass.set_pipeline(&dispatch.pipeline);
            pass.set_bind_group(0, &groups[dispatch.piece], &[i as u32 * STRIDE as u32]);
            let [x, y, z] = dispatch.groups;
            pass.dispatch_workgroups(x, y, z);
        }
    }

    /// Labels and features of all images as the arena takes them, and the byte where they go.
    pub fn head(&self, labels: Option<&[usize]>, features: &[Vec<f32>]) -> (u64, Vec<f32>) {
        let mut head = vec![0.0; 4 * self.batch * (1 + self.features)];
        let (classes, rest) = head.split_at_mut(4 * self.batch);
        for (vector, label) in classes.chunks_exact_mut(4).zip(labels.unwrap_or_default()) {
            vector[0] = *label as f32;
        }
        for (to, from) in rest.chunks_exact_mut(4 * self.features).zip(features) {
            to[..from.len()].copy_from_slice(from);
        }
        (16 * ZEROS as u64, head)
    }
}

/// Every kernel that a network uses is compiled while it is loaded, not in its first step.
pub async fn compile(
    gpu: &Gpu,
    plan: &Plan,
    lanes: &Lanes,
    packed: &Packed,
    progress: Progress<'_>,
) -> Result<(), EngineError> {
    let drafter = Drafter {
        plan,
        lanes,
        places: &Places::new(plan, lanes),
        batch: 1,
        features: lanes.blocks(plan.features),
        kind: gpu.kind(),
    };
    let drafts = drafter.all(&packed.ops);
    let codes: BTreeSet<String> = drafts.iter().map(Draft::code).collect();
    let codes: Vec<String> = codes.into_iter().collect();
    gpu.compile(&codes, progress).await
}

impl Draft {
    fn code(&self) -> String {
        let mut code = String::from("struct Op {\n");
        for (name, _) in &self.fields {
            code += &format!("  {name}: u32,\n");
        }
        code += "}\n\n";
        code += &render(BINDINGS, &self.names);
        code += &render(ACTIVATION, &self.names);
        code + &render(self.kernel, &self.names)
    }
}

/// Invocations in a workgroup of the convolution.
const THREADS: usize = 64;

/// How many pixels and blocks of channels one invocation of the convolution makes, and how many neighbours share its
/// pixels.
struct Tile {
    pixels: usize,
    blocks: usize,
    lanes: usize,
}

impl Tile {
    /// For `outputs` blocks of channels at `pixels` pixels.
    fn new(kind: Kind, outputs: usize, pixels: usize) -> Self {
        let (tile, blocks) = match kind {
            Kind::Software => (4, 2.min(outputs)),
            // Small pictures have to fill a large device: fewer pixels each, more invocations.
            Kind::Hardware if pixels <= 256 => (2, 1),
            Kind::Hardware => (4, 1),
        };
        // As many as leave none idle in the last workgroup.
        let most = outputs.div_ceil(blocks).min(16);
        let idle = |lanes: &usize| outputs.next_multiple_of(lanes * blocks) - outputs;
        let lanes = (most.div_ceil(2)..=most).rev().min_by_key(idle);
        Self {
            pixels: tile,
            blocks,
            lanes: lanes.unwrap_or(1),
        }
    }
}

struct Drafter<'a> {
    plan: &'a Plan,
    lanes: &'a Lanes,
    places: &'a Places,
    batch: usize,
    features: usize,
    kind: Kind,
}

impl Drafter<'_> {
    /// The vector at which the first image's part of the arena begins.
    fn base(&self) -> usize {
        (ZEROS + self.batch * (1 + self.features)).next_multiple_of(ZEROS)
    }

    fn all(&self, ops: &[Place]) -> Vec<Draft> {
        let mut drafts = vec![self.input()];
        for (at, (op, place)) in self.plan.ops.iter().zip(ops).enumerate() {
            match op {
                Op::Normalise { .. } => drafts.push(self.normalise(op, place)),
                Op::Conv(conv) if place.single => drafts.push(self.linear(conv, place)),
                Op::Conv(conv) => drafts.push(self.conv(conv, place)),
                Op::Attention { .. } => drafts.extend(self.attention(op, at)),
            }
        }
        drafts.push(self.step());
        drafts
    }

    fn draft(
        &self,
        kernel: &'static str,
        names: Vec<(&'static str, usize)>,
        fields: &[(&'static str, usize)],
        groups: [usize; 3],
    ) -> Draft {
        let everywhere = [("image", self.places.image), ("base", self.base())];
        Draft {
            kernel,
            names,
            fields: everywhere
                .iter()
                .chain(fields)
                .map(|(name, value)| (*name, *value as u32))
                .collect(),
            groups,
            piece: 0,
        }
    }

    /// Vector and pixels of a view, counted from the image's part of the arena.
    fn view(&self, view: View) -> (usize, usize) {
        let (buffer, at) = self.places.buffer(view);
        let plane = buffer.height * buffer.width;
        (at + self.lanes.first(view) * plane, plane)
    }

    fn shape(&self) -> Shape {
        let [height, width] = self.plan.size;
        Shape {
            batch: self.batch,
            inputs: self.plan.config.in_channels,
            outputs: self.plan.config.out_channels,
            pixels: height * width,
        }
    }

    fn input(&self) -> Draft {
        let shape = self.shape();
        let fields = [
            ("source", shape.x_t()),
            ("channels", shape.inputs),
            ("pixels", shape.pixels),
            ("output", self.view(self.plan.input).0),
        ];
        let names = vec![("CENTRE", usize::from(self.plan.config.center_input_sample))];
        self.draft(
            INPUT,
            names,
            &fields,
            [shape.pixels.div_ceil(64), 1, self.batch],
        )
    }

    fn step(&self) -> Draft {
        let shape = self.shape();
        let fields = [
            ("source", self.view(self.plan.output).0),
            ("channels", shape.outputs),
            ("pixels", shape.pixels),
            ("factors", shape.factors()),
            ("x", shape.x_t()),
            ("result", shape.x0_hat()),
            ("noise", shape.noise()),
        ];
        self.draft(
            STEP,
            Vec::new(),
            &fields,
            [shape.pixels.div_ceil(64), 1, self.batch],
        )
    }

    fn normalise(&self, op: &Op, place: &Place) -> Draft {
        let Op::Normalise {
            input,
            groups,
            eps,
            modulation,
            output,
            ..
        } = op
        else {
            unreachable!("called for normalisations only");
        };
        let (act, resample) = after(self.plan, *output);
        let channels = self.lanes.of(*input);
        let blocks = whole_blocks(&channels, *groups);
        let size = input.channels / groups;
        let (source, plane) = self.view(*input);
        let (staged, staged_at) = self.places.buffer(*output);
        // Where the second part begins, and how many lanes stand empty before it.
        let empty = channels
            .iter()
            .position(Option::is_none)
            .unwrap_or(channels.len());
        let gap = channels[empty..]
            .iter()
            .take_while(|lane| lane.is_none())
            .count();
        let threads = if size * plane > 4096 { 256 } else { 64 };
        let fields = [
            ("source", source),
            ("plane", plane),
            ("width", self.plan.buffer(*input).width),
            ("size", if blocks { size / 4 } else { size }),
            ("channels", input.channels),
            ("blocks", channels.len() / 4),
            ("split", empty),
            ("gap", gap),
            ("weight", place.weight),
            ("bias", place.bias),
            ("modulation", modulation.map_or(0, |view| self.view(view).0)),
            ("output", staged_at),
            ("outplane", staged.height * staged.width),
            ("eps", (*eps as f32).to_bits() as usize),
        ];
        let mut names = activation(act);
        names.extend([
            ("THREADS", threads),
            ("SCALARS", usize::from(!blocks)),
            ("MODULATED", usize::from(modulation.is_some())),
            ("AVERAGE", usize::from(resample == Resample::Average2x)),
        ]);
        let kernel = if blocks {
            NORMALISE
        } else {
            NORMALISE_CHANNELS
        };
        Draft {
            piece: place.piece,
            ..self.draft(kernel, names, &fields, [*groups, 1, self.batch])
        }
    }

    fn linear(&self, conv: &Conv, place: &Place) -> Draft {
        let (source, stride) = if conv.source.view.buffer == self.plan.features.buffer {
            (ZEROS + self.batch, self.features)
        } else {
            (
                self.base() + self.view(conv.source.view).0,
                self.places.image,
            )
        };
        let outputs = self.lanes.blocks(conv.output);
        let fields = [
            ("source", source),
            ("sourceimage", stride),
            ("blocks", self.lanes.blocks(conv.source.view)),
            ("outputs", outputs),
            ("weights", place.weight),
            ("bias", place.bias),
            ("table", place.table),
            ("classes", ZEROS),
            ("output", self.view(conv.output).0),
        ];
        let mut names = activation(conv.source.act);
        names.extend([
            ("LANES", 8),
            ("SLICES", 8),
            ("THREADS", 64),
            (
                "CLASS",
                usize::from(matches!(conv.residual, Residual::Class(_))),
            ),
        ]);
        Draft {
            piece: place.piece,
            ..self.draft(LINEAR, names, &fields, [outputs.div_ceil(8), 1, self.batch])
        }
    }

    fn conv(&self, conv: &Conv, place: &Place) -> Draft {
        let phases = upsamples(conv);
        let from = self.plan.buffer(conv.source.view);
        let to = self.plan.buffer(conv.output);
        // A normalised source was written in a place of its own.
        let (source, plane) = match conv.source.norm {
            Some(norm) => {
                let (staged, at) = self.places.buffer(norm);
                (at, staged.height * staged.width)
            }
            None => self.view(conv.source.view),
        };
        let (output, outplane) = self.view(conv.output);
        let outputs = self.lanes.blocks(conv.output);
        let [rows, columns] = match conv.source.resample {
            Resample::Nearest2x if phases => [from.height, from.width],
            Resample::Nearest2x => [2 * from.height, 2 * from.width],
            Resample::Average2x => [from.height / 2, from.width / 2],
            Resample::Keep => [from.height, from.width],
        };
        let half = conv.source.resample == Resample::Nearest2x && !phases;
        let (pixels, width) = if phases {
            (plane, from.width)
        } else {
            (outplane, to.width)
        };
        let side = if phases { 2 } else { conv.kernel };
        let rest = self.residual(conv);
        let tile = Tile::new(self.kind, outputs, pixels);
        let fields = [
            ("source", source),
            ("plane", plane),
            ("rows", rows),
            ("columns", columns),
            ("shift", usize::from(half)),
            ("blocks", self.lanes.blocks(conv.source.view)),
            ("side", side),
            ("taps", side * side),
            ("stride", conv.stride),
            ("padding", conv.padding),
            ("weights", place.weight),
            ("phase", place.phase),
            ("bias", place.bias),
            ("time", conv.time.map_or(0, |view| self.view(view).0)),
            ("more", rest.positions),
            ("rest", rest.at),
            ("restplane", rest.plane),
            ("restrows", rest.rows),
            ("restcolumns", rest.columns),
            ("reststride", rest.stride),
            ("restshift", rest.half),
            ("restblocks", rest.blocks),
            ("width", width),
            ("pixels", pixels),
            ("output", output),
            ("outplane", outplane),
            ("outputs", outputs),
            ("lanes", tile.lanes),
            ("scale", conv.scale.to_bits() as usize),
        ];
        let residual = |holds: bool| usize::from(holds);
        let names = vec![
            ("P", tile.pixels),
            ("V", tile.blocks),
            ("FOUR", 4),
            ("THREADS", THREADS),
            ("PHASES", usize::from(phases)),
            ("TIME", usize::from(conv.time.is_some())),
            (
                "PROJECT",
                residual(matches!(conv.residual, Residual::Project { .. })),
            ),
            ("ADD", residual(matches!(conv.residual, Residual::Add(_)))),
            (
                "AVERAGE",
                residual(matches!(
                    conv.residual,
                    Residual::Add(Source {
                        resample: Resample::Average2x,
                        ..
                    })
                )),
            ),
        ];
        let groups = [
            outputs.div_ceil(tile.lanes * tile.blocks),
            pixels.div_ceil(tile.pixels * (THREADS / tile.lanes)),
            self.batch * if phases { 4 } else { 1 },
        ];
        Draft {
            piece: place.piece,
            ..self.draft(CONV, names, &fields, groups)
        }
    }

    fn residual(&self, conv: &Conv) -> Rest {
        let (source, projects) = match conv.residual {
            Residual::Add(source) => (source, false),
            Residual::Project { source, .. } => (source, true),
            Residual::None | Residual::Class(_) => return Rest::default(),
        };
        let from = self.plan.buffer(source.view);
        let (at, plane) = self.view(source.view);
        let average = source.resample == Resample::Average2x;
        let nearest = source.resample == Resample::Nearest2x;
        // A projection sees the picture after it was enlarged, a sum as it lies there.
        let times = if nearest && projects { 2 } else { 1 };
        Rest {
            at,
            plane,
            rows: times * from.height,
            columns: times * from.width,
            stride: if average { 2 } else { 1 },
            half: usize::from(nearest),
            blocks: self.lanes.blocks(source.view),
            positions: match (projects, average) {
                (false, _) => 0,
                (true, false) => 1,
                (true, true) => 4,
            },
        }
    }

    fn attention(&self, op: &Op, at: usize) -> [Draft; 2] {
        let Op::Attention {
            qkv,
            heads,
            head_dim,
            output,
        } = op
        else {
            unreachable!("called for attentions only");
        };
        let (source, pixels) = self.view(*qkv);
        let depth = head_dim.div_ceil(4);
        let tiles = pixels.div_ceil(4);
        let scores = self.places.scores(at);
        let scale = (*head_dim as f32).powf(-0.5).to_bits() as usize;
        let shape = [
            ("source", source),
            ("pixels", pixels),
            ("heads", *heads),
            ("depth", depth),
            ("scale", scale),
        ];
        let first: Vec<_> = shape.into_iter().chain([("output", scores)]).collect();
        let output = self.view(*output).0;
        let second: Vec<_> = shape
            .into_iter()
            .chain([("shares", scores), ("output", output)])
            .collect();
        let blocks = depth.min(4);
        let groups = [
            tiles.div_ceil(16),
            heads * depth.div_ceil(blocks),
            self.batch,
        ];
        [
            self.draft(
                SCORES,
                vec![("THREADS", 64), ("K", 4)],
                &first,
                [tiles, *heads, self.batch],
            ),
            self.draft(
                MIX,
                vec![("THREADS", 16), ("V", blocks), ("FOUR", 4)],
                &second,
                groups,
            ),
        ]
    }
}

/// What is added to a convolution's result, as its kernel sees it.
#[derive(Default)]
struct Rest {
    at: usize,
    plane: usize,
    rows: usize,
    columns: usize,
    stride: usize,
    half: usize,
    blocks: usize,
    positions: usize,
}

fn activation(act: Option<Activation>) -> Vec<(&'static str, usize)> {
    let name = match act {
        None => return Vec::new(),
        Some(Activation::Silu) => "SILU",
        Some(Activation::Mish) => "MISH",
        Some(Activation::Gelu) => "GELU",
        Some(Activation::Relu) => "RELU",
    };
    vec![("ACT", 1), (name, 1)]
}
