//! The backward half of a [`TrainingPlan`]: one rule for each operation, applied from the last to the first.
//!
//! The gradient of a view is a sum of parts, one from each operation that read it. Parts are kept as they come; the
//! next operation that makes a part of the same view adds what is there, and what is left over is added when the
//! operation that wrote the view is reached.

use std::collections::HashMap;

use super::training::{Back, NormGradient, Step, Through, TrainingPlan};
use super::{Buffer, Conv, Op, Plan, Resample, Residual, Source, View};

/// The training step of `plan`.
pub(super) fn derive(plan: Plan) -> TrainingPlan {
    let forward = plan.ops.len();
    let count = plan.buffers.len();
    let mut d = Deriving {
        plan,
        steps: Vec::new(),
        parts: vec![Vec::new(); count],
        twins: vec![None; count],
        vectors: vec![false; count],
        times: HashMap::new(),
        dropped: HashMap::new(),
    };
    d.forward(forward);
    let (target, loss) = d.loss();
    for at in (0..forward).rev() {
        d.back(at);
    }
    TrainingPlan {
        plan: d.plan,
        forward,
        steps: d.steps,
        target,
        loss,
        twins: d.twins,
        vectors: d.vectors,
    }
}

struct Deriving {
    plan: Plan,
    steps: Vec<Step>,
    /// What there is of the gradient of each of the network's buffers.
    parts: Vec<Vec<Part>>,
    twins: Vec<Option<View>>,
    vectors: Vec<bool>,
    /// The gradient of a buffer of time embeddings, whose slices the blocks write one by one.
    times: HashMap<usize, View>,
    /// What a convolution would read without dropout, and the number of its dropout.
    dropped: HashMap<usize, (Source, u32)>,
}

/// A part of a buffer's gradient: that of the channels from `first` on, as many as `view` has.
#[derive(Clone, Copy)]
struct Part {
    first: usize,
    view: View,
}

impl Part {
    fn end(&self) -> usize {
        self.first + self.view.channels
    }

    fn covers(&self, view: View) -> bool {
        self.first <= view.first && view.first + view.channels <= self.end()
    }

    fn meets(&self, view: View) -> bool {
        self.first < view.first + view.channels && view.first < self.end()
    }

    /// The channels `first..end` of the buffer, which it must cover.
    fn slice(&self, first: usize, end: usize) -> Self {
        Self {
            first,
            view: View {
                first: self.view.first + first - self.first,
                channels: end - first,
                ..self.view
            },
        }
    }
}

impl Deriving {
    /// The forward half; with dropout, what a block's second convolution reads becomes a buffer.
    fn forward(&mut self, count: usize) {
        self.vectors[self.plan.features.buffer] = true;
        for at in 0..count {
            let Op::Conv(conv) = &self.plan.ops[at] else {
                self.steps.push(Step::Op(at));
                continue;
            };
            let (source, output) = (conv.source, conv.output);
            if self.vectors[source.view.buffer] {
                self.vectors[output.buffer] = true;
            }
            let name = &self.plan.params[conv.weights[0].0].name;
            let before = at.checked_sub(1).and_then(|at| match &self.plan.ops[at] {
                Op::Conv(before) if before.weights == conv.weights => Some(before.source),
                _ => None,
            });
            if let Some(before) = before {
                // The same numbers once more drop the same.
                if let Op::Conv(conv) = &mut self.plan.ops[at] {
                    conv.source = before;
                }
            } else if self.plan.config.dropout > 0.0 && name.ends_with(".conv2.weight") {
                let layer = self.dropped.len() as u32;
                let output = self.like(source.view);
                self.dropped.insert(at, (source, layer));
                self.push(Back::Drop {
                    source,
                    layer,
                    output,
                });
                if let Op::Conv(conv) = &mut self.plan.ops[at] {
                    conv.source = Source::plain(output);
                }
            }
            self.steps.push(Step::Op(at));
        }
    }

    /// The loss and the gradient of the network's output.
    fn loss(&mut self) -> (View, View) {
        let output = self.plan.output;
        let (target, gradient) = (self.like(output), self.like(output));
        let loss = self.buffer([1, 1], 1);
        self.push(Back::Loss {
            output,
            target,
            loss,
            gradient,
        });
        self.give(output, gradient);
        (target, loss)
    }

    fn back(&mut self, at: usize) {
        match self.plan.ops[at].clone() {
            // The convolution that reads it goes back through it.
            Op::Normalise { .. } => {}
            Op::Attention {
                qkv,
                heads,
                head_dim,
                output,
            } => {
                let Some(gradient) = self.gather(output) else {
                    return;
                };
                let output = self.like(qkv);
                self.push(Back::Attention {
                    qkv,
                    heads,
                    head_dim,
                    gradient,
                    output,
                });
                self.give(qkv, output);
            }
            Op::Conv(conv) => {
                let Some(gradient) = self.gather(conv.output) else {
                    return;
                };
                match self.first_of_two(at) {
                    // The operation before made the same numbers.
                    Some(first) => self.give(first, gradient),
                    None => self.conv(at, &conv, gradient),
                }
            }
        }
    }

    /// Of a network without a middle: the output of the operation that `at` repeats.
    fn first_of_two(&self, at: usize) -> Option<View> {
        let before = self.plan.ops.get(at.checked_sub(1)?)?;
        match (before, &self.plan.ops[at]) {
            (Op::Conv(a), Op::Conv(b)) => {
                let same = Conv {
                    output: b.output,
                    ..a.clone()
                };
                (same == *b).then_some(a.output)
            }
            _ => None,
        }
    }

    /// `output = scale (weight * source + bias + time + residual)`.
    fn conv(&mut self, at: usize, conv: &Conv, mut gradient: View) {
        if conv.scale != 1.0 {
            let unscaled = gradient;
            gradient = self.like(conv.output);
            self.push(Back::Through(Through {
                scale: conv.scale,
                output: gradient,
                ..Self::resampled(conv.output, unscaled, Resample::Keep)
            }));
        }
        self.residual(conv, gradient);
        self.sums(conv, gradient);
        let (dropped, whole) = match self.dropped.get(&at) {
            Some((source, layer)) => (Some(*layer), *source),
            None => (None, conv.source),
        };
        let read = match dropped {
            Some(_) => conv.source,
            None => self.again(conv.source),
        };
        self.push(Back::Weights {
            source: read,
            gradient,
            kernel: conv.kernel,
            stride: conv.stride,
            padding: conv.padding,
            weights: conv.weights.clone(),
        });
        self.input(conv, whole, gradient, dropped);
    }

    /// The gradient of what a convolution adds.
    fn residual(&mut self, conv: &Conv, gradient: View) {
        match conv.residual {
            Residual::None => {}
            Residual::Class(table) => self.push(Back::Classes {
                source: gradient,
                table,
            }),
            Residual::Add(source) if source == Source::plain(source.view) => {
                self.give(source.view, gradient);
            }
            Residual::Add(source) => {
                let through = Self::resampled(source.view, gradient, source.resample);
                self.through(through);
            }
            Residual::Project { source, weight, .. } => {
                self.push(Back::Weights {
                    source,
                    gradient,
                    kernel: 1,
                    stride: 1,
                    padding: 0,
                    weights: vec![weight],
                });
                let shortcut = Conv {
                    source,
                    kernel: 1,
                    stride: 1,
                    padding: 0,
                    weights: vec![weight],
                    ..conv.clone()
                };
                self.input(&shortcut, source, gradient, None);
            }
        }
    }

    /// The gradients of biases and of the time embedding.
    fn sums(&mut self, conv: &Conv, gradient: View) {
        let source = if self.vectors[conv.output.buffer] {
            gradient
        } else {
            let output = match conv.time {
                Some(time) => self.time(time),
                None => self.vector(conv.output),
            };
            self.push(Back::Sum { gradient, output });
            output
        };
        self.push(Back::Reduce {
            source,
            params: conv.biases.clone(),
        });
        if let Residual::Project { bias, .. } = conv.residual {
            self.push(Back::Reduce {
                source,
                params: vec![bias],
            });
        }
    }

    /// The gradient of what a convolution reads, which is `source`; what it would read if `layer` dropped nothing.
    fn input(&mut self, conv: &Conv, source: Source, gradient: View, layer: Option<u32>) {
        if [self.plan.input.buffer, self.plan.features.buffer].contains(&source.view.buffer) {
            return;
        }
        let plain = source == Source::plain(source.view) && layer.is_none();
        let add = if plain { self.take(source.view) } else { None };
        let from = self.plan.buffer(source.view);
        let size = [from.height, from.width].map(|side| match source.resample {
            Resample::Nearest2x => 2 * side,
            Resample::Average2x => side / 2,
            Resample::Keep | Resample::Insert2x { .. } => side,
        });
        let output = self.laid_out_like(source.view, size);
        let resample = match conv.stride {
            1 => Resample::Keep,
            _ => Resample::Insert2x {
                odd: conv.padding == 0,
            },
        };
        let op = Op::Conv(Conv {
            source: Source {
                resample,
                ..Source::plain(gradient)
            },
            kernel: conv.kernel,
            stride: 1,
            padding: conv.kernel / 2,
            weights: conv.weights.clone(),
            transposed: true,
            biases: Vec::new(),
            time: None,
            residual: add.map_or(Residual::None, |add| Residual::Add(Source::plain(add))),
            scale: 1.0,
            output,
        });
        self.op(op);
        if plain {
            self.give(source.view, output);
            return;
        }
        let gradient = match layer {
            None => output,
            Some(layer) => {
                let kept = self.like(source.view);
                self.push(Back::Drop {
                    source: Source::plain(output),
                    layer,
                    output: kept,
                });
                kept
            }
        };
        let norm = source.norm.map(|norm| self.norm(norm));
        self.through(Through {
            norm,
            act: source.act,
            ..Self::resampled(source.view, gradient, source.resample)
        });
    }

    /// The normalisation that wrote `output`, and places for its gradients with the parameters' already summed.
    fn norm(&mut self, output: View) -> NormGradient {
        let Some(Op::Normalise {
            input,
            groups,
            eps,
            weight,
            bias,
            modulation,
            ..
        }) = self.maker(output)
        else {
            unreachable!("a source's norm is what a normalisation wrote");
        };
        NormGradient {
            groups,
            eps,
            weight,
            bias,
            modulation,
            modulation_gradient: modulation.map(|view| self.time(view)),
            affine_gradient: self.buffer([1, 1], 2 * input.channels),
        }
    }

    /// The forward operation that wrote `view`.
    fn maker(&self, view: View) -> Option<Op> {
        self.plan.ops.iter().find(|op| op.writes() == view).cloned()
    }

    /// `source` with its normalisation made once more, so that nothing of it is kept since the forward half.
    fn again(&mut self, source: Source) -> Source {
        let Some(mut op) = source.norm.and_then(|norm| self.maker(norm)) else {
            return source;
        };
        let again = self.buffer([1, 1], 2 * source.view.channels);
        if let Op::Normalise { output, .. } = &mut op {
            *output = again;
        }
        self.op(op);
        Source {
            norm: Some(again),
            ..source
        }
    }

    /// Through a change of resolution alone, as far as it is known without an output.
    fn resampled(input: View, gradient: View, resample: Resample) -> Through {
        Through {
            input,
            norm: None,
            act: None,
            resample,
            scale: 1.0,
            gradient,
            add: None,
            output: input,
        }
    }

    /// Adds `through` with an output of its own, and to what is there of its input's gradient.
    fn through(&mut self, mut through: Through) {
        let input = through.input;
        through.add = self.take(input);
        through.output = self.like(input);
        let (output, norm) = (through.output, through.norm.clone());
        self.push(Back::Through(through));
        self.give(input, output);
        if let Some(norm) = norm {
            let (channels, of) = (input.channels, norm.affine_gradient);
            for (first, param) in [(0, norm.weight), (channels, norm.bias)] {
                self.push(Back::Reduce {
                    source: View {
                        first,
                        channels,
                        ..of
                    },
                    params: vec![param],
                });
            }
        }
    }

    /// `gradient` is a part of the gradient of `view`.
    fn give(&mut self, view: View, gradient: View) {
        self.parts[view.buffer].push(Part {
            first: view.first,
            view: gradient,
        });
    }

    /// A part of the gradient of `view`, to be added by the operation that makes another one.
    fn take(&mut self, view: View) -> Option<View> {
        let parts = &mut self.parts[view.buffer];
        let part = parts.remove(parts.iter().rposition(|part| part.covers(view))?);
        let (first, end) = (view.first, view.first + view.channels);
        if part.first < first {
            parts.push(part.slice(part.first, first));
        }
        if end < part.end() {
            parts.push(part.slice(end, part.end()));
        }
        Some(part.slice(first, end).view)
    }

    /// The whole gradient of `view`; `None` where nothing depends on it.
    fn gather(&mut self, view: View) -> Option<View> {
        let mut sum = self.take(view)?;
        while let Some(part) = self.take(view) {
            let output = self.like(view);
            self.push(Back::Add {
                a: sum,
                b: part,
                output,
            });
            sum = output;
        }
        debug_assert!(
            !self.parts[view.buffer].iter().any(|part| part.meets(view)),
            "no operation reads a piece of what another one writes"
        );
        Some(sum)
    }

    /// The slice for the gradient of `view`, some of the time embeddings.
    fn time(&mut self, view: View) -> View {
        let whole = match self.times.get(&view.buffer) {
            Some(whole) => *whole,
            None => {
                let of = View {
                    buffer: view.buffer,
                    first: 0,
                    channels: self.plan.buffer(view).channels,
                };
                let whole = self.like(of);
                self.times.insert(view.buffer, whole);
                self.give(of, whole);
                whole
            }
        };
        View {
            first: view.first,
            channels: view.channels,
            ..whole
        }
    }

    /// A vector with a number for each channel of `view`.
    fn vector(&mut self, view: View) -> View {
        self.laid_out_like(view, [1, 1])
    }

    /// A buffer for the gradient of `view`.
    fn like(&mut self, view: View) -> View {
        let buffer = self.plan.buffer(view);
        let size = [buffer.height, buffer.width];
        self.laid_out_like(view, size)
    }

    fn laid_out_like(&mut self, view: View, size: [usize; 2]) -> View {
        let new = self.buffer(size, view.channels);
        self.twins[new.buffer] = Some(view);
        self.vectors[new.buffer] = self.vectors[view.buffer];
        new
    }

    fn buffer(&mut self, [height, width]: [usize; 2], channels: usize) -> View {
        let buffers = &mut self.plan.buffers;
        buffers.push(Buffer {
            height,
            width,
            channels,
            offset: 0,
        });
        self.twins.push(None);
        self.vectors.push(false);
        self.parts.push(Vec::new());
        View {
            buffer: self.plan.buffers.len() - 1,
            first: 0,
            channels,
        }
    }

    fn op(&mut self, op: Op) {
        self.plan.ops.push(op);
        self.steps.push(Step::Op(self.plan.ops.len() - 1));
    }

    fn push(&mut self, back: Back) {
        self.steps.push(Step::Back(back));
    }
}
