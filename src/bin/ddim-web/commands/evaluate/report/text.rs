//! Markdown tables, and what is said about the order of their cells.

use ddim_web::evaluate::order::{Comparison, Measured, compare};

use super::super::number::significant;

/// A cell that was not made.
pub const MISSING: &str = "–";

/// A Markdown table; the first column is text, the others are numbers.
pub fn table(head: &[String], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let rule: Vec<String> = (0..head.len())
        .map(|i| if i == 0 { "---" } else { "---:" }.to_string())
        .collect();
    let rows: String = rows.iter().map(|row| line(row)).collect();
    format!("{}{}{rows}", line(head), line(&rule))
}

/// `mean ± error`.
pub fn with_error(mean: f64, error: Option<f64>) -> String {
    match error {
        Some(error) => format!("{} ± {}", significant(mean), significant(error)),
        None => significant(mean),
    }
}

/// One line (a row or a column) of a table, compared with the paper's: what a sentence begins with, and its cells.
pub struct Line {
    /// What all cells share, as a sentence begins with it.
    pub name: String,
    /// The cells that both tables have.
    pub cells: Vec<Measured>,
}

/// How many pairs within the lines are ordered as in the paper, and one sentence for each line with pairs that are
/// not.
pub fn differences(lines: &[Line]) -> (Comparison, Vec<String>) {
    let mut all = Comparison::default();
    let mut sentences = Vec::new();
    for Line { name, cells } in lines {
        let found = compare(cells);
        let clauses: Vec<String> = found
            .reversed
            .iter()
            .map(|&(better, worse)| {
                let (better, worse) = (&cells[better], &cells[worse]);
                format!(
                    "{} is below {} ({} against {}; the paper has {} against {})",
                    worse.name,
                    better.name,
                    significant(worse.ours),
                    significant(better.ours),
                    worse.paper,
                    better.paper
                )
            })
            .collect();
        if !clauses.is_empty() {
            sentences.push(format!("{name}: {}.", clauses.join(", and ")));
        }
        all.same += found.same;
        all.undecided += found.undecided;
        all.reversed.extend(found.reversed);
    }
    (all, sentences)
}

/// The paragraph and list about the order of the cells; empty where there is nothing to compare.
pub fn about_order(pairs: &str, (found, sentences): &(Comparison, Vec<String>)) -> String {
    let reversed = found.reversed.len();
    let all = found.same + found.undecided + reversed;
    if all == 0 {
        return String::new();
    }
    let mut text = format!(
        "\nOf the {all} pairs of cells {pairs}, {} are in the paper's order, {} cannot be told apart (their intervals \
         touch), and {reversed} are in the opposite order{}\n",
        found.same,
        found.undecided,
        if reversed == 0 { "." } else { ":" }
    );
    if reversed > 0 {
        text.push('\n');
    }
    for sentence in sentences {
        text.push_str(&format!("- {sentence}\n"));
    }
    text
}
