//! How the work of a convolution is cut into pieces for the invocations of a device.

/// One way to cut it. kernels/conv.wgsl says what an invocation and a workgroup do.
#[derive(Debug, PartialEq, Eq)]
pub struct Tile {
    /// Its name in a [`Tuning`](super::tuning::Tuning): `r4x2` is 4 pixels times 2 blocks of an invocation that works
    /// alone, `b64x32` 64 pixels times 32 outputs of a workgroup that shares what it reads,
    /// `a64x32` of one that reads ahead.
    pub name: &'static str,
    /// Pixels of an invocation.
    pub pixels: usize,
    /// Blocks of four outputs of an invocation.
    pub blocks: usize,
    /// What a workgroup shares.
    pub shared: Option<Shared>,
}

/// A workgroup that reads its part of the picture and of the weights once for all of its invocations.
#[derive(Debug, PartialEq, Eq)]
pub struct Shared {
    /// Invocations along the pixels.
    pub across: usize,
    /// Invocations along the outputs.
    pub along: usize,
    /// Blocks of four inputs that it holds at a time.
    pub depth: usize,
    /// Whether it brings the next ones while it computes.
    pub ahead: bool,
}

/// What the kernel is told about a workgroup that shares: 0 where none does.
const OF_SHARED: [&str; 11] = [
    "SHARED",
    "AHEAD",
    "ALONG",
    "DEPTH",
    "PIXELS",
    "BLOCKS",
    "PICTURE",
    "PICTURELOADS",
    "STEP",
    "FACTORS",
    "FACTORLOADS",
];

/// Invocations in the workgroup of a tile that shares nothing.
const ALONE: usize = 64;

const fn alone(name: &'static str, pixels: usize, blocks: usize) -> Tile {
    Tile {
        name,
        pixels,
        blocks,
        shared: None,
    }
}

const fn shared(name: &'static str, [pixels, blocks]: [usize; 2], shared: Shared) -> Tile {
    Tile {
        name,
        pixels,
        blocks,
        shared: Some(shared),
    }
}

/// All there are. Workgroups stay within what every WebGPU device has: 256 invocations and 16 KiB.
pub static TILES: [Tile; 15] = [
    alone("r1x1", 1, 1),
    alone("r2x1", 2, 1),
    alone("r4x1", 4, 1),
    alone("r4x2", 4, 2),
    shared(
        "b16x16",
        [1, 1],
        Shared {
            across: 16,
            along: 4,
            depth: 16,
            ahead: false,
        },
    ),
    shared(
        "b16x32",
        [2, 1],
        Shared {
            across: 8,
            along: 8,
            depth: 8,
            ahead: false,
        },
    ),
    shared(
        "b32x32",
        [4, 1],
        Shared {
            across: 8,
            along: 8,
            depth: 8,
            ahead: false,
        },
    ),
    shared(
        "b64x32",
        [4, 2],
        Shared {
            across: 16,
            along: 4,
            depth: 4,
            ahead: false,
        },
    ),
    shared(
        "b64x64",
        [4, 2],
        Shared {
            across: 16,
            along: 8,
            depth: 4,
            ahead: false,
        },
    ),
    shared(
        "b128x32",
        [8, 2],
        Shared {
            across: 16,
            along: 4,
            depth: 4,
            ahead: false,
        },
    ),
    shared(
        "b128x64",
        [8, 2],
        Shared {
            across: 16,
            along: 8,
            depth: 4,
            ahead: false,
        },
    ),
    shared(
        "b128x128",
        [8, 2],
        Shared {
            across: 16,
            along: 16,
            depth: 4,
            ahead: false,
        },
    ),
    shared(
        "a128x32",
        [8, 2],
        Shared {
            across: 16,
            along: 4,
            depth: 4,
            ahead: true,
        },
    ),
    shared(
        "a128x64",
        [8, 2],
        Shared {
            across: 16,
            along: 8,
            depth: 4,
            ahead: true,
        },
    ),
    shared(
        "a128x128",
        [8, 2],
        Shared {
            across: 16,
            along: 16,
            depth: 4,
            ahead: true,
        },
    ),
];

/// The tile of that name.
pub fn named(name: &str) -> Option<&'static Tile> {
    TILES.iter().find(|tile| tile.name == name)
}

/// A tile laid over one convolution.
pub struct Cut {
    /// What the kernel's template is filled in with.
    pub names: Vec<(&'static str, usize)>,
    /// Invocations along the outputs, or neighbours with one picture.
    pub lanes: usize,
    /// Workgroups along outputs and pixels.
    pub groups: [usize; 2],
}

impl Tile {
    /// Whether a convolution from `inputs` to `outputs` blocks leaves most of what a workgroup shares unused.
    pub fn wastes(&self, inputs: usize, outputs: usize) -> bool {
        self.shared
            .as_ref()
            .is_some_and(|s| 2 * inputs < s.depth || 2 * outputs < s.along * self.blocks)
    }

    /// This tile, or one as high for half as many outputs, or a quarter, where that leaves out a quarter of the work.
    pub fn narrowed(&'static self, outputs: usize) -> &'static Self {
        let columns = |tile: &Self| tile.shared.as_ref().map_or(1, |s| s.along * tile.blocks);
        let narrower = TILES.iter().find(|tile| {
            let alike = self.shared.as_ref().zip(tile.shared.as_ref());
            alike.is_some_and(|(a, b)| (a.across, a.depth, a.ahead) == (b.across, b.depth, b.ahead))
                && tile.pixels == self.pixels
                && 2 * columns(tile) == columns(self)
        });
        let Some(tile) = narrower.map(|tile| tile.narrowed(outputs)) else {
            return self;
        };
        let padded = |tile| outputs.next_multiple_of(columns(tile));
        if 4 * padded(tile) <= 3 * padded(self) {
            tile
        } else {
            self
        }
    }

    /// For `outputs` blocks at `count` pixels.
    pub fn cut(&self, outputs: usize, count: usize) -> Cut {
        match &self.shared {
            Some(shared) => self.cut_shared(shared, outputs, count),
            None => self.cut_alone(outputs, count),
        }
    }

    fn cut_alone(&self, outputs: usize, count: usize) -> Cut {
        let blocks = self.blocks.min(outputs);
        // As many neighbours as leave none idle in the last workgroup.
        let most = outputs.div_ceil(blocks).min(16);
        let idle = |lanes: &usize| outputs.next_multiple_of(lanes * blocks) - outputs;
        let lanes = (most.div_ceil(2)..=most).rev().min_by_key(idle);
        let lanes = lanes.unwrap_or(1);
        Cut {
            names: [
                ("P", self.pixels),
                ("V", blocks),
                ("GATHERED", self.pixels),
                ("ACROSS", 1),
                ("THREADS", ALONE),
            ]
            .into_iter()
            .chain(OF_SHARED.map(|name| (name, 0)))
            .collect(),
            lanes,
            groups: [
                outputs.div_ceil(lanes * blocks),
                count.div_ceil(self.pixels * (ALONE / lanes)),
            ],
        }
    }

    fn cut_shared(&self, shared: &Shared, outputs: usize, count: usize) -> Cut {
        let threads = shared.across * shared.along;
        let pixels = shared.across * self.pixels;
        let blocks = shared.along * self.blocks;
        let picture = shared.depth * pixels;
        let factors = shared.depth * 4 * blocks;
        // Pixels that an invocation brings.
        let gathered = pixels.div_ceil(threads);
        Cut {
            names: vec![
                ("SHARED", 1),
                ("AHEAD", usize::from(shared.ahead)),
                ("P", self.pixels),
                ("V", self.blocks),
                ("GATHERED", gathered),
                ("ACROSS", shared.across),
                ("ALONG", shared.along),
                ("THREADS", threads),
                ("DEPTH", shared.depth),
                ("PIXELS", pixels),
                ("BLOCKS", blocks),
                ("PICTURE", picture),
                ("PICTURELOADS", picture / threads / gathered),
                ("STEP", (threads / pixels).max(1)),
                ("FACTORS", factors),
                ("FACTORLOADS", factors / threads),
            ],
            lanes: shared.along,
            groups: [outputs.div_ceil(blocks), count.div_ceil(pixels)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{TILES, named};

    #[test]
    fn no_tile_is_half_empty_where_there_is_a_narrower_one() {
        let name = |tile: &str, outputs| named(tile).unwrap().narrowed(outputs).name;
        assert_eq!(name("b64x64", 8), "b64x32");
        assert_eq!(name("b64x64", 16), "b64x64");
        assert_eq!(name("b128x128", 8), "b128x32");
        assert_eq!(name("b128x128", 16), "b128x64");
        assert_eq!(name("b128x128", 24), "b128x32");
        assert_eq!(name("b128x128", 64), "b128x128");
        assert_eq!(name("r4x2", 1), "r4x2");
    }

    #[test]
    fn every_tile_is_found_by_its_name_and_fits_on_every_device() {
        for tile in &TILES {
            assert_eq!(named(tile.name), Some(tile));
            let Some(shared) = &tile.shared else { continue };
            let threads = shared.across * shared.along;
            let pixels = shared.across * tile.pixels;
            let blocks = shared.along * tile.blocks;
            let letter = if shared.ahead { "a" } else { "b" };
            assert_eq!(tile.name, format!("{letter}{pixels}x{}", 4 * blocks));
            assert!(threads <= 256);
            assert!(16 * shared.depth * (pixels + 4 * blocks) <= 16_384);
            // Each invocation brings blocks of the same pixels, and all bring equally many numbers.
            assert!(threads % pixels == 0 || pixels % threads == 0);
            assert_eq!(shared.depth % (threads / pixels).max(1), 0);
            // A transposed convolution's weights: each brings at most a block of either.
            assert!(shared.depth * blocks <= threads);
            assert_eq!(shared.depth * 4 * blocks % threads, 0);
        }
    }
}
