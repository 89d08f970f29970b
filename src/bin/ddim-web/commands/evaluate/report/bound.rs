//! The variational bound, in its three groups.

use ddim_web::evaluate::fit::mean_and_error;
use ddim_web::evaluate::paper::{DISTORTION, RATE};
use serde_json::json;

use super::super::bound::{Outcome, SECTION, Terms};
use super::super::group::{Group, groups};
use super::super::store::Store;
use super::chapter::Chapter;
use super::text::{MISSING, table, with_error};
use crate::error::CliError;

/// The chapter.
pub fn chapter(store: &Store) -> Result<Chapter, CliError> {
    let mut text = String::new();
    let mut json = Vec::new();
    for group in groups::<Outcome>(store.all(SECTION, None)?, &[])? {
        let Some(entry) = group.entries.first() else {
            continue;
        };
        let outcome = &entry.result;
        let columns: Vec<[(f64, Option<f64>); 4]> = outcome
            .variances
            .iter()
            .map(|terms| column(outcome, terms))
            .collect();
        text.push_str(&paragraphs(&group, outcome, &columns));
        let values = outcome.variances.iter().zip(&columns).map(|(terms, column)| {
            let [prior, divergences, decoder, total] =
                column.map(|(mean, error)| json!({ "mean": mean, "standard_error": error }));
            json!({
                "variance": terms.variance, "prior": prior, "divergences": divergences, "decoder": decoder,
                "total": total,
            })
        });
        json.push(json!({ "settings": group.shared, "variances": values.collect::<Vec<_>>() }));
    }
    Ok(Chapter {
        name: "bound",
        json: json!(json),
        text,
    })
}

/// Mean and standard error over the images of L_T, the sum of all L_{t-1}, L_0 and their sum.
fn column(outcome: &Outcome, terms: &Terms) -> [(f64, Option<f64>); 4] {
    let sums = outcome
        .prior
        .iter()
        .zip(&terms.divergences)
        .zip(&terms.decoder);
    let total: Vec<f64> = sums.map(|((a, b), c)| a + b + c).collect();
    [&outcome.prior, &terms.divergences, &terms.decoder, &total].map(|v| mean_and_error(v))
}

fn paragraphs(
    group: &Group<Outcome>,
    outcome: &Outcome,
    columns: &[[(f64, Option<f64>); 4]],
) -> String {
    let mut head = vec!["bits per dimension".to_string()];
    for terms in &outcome.variances {
        let symbol = match terms.variance.as_str() {
            "beta" => "σ² = β",
            _ => "σ² = β̃",
        };
        head.push(symbol.into());
    }
    head.push("*DDPM, CIFAR10*".into());
    let names = [
        ("L_T", MISSING.to_string()),
        ("all L_{t-1}", format!("*{RATE}*")),
        ("L_0", format!("*{DISTORTION}*")),
        ("**bound**", format!("*{:.2}*", RATE + DISTORTION)),
    ];
    let rows: Vec<Vec<String>> = names
        .into_iter()
        .enumerate()
        .map(|(i, (name, paper))| {
            let ours = columns
                .iter()
                .map(|column| with_error(column[i].0, column[i].1));
            [name.to_string()]
                .into_iter()
                .chain(ours)
                .chain([paper])
                .collect()
        })
        .collect();
    let kind = if outcome.held_out {
        "test images"
    } else {
        "training images (there are no others)"
    };
    let terms = group.number("terms");
    let drawn = if terms as usize == outcome.all_terms {
        format!("All {terms} terms, one draw of noise each")
    } else {
        format!(
            "Per image {terms} of the {} terms: L_0, and one of each of {} equal parts of the chain, so that the mean \
             is that of all",
            outcome.all_terms,
            terms - 1
        )
    };
    format!(
        "## Variational bound\n\n\
         On the negative log-likelihood (DDPM, Ho et al. 2020, eq. 5) of {} {kind}, seed {}, on {}. {drawn}; x̂₀ is \
         clipped to ±1. Mean ± standard error over the images.\n\n{}",
        group.number("images"),
        group.number("seed"),
        group.word("device"),
        table(&head, &rows)
    )
}
