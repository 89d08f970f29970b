//! What memory a network takes on a device, told by its plan before anything is loaded: the one source of what the program
//! and the page say of it. The processor's engine decides by the same numbers how it keeps weights.

use super::card::{Lanes, Places, Shelves};
use super::memory::{Part, Span, arrange_spans, parts};
use super::{Buffer, Conv, Op, Plan, Resample, Residual, Source, View, upsamples};

/// Bytes, for one picture at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Footprint {
    /// Of the weights as they are kept.
    pub weights: u64,
    /// Of what lies between the operations.
    pub features: u64,
    /// That are taken besides while the network is loaded, and are free for the features then.
    pub loading: u64,
}

impl Footprint {
    /// The most at once.
    pub fn most(&self) -> u64 {
        self.weights.saturating_add(self.features.max(self.loading))
    }
}

/// Bytes of weights in the order of the processor's inner loops that are kept: google/ddpm-cifar10-32 and its like have
/// 220 MiB of them, the networks for 256×256 pixels 700 MiB.
const KEPT: u64 = 320 << 20;

/// Numbers that a convolution over tiles works on at once: 512 KiB, so that they stay in a second-level cache.
pub(in crate::engine) const BLOCK: usize = 1 << 17;

/// Tiles that all weights are read for, even where that makes a block larger: they come from far away.
pub(in crate::engine) const TILES_TOGETHER: usize = 32;

/// Fewer channels leave too little work between the transformations, fewer tiles too little for each weight.
const FEWEST_CHANNELS: usize = 16;
const FEWEST_TILES: usize = 16;

impl Plan {
    /// Whether `conv` takes the processor less time over tiles of 2×2 pixels (Winograd's F(2×2, 3×3)).
    pub(in crate::engine) fn tiles_pay(&self, conv: &Conv) -> bool {
        let output = self.buffer(conv.output);
        let tiles = output.height.div_ceil(2) * output.width.div_ceil(2);
        conv.kernel == 3
            && conv.stride == 1
            && conv.source.resample != Resample::Nearest2x
            && conv.source.view.channels.min(conv.output.channels) >= FEWEST_CHANNELS
            && tiles >= FEWEST_TILES
    }

    /// Numbers of the weights of `conv` in the order of the processor's inner loops.
    fn ordered(&self, conv: &Conv) -> u64 {
        let inputs = conv.source.view.channels as u64;
        let more = conv.projected().map_or(0, |(_, inputs)| inputs);
        let positions = if self.tiles_pay(conv) || upsamples(conv) {
            16
        } else {
            (conv.kernel * conv.kernel) as u64
        };
        positions
            .saturating_mul(inputs)
            .saturating_add(more as u64)
            .saturating_mul(conv.output.channels as u64)
    }

    /// Bytes of all weights in that order.
    fn ordered_bytes(&self) -> u64 {
        let numbers = self.ops.iter().map(|op| match op {
            Op::Conv(conv) => self.ordered(conv),
            Op::Normalise { .. } | Op::Attention { .. } => 0,
        });
        numbers.fold(0, u64::saturating_add).saturating_mul(4)
    }

    /// Whether the processor leaves the weights in their file and puts them in order in each step, because they would take
    /// too much memory otherwise. `self` must be the plan for the size that the network was trained at.
    pub fn is_large(&self) -> bool {
        self.ordered_bytes() > KEPT
    }

    /// On the processor, with weights in a file of `file` bytes for each number.
    pub fn on_processor(&self, file: u64) -> Footprint {
        let bytes = (self.parameters() as u64).saturating_mul(file);
        let large = self.is_large();
        Footprint {
            weights: if large { bytes } else { self.ordered_bytes() },
            features: self.workspace(large).saturating_mul(4),
            loading: if large { 0 } else { bytes },
        }
    }

    /// On a graphics card that keeps each number in `bytes` bytes and binds all that lies between the operations in one
    /// piece.
    pub fn on_card(&self, bytes: u64) -> Footprint {
        let lanes = Lanes::new(self);
        let weights = Shelves::new(self, &lanes, usize::MAX).pieces;
        let features = Places::new(self, &lanes, usize::MAX);
        let features = features.map_or(u64::MAX, |places| places.vectors(1).sum());
        Footprint {
            weights: bytes.saturating_mul(weights.iter().map(|numbers| *numbers as u64).sum()),
            features: features.saturating_mul(4).saturating_mul(bytes),
            loading: 0,
        }
    }

    /// Numbers of a picture's buffers and of what operations need for themselves, as the processor shares their places.
    fn workspace(&self, large: bool) -> u64 {
        let rooms = self.ops.iter().map(|op| self.room(op, large));
        let rooms: Vec<usize> = rooms
            .map(|length| usize::try_from(length).unwrap_or(usize::MAX))
            .collect();
        let mut buffers = self.buffers.clone();
        buffers.extend(rooms.iter().map(|length| Buffer {
            height: 1,
            width: 1,
            channels: *length,
            offset: 0,
        }));
        let spans = self.spans(&rooms);
        arrange_spans(&mut buffers, &spans).map_or(u64::MAX, |length| length as u64)
    }

    /// For every buffer which of its numbers are alive when, channels one after the other; then for a room of `rooms[i]`
    /// numbers that is alive during operation `i` only.
    pub(in crate::engine) fn spans(&self, rooms: &[usize]) -> Vec<Vec<Span>> {
        let mut used = vec![
            (self.features, 0),
            (self.input, 0),
            (self.output, self.ops.len()),
        ];
        for (at, op) in self.ops.iter().enumerate() {
            let views = op.reads().into_iter().chain([op.writes()]);
            used.extend(views.map(|view| (view, at)));
        }
        let spans = self.buffers.iter().zip(parts(&self.buffers, &used));
        let spans = spans.map(|(buffer, parts)| {
            let pixels = buffer.height * buffer.width;
            let span = |part: &Part| Span {
                first: part.first * pixels,
                end: part.end * pixels,
                alive: part.alive,
            };
            parts.iter().map(span).collect()
        });
        let rooms = rooms.iter().enumerate().map(|(at, length)| {
            vec![Span {
                first: 0,
                end: *length,
                alive: (at, at),
            }]
        });
        spans.chain(rooms).collect()
    }

    /// Numbers that `op` needs for itself on one thread of the processor.
    fn room(&self, op: &Op, large: bool) -> u64 {
        let pixels = |view: View| self.pixels(view);
        match op {
            Op::Normalise { .. } => 0,
            Op::Attention { qkv, head_dim, .. } => {
                let pixels = pixels(*qkv);
                pixels.saturating_mul(pixels.saturating_add(*head_dim as u64))
            }
            Op::Conv(conv) => {
                let to = self.buffer(conv.output);
                let plain = |source: Source| {
                    source.norm.is_none()
                        && source.act.is_none()
                        && source.resample == Resample::Keep
                };
                let copies = |source: Source, pixels: u64| {
                    pixels.saturating_mul(source.view.channels as u64)
                };
                let tiles = self.tiles_pay(conv);
                // A border, and what planes are rounded up to.
                let bordered = if upsamples(conv) || conv.stride == 2 {
                    let from = self.buffer(conv.source.view);
                    (from.height as u64 + 2).saturating_mul(from.width as u64 + 2)
                } else {
                    (to.height as u64 + 2).saturating_mul(to.width as u64 + 2)
                };
                let source = if conv.kernel == 1 && plain(conv.source) {
                    0
                } else {
                    copies(conv.source, bordered)
                };
                let residual = match conv.residual {
                    Residual::Project { source, .. } if tiles && plain(source) => 0,
                    Residual::Project { source, .. } => copies(source, bordered),
                    Residual::Add(source) if !plain(source) => copies(source, pixels(conv.output)),
                    Residual::None | Residual::Add(_) | Residual::Class(_) => 0,
                };
                let channels = conv.source.view.channels + conv.output.channels;
                // One and a half times as many where that makes whole register tiles.
                let together = (16 * (TILES_TOGETHER + TILES_TOGETHER / 2)) as u64;
                let block = match tiles {
                    true => together.saturating_mul(channels as u64).max(BLOCK as u64),
                    false => 0,
                };
                let weights = if large { self.ordered(conv) } else { 0 };
                let all = [source, residual, block, weights];
                all.into_iter().fold(0, u64::saturating_add)
            }
        }
    }
}
