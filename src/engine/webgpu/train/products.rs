//! The steps of a training step whose work is products of matrices: the gradients of weights and of attention.

use super::super::draft::activation;
use super::kernels;
use super::steps::Steps;
use super::task::Task;
use crate::engine::EngineError;
use crate::engine::plan::{Back, Resample};

/// How the gradient of one operation's weights is cut.
struct Cut {
    /// Invocations along the outputs and along the inputs.
    across: usize,
    along: usize,
    /// Blocks of each.
    outputs: usize,
    inputs: usize,
    /// Parts of the sum.
    parts: usize,
    /// Pixels of a part.
    chunk: usize,
}

/// Pixels that a workgroup holds at a time.
const DEPTH: usize = 16;

/// Invocations of a workgroup at least.
const LEAST: usize = 32;

/// Most vectors of all parts together: 128 MiB.
const MOST: usize = 1 << 23;

impl Cut {
    /// For so many blocks, kernel positions and pixels, on a device that `busy` invocations fill.
    fn new([outputs, inputs]: [usize; 2], taps: usize, count: usize, busy: usize) -> Self {
        let of = |blocks: usize, each: usize, most: usize| {
            blocks.div_ceil(each).next_power_of_two().min(most)
        };
        let of_outputs = if outputs >= 8 { 2 } else { 1 };
        let across = of(outputs, of_outputs, 16);
        // As many of the inputs as leave the fewest idle, in workgroups that are not too small for the device.
        let (of_inputs, along) = [2, 3, 1]
            .map(|each| (each, of(inputs, each, 8)))
            .into_iter()
            .filter(|(each, along)| *each == 1 || across * along >= LEAST)
            .min_by_key(|(each, along)| inputs.next_multiple_of(each * along))
            .unwrap_or((1, 1));
        let tiles = outputs.div_ceil(across * of_outputs) * inputs.div_ceil(along * of_inputs);
        let size = 4 * taps * inputs * outputs;
        let parts = (busy / (tiles * taps * (across * along).max(LEAST)))
            .min(count.div_ceil(8 * DEPTH))
            .min(MOST / size)
            .max(1);
        let chunk = count.div_ceil(parts).next_multiple_of(DEPTH);
        Self {
            across,
            along,
            outputs: of_outputs,
            inputs: of_inputs,
            parts: count.div_ceil(chunk),
            chunk,
        }
    }
}

impl Steps<'_> {
    fn cut(&self, back: &Back) -> Option<(Cut, usize)> {
        let Back::Weights {
            source,
            gradient,
            kernel,
            ..
        } = back
        else {
            return None;
        };
        let lanes = self.drafter.lanes;
        let blocks = [lanes.blocks(*gradient), lanes.blocks(source.view)];
        let taps = kernel * kernel;
        let count = self.drafter.batch * self.drafter.view(*gradient).1;
        let cut = Cut::new(blocks, taps, count, self.busy);
        let size = 4 * taps * blocks[0] * blocks[1];
        Some((cut, size))
    }

    /// Vectors that the parts of sums need beside the arena.
    pub fn scratch(&self) -> usize {
        let steps = self.training.steps.iter();
        let backs = steps.filter_map(|step| match step {
            crate::engine::plan::Step::Back(back) => Some(back),
            crate::engine::plan::Step::Op(_) => None,
        });
        let sizes = backs.filter_map(|back| self.cut(back));
        sizes.map(|(cut, size)| cut.parts * size).max().unwrap_or(0)
    }

    /// The parts of the sum, and their sum.
    pub(super) fn weights(&self, back: &Back) -> Result<[Task; 2], EngineError> {
        let (
            Back::Weights {
                source,
                gradient,
                kernel,
                stride,
                padding,
                weights,
            },
            Some((cut, size)),
        ) = (back, self.cut(back))
        else {
            unreachable!("called for gradients of weights only");
        };
        let plan = self.drafter.plan;
        let lanes = self.drafter.lanes;
        let (read, plane) = self.read(source);
        let (at, pixels) = self.drafter.view(*gradient);
        let from = plan.buffer(source.view);
        let [rows, columns] = match source.resample {
            Resample::Nearest2x => [2 * from.height, 2 * from.width],
            Resample::Average2x => [from.height / 2, from.width / 2],
            Resample::Keep | Resample::Insert2x { .. } => [from.height, from.width],
        };
        let shift = usize::from(source.resample == Resample::Nearest2x);
        let (outputs, inputs) = (lanes.blocks(*gradient), lanes.blocks(source.view));
        let tiles = inputs.div_ceil(cut.along * cut.inputs);
        let taps = kernel * kernel;
        let parts = self.drafter.vectors() as usize;
        let (piece, to) = self.masters.at(weights[0]);
        let fields = [
            ("gradient", at),
            ("pixels", pixels),
            ("width", plan.buffer(*gradient).width),
            ("count", self.drafter.batch * pixels),
            ("source", read),
            ("plane", plane),
            ("rows", rows),
            ("columns", columns),
            ("shift", shift),
            ("side", *kernel),
            ("taps", taps),
            ("stride", *stride),
            ("padding", *padding),
            ("tiles", tiles),
            ("inputs", inputs),
            ("outputs", outputs),
            ("chunk", cut.chunk),
            ("output", parts),
        ];
        let threads = (cut.across * cut.along).max(LEAST);
        let of_pass = threads / DEPTH;
        let [left, right] = [cut.across * cut.outputs, cut.along * cut.inputs];
        let names = [
            ("THREADS", threads),
            ("ACROSS", cut.across),
            ("ALONG", cut.along),
            ("VO", cut.outputs),
            ("VI", cut.inputs),
            ("FOUR", 4),
            ("DEPTH", DEPTH),
            ("PITCH", DEPTH + 1),
            ("GRADIENTS", left * (DEPTH + 1)),
            ("SOURCES", right * (DEPTH + 1)),
            ("GRADIENTLOADS", left.div_ceil(of_pass)),
            ("SOURCELOADS", right.div_ceil(of_pass)),
        ];
        // The staged copy of a normalised source is activated already.
        let act = source.act.filter(|_| source.norm.is_none());
        let sums = self.summed(
            &[
                (&super::super::draft::ACTIVATION, &activation(act)),
                (&kernels::WEIGHTS, &names),
            ],
            &fields,
            [
                outputs.div_ceil(cut.across * cut.outputs),
                tiles * taps,
                cut.parts,
            ],
            piece,
        )?;
        // Where parts are many several invocations share those of a vector.
        let slices = cut.parts.div_ceil(8).next_power_of_two().min(16);
        let threads = (16 * slices).max(64);
        let columns = threads / slices;
        let gather = self.summed(
            &[(
                &kernels::GATHER,
                &[("THREADS", threads), ("COLUMNS", columns)],
            )],
            &[
                ("source", parts),
                ("size", size),
                ("parts", cut.parts),
                ("output", to),
            ],
            [size.div_ceil(columns), 1, 1],
            piece,
        )?;
        Ok([sums, gather])
    }

    /// What the forward half made of queries and keys once more, then all products of its gradient.
    pub(super) fn attention(&self, at: usize, back: &Back) -> Result<Vec<Task>, EngineError> {
        let Back::Attention {
            qkv,
            heads,
            head_dim,
            gradient,
            output,
        } = back
        else {
            unreachable!("called for attentions only");
        };
        let (source, pixels) = self.drafter.view(*qkv);
        let (gradient, _) = self.drafter.view(*gradient);
        let (output, _) = self.drafter.view(*output);
        let [shares, slopes] = self.layout.products[&at];
        let depth = head_dim.div_ceil(4);
        let tiles = pixels.div_ceil(4);
        let batch = self.drafter.batch;
        let again = self.drafter.scores(*qkv, *heads, *head_dim, shares);
        let shape = |more: &[(&'static str, usize)]| {
            let mut fields = vec![("pixels", pixels), ("heads", *heads), ("depth", depth)];
            fields.extend(more);
            fields
        };
        let scale = (*head_dim as f32).powf(-0.5).to_bits() as usize;
        let scores = self.network(
            &[
                (&kernels::TOTAL, &[("THREADS", 64)]),
                (&kernels::SCORES, &[("THREADS", 64), ("FOUR", 4)]),
            ],
            &shape(&[
                ("source", source),
                ("gradient", gradient),
                ("shares", shares),
                ("scale", scale),
                ("output", slopes),
            ]),
            [tiles, *heads, batch],
            false,
            0,
        )?;
        let blocks = depth.min(2);
        let names = [("THREADS", 64), ("V", blocks), ("FOUR", 4)];
        let groups = [tiles.div_ceil(64), heads * depth.div_ceil(blocks), batch];
        let part = heads * depth * pixels;
        let product = |kernel, source, shares, output| {
            self.network(
                &[(kernel, &names)],
                &shape(&[("source", source), ("shares", shares), ("output", output)]),
                groups,
                false,
                0,
            )
        };
        Ok(vec![
            Task::of(&again)?,
            scores,
            product(&kernels::QUERIES, source + part, slopes, output)?,
            product(&kernels::KEYS, source, slopes, output + part)?,
            product(&kernels::KEYS, gradient, shares, output + 2 * part)?,
        ])
    }
}
