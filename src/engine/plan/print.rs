//! A plan as text.

use std::fmt::{self, Display, Formatter};

use super::{Buffer, Conv, Op, Param, Plan, Resample, Residual, Source, View};
use crate::unet::weights::TensorSpec;

/// Every operation in a line of its own, then [`Plan::summary`].
impl Display for Plan {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (i, op) in self.ops.iter().enumerate() {
            writeln!(f, "{i:4}  {}", self.line(op))?;
        }
        write!(f, "\n{}", self.summary())
    }
}

struct Summary<'a>(&'a Plan);

impl Display for Summary<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let plan = self.0;
        let count = |kind: fn(&Op) -> bool| plan.ops.iter().filter(|op| kind(op)).count();
        let kinds = [
            ("normalise", count(|op| matches!(op, Op::Normalise { .. }))),
            (
                "conv 3x3",
                count(|op| matches!(op, Op::Conv(c) if c.kernel == 3)),
            ),
            (
                "linear",
                count(|op| matches!(op, Op::Conv(c) if c.kernel == 1)),
            ),
            ("attention", count(|op| matches!(op, Op::Attention { .. }))),
        ];
        let kinds = kinds.map(|(name, number)| format!("{number} {name}"));
        let numbers = |p: &TensorSpec| p.shape.iter().product::<usize>();
        let parameters: usize = plan.params.iter().map(numbers).sum();
        let separate: usize = plan.buffers.iter().map(Buffer::len).sum();
        let [height, width] = plan.size;
        let channels = plan.config.in_channels;
        writeln!(
            f,
            "one step of one image of {channels} x {height} x {width}"
        )?;
        writeln!(f, "operations     {}: {}", plan.ops.len(), kinds.join(", "))?;
        writeln!(
            f,
            "multiply-adds  {:.3} billion",
            plan.multiply_adds() as f64 / 1e9
        )?;
        writeln!(
            f,
            "parameters     {parameters}, {} as f32",
            mebibytes(parameters)
        )?;
        write!(
            f,
            "memory         {} for what lies between the operations; {} if nothing shared its place",
            mebibytes(plan.arena),
            mebibytes(separate)
        )?;
        for (device, [f32, f16]) in [
            ("processor", [4, 2].map(|bytes| plan.on_processor(bytes))),
            ("graphics card", [4, 2].map(|bytes| plan.on_card(bytes))),
        ] {
            let [f32, f16] = [f32, f16].map(|footprint| footprint.most().div_ceil(1 << 20));
            write!(
                f,
                "\non {device:15}about {f32} MiB in all, {f16} MiB with weights of 16 bits"
            )?;
        }
        Ok(())
    }
}

pub(super) fn mebibytes(numbers: usize) -> String {
    format!("{:.2} MiB", numbers as f64 * 4.0 / (1 << 20) as f64)
}

impl Plan {
    /// What a step costs: operations of every kind, multiply-adds, parameters, memory.
    pub fn summary(&self) -> impl Display {
        Summary(self)
    }

    /// Multiplications of matrix products and convolutions for one image.
    pub fn multiply_adds(&self) -> u64 {
        self.ops.iter().map(|op| self.cost(op)).sum()
    }

    /// Those of one operation.
    pub(super) fn cost(&self, op: &Op) -> u64 {
        match op {
            Op::Normalise { .. } => 0,
            Op::Attention {
                qkv,
                heads,
                head_dim,
                ..
            } => 2 * self.pixels(*qkv).pow(2) * (heads * head_dim) as u64,
            Op::Conv(conv) => {
                let shortcut = match conv.residual {
                    Residual::Project { source, .. } => source.view.channels,
                    Residual::None | Residual::Add(_) | Residual::Class(_) => 0,
                };
                let inputs = conv.kernel.pow(2) * conv.source.view.channels + shortcut;
                // Nothing is multiplied by the zeros that were put between.
                let pixels = match conv.source.resample {
                    Resample::Insert2x { .. } => self.pixels(conv.source.view),
                    _ => self.pixels(conv.output),
                };
                pixels * (inputs * conv.output.channels) as u64
            }
        }
    }

    pub(super) fn pixels(&self, view: View) -> u64 {
        let buffer = self.buffer(view);
        (buffer.height * buffer.width) as u64
    }

    pub(super) fn line(&self, op: &Op) -> String {
        match op {
            Op::Normalise {
                input,
                groups,
                modulation,
                output,
                weight,
                ..
            } => {
                let modulated = modulation.map_or(String::new(), |_| ", modulated by time".into());
                format!(
                    "normalise  {} -> {} in {groups} groups{modulated}  ({})",
                    self.place(*input),
                    self.place(*output),
                    self.name(weight.0)
                )
            }
            Op::Attention {
                qkv,
                heads,
                head_dim,
                output,
            } => format!(
                "attention  {} -> {}, {heads} heads of {head_dim}",
                self.place(*qkv),
                self.place(*output)
            ),
            Op::Conv(conv) => self.conv_line(conv),
        }
    }

    fn conv_line(&self, conv: &Conv) -> String {
        let mut kind = match (conv.kernel, conv.stride) {
            (1, _) => "linear".to_string(),
            (k, 1) => format!("conv {k}x{k}"),
            (k, s) => format!("conv {k}x{k}/{s}"),
        };
        if conv.transposed {
            kind.push_str(" T");
        }
        let mut parts = vec![format!(
            "{kind:<10} {} -> {}",
            self.source(&conv.source),
            self.place(conv.output)
        )];
        if conv.time.is_some() {
            parts.push("+ time".into());
        }
        match &conv.residual {
            Residual::None => {}
            Residual::Add(source) => parts.push(format!("+ {}", self.source(source))),
            Residual::Project { source, .. } => {
                parts.push(format!("+ projected {}", self.source(source)));
            }
            Residual::Class(_) => parts.push("+ class".into()),
        }
        if conv.scale != 1.0 {
            parts.push(format!("* {}", conv.scale));
        }
        format!("{}  ({})", parts.join(" "), self.named(&conv.weights))
    }

    pub(super) fn named(&self, params: &[Param]) -> String {
        match params {
            [first, _, .., last] => format!("{} … {}", self.name(first.0), self.name(last.0)),
            params => {
                let names: Vec<&str> = params.iter().map(|p| self.name(p.0)).collect();
                names.join(", ")
            }
        }
    }

    pub(super) fn source(&self, source: &Source) -> String {
        let mut text = self.place(source.view);
        if source.norm.is_some() {
            text = format!("norm({text})");
        }
        if let Some(act) = source.act {
            text = format!("{act:?}({text})").to_lowercase();
        }
        match source.resample {
            Resample::Keep => text,
            Resample::Nearest2x => format!("nearest2x({text})"),
            Resample::Average2x => format!("average2x({text})"),
            Resample::Insert2x { .. } => format!("insert2x({text})"),
        }
    }

    pub(super) fn place(&self, view: View) -> String {
        let buffer = self.buffer(view);
        let Buffer { height, width, .. } = buffer;
        let part = if view.channels == buffer.channels {
            String::new()
        } else {
            format!(" [{}..{}]", view.first, view.first + view.channels)
        };
        format!("b{}{part} {height}x{width}x{}", view.buffer, view.channels)
    }

    fn name(&self, param: usize) -> &str {
        let name = &self.params[param].name;
        name.strip_suffix(".weight").unwrap_or(name)
    }
}
