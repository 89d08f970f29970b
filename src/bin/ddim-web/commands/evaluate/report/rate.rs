//! Rate and distortion (DDPM, figure 5): what has been sent by each time step, and how good x0_hat is by then.

use ddim_web::evaluate::fit::mean_and_error;
use ddim_web::evaluate::paper::{CHAIN, DISTORTION, DISTORTION_RMSE, RATE, RATE_DISTORTION, Sent};
use ddim_web::runs::rate::{Point, Term, curve};
use serde_json::{Value, json};

use super::super::bound::{Outcome, Side};
use super::super::number::significant;
use super::bound::kind;
use super::text::{MISSING, table};

/// The points of the table, as time steps of a chain of [`CHAIN`]: DDPM's, and more where the curve is steep.
const SHOWN: [usize; 16] = [
    999, 900, 800, 700, 600, 500, 400, 300, 200, 100, 50, 20, 10, 5, 2, 0,
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
    // How far `point` is from the time step `t` of a chain of CHAIN.
    let far = |point: &Point, t: usize| {
        let wanted = (t * outcome.all_terms) as f64 / CHAIN as f64;
        (point.t as f64 - wanted).abs()
    };
    let nearest = |t: usize| {
        let all = points.iter();
        all.min_by(|a, b| far(a, t).total_cmp(&far(b, t)))
    };
    let mut shown: Vec<&Point> = SHOWN.into_iter().filter_map(nearest).collect();
    shown.dedup_by_key(|point| point.t);
    // DDPM's row that belongs beside `point`; with few terms it may be one of several.
    let beside = |point: &Point| {
        let theirs = RATE_DISTORTION.iter();
        let theirs = theirs.filter(|sent| nearest(sent.t).is_some_and(|found| found.t == point.t));
        theirs.min_by(|a, b| far(point, a.t).total_cmp(&far(point, b.t)))
    };
    let mut rows: Vec<Vec<String>> = shown
        .into_iter()
        .map(|point| {
            let [rate, rmse] = paper(beside(point), point.t);
            vec![
                point.t.to_string(),
                significant(point.rate),
                significant(point.distortion),
                rate,
                rmse,
            ]
        })
        .collect();
    rows.push(vec![
        "x₀ itself".into(),
        significant(total),
        "0".into(),
        format!("*{}*", significant(RATE + DISTORTION)),
        "*0*".into(),
    ]);
    let head = [
        "x_t has arrived, t =".into(),
        "bits per dimension sent".into(),
        "RMSE of x̂₀".into(),
        "*DDPM: bits*".into(),
        "*RMSE*".into(),
    ];
    format!(
        "\n### Rate and distortion\n\n\
         Sending an image as x_T, x_{{T-1}}, …, x_0 (DDPM, algorithms 3 and 4) costs L_T and one term more for each \
         step; the receiver can predict x̂₀ at any of them. The {} images, σ² = β̃; t counts from 0; root of the mean \
         squared error on the scale 0…255, mean over the images. The rate, all that is sent before L_0, is {} bits per \
         dimension, L_0 is {} ({:.0} % of all), and the last x̂₀ is off by {}. *DDPM, CIFAR10, section 4.3: rate \
         {RATE}, L_0 {DISTORTION}, which stands for an RMSE of {DISTORTION_RMSE}: more than half of the lossless code \
         describes distortions that cannot be seen.* The last two columns are DDPM's table 4 (of its figure 5), test \
         images: each number stands beside our nearest point at the same share of the chain, with its own t, of \
         {CHAIN}, in brackets where that is another.\n\n{}",
        kind(side),
        significant(last.rate),
        significant(decoder),
        100.0 * decoder / total,
        significant(last.distortion),
        table(&head, &rows)
    )
}

/// DDPM's rate and RMSE, with the time step where it is not `t`.
fn paper(sent: Option<&Sent>, t: usize) -> [String; 2] {
    let Some(sent) = sent else {
        return [MISSING, MISSING].map(String::from);
    };
    let rate = if sent.rate < 0.001 {
        format!("{:.5}", sent.rate) // the paper's digits, no more
    } else {
        significant(sent.rate)
    };
    let place = if sent.t == t {
        String::new()
    } else {
        format!(" (t = {})", sent.t)
    };
    [
        format!("*{rate}{place}*"),
        format!("*{}*", significant(sent.rmse)),
    ]
}
