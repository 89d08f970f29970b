//! Where our numbers are ordered differently from the paper's.

use super::paired::{Difference, Evidence};

/// One measurement, ours and the paper's.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// What it is of, as a sentence names it.
    pub name: String,
    /// Ours.
    pub ours: f64,
    /// What ours is compared by.
    pub evidence: Evidence,
    /// The paper's.
    pub paper: f64,
}

/// Two cells that are ordered differently here.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reversed {
    /// Index of the cell that is better in the paper.
    pub better: usize,
    /// Index of the one that is better here.
    pub worse: usize,
    /// How far the cell that is better in the paper is above the other, which is more than 0.
    pub difference: Difference,
    /// The interval of the difference.
    pub interval: (f64, f64),
}

/// How the pairs of some cells compare.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Comparison {
    /// Pairs in the paper's order, beyond doubt.
    pub same: usize,
    /// Pairs that cannot be told apart: the interval of their difference holds 0.
    pub undecided: usize,
    /// The others.
    pub reversed: Vec<Reversed>,
}

/// The pairs of `cells` that the paper does not give as equal: index of the better one, index of the other.
pub fn pairs(cells: &[Measured]) -> Vec<(usize, usize)> {
    let all = (0..cells.len()).flat_map(|a| (0..cells.len()).map(move |b| (a, b)));
    all.filter(|(a, b)| cells[*a].paper < cells[*b].paper)
        .collect()
}

/// Compares the [`pairs`] of `cells`, each with the interval that `together` pairs need.
pub fn compare(cells: &[Measured], together: usize) -> Comparison {
    let mut result = Comparison::default();
    for (better, worse) in pairs(cells) {
        let difference = cells[better].evidence.minus(&cells[worse].evidence);
        let Some(difference) = difference else {
            result.undecided += 1;
            continue;
        };
        let interval = difference.interval(together);
        if interval.1 < 0.0 {
            result.same += 1;
        } else if interval.0 > 0.0 {
            result.reversed.push(Reversed {
                better,
                worse,
                difference,
                interval,
            });
        } else {
            result.undecided += 1;
        }
    }
    result
}
