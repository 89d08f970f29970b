//! The grid of table 1 for one tau: the rows and columns that have a cell of ours, and which of the paper's do not.

use std::collections::BTreeSet;

use ddim_web::evaluate::paper::{self, Table1};

use super::super::frechet::Outcome;
use super::super::group::Entry;
use super::super::number::significant;
use super::text::{MISSING, table};
use crate::args::eta::Eta;

/// eta of the row that is best at the most steps and worst at all others.
const SIGMA_HAT: &str = "sigma_hat";

/// Our cells of one tau, and the paper's table beside them.
pub struct Grid<'a> {
    /// Ours, at least one.
    pub ours: Vec<&'a Entry<Outcome>>,
    /// The paper's.
    pub paper: &'static Table1,
    /// S of the cells of this tau that stand in other tables.
    pub elsewhere: BTreeSet<usize>,
}

/// The paper's number of `row` for S = `steps`.
pub fn fid(row: &paper::Row, steps: usize) -> Option<f64> {
    let column = paper::STEPS_1.iter().position(|s| *s == steps)?;
    Some(row.fid[column])
}

impl Grid<'_> {
    /// Our cell of `eta` and S = `steps`.
    pub fn find(&self, eta: &str, steps: usize) -> Option<&Entry<Outcome>> {
        let is_it = |entry: &&&Entry<Outcome>| entry.word("eta") == eta && entry.steps() == steps;
        self.ours.iter().find(is_it).copied()
    }

    /// S of our cells.
    fn steps(&self) -> BTreeSet<usize> {
        self.ours.iter().map(|entry| entry.steps()).collect()
    }

    /// eta of our cells: the paper's first, in its order.
    fn etas(&self) -> Vec<&str> {
        let has = |eta: &str| self.ours.iter().any(|entry| entry.word("eta") == eta);
        let theirs = self.paper.rows.iter().map(|row| row.eta);
        let mut etas: Vec<&str> = theirs.filter(|eta| has(eta)).collect();
        for entry in &self.ours {
            if !etas.contains(&entry.word("eta")) {
                etas.push(entry.word("eta"));
            }
        }
        etas
    }

    /// The table: ours, ours without bias, and the paper's below each other.
    pub fn text(&self) -> String {
        let steps = self.steps();
        let mut head = vec!["η \\ S".to_string()];
        head.extend(steps.iter().map(usize::to_string));
        let (mut rows, mut shorter) = (Vec::new(), BTreeSet::new());
        for eta in self.etas() {
            let symbol = Eta::symbol(eta);
            let (mut raw, mut corrected) = (
                vec![format!("**{symbol}**")],
                vec![format!("{symbol}, without bias")],
            );
            for &steps in &steps {
                let Some(found) = self.find(eta, steps).map(|entry| &entry.result) else {
                    raw.push(MISSING.into());
                    corrected.push(MISSING.into());
                    continue;
                };
                if found.network_steps != steps {
                    shorter.insert((steps, found.network_steps));
                }
                let d = &found.distance;
                let [distance, low, high] = [d.distance, d.low, d.high].map(significant);
                raw.push(format!("{distance} [{low}, {high}]"));
                corrected.push(significant(d.corrected));
            }
            rows.extend([raw, corrected]);
            let theirs = self.paper.rows.iter().find(|row| row.eta == eta);
            let theirs: Vec<Option<f64>> = steps.iter().map(|steps| fid(theirs?, *steps)).collect();
            if theirs.iter().any(Option::is_some) {
                let cells = theirs.into_iter();
                let cells = cells.map(|fid| fid.map_or(MISSING.into(), |fid| format!("*{fid}*")));
                rows.push(
                    [format!("*{symbol}, the paper*")]
                        .into_iter()
                        .chain(cells)
                        .collect(),
                );
            }
        }
        let mut text = table(&head, &rows);
        for (steps, left) in shorter {
            text.push_str(&format!(
                "\nWith S = {steps}, {left} different time steps are left after rounding down.\n"
            ));
        }
        text
    }

    /// A sentence about the paper's columns, rows and single cells that were not made; empty when all were.
    pub fn missing(&self) -> String {
        let (steps, etas) = (self.steps(), self.etas());
        let columns: Vec<usize> = paper::STEPS_1
            .into_iter()
            .filter(|s| !steps.contains(s))
            .collect();
        let rows: Vec<&str> = self.paper.rows.iter().map(|row| row.eta).collect();
        let (rows, absent): (Vec<_>, Vec<_>) = rows.into_iter().partition(|eta| etas.contains(eta));
        let mut parts = Vec::new();
        if !columns.is_empty() {
            let columns: Vec<String> = columns.iter().map(usize::to_string).collect();
            parts.push(format!("S = {}", columns.join(", ")));
        }
        if !absent.is_empty() {
            let absent: Vec<&str> = absent.iter().map(|eta| Eta::symbol(eta)).collect();
            parts.push(format!("η = {}", absent.join(", ")));
        }
        for eta in rows {
            let here = paper::STEPS_1.iter().filter(|s| steps.contains(s));
            let single: Vec<String> = here
                .filter(|s| self.find(eta, **s).is_none())
                .map(usize::to_string)
                .collect();
            if !single.is_empty() {
                let symbol = Eta::symbol(eta);
                parts.push(format!("η = {symbol} at S = {}", single.join(", ")));
            }
        }
        if parts.is_empty() {
            return String::new();
        }
        let best = columns
            .iter()
            .filter_map(|steps| self.where_noise_wins(*steps));
        format!(
            " Of the paper's table these were not made: {}.{}",
            parts.join("; "),
            best.collect::<String>()
        )
    }

    /// A sentence about a column of the paper in which the larger noise is best.
    fn where_noise_wins(&self, steps: usize) -> Option<String> {
        let cells = self.paper.rows.iter();
        let cells = cells.filter_map(|row| Some((row.eta, fid(row, steps)?)));
        let (eta, least) = cells.min_by(|a, b| a.1.total_cmp(&b.1))?;
        (eta == SIGMA_HAT).then(|| {
            let here = if self.elsewhere.contains(&steps) {
                "that column has a table of its own"
            } else {
                "whether it does so here too this page does not tell"
            };
            format!(
                " At S = {steps} {} has the lowest FID of the paper, {least}; {here}.",
                Eta::symbol(eta)
            )
        })
    }
}
