//! Channels as the graphics card keeps them.
//!
//! Four channels of a pixel are one vector, `[channels / 4, height, width, 4]`: whichever pixel a kernel looks at, it
//! reads whole vectors, and neighbouring pixels are neighbours. A view that an operation uses begins with a block of
//! its own, so parts of a buffer are filled up to a multiple of four *lanes*; a lane without a channel is always 0.

use crate::engine::plan::{Op, Plan, View};

/// The lanes of every buffer: the same for all sizes of the image.
pub struct Lanes {
    /// For every buffer where its parts begin, and its end.
    pub(in crate::engine) cuts: Vec<Vec<usize>>,
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

    /// First channel and end of every part of `view`.
    fn parts(&self, view: View) -> impl Iterator<Item = (usize, usize)> {
        let end = view.first + view.channels;
        let parts = self.cuts[view.buffer].windows(2);
        let parts = parts.map(|cut| (cut[0], cut[1]));
        parts.filter(move |(from, to)| *from >= view.first && *to <= end)
    }

    /// The channel of every lane of `view`, counted from the view's first.
    pub fn of(&self, view: View) -> Vec<Option<usize>> {
        self.parts(view)
            .flat_map(|(from, to)| {
                let lanes = (to - from).next_multiple_of(4);
                (0..lanes).map(move |i| (from + i < to).then_some(from + i - view.first))
            })
            .collect()
    }

    /// The block of four lanes at which `view` begins.
    pub fn first(&self, view: View) -> usize {
        self.blocks(View {
            first: 0,
            channels: view.first,
            ..view
        })
    }

    /// Blocks of four lanes in `view`.
    pub fn blocks(&self, view: View) -> usize {
        self.parts(view)
            .map(|(from, to)| (to - from).div_ceil(4))
            .sum()
    }
}
