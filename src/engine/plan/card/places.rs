//! Where everything lies between the operations on the graphics card.
//!
//! All of it is the *arena*: one buffer where the device binds as long a one, and else as few *banks* as it takes. A
//! room (what a buffer of the plan or an attention's scores take) lies in one bank, so that a kernel knows in which one
//! it reads and writes.
//!
//! A normalisation writes what the convolution after it reads (normalised, activated, halved where the convolution
//! says so), because a convolution reads every number many times and an exponential costs more than the product.

use super::lanes::Lanes;
use crate::engine::plan::memory::arrange_in_banks;
use crate::engine::plan::{ALIGNMENT, Buffer, Conv, Op, Plan, Resample, Residual, Source, View};
use crate::allocate::volume;
use crate::unet::config::Activation;

/// The vectors of zeros that every bank begins with, what is read outside a picture.
pub const ZEROS: usize = ALIGNMENT / 4;

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
    /// The buffers as they are here: their channels are lanes, a normalisation's is what it writes, and their offsets
    /// are counted from the beginning of their banks.
    buffers: Vec<Buffer>,
    /// For every buffer its bank.
    banks: Vec<usize>,
    /// For every operation the buffer of its scores, if it is an attention.
    scores: Vec<Option<usize>>,
    /// For every bank the vectors of four numbers that it needs for an image.
    lengths: Vec<usize>,
    /// Vectors from an image to the next one, in every bank.
    pub image: usize,
}

impl Places {
    /// Those of `plan` in banks that hold `most` numbers of an image.
    ///
    /// # Errors
    /// The numbers of a room that is longer; `usize::MAX` where no memory is as long as the arena.
    pub fn new(plan: &Plan, lanes: &Lanes, most: usize) -> Result<Self, usize> {
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
        let longest = buffers.iter().map(Buffer::len).max().unwrap_or(0);
        let most = most / ALIGNMENT * ALIGNMENT;
        if longest > most {
            return Err(longest);
        }
        arrange_in_banks(&mut buffers, &alive, most).ok_or(usize::MAX)?;
        Ok(Self::cut(buffers, scores, most))
    }

    /// One bank of `numbers`, in which `buffers` have their places.
    #[cfg(all(feature = "train", feature = "gpu"))]
    pub fn whole(buffers: Vec<Buffer>, scores: Vec<Option<usize>>, numbers: usize) -> Self {
        Self {
            banks: vec![0; buffers.len()],
            buffers,
            scores,
            lengths: vec![numbers / 4],
            image: numbers / 4,
        }
    }

    /// `buffers` lie in an arena that is cut into banks of `most` numbers.
    fn cut(mut buffers: Vec<Buffer>, scores: Vec<Option<usize>>, most: usize) -> Self {
        let mut lengths = Vec::new();
        let mut banks = Vec::new();
        for buffer in &mut buffers {
            let bank = buffer.offset / most;
            buffer.offset %= most;
            banks.push(bank);
            if lengths.len() <= bank {
                lengths.resize(bank + 1, 0);
            }
            let end = (buffer.offset + buffer.len()).next_multiple_of(ALIGNMENT) / 4;
            lengths[bank] = end.max(lengths[bank]);
        }
        Self {
            image: lengths.iter().copied().max().unwrap_or(0),
            buffers,
            banks,
            scores,
            lengths,
        }
    }

    /// Vectors of every bank for `batch` images, what nobody can count is the most that there are.
    pub fn vectors(&self, batch: usize) -> impl Iterator<Item = u64> {
        let before = volume(&[batch.saturating_sub(1), self.image]).saturating_add(ZEROS as u64);
        let lengths = self.lengths.iter();
        lengths.map(move |length| before.saturating_add(*length as u64))
    }

    /// The bank of a view.
    pub fn bank(&self, view: View) -> usize {
        self.banks[view.buffer]
    }

    /// The buffer of a view and the vector at which it begins in its bank.
    pub fn buffer(&self, view: View) -> (&Buffer, usize) {
        let buffer = &self.buffers[view.buffer];
        (buffer, buffer.offset / 4)
    }

    /// The bank of the scores of operation `at`, and the vector at which they begin.
    pub fn scores(&self, at: usize) -> (usize, usize) {
        self.scores[at].map_or((0, 0), |buffer| {
            (self.banks[buffer], self.buffers[buffer].offset / 4)
        })
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
