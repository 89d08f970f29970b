//! Figures 4 and 5 in numbers: time against S, and how alike the images from one x_T are.

use ddim_web::evaluate::consistency::{different_noise, same_noise};
use ddim_web::evaluate::fit::{Line, mean_and_error};
use serde_json::json;

use super::super::group::groups;
use super::super::number::significant;
use super::super::store::Store;
use super::super::trajectories::{Outcome, SECTION};
use super::chapter::Chapter;
use super::text::{add, table, with_error};
use crate::error::CliError;

/// Figure 4. Needs two numbers of steps.
pub fn timing(store: &Store) -> Result<Chapter, CliError> {
    let mut text = String::new();
    let mut json = Vec::new();
    for group in groups::<Outcome>(store.all(SECTION, None)?, &["steps"])? {
        let points: Vec<(f64, f64)> = group
            .entries
            .iter()
            .map(|entry| (entry.steps() as f64, entry.result.seconds_per_image))
            .collect();
        let Some(line) = Line::through(&points) else {
            continue;
        };
        let rows: Vec<Vec<String>> = points
            .iter()
            .map(|(steps, seconds)| vec![steps.to_string(), significant(*seconds)])
            .collect();
        let threads = match group.entries.iter().map(|e| e.result.threads).max() {
            None | Some(0) => String::new(),
            Some(threads) => format!(", {threads} threads"),
        };
        let section = format!(
            "## Figure 4: time per image\n\n\
             {} images at once on {}{threads}, η = 0. In the paper the time grows in proportion to S; here a straight \
             line through the points has the slope {} s per step, the intercept {} s and R² = {:.5}.\n\n{}",
            group.number("noises"),
            group.word("device"),
            significant(line.slope),
            significant(line.intercept),
            line.r_squared,
            table(&["S".into(), "seconds per image".into()], &rows)
        );
        add(&mut text, &section);
        json.push(json!({
            "settings": group.shared,
            "cells": points.iter().map(|(steps, seconds)| json!({
                "steps": *steps as usize, "seconds_per_image": seconds,
            })).collect::<Vec<_>>(),
            "slope": line.slope, "intercept": line.intercept, "r_squared": line.r_squared,
        }));
    }
    Ok(Chapter {
        name: "timing",
        json: json!(json),
        text,
    })
}

/// Figure 5. Needs a classifier and two numbers of steps.
pub fn consistency(store: &Store) -> Result<Chapter, CliError> {
    let mut text = String::new();
    let mut json = Vec::new();
    for group in groups::<Outcome>(store.all(SECTION, None)?, &["steps"])? {
        // Cells come in the order of their steps.
        let Some((longest, shorter)) = group.entries.split_last() else {
            continue;
        };
        let Some(different) = different_noise(&longest.result.features) else {
            continue;
        };
        if shorter.is_empty() {
            continue;
        }
        let distances: Vec<(usize, f64, Option<f64>)> = shorter
            .iter()
            .map(|entry| {
                let all = same_noise(&entry.result.features, &longest.result.features);
                let (mean, error) = mean_and_error(&all);
                (entry.steps(), mean, error)
            })
            .collect();
        let rows: Vec<Vec<String>> = distances
            .iter()
            .map(|(steps, mean, error)| {
                let share = format!("{:.0} %", 100.0 * mean / different);
                vec![steps.to_string(), with_error(*mean, *error), share]
            })
            .collect();
        let most = longest.steps();
        let head = [
            "S".into(),
            format!("distance from the image of S = {most}"),
            "share of that between different x_T".into(),
        ];
        let section = format!(
            "## Figure 5: one x_T, several S\n\n\
             {} x_T of seed {} on {}, η = 0: the Euclidean distance of an image's features from those of the image \
             that {most} steps make of the same x_T, mean ± standard error. Two images of {most} steps from different \
             x_T are {} apart on average.{}\n\n{}",
            group.number("noises"),
            group.number("seed"),
            group.word("device"),
            significant(different),
            apart(&distances, different, most),
            table(&head, &rows)
        );
        add(&mut text, &section);
        json.push(json!({
            "settings": group.shared, "longest": most, "different_noise": different,
            "cells": distances.iter().map(|(steps, mean, error)| json!({
                "steps": steps, "same_noise": mean, "standard_error": error,
            })).collect::<Vec<_>>(),
        }));
    }
    Ok(Chapter {
        name: "consistency",
        json: json!(json),
        text,
    })
}

/// A sentence about the numbers of steps whose images do not show that they come from the same x_T.
fn apart(distances: &[(usize, f64, Option<f64>)], different: f64, most: usize) -> String {
    let apart: Vec<String> = distances
        .iter()
        .filter(|(_, mean, _)| *mean >= different)
        .map(|(steps, _, _)| steps.to_string())
        .collect();
    if apart.is_empty() {
        return String::new();
    }
    format!(
        " In the paper the images of one x_T look alike whatever S; here those of S = {} are no closer to the image of \
         S = {most} than images from different x_T are.",
        apart.join(", ")
    )
}
