//! Where everything lies between the operations on the graphics card.
//!
//! All of it is the *arena*: one buffer where the device binds as long a one, and else as few *banks* as it takes. A
//! room (what a buffer of the plan or an attention's scores take) lies in one bank, so that a kernel knows in which one
//! it reads and writes.
//!
//! A normalisation writes what the convolution after it reads (normalised, activated, halved where the convolution
//! says so), because a convolution reads every number many times and an exponential costs more than the product.

use super::lanes::Lanes;
use crate::allocate::volume;
use crate::engine::plan::memory::arrange_in_banks;
use crate::engine::plan::{ALIGNMENT, Buffer, Conv, Op, Plan, Resample, Residual, Source, View};
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
#[derive(Debug)]
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unet::config::UnetConfig;

    const CONFIGS: [&str; 3] = [
        r#"{"sample_size": 16, "in_channels": 3, "out_channels": 3, "layers_per_block": 2, "norm_num_groups": 4,
            "block_out_channels": [8, 16, 32], "attention_head_dim": 8,
            "down_block_types": ["DownBlock2D", "AttnDownBlock2D", "DownBlock2D"],
            "up_block_types": ["UpBlock2D", "AttnUpBlock2D", "UpBlock2D"]}"#,
        r#"{"sample_size": [12, 20], "in_channels": 1, "out_channels": 1, "layers_per_block": 1, "norm_num_groups": 3,
            "block_out_channels": [6, 9], "attention_head_dim": null, "resnet_time_scale_shift": "scale_shift",
            "down_block_types": ["ResnetDownsampleBlock2D", "AttnDownBlock2D"],
            "up_block_types": ["AttnUpBlock2D", "ResnetUpsampleBlock2D"]}"#,
        r#"{"sample_size": 8, "in_channels": 3, "out_channels": 3, "layers_per_block": 1, "norm_num_groups": 1,
            "block_out_channels": [5, 7], "num_class_embeds": 3, "attention_head_dim": null,
            "down_block_types": ["DownBlock2D", "AttnDownBlock2D"],
            "up_block_types": ["AttnUpBlock2D", "UpBlock2D"]}"#,
    ];

    /// For every vector of every bank the buffer that was written there last.
    struct Memory<'a> {
        places: &'a Places,
        lanes: &'a Lanes,
        owners: Vec<Vec<usize>>,
    }

    impl Memory<'_> {
        fn room(&mut self, buffer: usize) -> &mut [usize] {
            let Buffer { offset, .. } = self.places.buffers[buffer];
            let vectors = self.places.buffers[buffer].len() / 4;
            &mut self.owners[self.places.banks[buffer]][offset / 4..][..vectors]
        }

        fn view(&mut self, view: View) -> &mut [usize] {
            let buffer = &self.places.buffers[view.buffer];
            let plane = buffer.height * buffer.width;
            let [first, blocks] = [self.lanes.first(view), self.lanes.blocks(view)];
            &mut self.room(view.buffer)[first * plane..][..blocks * plane]
        }

        /// Everything is still there.
        fn holds(&mut self, view: View) {
            let owners = self.view(view);
            assert!(owners.iter().all(|owner| *owner == view.buffer), "{view:?}");
        }
    }

    /// Runs the plan on who wrote what, and returns how many banks that took.
    fn replay(plan: &Plan, lanes: &Lanes, most: usize) -> usize {
        let places = Places::new(plan, lanes, most).unwrap();
        assert!(places.lengths.iter().all(|length| 4 * length <= most));
        assert_eq!(places.lengths.iter().max(), Some(&places.image));
        let mut memory = Memory {
            owners: places
                .lengths
                .iter()
                .map(|n| vec![usize::MAX; *n])
                .collect(),
            places: &places,
            lanes,
        };
        memory.view(plan.input).fill(plan.input.buffer);
        for (at, op) in plan.ops.iter().enumerate() {
            let inputs = match op {
                Op::Conv(conv) => read(conv),
                _ => op.reads(),
            };
            let staged = |view: &View| {
                let norms = plan.ops.iter();
                norms
                    .clone()
                    .any(|op| matches!(op, Op::Normalise { output, .. } if output == view))
            };
            let inputs: Vec<View> = inputs
                .into_iter()
                .filter(|view| view.buffer != plan.features.buffer)
                .collect();
            let scores = places.scores[at];
            if let Some(scores) = scores {
                memory.room(scores).fill(scores);
            }
            let output = op.writes();
            if staged(&output) {
                memory.room(output.buffer).fill(output.buffer);
            } else {
                memory.view(output).fill(output.buffer);
            }
            // While the result is written, all else is still read.
            for view in inputs {
                if staged(&view) {
                    let owners = memory.room(view.buffer);
                    assert!(owners.iter().all(|owner| *owner == view.buffer));
                } else {
                    memory.holds(view);
                }
            }
            if let Some(scores) = scores {
                assert!(memory.room(scores).iter().all(|owner| *owner == scores));
            }
        }
        memory.holds(plan.output);
        places.lengths.len()
    }

    #[test]
    fn whatever_is_read_is_still_there_however_small_banks_are() {
        for config in CONFIGS {
            let plan = Plan::trained(&UnetConfig::from_json(config).unwrap()).unwrap();
            let lanes = Lanes::new(&plan);
            assert_eq!(replay(&plan, &lanes, usize::MAX), 1);
            let whole = 4 * Places::new(&plan, &lanes, usize::MAX).unwrap().image;
            let longest = Places::new(&plan, &lanes, 0).err().unwrap();
            assert_eq!(Places::new(&plan, &lanes, longest - 1).err(), Some(longest));
            let least = longest.next_multiple_of(ALIGNMENT);
            let counts: Vec<usize> = (least..=whole)
                .step_by(ALIGNMENT * 7)
                .map(|most| replay(&plan, &lanes, most))
                .collect();
            assert!(counts[0] >= 3, "{counts:?}");
            assert!(counts.contains(&2), "{counts:?}");
        }
    }

    #[test]
    fn every_image_of_a_batch_has_its_part_of_every_bank() {
        let plan = Plan::trained(&UnetConfig::from_json(CONFIGS[0]).unwrap()).unwrap();
        let lanes = Lanes::new(&plan);
        let longest = Places::new(&plan, &lanes, 0).err().unwrap();
        let places = Places::new(&plan, &lanes, longest.next_multiple_of(ALIGNMENT)).unwrap();
        let of = |batch| places.vectors(batch).collect::<Vec<u64>>();
        for (one, three) in of(1).into_iter().zip(of(3)) {
            assert_eq!(three - one, 2 * places.image as u64);
            assert!(one >= ZEROS as u64);
        }
        assert_eq!(of(usize::MAX)[0].max(1 << 60), of(usize::MAX)[0]);
    }
}
