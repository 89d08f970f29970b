//! The variational bound, in its three groups.

use ddim_web::evaluate::fit::mean_and_error;
use ddim_web::evaluate::paper::{DISTORTION, PRIOR, RATE, TEST, TRAIN};
use serde_json::{Value, json};

use super::super::bound::{Outcome, SECTION, Side, Terms, VERSION};
use super::super::group::{Group, groups};
use super::super::number::significant;
use super::super::store::Store;
use super::chapter::Chapter;
use super::rate;
use super::text::{MISSING, add, table, with_error};
use crate::error::CliError;

/// The chapter.
pub fn chapter(store: &Store) -> Result<Chapter, CliError> {
    let mut text = String::new();
    let mut json = Vec::new();
    for group in groups::<Outcome>(store.all(SECTION, VERSION)?, &[])? {
        let Some(entry) = group.entries.first() else {
            continue;
        };
        let outcome = &entry.result;
        add(&mut text, &paragraphs(&group, outcome));
        text.push_str(&rate::section(outcome));
        json.push(json!({
            "settings": group.shared, "dimensions": outcome.dimensions, "constant": outcome.constant,
            "sides": outcome.sides.iter().map(side).collect::<Vec<_>>(),
        }));
    }
    Ok(Chapter {
        name: "bound",
        json: json!(json),
        text,
    })
}

fn side(side: &Side) -> Value {
    let variances = side.variances.iter().enumerate().map(|(index, terms)| {
        let [prior, divergences, decoder, total] =
            groups_of(side, terms).map(|(mean, error)| json!({ "mean": mean, "standard_error": error }));
        json!({
            "variance": terms.variance, "prior": prior, "divergences": divergences, "decoder": decoder,
            "total": total, "perfect_divergences": terms.perfect_divergences,
            "perfect_decoder": mean_and_error(&terms.perfect_decoder).0, "curve": rate::json(side, index),
        })
    });
    json!({ "held_out": side.held_out, "variances": variances.collect::<Vec<_>>() })
}

/// Mean and standard error over the images of L_T, the sum of all L_{t-1}, L_0 and their sum.
fn groups_of(side: &Side, terms: &Terms) -> [(f64, Option<f64>); 4] {
    let sums = side.prior.iter().zip(&terms.divergences);
    let sums = sums.zip(&terms.decoder);
    let total: Vec<f64> = sums.map(|((a, b), c)| a + b + c).collect();
    [&side.prior, &terms.divergences, &terms.decoder, &total].map(|v| mean_and_error(v))
}

/// What the images of `side` are called.
pub fn kind(side: &Side) -> &'static str {
    if side.held_out { "test" } else { "training" }
}

/// A column of numbers: one variance on one side.
struct Column<'a> {
    side: &'a Side,
    terms: &'a Terms,
}

impl Column<'_> {
    fn head(&self) -> String {
        let symbol = match self.terms.variance.as_str() {
            "beta" => "σ² = β",
            _ => "σ² = β̃",
        };
        format!("{symbol}, {}", kind(self.side))
    }

    /// The bound of a perfect x0_hat, in its four parts.
    fn perfect(&self) -> [f64; 4] {
        let prior = mean_and_error(&self.side.prior).0;
        let decoder = mean_and_error(&self.terms.perfect_decoder).0;
        let divergences = self.terms.perfect_divergences;
        [prior, divergences, decoder, prior + divergences + decoder]
    }
}

fn paragraphs(group: &Group<Outcome>, outcome: &Outcome) -> String {
    let mut columns = Vec::new();
    for index in 0..outcome.sides.first().map_or(0, |side| side.variances.len()) {
        let with = |side| Column {
            side,
            terms: &side.variances[index],
        };
        columns.extend(outcome.sides.iter().map(with));
    }
    let mut head = vec!["bits per dimension".to_string()];
    head.extend(columns.iter().map(Column::head));
    head.push("*DDPM, CIFAR10*".into());
    let row = |name: &str, ours: &dyn Fn(&Column) -> String, paper: String| {
        let mut row = vec![name.to_string()];
        row.extend(columns.iter().map(ours));
        row.push(paper);
        row
    };
    let measured = |at: usize| {
        move |column: &Column| {
            let (mean, error) = groups_of(column.side, column.terms)[at];
            with_error(mean, error)
        }
    };
    let perfect = |at: usize| move |column: &Column| significant(column.perfect()[at]);
    let varying = outcome.dimensions - outcome.constant;
    let of_varying = |column: &Column| {
        let scale = outcome.dimensions as f64 / varying as f64;
        let (mean, error) = groups_of(column.side, column.terms)[3];
        with_error(scale * mean, error.map(|error| scale * error))
    };
    let mut rows = vec![
        row("L_T", &measured(0), format!("*about {PRIOR:e}*")),
        row("all L_{t-1}", &measured(1), format!("*{RATE}*")),
        row("– with a perfect x̂₀", &perfect(1), MISSING.into()),
        row("L_0", &measured(2), format!("*{DISTORTION}*")),
        row("– with a perfect x̂₀", &perfect(2), MISSING.into()),
        row(
            "**bound**",
            &measured(3),
            format!("*{TEST} test, {TRAIN} training*"),
        ),
        row("– with a perfect x̂₀", &perfect(3), MISSING.into()),
    ];
    if outcome.constant > 0 && varying > 0 {
        rows.push(row(
            "bound per dimension that varies",
            &of_varying,
            MISSING.into(),
        ));
    }
    format!(
        "## Variational bound\n\n\
         On the negative log-likelihood (DDPM, Ho et al. 2020, eq. 5) of {}, seed {}, on {}. {}; x̂₀ is clipped to ±1. \
         Mean ± standard error over the images. A perfect x̂₀, which is x₀ itself, would still cost what the variances \
         cost.{}\n\n{}",
        whose(group, outcome),
        group.number("seed"),
        group.word("device"),
        drawn(group, outcome),
        still(outcome, varying),
        table(&head, &rows)
    )
}

fn whose(group: &Group<Outcome>, outcome: &Outcome) -> String {
    let images = group.number("images");
    match outcome.sides.as_slice() {
        [_] => format!("{images} training images (there are no others)"),
        _ => format!("{images} test images and {images} training images"),
    }
}

fn drawn(group: &Group<Outcome>, outcome: &Outcome) -> String {
    let (terms, all) = (group.number("terms"), outcome.all_terms);
    if terms as usize == all {
        return format!("All {terms} terms, one draw of noise each");
    }
    format!(
        "Per image {terms} of the {all} terms: L_0, and one of each of {} equal parts of the chain, so that the mean \
         is that of all",
        terms - 1
    )
}

/// A sentence about the dimensions that are the same in all training images.
fn still(outcome: &Outcome, varying: usize) -> String {
    if outcome.constant == 0 {
        return String::new();
    }
    format!(
        " Of the {} dimensions {} ({:.1} %) have one value in all training images and so say nothing about an image; \
         the last line shares the bound among the other {varying} alone.",
        outcome.dimensions,
        outcome.constant,
        100.0 * outcome.constant as f64 / outcome.dimensions as f64
    )
}
