//! What a convolution reads: the planes of a buffer as they are, or copies that are normalised, activated, resampled
//! and laid out with zeros around.

use super::geometry::{Layout, Planes};
use super::memory::{Memory, Room};
use super::program::Image;
use super::threads;
use crate::engine::plan::{Plan, Resample, Source};

/// A source, and where its copies go.
#[derive(Debug, Clone, Copy)]
pub struct Staged {
    source: Source,
    layout: Layout,
    /// In the operation's room: the copies, one plane per channel.
    copies: usize,
    /// In the operation's room: for each thread a plane that is activated but not yet laid out.
    activated: usize,
}

impl Staged {
    /// `source` in `layout`.
    pub fn new(plan: &Plan, source: Source, layout: Layout, room: &mut Room) -> Self {
        let mut staged = Self {
            source,
            layout,
            copies: 0,
            activated: 0,
        };
        if let Layout::Staged(planes) = layout {
            staged.copies = room.take(&[planes.plane(), source.view.channels]);
            if !staged.straight(planes) {
                let from = plan.buffer(source.view);
                staged.activated = room.take(&[room.threads, from.height, from.width]);
            }
        }
        staged
    }

    /// Whether rows are copied as they are.
    fn straight(&self, planes: Planes) -> bool {
        self.source.resample == Resample::Keep && !planes.split
    }
}

impl Image<'_> {
    /// The first channel's plane, and the distance from one to the next, once they are made. As long as the operation
    /// runs, all of them may be read, and [`MAX_LANES`](super::kernels::lane::MAX_LANES) numbers after the last.
    ///
    /// # Safety
    /// As for [`Image::carry_out`], whose operation must be the one that `staged` was made for and `room` belongs to.
    pub(super) unsafe fn stage(&self, staged: &Staged, room: Memory) -> (*const f32, usize) {
        let source = staged.source;
        let (channels, pixels) = (source.view.channels, self.pixels(source.view));
        let planes = match staged.layout {
            Layout::Direct => return (self.memory.at(self.offset(source.view)), pixels),
            Layout::Staged(planes) => planes,
        };
        // SAFETY: this operation reads both, so that it writes neither.
        let (values, norm) = unsafe {
            let norm = source.norm.map(|norm| self.read(norm));
            (self.read(source.view), norm)
        };
        let plane = planes.plane();
        let between = if staged.straight(planes) { 0 } else { pixels };
        let parts = self.threads.min(channels);
        let some = |part: usize| {
            // SAFETY: where a plane lies between, `Staged::new` took one for every thread that the room is for, and
            // there are no more parts; each has its own.
            let activated = unsafe { room.write(staged.activated + part * between, between) };
            for c in threads::piece(channels, 1, parts, part) {
                // SAFETY: `Staged::new` took a plane for every channel; each channel is in one part only.
                let to = unsafe { room.write(staged.copies + c * plane, plane) };
                let affine = norm.map_or((1.0, 0.0), |norm| (norm[c], norm[channels + c]));
                let values = &values[c * pixels..][..pixels];
                self.stage_plane(staged, planes, values, affine, activated, to);
            }
        };
        threads::each(parts, parts, some);
        (room.at(staged.copies), plane)
    }

    /// One channel: `values` times scale plus shift, by way of `activated`, into `plane`.
    fn stage_plane(
        &self,
        staged: &Staged,
        planes: Planes,
        values: &[f32],
        (scale, shift): (f32, f32),
        activated: &mut [f32],
        plane: &mut [f32],
    ) {
        let source = staged.source;
        let width = self.plan.buffer(source.view).width;
        let kernels = self.kernels;
        let straight = staged.straight(planes);
        if straight && planes.padding == 0 {
            kernels.activate(values, plane, scale, shift, source.act);
            return;
        }
        plane.fill(0.0);
        if straight {
            for (y, row) in values.chunks_exact(width).enumerate() {
                let first = (y + 1) * planes.pitch + 1;
                let place = &mut plane[first..first + width];
                kernels.activate(row, place, scale, shift, source.act);
            }
        } else if source.act.is_some() || source.norm.is_some() {
            kernels.activate(values, activated, scale, shift, source.act);
            resample(activated, width, source.resample, planes, plane);
        } else {
            resample(values, width, source.resample, planes, plane);
        }
    }
}

/// Lays `values`, rows of `width`, out in `plane`.
pub fn resample(
    values: &[f32],
    width: usize,
    resample: Resample,
    planes: Planes,
    plane: &mut [f32],
) {
    for y in 0..planes.size[0] {
        let row = |y: usize| &values[y * width..][..width];
        match resample {
            Resample::Keep => {
                let row = row(y);
                lay_out(plane, planes, y, |x| row[x]);
            }
            Resample::Nearest2x => {
                let row = row(y / 2);
                lay_out(plane, planes, y, |x| row[x / 2]);
            }
            Resample::Insert2x { odd } => {
                let odd = usize::from(odd);
                let row = (y % 2 == odd).then(|| row(y / 2));
                let inserted =
                    |x: usize| row.filter(|_| x % 2 == odd).map_or(0.0, |row| row[x / 2]);
                lay_out(plane, planes, y, inserted);
            }
            Resample::Average2x => {
                let (upper, lower) = (row(2 * y), row(2 * y + 1));
                let square = |x: usize| upper[x] + upper[x + 1] + lower[x] + lower[x + 1];
                lay_out(plane, planes, y, |x| square(2 * x) / 4.0);
            }
        }
    }
}

/// One row: `value(x)` for every column.
fn lay_out(plane: &mut [f32], planes: Planes, y: usize, value: impl Fn(usize) -> f32) {
    let (columns, y) = (planes.size[1], y + planes.padding);
    if !planes.split {
        let first = y * planes.pitch + planes.padding;
        let row = &mut plane[first..first + columns];
        row.iter_mut()
            .enumerate()
            .for_each(|(x, place)| *place = value(x));
        return;
    }
    for remainder in 0..2 {
        let row = &mut plane[(2 * (y % 2) + remainder) * planes.phase() + y / 2 * planes.pitch..];
        // Column x of the source is column x + padding here.
        let first = (remainder + planes.padding) % 2;
        let row = &mut row[(first + planes.padding) / 2..];
        for (x, place) in (first..columns).step_by(2).zip(row) {
            *place = value(x);
        }
    }
}
