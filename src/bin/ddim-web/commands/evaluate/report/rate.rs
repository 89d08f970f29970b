//! Rate and distortion (DDPM, figure 5): what has been sent by each time step, and how good x0_hat is by then.

use ddim_web::evaluate::fit::mean_and_error;
use ddim_web::evaluate::paper::{DISTORTION, DISTORTION_RMSE, RATE};
use ddim_web::runs::rate::{Point, Term, curve};
use serde_json::{Value, json};

use super::super::bound::{Outcome, Side};
use super::super::number::significant;
use super::bound::kind;
use super::text::table;

/// The points of the table, as shares of the chain.
const SHOWN: [f64; 13] = [
    1.0, 0.8, 0.6, 0.4, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.0,
];

/// The curve of `side` for the variance number `variance`, from x_T on.
fn points(side: &Side, variance: usize) -> Vec<Point> {
    let terms: Vec<Term> = side
        .stretches
        .iter()
        .map(|stretch| Term {
            t: stretch.t.round() as usize,
            share: stretch.share,
            // The images stand anywhere in a stretch of time steps: half of its others are behind them on average.
            above: (stretch.share - 1.0) / 2.0,
            bits: stretch.bits,
            squared_error: stretch.squared_error,
        })
        .collect();
    curve(mean_and_error(&side.prior).0, terms, variance)
}

/// All points, as results.json has them.
pub fn json(side: &Side, variance: usize) -> Value {
    let points = points(side, variance);
    let points = points
        .iter()
        .map(|point| json!({ "t": point.t, "rate": point.rate, "rmse": point.distortion }));
    points.collect()
}

/// The section about the first side, for the first variance; empty where there are no terms.
pub fn section(outcome: &Outcome) -> String {
    let Some((side, terms)) = outcome
        .sides
        .first()
        .and_then(|side| Some((side, side.variances.first()?)))
    else {
        return String::new();
    };
    let points = points(side, 0);
    let Some(last) = points.last() else {
        return String::new();
    };
    let decoder = mean_and_error(&terms.decoder).0;
    let total = last.rate + decoder;
    let mut shown: Vec<&Point> = Vec::new();
    for share in SHOWN {
        let wanted = share * (outcome.all_terms - 1) as f64;
        let far = |point: &Point| (point.t as f64 - wanted).abs();
        let nearest = points.iter().min_by(|a, b| far(a).total_cmp(&far(b)));
        shown.extend(nearest.filter(|point| shown.last().is_none_or(|last| last.t != point.t)));
    }
    let mut rows: Vec<Vec<String>> = shown
        .into_iter()
        .map(|point| {
            vec![
                point.t.to_string(),
                significant(point.rate),
                significant(point.distortion),
            ]
        })
        .collect();
    rows.push(vec!["x₀ itself".into(), significant(total), "0".into()]);
    let head = [
        "x_t has arrived, t =".into(),
        "bits per dimension sent".into(),
        "RMSE of x̂₀".into(),
    ];
    format!(
        "\n### Rate and distortion\n\n\
         Sending an image as x_T, x_{{T-1}}, …, x_0 (DDPM, algorithms 3 and 4) costs L_T and one term more for each \
         step; the receiver can predict x̂₀ at any of them. The {} images, σ² = β̃; t counts from 0; root of the mean \
         squared error on the scale 0…255, mean over the images. The rate, all that is sent before L_0, is {} bits per \
         dimension, L_0 is {} ({:.0} % of all), and the last x̂₀ is off by {}. *DDPM, CIFAR10, section 4.3: rate \
         {RATE}, L_0 {DISTORTION}, which stands for an RMSE of {DISTORTION_RMSE}: more than half of the lossless code \
         describes distortions that cannot be seen.*\n\n{}",
        kind(side),
        significant(last.rate),
        significant(decoder),
        100.0 * decoder / total,
        significant(last.distortion),
        table(&head, &rows)
    )
}
