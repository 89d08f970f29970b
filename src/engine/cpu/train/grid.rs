//! Feature maps of a batch as the gradients of weights read them: `[vectors of channels][images][pixels][lanes]`, with
//! rows and columns of zeros around.

use super::super::geometry::Planes;
use super::super::kernels::gradient::Spread;
use super::super::memory::{Memory, Room};
use super::super::program::Image;
use super::super::staging::resample;
use super::super::threads;
use crate::engine::plan::{Plan, Resample, Source};

/// How one of them is laid out.
#[derive(Debug, Clone, Copy)]
pub struct Grid {
    /// What is laid out.
    pub source: Source,
    /// Rows and columns of it, after resampling.
    pub size: [usize; 2],
    /// Zeros above and at the left.
    pub padding: usize,
    /// Rows, with those of zeros.
    pub rows: usize,
    /// Columns, with those of zeros.
    pub columns: usize,
    /// Vectors of channels.
    pub vectors: usize,
    /// Images of the batch.
    pub images: usize,
    /// Numbers in a vector.
    pub lanes: usize,
    /// In the operation's room: a plane before it is resampled, and a vector of planes, for each thread.
    planes: [usize; 2],
}

impl Grid {
    /// `source` with `padding` zeros above and at the left, on a grid of at least `least` rows and columns.
    pub fn new(
        plan: &Plan,
        source: Source,
        padding: usize,
        least: [usize; 2],
        images: usize,
        lanes: usize,
        room: &mut Room,
    ) -> Self {
        let from = plan.buffer(source.view);
        let size = [from.height, from.width].map(|side| match source.resample {
            Resample::Keep => side,
            Resample::Average2x => side / 2,
            Resample::Nearest2x | Resample::Insert2x { .. } => 2 * side,
        });
        let planes = if source == Source::plain(source.view) {
            [0; 2]
        } else {
            [from.height * from.width, lanes * size[0] * size[1]]
                .map(|plane| room.take(&[room.threads, plane]))
        };
        Self {
            source,
            size,
            padding,
            rows: least[0].max(size[0] + padding),
            columns: least[1].max(size[1] + padding),
            vectors: source.view.channels.div_ceil(lanes),
            images,
            lanes,
            planes,
        }
    }

    /// Numbers from one row to the next.
    pub fn pitch(&self) -> usize {
        self.columns * self.lanes
    }

    /// Numbers of one vector of channels of one image.
    pub fn image(&self) -> usize {
        self.rows * self.pitch()
    }

    /// Numbers from one vector of channels to the next.
    pub fn vector(&self) -> usize {
        self.images * self.image()
    }

    /// All numbers.
    pub fn length(&self) -> usize {
        self.vectors * self.vector()
    }
}

impl Image<'_> {
    /// Puts the part of this image, which is number `index` of the batch, where it belongs in `to`.
    ///
    /// # Safety
    /// Nothing may write the source meanwhile or use the image's part of `to`, where there must be room for all of
    /// `grid`. `room` must be that of the operation that the grid was made for.
    pub(super) unsafe fn lay_on_grid(&self, grid: &Grid, index: usize, to: Memory, room: Memory) {
        let source = grid.source;
        let (channels, lanes) = (source.view.channels, grid.lanes);
        let pixels = self.pixels(source.view);
        let plain = source == Source::plain(source.view);
        let [rows, columns] = grid.size;
        let parts = self.threads.min(grid.vectors);
        threads::each(parts, parts, |part| {
            for vector in threads::piece(grid.vectors, 1, parts, part) {
                let first = vector * lanes;
                let some = first..channels.min(first + lanes);
                let (mut from, mut plane) = (
                    self.memory.at(self.offset(source.view) + first * pixels),
                    pixels,
                );
                if !plain {
                    // SAFETY: `Grid::new` took both for every thread.
                    let (one, all) = unsafe {
                        let all = lanes * rows * columns;
                        (
                            room.write(grid.planes[0] + part * pixels, pixels),
                            room.write(grid.planes[1] + part * all, all),
                        )
                    };
                    plane = rows * columns;
                    for (c, to) in some.clone().zip(all.chunks_exact_mut(plane)) {
                        // SAFETY: the caller's promise.
                        unsafe { self.activated(source, c, grid.size, one, to) };
                    }
                    from = all.as_mut_ptr();
                }
                let place = vector * grid.vector() + index * grid.image();
                // SAFETY: every vector of channels is in one part only.
                let whole = unsafe { to.write(place, grid.image()) };
                if grid.rows * grid.columns > plane {
                    border(grid, whole);
                }
                let spread = Spread {
                    from,
                    plane,
                    channels: some.len(),
                    size: grid.size,
                    to: whole[grid.padding * (grid.pitch() + lanes)..].as_mut_ptr(),
                    row: grid.pitch(),
                    column: lanes,
                };
                // SAFETY: there is something to be read behind every view and every part of a room, and all rows and
                // columns lie within the grid.
                unsafe { (self.kernels.training.spread)(&spread) };
            }
        });
    }

    /// Channel `c` of `source` as it is read, of `size`, by way of `between`.
    ///
    /// # Safety
    /// Nothing may write the source meanwhile.
    unsafe fn activated(
        &self,
        source: Source,
        c: usize,
        size: [usize; 2],
        between: &mut [f32],
        to: &mut [f32],
    ) {
        let (channels, pixels) = (source.view.channels, self.pixels(source.view));
        // SAFETY: that is what the caller promises.
        let (values, norm) = unsafe {
            let norm = source.norm.map(|norm| self.read(norm));
            (self.read(source.view), norm)
        };
        let values = &values[c * pixels..][..pixels];
        let (scale, shift) = norm.map_or((1.0, 0.0), |norm| (norm[c], norm[channels + c]));
        if source.resample == Resample::Keep {
            self.kernels.activate(values, to, scale, shift, source.act);
            return;
        }
        self.kernels
            .activate(values, between, scale, shift, source.act);
        let width = self.plan.buffer(source.view).width;
        resample(between, width, source.resample, Planes::dense(size), to);
    }
}

/// Zeros around the pixels.
fn border(grid: &Grid, whole: &mut [f32]) {
    let pitch = grid.pitch();
    let (left, right) = (
        grid.padding * grid.lanes,
        (grid.padding + grid.size[1]) * grid.lanes,
    );
    for (y, row) in whole.chunks_exact_mut(pitch).enumerate() {
        if y < grid.padding || y >= grid.padding + grid.size[0] {
            row.fill(0.0);
        } else {
            row[..left].fill(0.0);
            row[right..].fill(0.0);
        }
    }
}
