//! Where buffers lie: two that are never alive together may share their place.

use super::{ALIGNMENT, Buffer, Op, Residual, View};

impl Op {
    /// Every view it reads.
    pub fn reads(&self) -> Vec<View> {
        match self {
            Self::Normalise {
                input, modulation, ..
            } => std::iter::once(*input).chain(*modulation).collect(),
            Self::Attention { qkv, .. } => vec![*qkv],
            Self::Conv(conv) => {
                let residual = match conv.residual {
                    Residual::Add(source) | Residual::Project { source, .. } => Some(source),
                    Residual::None | Residual::Class(_) => None,
                };
                [Some(conv.source), residual]
                    .into_iter()
                    .flatten()
                    .flat_map(|source| [Some(source.view), source.norm])
                    .chain([conv.time])
                    .flatten()
                    .collect()
            }
        }
    }

    /// The view it writes.
    pub fn writes(&self) -> View {
        match self {
            Self::Normalise { output, .. } | Self::Attention { output, .. } => *output,
            Self::Conv(conv) => conv.output,
        }
    }
}

/// Gives every buffer its offset; no two that are alive at once overlap.
/// `from_outside` are written before the first operation, `kept` is read after the last. The arena's length.
pub(super) fn place(
    buffers: &mut [Buffer],
    ops: &[Op],
    from_outside: &[View],
    kept: View,
) -> usize {
    let mut alive = vec![(usize::MAX, 0); buffers.len()];
    let mut touch = |view: View, at: usize| {
        let (first, last) = &mut alive[view.buffer];
        *first = (*first).min(at);
        *last = (*last).max(at);
    };
    for view in from_outside {
        touch(*view, 0);
    }
    for (i, op) in ops.iter().enumerate() {
        op.reads().into_iter().for_each(|view| touch(view, i));
        touch(op.writes(), i);
    }
    touch(kept, ops.len());
    arrange(buffers, &alive)
}

/// Gives every buffer its offset, largest first, each at the lowest place that is free as long as it is alive: from
/// the operation `alive[i].0` to `alive[i].1`, both included. The arena's length.
pub(in crate::engine) fn arrange(buffers: &mut [Buffer], alive: &[(usize, usize)]) -> usize {
    // Put in at their place one by one: every visitor of a page would download a sort.
    let mut order: Vec<usize> = Vec::new();
    for i in 0..buffers.len() {
        let at = order.partition_point(|j| buffers[*j].len() >= buffers[i].len());
        order.insert(at, i);
    }
    // By offset.
    let mut placed: Vec<usize> = Vec::new();
    for i in order {
        let overlaps = |j: &&usize| alive[**j].0 <= alive[i].1 && alive[i].0 <= alive[**j].1;
        let needed = room(&buffers[i]);
        let mut offset = 0;
        for taken in placed.iter().filter(overlaps).map(|j| &buffers[*j]) {
            if taken.offset >= offset + needed {
                break;
            }
            offset = offset.max(taken.offset + room(taken));
        }
        buffers[i].offset = offset;
        let at = placed.partition_point(|j| buffers[*j].offset <= offset);
        placed.insert(at, i);
    }
    buffers
        .iter()
        .map(|b| b.offset + room(b))
        .max()
        .unwrap_or(0)
}

fn room(buffer: &Buffer) -> usize {
    buffer.len().next_multiple_of(ALIGNMENT)
}
