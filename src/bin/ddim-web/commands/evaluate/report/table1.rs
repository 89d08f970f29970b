//! Table 1: Fréchet distances for eta, tau and S, beside the paper's FID.

use std::collections::BTreeSet;

use ddim_web::evaluate::order::Measured;
use ddim_web::evaluate::paper;
use serde_json::{Value, json};

use super::super::frechet::{FLOOR, Floor, Outcome, SECTION};
use super::super::group::{Entry, Group, groups};
use super::super::number::significant;
use super::super::store::Store;
use super::chapter::Chapter;
use super::text::{Line, MISSING, about_order, differences, table};
use crate::args::eta::Eta;
use crate::error::CliError;

const TAUS: [&str; 2] = ["linear", "quadratic"];

/// The chapter. `clipped` is whether the model's scheduler clips x0_hat.
pub fn chapter(store: &Store, clipped: bool) -> Result<Chapter, CliError> {
    let floors = groups::<Floor>(store.all(FLOOR)?, &[])?;
    let tables = groups::<Outcome>(store.all(SECTION)?, &["eta", "tau", "steps"])?;
    let mut text = String::new();
    let mut json = Vec::new();
    for group in &tables {
        let measured_alike = |floor: &&Group<Floor>| {
            ["samples", "resamples", "network", "data", "seed"]
                .iter()
                .all(|name| floor.shared.get(*name) == group.shared.get(*name))
        };
        let floor = floors.iter().find(measured_alike);
        let floor = floor.and_then(|group| group.entries.first());
        let floor = floor.map(|entry| &entry.result);
        text.push_str(&introduction(group, floor, clipped));
        let mut orders = Vec::new();
        for tau in TAUS {
            if group.entries.iter().any(|entry| entry.word("tau") == tau) {
                text.push_str(&format!("\n### τ {tau}\n\n{}", grid(group, tau)));
                let found = differences(&lines(group, tau));
                text.push_str(&about_order("in one row or one column", &found));
                orders.push(json!({
                    "tau": tau, "same": found.0.same, "undecided": found.0.undecided,
                    "reversed": found.0.reversed.len(), "sentences": found.1,
                }));
            }
        }
        json.push(json!({
            "settings": group.shared, "floor": floor, "order": orders,
            "cells": group.entries.iter().map(cell).collect::<Vec<_>>(),
        }));
    }
    Ok(Chapter {
        name: "frechet",
        json: json!(json),
        text,
    })
}

/// Without the seconds, which differ from run to run.
fn cell(entry: &Entry<Outcome>) -> Value {
    let Outcome {
        distance,
        network_steps,
        ..
    } = &entry.result;
    json!({
        "eta": entry.word("eta"), "tau": entry.word("tau"), "steps": entry.steps(),
        "network_steps": network_steps,
        "distance": distance.distance, "low": distance.low, "high": distance.high,
    })
}

fn introduction(group: &Group<Outcome>, floor: Option<&Floor>, clipped: bool) -> String {
    let made = group.entries.len();
    let full = TAUS.len() * paper::TABLE_1.len() * paper::STEPS_1.len();
    let reduced = if made < full {
        format!(" Of the {full} cells of the whole grid, {made} were made.")
    } else {
        String::new()
    };
    let clipping = if clipped {
        " x̂₀ is clipped in every step, as the model's scheduler says."
    } else {
        ""
    };
    let features = floor.map_or(String::new(), |floor| {
        let about = |name: &str| floor.network.get(name).map_or("not stated", String::as_str);
        format!(
            " The {} features are those of a small classifier ({}; trained on {}; accuracy {}). The reference are \
             all {} training images.",
            floor.features,
            about("architecture"),
            about("data"),
            about("accuracy"),
            floor.real_images
        )
    });
    let least = floor.map_or(String::new(), |floor| {
        let d = &floor.distance;
        format!(
            " Real images against real images (the floor: {} of one half against the other half) are {} [{}, {}] apart.",
            floor.images,
            significant(d.distance),
            significant(d.low),
            significant(d.high)
        )
    });
    format!(
        "## Table 1: Fréchet distance\n\n\
         **These numbers compare only with each other.** They are no FID: the features come from a small classifier, \
         not from Inception, and their scale is another.{features}\n\n\
         {} samples for each cell (the paper: 50,000), seed {}, the same x_T in all cells, on {}. In brackets the 95 % \
         bootstrap interval ({} resamples) of the distance that so many samples give on average; the bias of their \
         number is not removed.{least}{clipping}{reduced}\n",
        group.number("samples"),
        group.number("seed"),
        group.word("device"),
        group.number("resamples")
    )
}

/// The rows of the paper and any others, ours above the paper's.
fn grid(group: &Group<Outcome>, tau: &str) -> String {
    let ours: Vec<&Entry<Outcome>> = of(group, tau).collect();
    let mut steps = BTreeSet::from(paper::STEPS_1);
    steps.extend(ours.iter().map(|entry| entry.steps()));
    let mut etas: Vec<&str> = paper::TABLE_1.iter().map(|row| row.eta).collect();
    for entry in &ours {
        if !etas.contains(&entry.word("eta")) {
            etas.push(entry.word("eta"));
        }
    }
    let mut head = vec!["η \\ S".to_string()];
    head.extend(steps.iter().map(usize::to_string));
    let (mut rows, mut shorter) = (Vec::new(), BTreeSet::new());
    for eta in etas {
        let mut row = vec![format!("**{}**", Eta::symbol(eta))];
        for &steps in &steps {
            let found = find(&ours, eta, steps).map(|entry| &entry.result);
            row.push(found.map_or(MISSING.into(), |found| {
                if found.network_steps != steps {
                    shorter.insert((steps, found.network_steps));
                }
                let d = &found.distance;
                let [distance, low, high] = [d.distance, d.low, d.high].map(significant);
                format!("{distance} [{low}, {high}]")
            }));
        }
        rows.push(row);
        if let Some(theirs) = paper::TABLE_1.iter().find(|row| row.eta == eta) {
            let mut row = vec![format!("*{}, the paper*", Eta::symbol(eta))];
            row.extend(
                steps.iter().map(|steps| {
                    fid(theirs, *steps).map_or(MISSING.into(), |fid| format!("*{fid}*"))
                }),
            );
            rows.push(row);
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

fn of<'a>(group: &'a Group<Outcome>, tau: &'a str) -> impl Iterator<Item = &'a Entry<Outcome>> {
    group
        .entries
        .iter()
        .filter(move |entry| entry.word("tau") == tau)
}

fn find<'a>(entries: &[&'a Entry<Outcome>], eta: &str, steps: usize) -> Option<&'a Entry<Outcome>> {
    let is_it = |entry: &&&Entry<Outcome>| entry.word("eta") == eta && entry.steps() == steps;
    entries.iter().find(is_it).copied()
}

fn fid(row: &paper::Row, steps: usize) -> Option<f64> {
    let column = paper::STEPS_1.iter().position(|s| *s == steps)?;
    Some(row.fid[column])
}

/// The rows and columns of cells that both tables have.
fn lines(group: &Group<Outcome>, tau: &str) -> Vec<Line> {
    let ours: Vec<&Entry<Outcome>> = of(group, tau).collect();
    let measured = |row: &paper::Row, steps: usize, name: String| {
        let d = &find(&ours, row.eta, steps)?.result.distance;
        Some(Measured {
            name,
            ours: d.distance,
            low: d.low,
            high: d.high,
            paper: fid(row, steps)?,
        })
    };
    let columns = paper::STEPS_1.map(|steps| Line {
        name: format!("S = {steps}"),
        cells: paper::TABLE_1
            .iter()
            .filter_map(|row| measured(row, steps, format!("η = {}", Eta::symbol(row.eta))))
            .collect(),
    });
    let rows = paper::TABLE_1.iter().map(|row| Line {
        name: format!("η = {}", Eta::symbol(row.eta)),
        cells: paper::STEPS_1
            .iter()
            .filter_map(|steps| measured(row, *steps, format!("S = {steps}")))
            .collect(),
    });
    columns.into_iter().chain(rows).collect()
}
