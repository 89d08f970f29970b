//! The kernels of a plan with their parameters, before they are compiled.

pub(super) use super::layout::ZEROS;
use super::layout::{Lanes, Places, Slot, after};
use super::pack::whole_blocks;
use super::state::Shape;
use super::template::{Template, template};
use super::tuning::Tuning;
use crate::engine::EngineError;
use crate::engine::Storage;
use crate::engine::plan::{Conv, Op, Plan, Resample, Residual, View};
use crate::unet::config::Activation;

/// One kernel's run before it is compiled.
pub struct Draft {
    kernel: &'static Template,
    names: Vec<(&'static str, usize)>,
    storage: Storage,
    act: Option<Activation>,
    /// The arena and the weights are seen as numbers, not as vectors of four.
    scalars: bool,
    fields: Vec<(&'static str, u32)>,
    /// Workgroups.
    pub groups: [usize; 3],
    /// Which of the weights' pieces it reads.
    pub piece: usize,
    /// The banks of the arena that it sees, each once, in the order in which they are bound.
    pub banks: Vec<usize>,
}

/// The second bank that a kernel sees is called `arena10` after its binding, the third `arena11`; the first has no
/// number.
pub(super) const SECOND: usize = 10;

pub(super) static BINDINGS: Template = template!("bindings.wgsl");
pub(super) static ACTIVATION: Template = template!("activation.wgsl");
pub(super) static INPUT: Template = template!("input.wgsl");
pub(super) static LINEAR: Template = template!("linear.wgsl");
pub(super) static MIX: Template = template!("mix.wgsl");
pub(super) static NORMALISE: Template = template!("normalise.wgsl");
pub(super) static NORMALISE_CHANNELS: Template = template!("normalise_channels.wgsl");
pub(super) static SCORES: Template = template!("scores.wgsl");
pub(super) static STEP: Template = template!("step.wgsl");

impl Draft {
    /// The kernel's text.
    ///
    /// # Errors
    /// [`EngineError::Kernel`] when its template and the names that it is given do not fit each other.
    pub fn code(&self) -> Result<String, EngineError> {
        let mut code = String::from(match self.storage {
            Storage::F32 => "",
            Storage::F16 => "enable f16;\n\n",
        });
        code += "struct Op {\n";
        for (name, _) in &self.fields {
            code += &format!("  {name}: u32,\n");
        }
        code += "}\n\n";
        for (template, numbers) in self.parts() {
            code += &template.render(&numbers)?;
        }
        Ok(code)
    }

    /// Its file, and for a convolution what is special about it.
    #[cfg(feature = "train")]
    pub(super) fn name(&self) -> String {
        let number = |name| {
            let mut names = self.names.iter();
            names.find(|(n, _)| *n == name).map_or(0, |(_, v)| *v)
        };
        let mut name = self.kernel.file.to_string();
        if number("SHARED") > 0 {
            let letter = if number("AHEAD") > 0 { "a" } else { "b" };
            name += &format!(" {letter}{}x{}", number("PIXELS"), 4 * number("BLOCKS"));
        }
        if number("TRANSPOSED") > 0 {
            name += " transposed";
        }
        name
    }

    /// What the text consists of, and what is filled in.
    pub(super) fn parts(&self) -> [(&'static Template, Vec<(&'static str, usize)>); 3] {
        let half = ("HALF", usize::from(self.storage == Storage::F16));
        let scalars = ("SCALARS", usize::from(self.scalars));
        let more = ("MORE", self.banks.len().saturating_sub(1));
        [
            (&BINDINGS, vec![half, scalars, more]),
            (&ACTIVATION, activation(self.act)),
            (self.kernel, self.names.clone()),
        ]
    }

    /// With the weights in `slot`.
    pub(super) fn with(self, slot: &Slot) -> Self {
        Self {
            piece: slot.piece,
            ..self
        }
    }

    /// With the banks that it sees: the one that its text calls `arena`, and by which names it knows the others.
    pub(super) fn seeing(mut self, first: usize, others: &[(&'static str, usize)]) -> Self {
        self.banks = vec![first];
        for (name, bank) in others {
            let known = self.banks.iter().position(|known| known == bank);
            let at = known.unwrap_or(self.banks.len());
            if known.is_none() {
                self.banks.push(*bank);
            }
            let number = at.checked_sub(1).map_or(0, |at| SECOND + at);
            self.names.push((name, number));
        }
        self
    }

    /// With the nonlinearity `act`.
    fn activated(self, act: Option<Activation>) -> Self {
        Self { act, ..self }
    }

    /// The values of `Op`.
    pub fn parameters(&self) -> impl Iterator<Item = u32> {
        self.fields.iter().map(|(_, value)| *value)
    }
}

/// How the kernels of a network are made on its device.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// How numbers are stored.
    pub storage: Storage,
    /// How convolutions are cut.
    pub tuning: Tuning,
    /// Whether sums are fused multiply-adds; else they are products of matrices and vectors.
    pub fma: bool,
}

/// Makes the drafts of one plan.
pub struct Drafter<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Its lanes.
    pub lanes: &'a Lanes,
    /// Where everything is.
    pub places: &'a Places,
    /// Images.
    pub batch: usize,
    /// How its kernels are made.
    pub style: Style,
    /// The weights are those that training changes, with nothing made of them in advance.
    pub masters: bool,
}

impl Drafter<'_> {
    /// Vectors in an arena of one bank.
    #[cfg(feature = "train")]
    pub fn vectors(&self) -> u64 {
        self.places.vectors(self.batch).sum()
    }

    /// The input, the operations, of which an attention is two kernels, and the sampler's step.
    pub fn all(&self, ops: &[Slot]) -> Vec<Draft> {
        let mut drafts = vec![self.input()];
        for (at, (op, slot)) in self.plan.ops.iter().zip(ops).enumerate() {
            match op {
                Op::Normalise { .. } => drafts.push(self.normalise(op, slot)),
                Op::Conv(conv) if slot.single => drafts.push(self.linear(conv, slot)),
                Op::Conv(conv) => drafts.push(self.conv(conv, slot)),
                Op::Attention { .. } => drafts.extend(self.attention(op, at)),
            }
        }
        drafts.push(self.step());
        drafts
    }

    pub(super) fn draft(
        &self,
        kernel: &'static Template,
        names: Vec<(&'static str, usize)>,
        fields: &[(&'static str, usize)],
        groups: [usize; 3],
    ) -> Draft {
        let everywhere = [("image", self.places.image), ("base", ZEROS)];
        Draft {
            kernel,
            names,
            storage: self.style.storage,
            act: None,
            scalars: false,
            fields: everywhere
                .iter()
                .chain(fields)
                .map(|(name, value)| (*name, *value as u32))
                .collect(),
            groups,
            piece: 0,
            banks: vec![0],
        }
    }

    /// Vector and pixels of a view, counted from the image's part of the arena.
    pub(super) fn view(&self, view: View) -> (usize, usize) {
        let (buffer, at) = self.places.buffer(view);
        let plane = buffer.height * buffer.width;
        (at + self.lanes.first(view) * plane, plane)
    }

    /// The state of a batch.
    pub fn shape(&self) -> Shape {
        let [height, width] = self.plan.size;
        Shape {
            batch: self.batch,
            inputs: self.plan.config.in_channels,
            outputs: self.plan.config.out_channels,
            pixels: height * width,
            features: 4 * self.lanes.blocks(self.plan.features),
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
            &INPUT,
            names,
            &fields,
            [shape.pixels.div_ceil(64), 1, self.batch],
        )
        .seeing(self.places.bank(self.plan.input), &[])
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
            &STEP,
            Vec::new(),
            &fields,
            [shape.pixels.div_ceil(64), 1, self.batch],
        )
        .seeing(self.places.bank(self.plan.output), &[])
    }

    fn normalise(&self, op: &Op, slot: &Slot) -> Draft {
        self.normalise_then(op, slot, after(self.plan, op.writes()))
    }

    /// A normalisation and what follows it.
    pub(super) fn normalise_then(
        &self,
        op: &Op,
        slot: &Slot,
        (act, resample): (Option<Activation>, Resample),
    ) -> Draft {
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
            ("weight", slot.weight),
            ("bias", slot.bias),
            ("modulation", modulation.map_or(0, |view| self.view(view).0)),
            ("output", staged_at),
            ("outplane", staged.height * staged.width),
            ("eps", (*eps as f32).to_bits() as usize),
        ];
        let names = vec![
            ("THREADS", threads),
            ("MODULATED", usize::from(modulation.is_some())),
            ("AVERAGE", usize::from(resample == Resample::Average2x)),
        ];
        let kernel = if blocks {
            &NORMALISE
        } else {
            &NORMALISE_CHANNELS
        };
        let bank = |view| self.places.bank(view);
        let draft = self
            .draft(kernel, names, &fields, [*groups, 1, self.batch])
            .seeing(
                bank(*input),
                &[
                    ("TO", bank(*output)),
                    ("BY", bank(modulation.unwrap_or(*input))),
                ],
            );
        Draft {
            scalars: !blocks,
            ..draft.activated(act).with(slot)
        }
    }

    pub(super) fn linear(&self, conv: &Conv, slot: &Slot) -> Draft {
        let shape = self.shape();
        let first = conv.source.view.buffer == self.plan.features.buffer;
        let source = if first {
            shape.features()
        } else {
            self.view(conv.source.view).0
        };
        let input = if first { conv.output } else { conv.source.view };
        let outputs = self.lanes.blocks(conv.output);
        let fields = [
            ("source", source),
            ("blocks", self.lanes.blocks(conv.source.view)),
            ("outputs", outputs),
            ("weights", slot.weight),
            ("bias", slot.bias),
            ("table", slot.table),
            ("classes", shape.labels()),
            ("output", self.view(conv.output).0),
        ];
        let names = vec![
            ("LANES", 8),
            ("SLICES", 8),
            ("THREADS", 64),
            ("FEATURES", usize::from(first)),
            (
                "CLASS",
                usize::from(matches!(conv.residual, Residual::Class(_))),
            ),
        ];
        self.draft(
            &LINEAR,
            names,
            &fields,
            [outputs.div_ceil(8), 1, self.batch],
        )
        .seeing(
            self.places.bank(input),
            &[("TO", self.places.bank(conv.output))],
        )
        .activated(conv.source.act)
        .with(slot)
    }

    pub(super) fn attention(&self, op: &Op, at: usize) -> [Draft; 2] {
        let Op::Attention {
            qkv,
            heads,
            head_dim,
            output,
        } = op
        else {
            unreachable!("called for attentions only");
        };
        let depth = head_dim.div_ceil(4);
        let (_, pixels) = self.view(*qkv);
        let (bank, scores) = self.places.scores(at);
        let [from, to] = [*qkv, *output].map(|view| self.places.bank(view));
        let mut fields = self.heads(*qkv, *heads, *head_dim);
        fields.extend([("shares", scores), ("output", self.view(*output).0)]);
        let blocks = depth.min(4);
        let groups = [
            pixels.div_ceil(4).div_ceil(16),
            heads * depth.div_ceil(blocks),
            self.batch,
        ];
        [
            self.scores_in(bank, *qkv, [*heads, *head_dim], scores),
            self.draft(
                &MIX,
                vec![("THREADS", 16), ("V", blocks), ("FOUR", 4)],
                &fields,
                groups,
            )
            .seeing(from, &[("SHARES", bank), ("TO", to)]),
        ]
    }

    /// The first half of attention alone, with its result at `output` of the first bank.
    #[cfg(feature = "train")]
    pub(super) fn scores(&self, qkv: View, heads: usize, head_dim: usize, output: usize) -> Draft {
        self.scores_in(0, qkv, [heads, head_dim], output)
    }

    fn scores_in(
        &self,
        bank: usize,
        qkv: View,
        [heads, head_dim]: [usize; 2],
        output: usize,
    ) -> Draft {
        let (_, pixels) = self.view(qkv);
        let mut fields = self.heads(qkv, heads, head_dim);
        fields.push(("output", output));
        let half = usize::from(self.style.storage == Storage::F16);
        self.draft(
            &SCORES,
            vec![("THREADS", 64), ("FOUR", 4), ("HALF", half)],
            &fields,
            [pixels.div_ceil(4), heads, self.batch],
        )
        .seeing(self.places.bank(qkv), &[("TO", bank)])
    }

    fn heads(&self, qkv: View, heads: usize, head_dim: usize) -> Vec<(&'static str, usize)> {
        let (source, pixels) = self.view(qkv);
        vec![
            ("source", source),
            ("pixels", pixels),
            ("heads", heads),
            ("depth", head_dim.div_ceil(4)),
            ("scale", (head_dim as f32).powf(-0.5).to_bits() as usize),
        ]
    }
}

/// Which of the nonlinearities in kernels/activation.wgsl it is, and whether it is one.
pub(super) fn activation(act: Option<Activation>) -> Vec<(&'static str, usize)> {
    let is = |this| usize::from(act == Some(this));
    vec![
        ("SILU", is(Activation::Silu)),
        ("MISH", is(Activation::Mish)),
        ("GELU", is(Activation::Gelu)),
        ("RELU", is(Activation::Relu)),
        ("ACT", usize::from(act.is_some())),
    ]
}
