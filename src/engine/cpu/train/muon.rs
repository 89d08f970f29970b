//! Muon (Jordan et al. 2024) on the processor: matrices whose momentum is made orthogonal by products alone.

use std::ops::Range;

use super::super::kernels::Kernels;
use super::super::kernels::lane::MAX_LANES;
use super::super::kernels::matrix::Times;
use super::super::memory::{Memory, Numbers, Shared};
use super::super::threads;
use super::adam::State;
use crate::allocate::{self, OutOfMemory};
use crate::engine::STATE;
use crate::engine::learner::Update;
use crate::engine::optimizer::{LEAST, MOMENTUM, POLYNOMIAL, TIMES, matrix, rate};
use crate::unet::weights::TensorSpec;

/// Rows that one thread takes at once.
const BLOCK: usize = 32;

/// A parameter that is taken as a matrix.
#[derive(Debug, Clone, Copy)]
struct Matrix {
    /// Its first number among those of all parameters.
    first: usize,
    rows: usize,
    columns: usize,
}

impl Matrix {
    fn numbers(self) -> usize {
        self.rows * self.columns
    }

    /// Whether it has more rows than columns: then it is worked on the other way round.
    fn stands(self) -> bool {
        self.rows > self.columns
    }

    fn short(self) -> usize {
        self.rows.min(self.columns)
    }

    fn long(self) -> usize {
        self.rows.max(self.columns)
    }
}

/// From one row of a matrix of `columns` to the next.
fn row(columns: usize) -> usize {
    columns.next_multiple_of(MAX_LANES)
}

/// All of them, and room for one at a time. What a row has beyond its columns is 0 or of no use to any other column.
#[derive(Debug)]
pub struct Muon {
    matrices: Vec<Matrix>,
    /// `x` of a matrix, `[short][long]`.
    x: Numbers,
    /// Its transpose, `[long][short]`, and then the next `x`.
    y: Numbers,
    /// `x xᵀ`, `[short][short]`.
    gram: Numbers,
    /// The polynomial of it by which `x` is multiplied.
    factor: Numbers,
    /// Sums of squares, one for each [`BLOCK`] of rows.
    squares: Vec<f64>,
}

impl Muon {
    /// Those of `params`.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn new(params: &[TensorSpec]) -> Result<Self, OutOfMemory> {
        let mut first = 0;
        let mut matrices = Vec::new();
        for param in params {
            if let Some([rows, columns]) = matrix(param) {
                matrices.push(Matrix {
                    first,
                    rows,
                    columns,
                });
            }
            first += param.numbers();
        }
        let most = |of: fn(&Matrix) -> u64| matrices.iter().map(of).max().unwrap_or(0);
        let lying = |m: &Matrix| allocate::volume(&[row(m.short()), row(m.long())]);
        let square = |m: &Matrix| allocate::volume(&[m.short(), row(m.short())]);
        let blocks = |m: &Matrix| m.rows.div_ceil(BLOCK) as u64;
        Ok(Self {
            x: Numbers::zeros(STATE, most(lying))?,
            y: Numbers::zeros(STATE, most(lying))?,
            gram: Numbers::zeros(STATE, most(square))?,
            factor: Numbers::zeros(STATE, most(square))?,
            squares: allocate::zeros(STATE, most(blocks))?,
            matrices,
        })
    }

    /// The numbers that it leaves to Adam, of `length`.
    pub fn others(&self, length: usize) -> impl Iterator<Item = Range<usize>> {
        let ends = self.matrices.iter().map(|m| m.first).chain([length]);
        let begins = self.matrices.iter().map(|m| m.first + m.numbers());
        let begins = [0].into_iter().chain(begins);
        begins.zip(ends).map(|(from, to)| from..to)
    }

    /// One step of every matrix along `gradients`, which are multiplied by `clip` first.
    pub fn change(
        &mut self,
        kernels: Kernels,
        state: &mut State,
        gradients: &[f32],
        clip: f32,
        update: &Update,
    ) {
        for at in 0..self.matrices.len() {
            let matrix = self.matrices[at];
            let range = matrix.first..matrix.first + matrix.numbers();
            self.momentum(
                matrix,
                &gradients[range.clone()],
                &mut state.moment_1[range.clone()],
                clip,
            );
            for _ in 0..TIMES {
                self.polynomial(kernels, matrix);
            }
            let (values, average) = (&mut state.values[range.clone()], &mut state.average[range]);
            self.step(matrix, values, average, update);
        }
    }

    /// Nesterov's momentum into `x`, divided by its norm.
    fn momentum(&mut self, matrix: Matrix, gradients: &[f32], momentum: &mut [f32], clip: f32) {
        let Matrix { rows, columns, .. } = matrix;
        let (old, new) = (MOMENTUM as f32, (1.0 - MOMENTUM) as f32);
        let pitch = row(matrix.long());
        let stands = matrix.stands();
        let (x, momentum) = (self.x.memory(), Memory::of(momentum));
        let squares = &mut self.squares[..rows.div_ceil(BLOCK)];
        threads::each_mut(squares, |block, squares| {
            *squares = 0.0;
            for r in block * BLOCK..rows.min((block + 1) * BLOCK) {
                // SAFETY: rows share no number, neither of the momentum nor of `x`, which has room for the matrix.
                let momentum = unsafe { momentum.write(r * columns, columns) };
                let gradients = &gradients[r * columns..][..columns];
                for (c, (m, g)) in momentum.iter_mut().zip(gradients).enumerate() {
                    let g = g * clip;
                    *m = old * *m + new * g;
                    let ahead = old * *m + new * g;
                    *squares += f64::from(ahead) * f64::from(ahead);
                    let at = if stands { c * pitch + r } else { r * pitch + c };
                    // SAFETY: as above.
                    unsafe { *x.at(at) = ahead };
                }
            }
        });
        let norm = squares.iter().sum::<f64>().sqrt().max(LEAST);
        let scale = norm.recip() as f32;
        let all = &mut self.x[..matrix.short() * pitch];
        for row in all.chunks_exact_mut(pitch) {
            let (own, beyond) = row.split_at_mut(matrix.long());
            own.iter_mut().for_each(|x| *x *= scale);
            beyond.fill(0.0);
        }
    }

    /// `x = a x + (b x xᵀ + c (x xᵀ)²) x`.
    fn polynomial(&mut self, kernels: Kernels, matrix: Matrix) {
        let [a, b, c] = POLYNOMIAL;
        let (short, long) = (matrix.short(), matrix.long());
        let (square, pitch) = (row(short), row(long));
        let [x, y] = [&mut self.x, &mut self.y].map(Numbers::memory);
        threads::each(threads::available(), long.div_ceil(BLOCK), |block| {
            for column in block * BLOCK..long.min((block + 1) * BLOCK) {
                // SAFETY: columns of `x` become rows of `y` that share no number; there is room for all of them.
                let to = unsafe { y.write(column * square, square) };
                for (i, to) in to[..short].iter_mut().enumerate() {
                    // SAFETY: `x` has the number, and nobody writes it.
                    *to = unsafe { *x.at(i * pitch + column) };
                }
                to[short..].fill(0.0);
            }
        });
        let product = |left: Memory, right: Memory, depth: usize, to: Memory, width: usize| {
            let of = Times {
                left: left.at(0),
                left_row: square,
                right: right.at(0),
                right_row: width,
                depth,
                to: to.at(0),
                to_row: width,
            };
            // SAFETY: blocks of rows are written by one thread each, and nobody writes the factors.
            let of = unsafe { Shared::new(of) };
            threads::each(threads::available(), short.div_ceil(BLOCK), |block| {
                let rows = block * BLOCK..short.min((block + 1) * BLOCK);
                // SAFETY: the processor has the instructions; both factors have `depth` rows, `to` has `short`, each as
                // long as the next one begins after it.
                unsafe { (kernels.training.times)(of.get(), rows, 0..width / kernels.lanes) };
            });
        };
        let [gram, factor] = [&mut self.gram, &mut self.factor].map(Numbers::memory);
        product(y, y, long, gram, square);
        product(gram, gram, short, factor, square);
        let pairs = self.factor.chunks_exact_mut(square);
        for (i, (to, gram)) in pairs
            .zip(self.gram.chunks_exact(square))
            .take(short)
            .enumerate()
        {
            for (to, gram) in to.iter_mut().zip(gram) {
                *to = b * gram + c * *to;
            }
            to[i] += a;
        }
        product(factor, x, short, y, pitch);
        std::mem::swap(&mut self.x, &mut self.y);
    }

    /// Along `x`.
    fn step(&mut self, matrix: Matrix, values: &mut [f32], average: &mut [f32], update: &Update) {
        let Matrix { rows, columns, .. } = matrix;
        let rate = (update.lr * rate([rows, columns])) as f32;
        let keep = (1.0 - update.decay) as f32;
        let pitch = row(matrix.long());
        let (x, stands) = (&self.x[..], matrix.stands());
        let (values, average) = (Memory::of(values), Memory::of(average));
        threads::each(threads::available(), rows.div_ceil(BLOCK), |block| {
            for r in block * BLOCK..rows.min((block + 1) * BLOCK) {
                // SAFETY: both have a row of this number, which this thread alone uses.
                let [values, average] =
                    [values, average].map(|all| unsafe { all.write(r * columns, columns) });
                for (c, (value, average)) in values.iter_mut().zip(average).enumerate() {
                    *value -= rate * x[if stands { c * pitch + r } else { r * pitch + c }];
                    *average += keep * (*value - *average);
                }
            }
        });
    }
}
