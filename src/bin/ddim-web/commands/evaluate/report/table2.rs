//! Table 2: reconstruction error for S, beside the paper's.

use std::collections::BTreeSet;

use ddim_web::evaluate::fit::{mean_and_error, median};
use ddim_web::evaluate::order::Measured;
use ddim_web::evaluate::paired::Evidence;
use ddim_web::evaluate::paper;
use ddim_web::step::Convention;
use serde_json::json;

use super::super::group::{Entry, Group, groups};
use super::super::number::significant;
use super::super::reconstruction::{CONVENTION, Outcome, SECTION};
use super::super::store::Store;
use super::chapter::Chapter;
use super::text::{Line, MISSING, Order, add, table, with_error};
use crate::error::CliError;

/// The chapter.
pub fn chapter(store: &Store) -> Result<Chapter, CliError> {
    let mut cells = store.all(SECTION, None)?;
    cells.retain(|cell| cell.settings.contains_key(CONVENTION));
    let tables = groups::<Outcome>(cells, &["steps"])?;
    let mut text = String::new();
    let mut json = Vec::new();
    for group in &tables {
        let order = Order::of(&[line(group)]);
        add(&mut text, &introduction(group));
        text.push_str(&rows(group));
        text.push_str(&order.paragraph("that the paper gives as different"));
        let cells = group.entries.iter().map(|entry| {
            let errors = &entry.result.errors;
            let (mean, error) = mean_and_error(errors);
            json!({
                "steps": entry.steps(), "mse": mean, "standard_error": error, "median": median(errors),
                "largest_share": largest_share(errors),
            })
        });
        json.push(json!({
            "settings": group.shared, "cells": cells.collect::<Vec<_>>(),
            "order": order.json(),
        }));
    }
    Ok(Chapter {
        name: "reconstruction",
        json: json!(json),
        text,
    })
}

fn introduction(group: &Group<Outcome>) -> String {
    let held_out = group.entries.iter().all(|entry| entry.result.held_out);
    let kind = if held_out {
        "test images"
    } else {
        "training images (there are no others)"
    };
    format!(
        "## Table 2: reconstruction error\n\n\
         {} {kind} are encoded to x_T in S steps and decoded again in S steps, both along the ODE (DDIM, eq. 13), τ \
         {}, nothing clipped, on {}. On the way to noise the network is told {}. Mean squared error per dimension, \
         images scaled to 0…1, ± standard error over the images.{} Two cells are told apart where the interval of the \
         mean of their images' differences excludes 0 (paired; Student's t, 95 % for all pairs together by \
         Bonferroni).\n\n",
        group.number("images"),
        group.word("tau"),
        group.word("device"),
        if group.word(CONVENTION) == Convention::Strict.name() {
            "the level that the image has (`--convention strict`: eq. 14 taken literally)"
        } else {
            "the level that a step goes to (`--convention retrace`: decoding then asks at the same time steps)"
        },
        uneven(group)
    )
}

/// A sentence about how much of a mean a single image makes, where that is most.
fn uneven(group: &Group<Outcome>) -> String {
    let shares = group.entries.iter();
    let shares = shares.map(|entry| (entry.steps(), largest_share(&entry.result.errors)));
    let Some((steps, share)) = shares.max_by(|a, b| a.1.total_cmp(&b.1)) else {
        return String::new();
    };
    format!(
        " A few images can make most of the mean, so the median stands beside it: at S = {steps} a single \
         one makes {:.0} % of it.",
        100.0 * share
    )
}

/// The share of the largest of `errors` in their sum.
fn largest_share(errors: &[f64]) -> f64 {
    let sum = errors.iter().sum::<f64>();
    if sum > 0.0 {
        errors.iter().fold(0.0_f64, |most, e| most.max(*e)) / sum
    } else {
        0.0
    }
}

fn rows(group: &Group<Outcome>) -> String {
    let steps: BTreeSet<usize> = group.entries.iter().map(Entry::steps).collect();
    let mut head = vec!["S".to_string()];
    head.extend(steps.iter().map(usize::to_string));
    let mut ours = vec!["**here**".to_string()];
    ours.extend(steps.iter().map(|steps| {
        find(group, *steps).map_or(MISSING.into(), |entry| {
            let (mean, error) = mean_and_error(&entry.result.errors);
            with_error(mean, error)
        })
    }));
    let mut middle = vec!["here, median".to_string()];
    middle.extend(steps.iter().map(|steps| {
        find(group, *steps).map_or(MISSING.into(), |entry| {
            significant(median(&entry.result.errors))
        })
    }));
    let mut theirs = vec!["*the paper*".to_string()];
    theirs.extend(steps.iter().map(|steps| {
        let column = paper::STEPS_2.iter().position(|s| s == steps);
        column.map_or(MISSING.into(), |at| {
            format!("*{}*", significant_of_paper(paper::TABLE_2[at]))
        })
    }));
    let missing: Vec<String> = paper::STEPS_2
        .iter()
        .filter(|s| !steps.contains(s))
        .map(usize::to_string)
        .collect();
    let table = table(&head, &[ours, middle, theirs]);
    if missing.is_empty() {
        return table;
    }
    let missing = missing.join(", ");
    format!("Of the paper's table these were not made: S = {missing}.\n\n{table}")
}

/// The paper's digits, no more.
fn significant_of_paper(value: f64) -> String {
    if value < 0.001 {
        format!("{value:.4}")
    } else {
        significant(value).trim_end_matches('0').to_string()
    }
}

fn find(group: &Group<Outcome>, steps: usize) -> Option<&Entry<Outcome>> {
    group.entries.iter().find(|entry| entry.steps() == steps)
}

fn line(group: &Group<Outcome>) -> Line {
    let both = paper::STEPS_2.iter().zip(paper::TABLE_2);
    let cells = both.filter_map(|(steps, paper)| {
        let errors = &find(group, *steps)?.result.errors;
        Some(Measured {
            name: format!("S = {steps}"),
            ours: mean_and_error(errors).0,
            evidence: Evidence::Images(errors.clone()),
            paper,
        })
    });
    Line {
        name: "Reconstruction".into(),
        cells: cells.collect(),
    }
}
