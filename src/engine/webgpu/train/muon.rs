//! Muon (Jordan et al. 2024) on the device: all matrices of a piece in the same few dispatches, since each alone is over
//! before the device is busy. Tables in the state say where they are.

use super::kernels;
use super::masters::Masters;
use super::state::{RATE, UPDATE, halves};
use super::steps::{ROW, Steps, pitch};
use super::task::{Bound, Task};
use crate::engine::EngineError;
use crate::engine::optimizer::{LEAST, MOMENTUM, POLYNOMIAL, TIMES, matrix, rate};
use crate::unet::weights::TensorSpec;

/// Numbers of a side of a tile.
const TILE: usize = 16;

/// Vectors that a workgroup of Adam changes.
const CHUNK: usize = 256;

/// A part of the table: its first number, and how many entries it has.
#[derive(Debug, Clone, Copy, Default)]
struct List {
    first: usize,
    count: usize,
}

/// Those of one piece of the weights.
#[derive(Debug, Clone, Copy, Default)]
struct Piece {
    /// Its matrices: first number, pitch, rows, columns, place of x, place of the gram, in two halves each.
    matrices: List,
    /// Tiles of all grams: matrix, row, column.
    squares: List,
    /// Tiles of all matrices, with the factor of the learning rate.
    tiles: List,
    /// What Adam changes: first vector in two halves, vectors.
    others: List,
}

/// What the state holds for Muon.
#[derive(Debug, Clone)]
pub struct Muon {
    /// The table.
    pub table: Vec<f32>,
    pieces: Vec<Piece>,
    /// Numbers of all matrices of the largest piece.
    x: usize,
    /// Numbers of all its grams.
    gram: usize,
}

impl Muon {
    /// For `params`, which lie as `masters` says.
    pub fn new(masters: &Masters, params: &[TensorSpec]) -> Self {
        let mut this = Self {
            table: Vec::new(),
            pieces: Vec::new(),
            x: 0,
            gram: 0,
        };
        for (piece, size) in masters.pieces.iter().enumerate() {
            let found = masters.tensors.iter().zip(params);
            let matrices: Vec<_> = found
                .filter_map(|(tensor, param)| {
                    let tensor = tensor.as_ref().filter(|t| t.piece == piece)?;
                    Some((tensor.matrix()?, rate(matrix(param)?)))
                })
                .collect();
            let (mut x, mut gram) = (0, 0);
            let (mut rows, mut squares, mut tiles) = (Vec::new(), Vec::new(), Vec::new());
            for (at, (matrix, rate)) in matrices.iter().enumerate() {
                let (height, width) = (matrix.rows, matrix.columns);
                let short = height.min(width);
                let places = [matrix.first, matrix.pitch, height, width, x, gram];
                rows.extend(places.into_iter().flat_map(halves));
                let tiled = |height: usize, width: usize, last: f32| {
                    let of_row = move |i| {
                        (0..width.div_ceil(TILE))
                            .map(move |j| [at as f32, i as f32, j as f32, last])
                    };
                    (0..height.div_ceil(TILE)).flat_map(of_row).flatten()
                };
                squares.extend(tiled(short, short, 0.0));
                tiles.extend(tiled(height, width, *rate as f32));
                x += height * width;
                gram += short * short;
            }
            let mut taken: Vec<_> = matrices.into_iter().map(|(m, _)| m.vectors).collect();
            taken.sort_by_key(|vectors| vectors.start);
            let mut others = Vec::new();
            let mut from = 0;
            for vectors in taken.into_iter().chain(std::iter::once(*size..*size)) {
                for first in (from..vectors.start).step_by(CHUNK) {
                    let [high, low] = halves(first);
                    let length = CHUNK.min(vectors.start - first);
                    others.extend([high, low, length as f32, 0.0]);
                }
                from = from.max(vectors.end);
            }
            let mut put = |numbers: Vec<f32>, of_each: usize| {
                let first = this.table.len();
                let count = numbers.len() / of_each;
                this.table.extend(numbers);
                List { first, count }
            };
            this.pieces.push(Piece {
                matrices: put(rows, 12),
                squares: put(squares, 4),
                tiles: put(tiles, 4),
                others: put(others, 4),
            });
            this.x = this.x.max(x);
            this.gram = this.gram.max(gram);
        }
        this
    }

    /// Numbers in the state.
    pub fn numbers(&self) -> usize {
        self.table.len() + 2 * self.x + 2 * self.gram
    }
}

impl Steps<'_> {
    /// The change of the weights of `piece`, which has `size` vectors; `muon` is what the state holds from `at` on.
    pub(super) fn muon(
        &self,
        muon: &Muon,
        at: usize,
        piece: usize,
        size: usize,
    ) -> Result<Vec<Task>, EngineError> {
        let lists = muon.pieces[piece];
        let x = at + muon.table.len();
        let y = x + muon.x;
        let gram = y + muon.x;
        let factor = gram + muon.gram;
        let [a, b, c] = POLYNOMIAL.map(|number| number.to_bits() as usize);
        let bits = |number: f64| (number as f32).to_bits() as usize;
        let results = self.state.results();
        let in_rows = |count: usize| [count.min(ROW), count.div_ceil(ROW), 1];
        let all = pitch(size);
        let mut tasks = Vec::new();
        if lists.others.count > 0 {
            tasks.push(Task::new(
                &[(&kernels::ADAM, &[("LISTED", 1)]), (&kernels::PLACE, &[])],
                &[
                    ("chunks", lists.others.count),
                    ("list", at + lists.others.first),
                    ("pitch", all),
                    ("row", ROW),
                    ("results", results),
                    ("update", UPDATE),
                ],
                in_rows(lists.others.count),
                Bound::Update,
                piece,
            )?);
        }
        if lists.matrices.count == 0 {
            return Ok(tasks);
        }
        let table = ("table", at + lists.matrices.first);
        tasks.push(Task::new(
            &[
                (&kernels::MOMENTUM, &[("THREADS", 256)]),
                (&kernels::PLACE, &[]),
                (&kernels::TOTAL, &[("THREADS", 256)]),
            ],
            &[
                table,
                ("x", x),
                ("moments", 2 * 4 * all),
                ("momentum", bits(MOMENTUM)),
                ("least", bits(LEAST)),
                ("results", results),
            ],
            [lists.matrices.count, 1, 1],
            Bound::Update,
            piece,
        )?);
        let [mut x, mut y] = [x, y];
        for _ in 0..TIMES {
            for (names, list) in [
                ([("GRAM", 1), ("FACTOR", 0)], lists.squares),
                ([("GRAM", 0), ("FACTOR", 1)], lists.squares),
                ([("GRAM", 0), ("FACTOR", 0)], lists.tiles),
            ] {
                tasks.push(Task::new(
                    &[(&kernels::MATRIX, &names), (&kernels::PLACE, &[])],
                    &[
                        table,
                        ("list", at + list.first),
                        ("tiles", list.count),
                        ("row", ROW),
                        ("x", x),
                        ("y", y),
                        ("gram", gram),
                        ("factor", factor),
                        ("a", a),
                        ("b", b),
                        ("c", c),
                    ],
                    in_rows(list.count),
                    Bound::Update,
                    piece,
                )?);
            }
            [x, y] = [y, x];
        }
        tasks.push(Task::new(
            &[(&kernels::TURN, &[]), (&kernels::PLACE, &[])],
            &[
                table,
                ("list", at + lists.tiles.first),
                ("tiles", lists.tiles.count),
                ("row", ROW),
                ("x", x),
                ("average", 4 * all),
                ("results", results),
                ("update", UPDATE),
                ("rate", RATE),
            ],
            in_rows(lists.tiles.count),
            Bound::Update,
            piece,
        )?);
        Ok(tasks)
    }
}
