//! The inner loops of gradients for one set of instructions, see [`super::gradient`], [`super::slope`],
//! [`super::tiles`] and [`super::matrix`].

use std::ops::Range;

use super::Kernels;
use super::gradient::{Outer, Spread, TileRow};
use super::matrix::Times;
use super::slope::{Finish, Slope};
use super::tiles::{Collect, Panel, ToPixels};

/// A part of [`Kernels`].
#[derive(Debug, Clone, Copy)]
pub struct Training {
    /// [`super::gradient::spread`].
    pub spread: unsafe fn(&Spread),
    /// [`super::gradient::outer`].
    pub outer: unsafe fn(&Outer, Range<usize>, Range<usize>),
    /// [`super::gradient::source_tiles`].
    pub source_tiles: unsafe fn(&TileRow, usize, Range<usize>, &[usize]),
    /// [`super::gradient::gradient_tiles`].
    pub gradient_tiles: unsafe fn(&TileRow, usize, Range<usize>, &[usize]),
    /// [`super::gradient::kernel_gradient`].
    pub kernel_gradient: unsafe fn(*const f32, usize, *mut f32),
    /// [`super::slope::slope`].
    pub slope: unsafe fn(&Slope) -> (f64, f64),
    /// [`super::slope::finish`].
    pub finish: unsafe fn(&Finish),
    /// Tiles that [`Self::panel`] takes at once.
    pub tiles: usize,
    /// [`super::tiles::kernels`].
    pub kernels: unsafe fn(*const f32, *mut f32, usize),
    /// [`super::tiles::panel`].
    pub panel: unsafe fn(&Panel, usize, Range<usize>),
    /// [`super::tiles::pixels`].
    pub pixels: unsafe fn(&ToPixels, Range<usize>),
    /// [`super::tiles::collect`].
    pub collect: unsafe fn(&Collect),
    /// [`super::matrix::times`].
    pub times: unsafe fn(&Times, Range<usize>, Range<usize>),
    pub(super) softmax_gradient: unsafe fn(&[f32], &mut [f32], usize),
    pub(super) total: unsafe fn(&[f32]) -> f64,
}

impl Kernels {
    /// Through a softmax, see [`super::slope::softmax_gradient`].
    pub fn softmax_gradient(&self, p: &[f32], gradient: &mut [f32], columns: usize) {
        assert!(columns.is_multiple_of(self.lanes) && p.len() == gradient.len());
        // SAFETY: the processor has the instructions, the columns are whole vectors, both are of one length.
        unsafe { (self.training.softmax_gradient)(p, gradient, columns) }
    }

    /// The sum of `values`.
    pub fn total(&self, values: &[f32]) -> f64 {
        // SAFETY: the processor has the instructions.
        unsafe { (self.training.total)(values) }
    }
}
