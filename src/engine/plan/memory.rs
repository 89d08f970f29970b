//! Where buffers lie: two that are never alive together may share their place.

use super::{ALIGNMENT, Buffer, Op, Param, Residual, View};

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

    /// Every tensor it has weights of.
    pub fn params(&self) -> Vec<Param> {
        match self {
            Self::Normalise { weight, bias, .. } => vec![*weight, *bias],
            Self::Attention { .. } => Vec::new(),
            Self::Conv(conv) => {
                let residual = match conv.residual {
                    Residual::Project { weight, bias, .. } => [Some(weight), Some(bias)],
                    Residual::Class(table) => [Some(table), None],
                    Residual::None | Residual::Add(_) => [None, None],
                };
                let own = conv.weights.iter().chain(&conv.biases).copied();
                own.chain(residual.into_iter().flatten()).collect()
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
/// `from_outside` are written before the first operation, `kept` is read after the last. The arena's length; `None` where
/// no memory is as long.
pub(super) fn place(
    buffers: &mut [Buffer],
    ops: &[Op],
    from_outside: &[View],
    kept: View,
) -> Option<usize> {
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
/// the operation `alive[i].0` to `alive[i].1`, both included. The arena's length; `None` where no memory is as long.
pub(in crate::engine) fn arrange(
    buffers: &mut [Buffer],
    alive: &[(usize, usize)],
) -> Option<usize> {
    let rooms: Vec<usize> = buffers.iter().map(room).collect::<Option<_>>()?;
    let mut arena = 0;
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
        let mut offset: usize = 0;
        for j in placed.iter().filter(overlaps) {
            if buffers[*j].offset >= offset.checked_add(rooms[i])? {
                break;
            }
            // What was placed ends within the arena.
            offset = offset.max(buffers[*j].offset + rooms[*j]);
        }
        buffers[i].offset = offset;
        arena = arena.max(offset.checked_add(rooms[i])?);
        let at = placed.partition_point(|j| buffers[*j].offset <= offset);
        placed.insert(at, i);
    }
    Some(arena)
}

fn room(buffer: &Buffer) -> Option<usize> {
    buffer.len().checked_next_multiple_of(ALIGNMENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buffer(height: usize, width: usize, channels: usize) -> Buffer {
        Buffer {
            height,
            width,
            channels,
            offset: 0,
        }
    }

    #[test]
    fn what_no_memory_holds_is_refused_and_not_counted_around() {
        let half = usize::MAX / 2 + 1;
        let many = buffer(half, 2, 1);
        assert_eq!(many.len(), usize::MAX);
        assert_eq!(arrange(&mut [many], &[(0, 0)]), None);
        // Each has a place, both at once have none.
        let mut two = [buffer(half, 1, 1), buffer(half, 1, 1)];
        assert_eq!(arrange(&mut two.clone(), &[(0, 0), (0, 0)]), None);
        assert_eq!(arrange(&mut two, &[(0, 0), (1, 1)]), Some(half));
        // The last whole piece is beyond the last address.
        let mut last = [buffer(usize::MAX - 1, 1, 1)];
        assert_eq!(arrange(&mut last, &[(0, 0)]), None);
    }

    #[test]
    fn buffers_share_a_place_when_they_are_not_alive_at_once() {
        let mut buffers = [buffer(8, 8, 2), buffer(8, 8, 1), buffer(1, 1, 1)];
        let length = arrange(&mut buffers, &[(0, 1), (2, 3), (1, 3)]);
        assert_eq!(length, Some(192));
        assert_eq!(buffers.map(|b| b.offset), [0, 0, 128]);
    }
}
