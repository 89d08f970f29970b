//! Where the numbers of a plan lie on the GPU.
//!
//! Four channels of a pixel are one vector, `[channels / 4, height, width, 4]`: whichever pixel a kernel looks at, it
//! reads whole vectors, and neighbouring pixels are neighbours. A view that an operation uses begins with a block of
//! its own, so parts of a buffer are filled up to a multiple of four *lanes*; a lane without a channel is always 0.
//!
//! A normalisation writes what the convolution after it reads (normalised, activated, halved where the convolution
//! says so), because a convolution reads every number many times and an exponential costs more than the product.

use crate::engine::plan::{Buffer, Conv, Op, Plan, Resample, Residual, Source, View, arrange};
use crate::unet::config::Activation;

/// The lanes of every buffer: the same for all sizes of the image.
pub struct Lanes {
    /// For every buffer where its parts begin, and its end.
    pub(super) cuts: Vec<Vec<usize>>,
}

impl Lanes {
    /// Those of `plan`.
    pub fn new(plan: &Plan) -> Self {
        let mut cuts: Vec<Vec<usize>> = plan.buffers.iter().map(|b| vec![0, b.channels]).collect();
        // In order, each once.
        let mut cut = |view: &View, channel: usize| {
            let cuts = &mut cuts[view.buffer];
            if let Err(at) = cuts.binary_search(&channel) {
                cuts.insert(at, channel);
            }
        };
        for op in &plan.ops {
            for view in op.reads().into_iter().chain([op.writes()]) {
                cut(&view, view.first);
                cut(&view, view.first + view.channels);
            }
            if let Op::Attention {
                qkv,
                head_dim,
                output,
                ..
            } = op
            {
                for view in [qkv, output] {
                    for channel in (0..view.channels).step_by(*head_dim) {
                        cut(view, channel);
                    }
                }
            }
        }
        Self { cuts }
    }

    /// The channel of every lane of `view`, counted from the view's first.
    pub fn of(&self, view: View) -> Vec<Option<usize>> {
        let end = view.first + view.channels;
        let parts = self.cuts[view.buffer]
            .windows(2)
            .map(|cut| (cut[0], cut[1]));
        parts
            .filter(|(from, to)| *from >= view.first && *to <= end)
            .flat_map(|(from, to)| {
                let lanes = (to - from).next_multiple_of(4);
                (0..lanes).map(move |i| (from + i < to).then_some(from + i - view.first))
            })
            .collect()
    }

    /// The block of four lanes at which `view` begins.
    pub fn first(&self, view: View) -> usize {
        let before = View {
            first: 0,
            channels: view.first,
            ..view
        };
        self.of(before).len() / 4
    }

    /// Blocks of four lanes in `view`.
    pub fn blocks(&self, view: View) -> usize {
        self.of(view).len() / 4
    }
}

/// The nonlinearity and the change of resolution that follow a normalisation.
pub fn after(plan: &Plan, output: View) -> (Option<Activation>, Resample) {
    plan.ops
        .iter()
        .find_map(|op| match op {
            Op::Conv(conv) if conv.source.norm == Some(output) => {
                Some((conv.source.act, conv.source.resample))
            }
            _ => None,
        })
        .unwrap_or((None, Resample::Keep))
}

/// The places of everything in one image's part of the arena.
pub struct Places {
    /// The buffers as they are here: their channels are lanes, and a normalisation's is what it writes.
    pub(super) buffers: Vec<Buffer>,
    /// For every operation the buffer of its scores, if it is an attention.
    pub(super) scores: Vec<Option<usize>>,
    /// Vectors of four numbers that one image needs.
    pub image: usize,
}

impl Places {
    /// Those of `plan`; `None` where no memory is as long.
    pub fn new(plan: &Plan, lanes: &Lanes) -> Option<Self> {
        let mut buffers = plan.buffers.clone();
        for (i, buffer) in buffers.iter_mut().enumerate() {
            let whole = View {
                buffer: i,
                first: 0,
                channels: buffer.channels,
            };
            buffer.channels = 4 * lanes.blocks(whole);
        }
        // The features of all images are written in one piece, outside of the images' parts.
        buffers[plan.features.buffer].height = 0;
        let mut scores = vec![None; plan.ops.len()];
        for (op, scores) in plan.ops.iter().zip(&mut scores) {
            match op {
                Op::Normalise { input, output, .. } => {
                    let (_, resample) = after(plan, *output);
                    let half = |side: usize| match resample {
                        Resample::Average2x => side / 2,
                        Resample::Keep | Resample::Nearest2x | Resample::Insert2x { .. } => side,
                    };
                    let from = &plan.buffers[input.buffer];
                    let (height, width) = (half(from.height), half(from.width));
                    let staged = &mut buffers[output.buffer];
                    (staged.height, staged.width) = (height, width);
                    staged.channels = 4 * lanes.blocks(*input);
                }
                Op::Attention { qkv, heads, .. } => {
                    let pixels = plan.buffer(*qkv).height * plan.buffer(*qkv).width;
                    *scores = Some(buffers.len());
                    buffers.push(Buffer {
                        height: *heads,
                        width: pixels,
                        channels: pixels.next_multiple_of(4),
                        offset: 0,
                    });
                }
                Op::Conv(_) => {}
            }
        }
        let mut alive = vec![(usize::MAX, 0); buffers.len()];
        let mut touch = |buffer: usize, at: usize| {
            let (first, last) = &mut alive[buffer];
            *first = (*first).min(at);
            *last = (*last).max(at);
        };
        touch(plan.input.buffer, 0);
        for (at, op) in plan.ops.iter().enumerate() {
            touch(op.writes().buffer, at);
            scores[at].into_iter().for_each(|scores| touch(scores, at));
            match op {
                Op::Conv(conv) => {
                    read(conv)
                        .into_iter()
                        .for_each(|view| touch(view.buffer, at));
                }
                _ => op
                    .reads()
                    .into_iter()
                    .for_each(|view| touch(view.buffer, at)),
            }
        }
        touch(plan.output.buffer, plan.ops.len());
        let numbers = arrange(&mut buffers, &alive)?;
        Some(Self {
            buffers,
            scores,
            image: numbers / 4,
        })
    }

    /// The vector at which the buffer of a view begins.
    pub fn buffer(&self, view: View) -> (&Buffer, usize) {
        let buffer = &self.buffers[view.buffer];
        (buffer, buffer.offset / 4)
    }

    /// The vector at which the scores of operation `at` begin.
    pub fn scores(&self, at: usize) -> usize {
        self.scores[at].map_or(0, |buffer| self.buffers[buffer].offset / 4)
    }
}

/// What a convolution reads here: not its source where that was normalised.
fn read(conv: &Conv) -> Vec<View> {
    let residual = match conv.residual {
        Residual::Add(Source { view, .. })
        | Residual::Project {
            source: Source { view, .. },
            ..
        } => Some(view),
        Residual::None | Residual::Class(_) => None,
    };
    let source = conv.source.norm.unwrap_or(conv.source.view);
    [Some(source), residual, conv.time]
        .into_iter()
        .flatten()
        .collect()
}
