//! Where our numbers are ordered differently from the paper's.

/// One measurement, ours and the paper's.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// What it is of, as a sentence names it.
    pub name: String,
    /// Ours.
    pub ours: f64,
    /// Lower end of its 95 % interval.
    pub low: f64,
    /// Upper end of its 95 % interval.
    pub high: f64,
    /// The paper's.
    pub paper: f64,
}

impl Measured {
    /// Whether ours is below `other`'s beyond doubt: the intervals do not touch.
    fn is_below(&self, other: &Self) -> bool {
        self.high < other.low
    }
}

/// How the pairs of some cells compare.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Pairs in the paper's order, beyond doubt.
    pub same: usize,
    /// Pairs whose intervals touch.
    pub undecided: usize,
    /// The others: index of the cell that is better in the paper, index of the one that is better here.
    pub reversed: Vec<(usize, usize)>,
}

/// Compares all pairs of `cells` that the paper does not give as equal.
pub fn compare(cells: &[Measured]) -> Comparison {
    let mut result = Comparison::default();
    for better in 0..cells.len() {
        for worse in 0..cells.len() {
            if cells[better].paper >= cells[worse].paper {
                continue;
            }
            if cells[better].is_below(&cells[worse]) {
                result.same += 1;
            } else if cells[worse].is_below(&cells[better]) {
                result.reversed.push((better, worse));
            } else {
                result.undecided += 1;
            }
        }
    }
    result
}
