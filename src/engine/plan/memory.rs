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

/// Some neighbouring channels of a buffer that are alive together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct Part {
    /// The first channel.
    pub first: usize,
    /// The first channel after it.
    pub end: usize,
    /// From which operation to which, both included.
    pub alive: (usize, usize),
}

/// The parts of every buffer, of which operation `at` uses a view for every `(view, at)`. What a decoder joins is written
/// at two times: until the second one, nobody needs the place of that half.
pub(in crate::engine) fn parts(buffers: &[Buffer], used: &[(View, usize)]) -> Vec<Vec<Part>> {
    let of_buffer = |(index, buffer): (usize, &Buffer)| {
        let used = || used.iter().filter(|(view, _)| view.buffer == index);
        let mut cuts = vec![0, buffer.channels];
        for cut in used().flat_map(|(view, _)| [view.first, view.first + view.channels]) {
            if let Err(at) = cuts.binary_search(&cut) {
                cuts.insert(at, cut);
            }
        }
        let part = |cut: &[usize]| {
            let [first, end] = [cut[0], cut[1]];
            let mut alive = (usize::MAX, 0);
            for (view, at) in used() {
                if view.first < end && first < view.first + view.channels {
                    alive = (alive.0.min(*at), alive.1.max(*at));
                }
            }
            Part { first, end, alive }
        };
        cuts.windows(2).map(part).collect()
    };
    buffers.iter().enumerate().map(of_buffer).collect()
}

/// Some neighbouring numbers of a buffer that are alive together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct Span {
    /// The first number.
    pub first: usize,
    /// The first number after it.
    pub end: usize,
    /// From which operation to which, both included.
    pub alive: (usize, usize),
}

/// The numbers of the buffers, those of the largest first.
fn largest_first(buffers: &[Buffer]) -> Vec<usize> {
    // Put in at their place one by one: every visitor of a page would download a sort.
    let mut order: Vec<usize> = Vec::new();
    for i in 0..buffers.len() {
        let at = order.partition_point(|j| buffers[*j].len() >= buffers[i].len());
        order.insert(at, i);
    }
    order
}

/// Gives every buffer its offset, largest first, each at the lowest place that is free as long as it is alive: from
/// the operation `alive[i].0` to `alive[i].1`, both included. The arena's length; `None` where no memory is as long.
pub(in crate::engine) fn arrange(
    buffers: &mut [Buffer],
    alive: &[(usize, usize)],
) -> Option<usize> {
    arrange_in_banks(buffers, alive, usize::MAX)
}

/// The same in an arena that is cut every `most` numbers, a multiple of [`ALIGNMENT`]: no buffer, of which none is
/// longer, lies on both sides of a cut.
pub(in crate::engine) fn arrange_in_banks(
    buffers: &mut [Buffer],
    alive: &[(usize, usize)],
    most: usize,
) -> Option<usize> {
    let rooms: Vec<usize> = buffers.iter().map(room).collect::<Option<_>>()?;
    let mut arena = 0;
    // By offset.
    let mut placed: Vec<usize> = Vec::new();
    for i in largest_first(buffers) {
        let overlaps = |j: &&usize| alive[**j].0 <= alive[i].1 && alive[i].0 <= alive[**j].1;
        let mut offset: usize = 0;
        for j in placed.iter().filter(overlaps) {
            if buffers[*j].offset >= offset.checked_add(rooms[i])? {
                break;
            }
            // What was placed ends within the arena.
            offset = offset.max(buffers[*j].offset + rooms[*j]);
            if offset % most > most - rooms[i] {
                offset = offset.checked_next_multiple_of(most)?;
            }
        }
        buffers[i].offset = offset;
        arena = arena.max(offset.checked_add(rooms[i])?);
        let at = placed.partition_point(|j| buffers[*j].offset <= offset);
        placed.insert(at, i);
    }
    Some(arena)
}

/// Gives every buffer its offset, largest first, each at the lowest place that is free for each of its `spans` as long as
/// that is alive; [`arrange`] is quicker where there are thousands. The arena's length; `None` where no memory is as long.
pub(in crate::engine) fn arrange_spans(
    buffers: &mut [Buffer],
    spans: &[Vec<Span>],
) -> Option<usize> {
    let rooms: Vec<usize> = buffers.iter().map(room).collect::<Option<_>>()?;
    let mut arena: usize = 0;
    let mut placed: Vec<Span> = Vec::new();
    for i in largest_first(buffers) {
        let mut offset: usize = 0;
        // Nothing can lie before the end of what is in its way.
        let in_the_way = |offset: usize| {
            spans[i].iter().find_map(|own| {
                let other = placed.iter().find(|other| {
                    other.alive.0 <= own.alive.1
                        && own.alive.0 <= other.alive.1
                        && other.first < offset.saturating_add(own.end)
                        && offset.saturating_add(own.first) < other.end
                });
                other.map(|other| other.end - own.first)
            })
        };
        while let Some(after) = in_the_way(offset) {
            offset = after.checked_next_multiple_of(ALIGNMENT)?;
        }
        buffers[i].offset = offset;
        arena = arena.max(offset.checked_add(rooms[i])?);
        placed.extend(spans[i].iter().map(|span| Span {
            first: offset + span.first,
            end: offset + span.end,
            alive: span.alive,
        }));
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

    #[test]
    fn half_of_a_buffer_is_free_until_it_is_written() {
        let view = |buffer, first, channels| View {
            buffer,
            first,
            channels,
        };
        // The second half of what is joined is written by operation 0, the first one by 2; 3 reads both.
        let used = [
            (view(0, 64, 64), 0),
            (view(1, 0, 64), 0),
            (view(1, 0, 64), 1),
            (view(0, 0, 64), 2),
            (view(0, 0, 128), 3),
        ];
        let mut buffers = [buffer(1, 1, 128), buffer(1, 1, 64)];
        let found = parts(&buffers, &used);
        assert_eq!(found[0].len(), 2);
        assert_eq!([found[0][0].alive, found[0][1].alive], [(2, 3), (0, 3)]);
        let spans: Vec<Vec<Span>> = found
            .iter()
            .map(|parts| {
                let span = |part: &Part| Span {
                    first: part.first,
                    end: part.end,
                    alive: part.alive,
                };
                parts.iter().map(span).collect()
            })
            .collect();
        assert_eq!(arrange_spans(&mut buffers, &spans), Some(128));
        assert_eq!(buffers.map(|b| b.offset), [0, 0]);
        // As a whole they lie side by side.
        let mut buffers = [buffer(1, 1, 128), buffer(1, 1, 64)];
        assert_eq!(arrange(&mut buffers, &[(0, 3), (0, 1)]), Some(192));
    }
}
