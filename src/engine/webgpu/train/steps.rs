//! The kernels of a training step, in its order.

use super::super::draft::{Drafter, ZEROS, activation};
use super::super::pack::whole_blocks;
use super::super::{draft, template::Template};
use super::kernels;
use super::layout::Layout;
use super::masters::Masters;
use super::muon::Muon;
use super::state::{ADDS, CLIP, FIRST, TrainState, UPDATE};
use super::task::{Bound, Part, Task};
use crate::engine::EngineError;
use crate::engine::plan::{
    Back, NormGradient, Op, Resample, Source, Step, Through, TrainingPlan, View,
};

/// Makes the tasks of a training step.
pub struct Steps<'a> {
    /// The list.
    pub training: &'a TrainingPlan,
    /// Places.
    pub layout: &'a Layout,
    /// Weights.
    pub masters: &'a Masters,
    /// Makes those that sampling has too.
    pub drafter: Drafter<'a>,
    /// Places of everything else.
    pub state: TrainState,
    /// Invocations that keep the device busy.
    pub busy: usize,
}

/// Workgroups that add squares of one piece of the gradient.
pub const SQUARES: usize = 512;

/// Values, their average and both moments.
pub const COPIES: usize = 4;

/// Workgroups of Adam in a row.
pub const ROW: usize = 32_768;

type Fields = Vec<(&'static str, usize)>;

impl Steps<'_> {
    /// Everything up to the gradients.
    ///
    /// # Errors
    /// [`EngineError::Kernel`] for a kernel of ours.
    pub fn gradients(&self) -> Result<Vec<Task>, EngineError> {
        let mut tasks = vec![self.noise()?];
        for (at, step) in self.training.steps.iter().enumerate() {
            match step {
                Step::Op(op) => self.op(*op, &mut tasks)?,
                Step::Back(back) => self.back(at, back, &mut tasks)?,
            }
        }
        tasks.extend(self.reduce()?);
        Ok(tasks)
    }

    /// Loss and norm, and with `updates` the change of the weights, by Muon where there is what it holds.
    ///
    /// # Errors
    /// [`EngineError::Kernel`] for a kernel of ours.
    pub fn update(&self, updates: bool, muon: Option<&Muon>) -> Result<Vec<Task>, EngineError> {
        let mut tasks = Vec::new();
        let pieces = self.masters.pieces.iter().copied().enumerate();
        for (piece, size) in pieces.clone() {
            let output = self.state.squares() + piece * SQUARES;
            tasks.push(Task::new(
                &[
                    (&kernels::SQUARES, &[("THREADS", 256)]),
                    (&kernels::TOTAL, &[("THREADS", 256)]),
                ],
                &[("size", size), ("output", output)],
                [SQUARES, 1, 1],
                Bound::Update,
                piece,
            )?);
        }
        tasks.push(Task::new(
            &[
                (&kernels::FINISH, &[("THREADS", 256)]),
                (&kernels::TOTAL, &[("THREADS", 256)]),
            ],
            &[
                ("images", self.state.images),
                ("losses", self.state.losses()),
                ("parts", self.state.parts),
                ("squares", self.state.squares()),
                ("clip", CLIP),
                ("results", self.state.results()),
                ("flag", COPIES * pitch(self.masters.pieces[0])),
                ("updates", usize::from(updates)),
            ],
            [1, 1, 1],
            Bound::Update,
            0,
        )?);
        if updates {
            for (piece, size) in pieces {
                if let Some(muon) = muon {
                    tasks.extend(self.muon(muon, self.state.muon(), piece, size)?);
                    continue;
                }
                let groups = size.div_ceil(256);
                tasks.push(Task::new(
                    &[(&kernels::ADAM, &[("LISTED", 0)])],
                    &[
                        ("size", size),
                        ("pitch", pitch(size)),
                        ("row", ROW),
                        ("results", self.state.results()),
                        ("update", UPDATE),
                    ],
                    [groups.min(ROW), groups.div_ceil(ROW), 1],
                    Bound::Update,
                    piece,
                )?);
            }
        }
        Ok(tasks)
    }

    fn noise(&self) -> Result<Task, EngineError> {
        let shape = self.state.shape;
        let plan = self.drafter.plan;
        let known = shape.features / 4;
        let fields = [
            ("features", shape.features()),
            ("known", known),
            ("told", self.drafter.view(plan.features).0),
            ("levels", self.state.levels()),
            ("clean", shape.x_t()),
            ("noise", shape.noise()),
            ("channels", shape.inputs),
            ("pixels", shape.pixels),
            ("output", self.drafter.view(plan.input).0),
            ("goal", self.drafter.view(self.training.target).0),
        ];
        let centre = usize::from(plan.config.center_input_sample);
        let groups = [shape.pixels.max(known).div_ceil(64), 1, shape.batch];
        self.network(
            &[(&kernels::NOISE, &[("CENTRE", centre)])],
            &fields,
            groups,
            false,
            0,
        )
    }

    fn op(&self, at: usize, tasks: &mut Vec<Task>) -> Result<(), EngineError> {
        let plan = self.drafter.plan;
        let slot = &self.masters.slots[at];
        let op = &plan.ops[at];
        match op {
            Op::Normalise { .. } => {
                let after = self.layout.after[&at];
                tasks.push(Task::of(&self.drafter.normalise_then(op, slot, after))?);
            }
            Op::Conv(conv) if slot.single && !conv.transposed => {
                tasks.push(Task::of(&self.drafter.linear(conv, slot))?);
            }
            Op::Conv(conv) => tasks.push(Task::of(&self.drafter.conv(conv, slot))?),
            Op::Attention { .. } => {
                for draft in self.drafter.attention(op, at) {
                    tasks.push(Task::of(&draft)?);
                }
            }
        }
        Ok(())
    }

    fn back(&self, at: usize, back: &Back, tasks: &mut Vec<Task>) -> Result<(), EngineError> {
        match back {
            Back::Loss {
                output,
                target,
                gradient,
                ..
            } => tasks.push(self.loss(*output, *target, *gradient)?),
            Back::Weights { .. } => tasks.extend(self.weights(back)?),
            Back::Sum { gradient, output } => tasks.push(self.sum(*gradient, *output)?),
            // All of them come last.
            Back::Reduce { .. } => {}
            Back::Classes { source, table } => {
                let (piece, to) = self.masters.at(*table);
                let blocks = self.drafter.lanes.blocks(*source);
                let rows = self.drafter.plan.params[table.0].shape[0];
                tasks.push(self.summed(
                    &[(&kernels::CLASSES, &[])],
                    &[
                        ("source", self.drafter.view(*source).0),
                        ("blocks", blocks),
                        ("labels", self.state.shape.labels()),
                        ("output", to),
                    ],
                    [blocks.div_ceil(64), rows, 1],
                    piece,
                )?);
            }
            Back::Through(through) => tasks.push(match &through.norm {
                Some(norm) => self.normalise(through, norm)?,
                None => self.through(through)?,
            }),
            Back::Attention { .. } => tasks.extend(self.attention(at, back)?),
            Back::Add { a, b, output } => tasks.push(self.through(&Through {
                input: *output,
                norm: None,
                act: None,
                resample: Resample::Keep,
                scale: 1.0,
                gradient: *a,
                add: Some(*b),
                output: *output,
            })?),
            Back::Drop {
                source,
                layer,
                output,
            } => tasks.push(self.drop(source, *layer, *output)?),
        }
        Ok(())
    }

    fn loss(&self, output: View, target: View, gradient: View) -> Result<Task, EngineError> {
        let view = |view| self.drafter.view(view).0;
        let fields = [
            ("source", view(output)),
            ("goal", view(target)),
            ("output", view(gradient)),
            ("size", self.size(output)),
            ("levels", self.state.levels()),
            ("losses", self.state.losses()),
            ("first", FIRST),
        ];
        self.network(
            &[
                (&kernels::TOTAL, &[("THREADS", 256)]),
                (&kernels::LOSS, &[("THREADS", 256)]),
            ],
            &fields,
            [1, 1, self.drafter.batch],
            false,
            0,
        )
    }

    fn sum(&self, gradient: View, output: View) -> Result<Task, EngineError> {
        let (source, plane) = self.drafter.view(gradient);
        let fields = [
            ("source", source),
            ("plane", plane),
            ("output", self.drafter.view(output).0),
        ];
        let blocks = self.drafter.lanes.blocks(gradient);
        self.network(
            &[
                (&kernels::TOTAL, &[("THREADS", 64)]),
                (&kernels::SUM, &[("THREADS", 64)]),
            ],
            &fields,
            [blocks, 1, self.drafter.batch],
            false,
            0,
        )
    }

    /// Without a normalisation every number for itself.
    fn through(&self, through: &Through) -> Result<Task, EngineError> {
        let size = self.size(through.output);
        let (output, plane) = self.drafter.view(through.output);
        let at = |view: Option<View>| view.map_or(0, |view| self.drafter.view(view).0);
        let looks = through.act.map(|_| through.input);
        let fields = [
            ("size", size),
            ("plane", plane),
            ("width", self.drafter.plan.buffer(through.output).width),
            ("gradient", self.drafter.view(through.gradient).0),
            ("source", at(looks)),
            ("add", at(through.add)),
            ("scale", through.scale.to_bits() as usize),
            ("output", output),
        ];
        let names = [
            ("ACTS", usize::from(through.act.is_some())),
            ("ADD", usize::from(through.add.is_some())),
        ];
        self.network(
            &[
                (&kernels::INCOMING, &incoming(through.resample, false)),
                (&kernels::SLOPE, &activation(through.act)),
                (&kernels::THROUGH, &names),
            ],
            &fields,
            [size.div_ceil(64), 1, self.drafter.batch],
            false,
            0,
        )
    }

    fn normalise(&self, through: &Through, norm: &NormGradient) -> Result<Task, EngineError> {
        let lanes = self.drafter.lanes;
        let channels = lanes.of(through.input);
        let of_group = through.input.channels / norm.groups;
        let filled = channels.iter().all(Option::is_some);
        // Groups of one or two channels share a block, which is read once for all of them.
        let (blocks, pairs, singles) = match of_group {
            1 | 2 if filled => (true, of_group == 2, of_group == 1),
            _ => (whole_blocks(&channels, norm.groups), false, false),
        };
        let empty = channels.iter().position(Option::is_none);
        let empty = empty.unwrap_or(channels.len());
        let gap = channels[empty..].iter().take_while(|l| l.is_none()).count();
        let (source, plane) = self.drafter.view(through.input);
        let at = |view: Option<View>| view.map_or(0, |view| self.drafter.view(view).0);
        let (piece, weight) = self.masters.at(norm.weight);
        let of_workgroup = if blocks { of_group.max(4) } else { of_group };
        let threads = if of_workgroup * plane > 4096 { 256 } else { 64 };
        let fields = [
            ("source", source),
            ("plane", plane),
            ("width", self.drafter.plan.buffer(through.input).width),
            ("size", if blocks { of_workgroup / 4 } else { of_group }),
            ("numbers", of_group * plane),
            ("channels", through.input.channels),
            ("blocks", channels.len() / 4),
            ("split", empty),
            ("gap", gap),
            ("weight", weight),
            ("bias", self.masters.at(norm.bias).1),
            ("modulation", at(norm.modulation)),
            ("modulated", at(norm.modulation_gradient)),
            ("affine", self.drafter.view(norm.affine_gradient).0),
            ("gradient", self.drafter.view(through.gradient).0),
            ("add", at(through.add)),
            ("scale", through.scale.to_bits() as usize),
            ("output", self.drafter.view(through.output).0),
            ("eps", (norm.eps as f32).to_bits() as usize),
        ];
        let mut names = vec![
            ("THREADS", threads),
            ("MODULATED", usize::from(norm.modulation.is_some())),
            ("ADD", usize::from(through.add.is_some())),
        ];
        let groups = through.input.channels / of_workgroup;
        let kernel: &Template = if blocks {
            names.extend([
                ("PAIRS", usize::from(pairs)),
                ("SINGLES", usize::from(singles)),
            ]);
            &kernels::NORMALISE
        } else {
            &kernels::NORMALISE_CHANNELS
        };
        self.network(
            &[
                (&kernels::TOTAL, &[("THREADS", threads)]),
                (&kernels::INCOMING, &incoming(through.resample, !blocks)),
                (&kernels::SLOPE, &activation(through.act)),
                (kernel, &names),
            ],
            &fields,
            [groups, 1, self.drafter.batch],
            !blocks,
            piece,
        )
    }

    fn drop(&self, source: &Source, layer: u32, output: View) -> Result<Task, EngineError> {
        let (output_at, plane) = self.drafter.view(output);
        let p = self.drafter.plan.config.dropout;
        let size = self.size(output);
        let fields = [
            ("size", size),
            ("plane", plane),
            ("source", self.read(source).0),
            ("levels", self.state.levels()),
            ("layer", layer as usize),
            ("rate", (p as f32).to_bits() as usize),
            ("factor", ((1.0 / (1.0 - p)) as f32).to_bits() as usize),
            ("output", output_at),
        ];
        self.network(
            &[(&kernels::DROP, &[])],
            &fields,
            [size.div_ceil(64), 1, self.drafter.batch],
            false,
            0,
        )
    }

    /// Where a source is read, and the pixels of it: a normalised one was written in a place of its own.
    pub(super) fn read(&self, source: &Source) -> (usize, usize) {
        match source.norm {
            Some(norm) => {
                let (staged, at) = self.layout.places.buffer(norm);
                (at, staged.height * staged.width)
            }
            None => self.drafter.view(source.view),
        }
    }

    /// Vectors in a view.
    fn size(&self, view: View) -> usize {
        self.drafter.lanes.blocks(view) * self.drafter.view(view).1
    }

    /// A kernel that sees what an operation of the network sees.
    pub(super) fn network(
        &self,
        parts: &[Part<'_>],
        fields: &[(&'static str, usize)],
        groups: [usize; 3],
        scalars: bool,
        piece: usize,
    ) -> Result<Task, EngineError> {
        let names = [("HALF", 0), ("SCALARS", usize::from(scalars)), ("MORE", 0)];
        let mut all: Vec<Part<'_>> = vec![(&draft::BINDINGS, &names)];
        all.extend(parts);
        Task::new(
            &all,
            &self.everywhere(fields),
            groups,
            Bound::Network,
            piece,
        )
    }

    /// A kernel that makes a gradient of weights.
    pub(super) fn summed(
        &self,
        parts: &[Part<'_>],
        fields: &[(&'static str, usize)],
        groups: [usize; 3],
        piece: usize,
    ) -> Result<Task, EngineError> {
        let mut all: Vec<Part<'_>> = vec![(&kernels::BINDINGS, &[])];
        all.extend(parts);
        let mut fields = self.everywhere(fields);
        fields.extend([("batch", self.drafter.batch), ("adds", ADDS)]);
        Task::new(&all, &fields, groups, Bound::Gradients, piece)
    }

    fn everywhere(&self, fields: &[(&'static str, usize)]) -> Fields {
        let image = self.layout.places.image;
        let mut all = vec![("image", image), ("base", ZEROS)];
        all.extend(fields);
        all
    }
}

/// Vectors from the values of a piece to their average: bindings begin at multiples of 256 bytes.
pub fn pitch(size: usize) -> usize {
    size.next_multiple_of(16)
}

fn incoming(resample: Resample, scalars: bool) -> Vec<(&'static str, usize)> {
    vec![
        ("SCALARS", usize::from(scalars)),
        ("KEEP", usize::from(resample == Resample::Keep)),
        ("NEAREST", usize::from(resample == Resample::Nearest2x)),
        ("AVERAGE", usize::from(resample == Resample::Average2x)),
    ]
}
