//! Markdown tables, and what is said about the order of their cells.

use ddim_web::evaluate::order::{Measured, Reversed, compare, pairs};
use serde_json::{Value, json};

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

/// Adds a section, after a blank line where there is one before it.
pub fn add(text: &mut String, section: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(section);
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

/// How the pairs of a table compare with the paper's.
pub struct Order {
    /// Pairs in the paper's order.
    pub same: usize,
    /// Pairs that cannot be told apart.
    pub undecided: usize,
    /// Pairs in the opposite order.
    pub reversed: usize,
    /// One sentence for each line with reversed pairs.
    pub sentences: Vec<String>,
}

impl Order {
    /// Compares the pairs within each of `lines`; the intervals hold for all of them together.
    pub fn of(lines: &[Line]) -> Self {
        let all = lines.iter().map(|line| pairs(&line.cells).len()).sum();
        let mut order = Self {
            same: 0,
            undecided: 0,
            reversed: 0,
            sentences: Vec::new(),
        };
        for Line { name, cells } in lines {
            let found = compare(cells, all);
            order.same += found.same;
            order.undecided += found.undecided;
            order.reversed += found.reversed.len();
            let clauses = found.reversed.iter().map(|pair| clause(cells, pair));
            let clauses: Vec<String> = clauses.collect();
            if !clauses.is_empty() {
                order
                    .sentences
                    .push(format!("{name}: {}.", clauses.join("; ")));
            }
        }
        order
    }

    /// As results.json has it.
    pub fn json(&self) -> Value {
        json!({
            "same": self.same, "undecided": self.undecided, "reversed": self.reversed, "sentences": self.sentences,
        })
    }

    /// The paragraph and the list; empty where there is nothing to compare. `pairs` says which pairs they are.
    pub fn paragraph(&self, pairs: &str) -> String {
        let all = self.same + self.undecided + self.reversed;
        if all == 0 {
            return String::new();
        }
        let end = if self.reversed == 0 { "." } else { ":" };
        let mut text = format!(
            "\nPairs of cells {pairs}: {all}. In the paper's order: {}; not told apart: {}; in the opposite order: \
             {}{end}\n",
            self.same, self.undecided, self.reversed
        );
        if self.reversed > 0 {
            text.push('\n');
        }
        for sentence in &self.sentences {
            text.push_str(&format!("- {sentence}\n"));
        }
        text
    }
}

fn clause(cells: &[Measured], pair: &Reversed) -> String {
    let (better, worse) = (&cells[pair.better], &cells[pair.worse]);
    let (low, high) = pair.interval;
    let [difference, low, high, below, above] =
        [pair.difference.value, low, high, worse.ours, better.ours].map(significant);
    format!(
        "{} is below {} by {difference} [{low}, {high}] ({below} against {above}; the paper has {} against {})",
        worse.name, better.name, worse.paper, better.paper
    )
}
