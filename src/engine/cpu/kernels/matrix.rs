//! The product of two matrices.

use std::ops::Range;

use super::lane::Lane;

/// `to[i][j] = Σ_k left[k][i] right[k][j]`.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// `[depth][rows]`.
    pub left: *const f32,
    /// From one of its rows to the next.
    pub left_row: usize,
    /// `[depth][columns]`.
    pub right: *const f32,
    /// From one of its rows to the next.
    pub right_row: usize,
    /// Length of the sum.
    pub depth: usize,
    /// `[rows][columns]`.
    pub to: *mut f32,
    /// From one of its rows to the next.
    pub to_row: usize,
}

/// The sums of `rows` and of `vectors` of columns, `R` rows of `V` vectors at once.
///
/// # Safety
/// The processor must have `L`'s instructions. For all of those rows and columns both factors must be there to be read
/// and `to` to be written; nobody may write the former or use the latter meanwhile.
#[inline(always)]
pub unsafe fn times<L: Lane, const R: usize, const V: usize>(
    of: &Times,
    rows: Range<usize>,
    vectors: Range<usize>,
) {
    let whole_rows = rows.start + rows.len() / R * R;
    let whole_vectors = vectors.start + vectors.len() / V * V;
    // SAFETY: all of these are among `rows` and `vectors`.
    unsafe {
        for vector in (vectors.start..whole_vectors).step_by(V) {
            for row in (rows.start..whole_rows).step_by(R) {
                sums::<L, R, V>(of, row, vector);
            }
            for row in whole_rows..rows.end {
                sums::<L, 1, V>(of, row, vector);
            }
        }
        for vector in whole_vectors..vectors.end {
            for row in (rows.start..whole_rows).step_by(R) {
                sums::<L, R, 1>(of, row, vector);
            }
            for row in whole_rows..rows.end {
                sums::<L, 1, 1>(of, row, vector);
            }
        }
    }
}

/// # Safety
/// As for [`times`], with `R` rows and `V` vectors.
#[inline(always)]
unsafe fn sums<L: Lane, const R: usize, const V: usize>(of: &Times, row: usize, vector: usize) {
    // SAFETY: as the caller says; the last row of each factor is the `depth`-th.
    unsafe {
        let mut sums = [[L::splat(0.0); V]; R];
        let mut left = of.left.add(row);
        let mut right = of.right.add(vector * L::N);
        for k in 0..of.depth {
            let mut values = [L::splat(0.0); V];
            for (v, value) in values.iter_mut().enumerate() {
                *value = L::load(right.add(v * L::N));
            }
            for (r, sums) in sums.iter_mut().enumerate() {
                let factor = L::splat(*left.add(r));
                for v in 0..V {
                    sums[v] = sums[v].add_product(factor, values[v]);
                }
            }
            if k + 1 < of.depth {
                left = left.add(of.left_row);
                right = right.add(of.right_row);
            }
        }
        for (r, sums) in sums.into_iter().enumerate() {
            let to = of.to.add((row + r) * of.to_row + vector * L::N);
            for (v, sum) in sums.into_iter().enumerate() {
                sum.store(to.add(v * L::N));
            }
        }
    }
}
