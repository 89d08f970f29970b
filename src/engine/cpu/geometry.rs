//! Where the pixels of an operation lie: in the staged input, and in the output.

use super::kernels::product::{Pixels, Run};
use crate::allocate::{OutOfMemory, bytes, reserved, room};
use crate::engine::plan::{Conv, Plan, Resample, Residual, Source, upsamples};

/// How a convolution's input is laid out for it, and what it reads and writes.
#[derive(Debug)]
pub struct Geometry {
    /// How the input is laid out.
    pub layout: Layout,
    /// For each product (one, or four when it upsamples): where its kernel positions begin.
    pub taps: Vec<Vec<usize>>,
    /// For each product: its pixels, vector by vector.
    pub pixels: Vec<Vec<Pixels>>,
    /// From one output pixel to the next in a run.
    pub out_step: usize,
    /// The kernel position of a residual's 1×1 convolution.
    pub centre: usize,
}

/// Planes that a convolution reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// The buffer's own.
    Direct,
    /// Copies.
    Staged(Planes),
}

/// One plane per channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planes {
    /// Rows and columns of the source, after resampling.
    pub size: [usize; 2],
    /// Zeros above and at the left.
    pub padding: usize,
    /// Numbers from one row to the next.
    pub pitch: usize,
    /// Rows, with those of zeros.
    pub rows: usize,
    /// Every row and column remainder by two has a plane of its own: [`Planes::phase`] numbers apart.
    pub split: bool,
}

impl Planes {
    /// As they are.
    pub fn dense([height, width]: [usize; 2]) -> Self {
        Self {
            size: [height, width],
            padding: 0,
            pitch: width,
            rows: height,
            split: false,
        }
    }

    /// Zeros around. One column between two rows serves both.
    fn padded([height, width]: [usize; 2]) -> Self {
        Self {
            size: [height, width],
            padding: 1,
            pitch: width + 1,
            rows: height + 2,
            split: false,
        }
    }

    /// For a stride of two.
    fn split([height, width]: [usize; 2], padding: usize) -> Self {
        Self {
            size: [height, width],
            padding,
            pitch: width / 2 + 1,
            rows: height / 2 + 1,
            split: true,
        }
    }

    /// For tiles of 2×2 output pixels that see a border of one pixel.
    pub fn tiles([height, width]: [usize; 2]) -> Self {
        Self {
            size: [height, width],
            padding: 1,
            pitch: width.div_ceil(2) + 1,
            rows: height.div_ceil(2) + 1,
            split: true,
        }
    }

    /// Numbers of one row and column remainder.
    pub fn phase(&self) -> usize {
        self.rows * self.pitch + usize::from(self.padding == 1 && !self.split)
    }

    /// Numbers of one channel.
    pub fn plane(&self) -> usize {
        self.phase() * if self.split { 4 } else { 1 }
    }
}

/// Planes of `size` without a border: the buffer's own where nothing happens to them.
pub fn dense_layout(source: &Source, size: [usize; 2]) -> Layout {
    if source.norm.is_none() && source.act.is_none() && source.resample == Resample::Keep {
        Layout::Direct
    } else {
        Layout::Staged(Planes::dense(size))
    }
}

impl Geometry {
    /// That of `conv` for vectors of `lanes` numbers.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn new(plan: &Plan, conv: &Conv, lanes: usize) -> Result<Self, OutOfMemory> {
        let input = plan.buffer(conv.source.view);
        let output = plan.buffer(conv.output);
        let (from, to) = ([input.height, input.width], [output.height, output.width]);
        if conv.kernel == 1 {
            return Ok(Self {
                layout: dense_layout(&conv.source, to),
                taps: vec![vec![0]],
                pixels: vec![vectors(to, to[1], lanes, [to[1], 1], 0)?],
                out_step: 1,
                centre: 0,
            });
        }
        if conv.stride == 2 {
            let planes = Planes::split(from, conv.padding);
            let tap = |i: usize| {
                let (y, x) = (i / 3, i % 3);
                (2 * (y % 2) + x % 2) * planes.phase() + (y / 2) * planes.pitch + x / 2
            };
            return Ok(Self {
                layout: Layout::Staged(planes),
                taps: vec![(0..9).map(tap).collect()],
                pixels: vec![vectors(to, planes.pitch, lanes, [to[1], 1], 0)?],
                out_step: 1,
                centre: 0,
            });
        }
        if upsamples(conv) {
            let planes = Planes::padded(from);
            let phases = [[0, 0], [0, 1], [1, 0], [1, 1]];
            let of_phase = |[a, b]: [usize; 2]| {
                vectors(from, planes.pitch, lanes, [2 * to[1], 2], a * to[1] + b)
            };
            return Ok(Self {
                layout: Layout::Staged(planes),
                taps: phases
                    .map(|[a, b]| phases.map(|[i, j]| (a + i) * planes.pitch + b + j).to_vec())
                    .to_vec(),
                pixels: phases.into_iter().map(of_phase).collect::<Result<_, _>>()?,
                out_step: 2,
                centre: 0,
            });
        }
        let planes = Planes::padded(to);
        Ok(Self {
            layout: Layout::Staged(planes),
            taps: vec![(0..9).map(|i| i / 3 * planes.pitch + i % 3).collect()],
            pixels: vec![vectors(to, planes.pitch, lanes, [to[1], 1], 0)?],
            out_step: 1,
            centre: planes.pitch + 1,
        })
    }

    /// How a residual is laid out: like the input for a 1×1 convolution, like the output for a sum.
    pub fn residual(&self, plan: &Plan, conv: &Conv) -> Option<Layout> {
        match conv.residual {
            Residual::None | Residual::Class(_) => None,
            Residual::Project { .. } => Some(self.layout),
            Residual::Add(source) => {
                let output = plan.buffer(conv.output);
                Some(dense_layout(&source, [output.height, output.width]))
            }
        }
    }
}

/// The pixels of `size` = `[rows, columns]` in vectors of `lanes`. A row of the input begins every `pitch` numbers,
/// output pixel `(y, x)` is number `first + y step[0] + x step[1]`.
///
/// # Errors
/// [`OutOfMemory`]: a picture has many of them.
pub fn vectors(
    [rows, columns]: [usize; 2],
    pitch: usize,
    lanes: usize,
    step: [usize; 2],
    first: usize,
) -> Result<Vec<Pixels>, OutOfMemory> {
    const WHAT: &str = "where the pixels of a picture lie";
    /// Bytes that an allocator has for itself beside each list.
    const OWN: u64 = 16;
    let output = |y: usize, x: usize| first + y * step[0] + x * step[1];
    // Rows that vectors fit into exactly; otherwise they run on over the ends of rows.
    if columns.is_multiple_of(lanes) {
        let count = rows as u64 * (columns / lanes) as u64;
        let mut all = reserved(WHAT, count)?;
        room(WHAT, count.saturating_mul(bytes::<Run>(1) + OWN))?;
        let starts = (0..rows).flat_map(|y| (0..columns).step_by(lanes).map(move |x| (y, x)));
        all.extend(starts.map(|(y, x)| Pixels {
            input: y * pitch + x,
            runs: vec![Run {
                input: 0,
                output: output(y, x),
                length: lanes,
            }],
        }));
        return Ok(all);
    }
    let end = (rows - 1) * pitch + columns;
    let count = end.div_ceil(lanes) as u64;
    let mut all = reserved(WHAT, count)?;
    // A list that grows has room for four at first and then for twice as many.
    let most = (lanes / columns + 2).next_power_of_two().max(4) as u64;
    room(WHAT, count.saturating_mul(bytes::<Run>(most) + OWN))?;
    let starts = (0..end).step_by(lanes);
    all.extend(starts.map(|start| {
        let mut runs: Vec<Run> = Vec::new();
        let mut lane = 0;
        while lane < lanes.min(end - start) {
            let (y, x) = ((start + lane) / pitch, (start + lane) % pitch);
            let length = columns.saturating_sub(x).min(lanes - lane);
            match runs.last_mut() {
                _ if length == 0 => {}
                Some(Run {
                    input,
                    output: from,
                    length: before,
                }) if *input + *before == lane
                    && step[1] == 1
                    && *from + *before == output(y, x) =>
                {
                    *before += length;
                }
                _ => runs.push(Run {
                    input: lane,
                    output: output(y, x),
                    length,
                }),
            }
            lane += length.max(1);
        }
        Pixels { input: start, runs }
    }));
    Ok(all)
}
