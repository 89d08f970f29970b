//! Table 1: Fréchet distances for eta, tau and S, beside the paper's FID.

use ddim_web::evaluate::Estimate;
use ddim_web::evaluate::order::Measured;
use ddim_web::evaluate::paired::Evidence;
use ddim_web::evaluate::paper::{self, CELEBA, CIFAR10, Table1};
use serde_json::{Value, json};

use super::super::frechet::{CLIP, FLOOR, Floor, Outcome, SECTION, VERSION};
use super::super::group::{Entry, Group, groups};
use super::super::number::significant;
use super::super::store::{Settings, Store};
use super::chapter::Chapter;
use super::classifier;
use super::grid::{Grid, fid};
use super::text::{Line, Order, add};
use crate::args::eta::Eta;
use crate::error::CliError;

const TITLE: &str = "## Table 1: Fréchet distance";

/// The setting that says of how many samples a cell was made.
const SAMPLES: &str = "samples";

/// A way to choose tau, the paper's numbers that belong beside it, and why these.
struct Beside {
    tau: &'static str,
    paper: &'static Table1,
    why: &'static str,
}

const TAUS: [Beside; 4] = [
    Beside {
        tau: "linear",
        paper: &CELEBA,
        why: "The paper's numbers are those of CelebA 64×64: τ was linear there (appendix D.2).",
    },
    Beside {
        tau: "quadratic",
        paper: &CIFAR10,
        why: "The paper's numbers are those of CIFAR10: τ was quadratic there (appendix D.2).",
    },
    Beside {
        tau: "quad",
        paper: &CIFAR10,
        why: "The paper's numbers are those of CIFAR10. The official code (`--skip_type quad` of ermongroup/ddim) \
              takes the squares of S numbers evenly spaced from 0 to √(0.8 T), rounded down, and so begins at 0.8 T; \
              the paper's own quadratic τ begins at T (appendix D.2). Code and paper differ.",
    },
    Beside {
        tau: "uniform",
        paper: &CELEBA,
        why: "The paper's numbers are those of CelebA 64×64. The official code (`--skip_type uniform` of \
              ermongroup/ddim) takes every T/S-th time step from 0, and so begins at T - T/S; the paper's own linear τ \
              begins at T (appendix D.2). Code and paper differ.",
    },
];

/// The chapter. `clips` is whether the model's scheduler clips x0_hat.
pub fn chapter(store: &Store, clips: bool) -> Result<Chapter, CliError> {
    let floors = groups::<Floor>(store.all(FLOOR, VERSION)?, &[])?;
    let tables = groups::<Outcome>(store.all(SECTION, VERSION)?, &["eta", "tau", "steps"])?;
    let mut text = String::new();
    let mut json = Vec::new();
    for (i, group) in tables.iter().enumerate() {
        let measured_alike = |floor: &&Group<Floor>| {
            [SAMPLES, "resamples", "network", "data", "seed"]
                .iter()
                .all(|name| floor.shared.get(*name) == group.shared.get(*name))
        };
        let floor = floors.iter().find(measured_alike);
        let floor = floor.and_then(|group| group.entries.first());
        let floor = floor.map(|entry| &entry.result);
        let introduced = but_samples(group);
        let paragraphs = if tables[..i].iter().any(|t| but_samples(t) == introduced) {
            as_above(group, floor)
        } else {
            introduction(group, floor, clips)
        };
        add(&mut text, &paragraphs);
        let mut orders = Vec::new();
        for Beside { tau, paper, why } in &TAUS {
            let ours: Vec<&Entry<Outcome>> = group
                .entries
                .iter()
                .filter(|entry| entry.word("tau") == *tau)
                .collect();
            if ours.is_empty() {
                continue;
            }
            let others = tables.iter().filter(|other| other.shared != group.shared);
            let elsewhere = others
                .flat_map(|other| &other.entries)
                .filter(|entry| entry.word("tau") == *tau)
                .map(Entry::steps)
                .collect();
            let grid = Grid {
                ours,
                paper,
                elsewhere,
            };
            let order = Order::of(&lines(&grid));
            text.push_str(&format!(
                "\n### τ {tau}\n\n{why}{}\n\n{}{}",
                grid.missing(),
                grid.text(),
                order.paragraph("in one row or one column")
            ));
            let mut json = order.json();
            json["tau"] = json!(tau);
            json["paper"] = json!(paper.data);
            orders.push(json);
        }
        json.push(json!({
            "settings": group.shared, "floor": floor.map(least), "order": orders,
            "cells": group.entries.iter().map(cell).collect::<Vec<_>>(),
        }));
    }
    Ok(Chapter {
        name: "frechet",
        json: json!(json),
        text,
    })
}

/// What the cells of a table share beside the number of samples.
fn but_samples(group: &Group<Outcome>) -> Settings {
    let mut shared = group.shared.clone();
    shared.remove(SAMPLES);
    shared
}

/// Without the draws, and without the seconds, which differ from run to run.
fn cell(entry: &Entry<Outcome>) -> Value {
    let mut json = numbers(&entry.result.distance);
    for name in ["eta", "tau"] {
        json[name] = json!(entry.word(name));
    }
    json["steps"] = json!(entry.steps());
    json["network_steps"] = json!(entry.result.network_steps);
    json
}

fn least(floor: &Floor) -> Value {
    let mut json = numbers(&floor.distance);
    json["images"] = json!(floor.distance.images);
    json["real_images"] = json!(floor.real_images);
    json["network"] = json!(floor.network);
    json["features"] = json!(floor.features);
    json
}

fn numbers(found: &Estimate) -> Value {
    json!({
        "distance": found.distance, "low": found.low, "high": found.high, "corrected": found.corrected,
        "standard_error": found.draws.error(),
    })
}

fn introduction(group: &Group<Outcome>, floor: Option<&Floor>, clips: bool) -> String {
    let unclipped = group.shared.contains_key(CLIP);
    let title = if unclipped { ", nothing clipped" } else { "" };
    let clipping = match (clips, unclipped) {
        (_, true) => {
            " x̂₀ is not clipped here, as in the official code, although the model's scheduler says to."
        }
        (true, false) => {
            " x̂₀ is clipped in every step, as the model's scheduler says; the official code does not clip \
             (`--no-clip`)."
        }
        (false, false) => " x̂₀ is not clipped, as in the official code.",
    };
    let features = floor.map_or(String::new(), |floor| {
        format!(
            "{} The reference are all {} training images.",
            classifier::about(floor),
            floor.real_images
        )
    });
    let least = floor.map_or(String::new(), floor_sentence);
    format!(
        "{TITLE}{title}\n\n\
         **These numbers compare only with each other.** They are no FID: the features come from a small classifier, \
         not from Inception, and their scale is another.{features}\n\n\
         {} samples for each cell (the paper: 50,000), seed {}, the same x_T in all cells, on {}.{clipping} In \
         brackets the 95 % interval of the distance that so many samples give on average: {} resamples, whose \
         first-order part is shrunk so that the interval holds near the floor too; that the ordinary bootstrap does not \
         is known (Arcones & Giné 1992), the shrinking is this project's own. The line below has the distance without the bias of the number of samples (jackknife); of a model as good as the real \
         images it is about 0, and chance can take it below 0.{least}\n\n\
         Two cells are told apart where the interval of the difference of their distances, both without bias, excludes \
         0. It is paired, for the cells share x_T and resamples, and holds with 95 % for all pairs of a table together \
         (Bonferroni; Student's t with the standard error of the resamples).\n",
        group.number(SAMPLES),
        group.number("seed"),
        group.word("device"),
        group.number("resamples")
    )
}

/// In place of [`introduction`], of a table that differs from one above it in the number of samples alone.
fn as_above(group: &Group<Outcome>, floor: Option<&Floor>) -> String {
    let samples = group.number(SAMPLES);
    format!(
        "{TITLE}, {samples} samples\n\n\
         As above, but with {samples} samples for each cell. The fewer they are, the larger is the bias: from one table \
         to another only distances without it compare.{}\n",
        floor.map_or(String::new(), floor_sentence)
    )
}

/// How far real images are from real images.
fn floor_sentence(floor: &Floor) -> String {
    let d = &floor.distance;
    let [distance, low, high, corrected] =
        [d.distance, d.low, d.high, d.corrected].map(significant);
    format!(
        " Real images against real images (the floor: {} of one half against the other half) are {distance} \
         [{low}, {high}] apart, {corrected} without the bias.",
        d.images
    )
}

/// The rows and columns of cells that both tables have.
fn lines(grid: &Grid) -> Vec<Line> {
    let measured = |row: &paper::Row, steps: usize, name: String| {
        let found = &grid.find(row.eta, steps)?.result.distance;
        Some(Measured {
            name,
            ours: found.corrected,
            evidence: Evidence::Distance(found.clone()),
            paper: fid(row, steps)?,
        })
    };
    let rows = &grid.paper.rows;
    let columns = paper::STEPS_1.map(|steps| Line {
        name: format!("S = {steps}"),
        cells: rows
            .iter()
            .filter_map(|row| measured(row, steps, format!("η = {}", Eta::symbol(row.eta))))
            .collect(),
    });
    let rows = rows.iter().map(|row| Line {
        name: format!("η = {}", Eta::symbol(row.eta)),
        cells: paper::STEPS_1
            .iter()
            .filter_map(|steps| measured(row, *steps, format!("S = {steps}")))
            .collect(),
    });
    columns.into_iter().chain(rows).collect()
}
