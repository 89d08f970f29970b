//! Where numbers lie: nothing is read that was not written, nothing is overwritten that is still needed.

use std::collections::{HashMap, HashSet};

use ddim_web::engine::plan::{ALIGNMENT, Op, Plan, View};

use crate::fixture::CIFAR10;
use crate::subjects::{plan, plans};
use crate::test;

test!(every_view_lies_in_its_buffer, async {
    for (json, plan) in plans() {
        let outside = [plan.features, plan.input, plan.output];
        let inside = plan.ops.iter().flat_map(|op| {
            let mut views = op.reads();
            views.push(op.writes());
            views
        });
        for view in outside.into_iter().chain(inside) {
            let channels = plan.buffer(view).channels;
            assert!(
                view.channels > 0 && view.first + view.channels <= channels,
                "{view:?} of {channels} channels: {json}"
            );
        }
    }
});

test!(every_buffer_lies_in_the_arena_at_an_aligned_place, async {
    for (json, plan) in plans() {
        for buffer in &plan.buffers {
            assert!(!buffer.is_empty(), "{json}");
            assert_eq!(buffer.offset % ALIGNMENT, 0, "{json}");
            assert!(buffer.offset + buffer.len() <= plan.arena, "{json}");
        }
    }
});

/// Which channels of which buffer.
fn channels(view: View) -> impl Iterator<Item = (usize, usize)> {
    (view.first..view.first + view.channels).map(move |channel| (view.buffer, channel))
}

test!(every_channel_is_written_once_and_before_it_is_read, async {
    for (json, plan) in plans() {
        let mut written: HashSet<(usize, usize)> = channels(plan.features)
            .chain(channels(plan.input))
            .collect();
        for (i, op) in plan.ops.iter().enumerate() {
            for (buffer, channel) in op.reads().into_iter().flat_map(channels) {
                assert!(
                    written.contains(&(buffer, channel)),
                    "operation {i} reads channel {channel} of b{buffer} too early: {json}"
                );
            }
            for (buffer, channel) in channels(op.writes()) {
                assert!(
                    written.insert((buffer, channel)),
                    "operation {i} writes channel {channel} of b{buffer} again: {json}"
                );
            }
        }
        assert!(
            channels(plan.output).all(|place| written.contains(&place)),
            "{json}"
        );
    }
});

test!(nothing_is_written_in_vain, async {
    for (json, plan) in plans() {
        let reads = plan.ops.iter().flat_map(|op| op.reads());
        let read: HashSet<(usize, usize)> = reads.chain([plan.output]).flat_map(channels).collect();
        for (buffer, whole) in plan.buffers.iter().enumerate() {
            let unread = (0..whole.channels).find(|channel| !read.contains(&(buffer, *channel)));
            assert_eq!(unread, None, "nobody reads it in b{buffer}: {json}");
        }
    }
});

/// Numbers in the arena: the first and how many, for every pixel of a view.
fn runs(plan: &Plan, view: View) -> impl Iterator<Item = (usize, usize)> {
    let buffer = plan.buffer(view);
    let (offset, stride) = (buffer.offset + view.first, buffer.channels);
    (0..buffer.height * buffer.width).map(move |pixel| (offset + pixel * stride, view.channels))
}

test!(
    every_number_read_is_the_one_that_was_written_for_it,
    async {
        for (json, plan) in plans() {
            // Who wrote each number of the arena last: buffer and channel.
            let mut owner: Vec<(usize, usize)> = vec![(usize::MAX, 0); plan.arena];
            let write = |owner: &mut Vec<(usize, usize)>, view: View| {
                for (start, count) in runs(&plan, view) {
                    for c in 0..count {
                        owner[start + c] = (view.buffer, view.first + c);
                    }
                }
            };
            let is_whole = |owner: &[(usize, usize)], view: View| {
                runs(&plan, view).all(|(start, count)| {
                    (0..count).all(|c| owner[start + c] == (view.buffer, view.first + c))
                })
            };
            write(&mut owner, plan.features);
            write(&mut owner, plan.input);
            for (i, op) in plan.ops.iter().enumerate() {
                for view in op.reads() {
                    assert!(
                        is_whole(&owner, view),
                        "operation {i} reads {view:?}, in part overwritten: {json}"
                    );
                }
                write(&mut owner, op.writes());
            }
            assert!(
                is_whole(&owner, plan.output),
                "the output was overwritten: {json}"
            );
        }
    }
);

// The CPU's vectors read beyond the end of a view, so that not even other channels of the same buffer may be written.
test!(no_operation_writes_where_it_reads, async {
    for (json, plan) in plans() {
        for (i, op) in plan.ops.iter().enumerate() {
            let to = op.writes();
            for from in op.reads() {
                assert_ne!(
                    from.buffer, to.buffer,
                    "operation {i} reads {from:?} of the buffer that it writes: {json}"
                );
                let (a, b) = (plan.buffer(from), plan.buffer(to));
                assert!(
                    a.offset + a.len() <= b.offset || b.offset + b.len() <= a.offset,
                    "operation {i}: {from:?} and {to:?} overlap: {json}"
                );
            }
        }
    }
});

test!(what_the_decoder_joins_was_written_side_by_side, async {
    for (json, plan) in plans() {
        let mut writers: HashMap<usize, Vec<View>> = HashMap::new();
        for op in &plan.ops {
            writers
                .entry(op.writes().buffer)
                .or_default()
                .push(op.writes());
        }
        let config = &plan.config;
        let joints: Vec<&Vec<View>> = writers.values().filter(|views| views.len() > 1).collect();
        let expected = config.block_out_channels.len() * (config.layers_per_block + 1);
        assert_eq!(joints.len(), expected, "{json}");
        for views in joints {
            let whole = plan.buffer(views[0]).channels;
            let below = views.iter().find(|view| view.first == 0).unwrap();
            let skip = views.iter().find(|view| view.first > 0).unwrap();
            assert_eq!(views.len(), 2, "{json}");
            assert_eq!(below.channels, skip.first, "{json}");
            assert_eq!(skip.first + skip.channels, whole, "{json}");
        }
    }
});

/// The most numbers that are needed at the same time: what no placing can go below.
fn needed_at_once(plan: &Plan) -> usize {
    let is_in = |views: &[View], buffer: usize| views.iter().any(|view| view.buffer == buffer);
    let outside = [plan.features, plan.input];
    let needed = |at: usize| {
        let began = |buffer: usize| {
            let written = plan.ops[..=at]
                .iter()
                .any(|op| op.writes().buffer == buffer);
            written || is_in(&outside, buffer)
        };
        let goes_on = |buffer: usize| {
            let rest = &plan.ops[at..];
            let touched = |op: &Op| op.writes().buffer == buffer || is_in(&op.reads(), buffer);
            rest.iter().any(touched) || plan.output.buffer == buffer
        };
        let alive = (0..plan.buffers.len()).filter(|b| began(*b) && goes_on(*b));
        alive
            .map(|b| plan.buffers[b].len().next_multiple_of(ALIGNMENT))
            .sum::<usize>()
    };
    (0..plan.ops.len()).map(needed).max().unwrap()
}

test!(
    the_arena_is_hardly_larger_than_what_is_needed_at_once,
    async {
        for (json, plan) in plans() {
            let needed = needed_at_once(&plan);
            assert!(
                needed <= plan.arena && plan.arena <= needed + needed / 8,
                "{} numbers, {needed} needed: {json}",
                plan.arena
            );
        }
    }
);

test!(sharing_places_saves_two_thirds_of_the_memory, async {
    let plan = plan(CIFAR10.config);
    let separate: usize = plan.buffers.iter().map(|buffer| buffer.len()).sum();
    assert!(
        plan.arena as f64 <= 0.34 * separate as f64,
        "{} of {separate} numbers",
        plan.arena
    );
});
