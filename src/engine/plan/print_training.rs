//! A training step as text.

use std::fmt::{self, Display, Formatter};

use super::print::mebibytes;
use super::{Back, Source, Step, Through, TrainingPlan, View};

/// Every step in a line of its own.
impl Display for TrainingPlan {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (i, step) in self.steps.iter().enumerate() {
            let line = match step {
                Step::Op(at) => self.plan.line(&self.plan.ops[*at]),
                Step::Back(back) => self.back_line(back),
            };
            writeln!(f, "{i:4}  {line}")?;
        }
        Ok(())
    }
}

struct Summary<'a>(&'a TrainingPlan, usize);

impl Display for Summary<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(training, batch) = self;
        let plan = &training.plan;
        let [height, width] = plan.size;
        let channels = plan.config.in_channels;
        let forward = training.before_the_loss();
        let [there, back] = training.multiply_adds().map(|n| n as f64 / 1e9);
        let parameters = plan.parameters();
        let [shared, separate] = training.memory().map(|n| mebibytes(n * batch));
        writeln!(
            f,
            "one training step of one image of {channels} x {height} x {width}"
        )?;
        writeln!(
            f,
            "operations     {}: {forward} forward, {} for the loss and backward",
            training.steps.len(),
            training.steps.len() - forward
        )?;
        writeln!(
            f,
            "multiply-adds  {:.3} billion: {there:.3} forward, {back:.3} backward",
            there + back
        )?;
        writeln!(
            f,
            "parameters     {parameters}, {} as f32 with gradient, two moments and average",
            mebibytes(5 * parameters)
        )?;
        write!(
            f,
            "memory         {shared} for what lies between the operations of a batch of {batch}, {} of it kept from \
             the forward half; {separate} if nothing shared its place",
            mebibytes(training.kept() * batch),
        )
    }
}

impl TrainingPlan {
    /// What a step costs: operations, multiply-adds, parameters, and memory for `batch` images.
    pub fn summary(&self, batch: usize) -> impl Display {
        Summary(self, batch)
    }

    /// Multiplications of matrix products and convolutions for one image: of the forward half and of the other.
    pub fn multiply_adds(&self) -> [u64; 2] {
        let of = |step: &Step| match step {
            Step::Op(at) => self.plan.cost(&self.plan.ops[*at]),
            Step::Back(back) => self.back_cost(back),
        };
        let (there, back) = self.steps.split_at(self.before_the_loss());
        [there, back].map(|steps| steps.iter().map(of).sum())
    }

    /// Numbers of one image that the forward half leaves for the backward half.
    pub fn kept(&self) -> usize {
        let loss = self.before_the_loss();
        let alive = self.lifetimes();
        let kept = |((first, last), _): &(_, _)| *first < loss && *last > loss;
        let buffers = alive.into_iter().zip(&self.plan.buffers);
        buffers.filter(kept).map(|(_, buffer)| buffer.len()).sum()
    }

    /// The number of steps before that of the loss.
    fn before_the_loss(&self) -> usize {
        let loss = |step: &Step| matches!(step, Step::Back(Back::Loss { .. }));
        self.steps.iter().position(loss).unwrap_or(self.steps.len())
    }

    fn back_cost(&self, back: &Back) -> u64 {
        let pixels = |view| self.plan.pixels(view);
        match back {
            Back::Weights {
                source,
                gradient,
                kernel,
                ..
            } => {
                let weights = kernel.pow(2) * source.view.channels * gradient.channels;
                pixels(*gradient) * weights as u64
            }
            // The scores again, and the gradients of weights, values, queries and keys.
            Back::Attention {
                qkv,
                heads,
                head_dim,
                ..
            } => 5 * pixels(*qkv).pow(2) * (heads * head_dim) as u64,
            Back::Loss { .. }
            | Back::Sum { .. }
            | Back::Reduce { .. }
            | Back::Classes { .. }
            | Back::Through(_)
            | Back::Add { .. }
            | Back::Drop { .. } => 0,
        }
    }

    fn back_line(&self, back: &Back) -> String {
        let plan = &self.plan;
        let place = |view: &View| plan.place(*view);
        match back {
            Back::Loss {
                output,
                target,
                loss,
                gradient,
            } => format!(
                "loss       {} and {} -> {}, gradient {}",
                place(output),
                place(target),
                place(loss),
                place(gradient)
            ),
            Back::Weights {
                source,
                gradient,
                kernel,
                stride,
                weights,
                ..
            } => {
                let stride = if *stride == 1 {
                    String::new()
                } else {
                    format!("/{stride}")
                };
                let named = plan.named(weights);
                let (source, gradient) = (plan.source(source), place(gradient));
                format!(
                    "weights    {kernel}x{kernel}{stride} of {source} and {gradient} => {named}"
                )
            }
            Back::Sum { gradient, output } => {
                format!("sum        {} -> {}", place(gradient), place(output))
            }
            Back::Reduce { source, params } => {
                format!("reduce     {} => {}", place(source), plan.named(params))
            }
            Back::Classes { source, table } => {
                format!("classes    {} => {}", place(source), plan.named(&[*table]))
            }
            Back::Through(through) => self.through_line(through),
            Back::Attention {
                qkv,
                heads,
                head_dim,
                gradient,
                output,
            } => format!(
                "attention' {} of {} -> {}, {heads} heads of {head_dim}",
                place(gradient),
                place(qkv),
                place(output)
            ),
            Back::Add { a, b, output } => {
                format!(
                    "add        {} + {} -> {}",
                    place(a),
                    place(b),
                    place(output)
                )
            }
            Back::Drop {
                source,
                layer,
                output,
            } => format!(
                "drop       {} -> {}, layer {layer}",
                plan.source(source),
                place(output)
            ),
        }
    }

    fn through_line(&self, through: &Through) -> String {
        let plan = &self.plan;
        // The source as it would be printed, with whatever normalised it.
        let source = Source {
            view: through.input,
            norm: through.norm.as_ref().map(|norm| norm.affine_gradient),
            act: through.act,
            resample: through.resample,
        };
        let mut parts = vec![format!(
            "through    {} of {}",
            plan.place(through.gradient),
            plan.source(&source)
        )];
        if through.scale != 1.0 {
            parts.push(format!("* {}", through.scale));
        }
        if let Some(add) = through.add {
            parts.push(format!("+ {}", plan.place(add)));
        }
        parts.push(format!("-> {}", plan.place(through.output)));
        parts.join(" ")
    }
}
