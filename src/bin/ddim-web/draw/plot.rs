//! The loss curve as a picture.

use embedded_graphics::mono_font::{MonoTextStyle, ascii::FONT_10X20};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::text::Alignment;
use image::{Rgb, RgbImage};

use crate::draw::canvas::{Canvas, INK};

const WIDTH: u32 = 1000;
const HEIGHT: u32 = 600;
const LEFT: i32 = 100;
const RIGHT: i32 = WIDTH as i32 - 30;
const TOP: i32 = 70;
const BOTTOM: i32 = HEIGHT as i32 - 80;
/// The mean is taken over this share of all steps.
const WINDOW: usize = 50;

const GRID: Rgb888 = Rgb888::new(0xE4, 0xE4, 0xE4);
const EACH: Rgb888 = Rgb888::new(0x8F, 0xAE, 0xDD);
const MEAN: Rgb888 = Rgb888::new(0x1F, 0x4E, 0xA8);

/// The losses of steps 1, 2, … on a logarithmic scale: the range of each column, and a moving mean.
/// Losses that are not above 0 are left out. `name` says which loss it is.
pub fn loss_curve(losses: &[f32], name: &str) -> RgbImage {
    let mut canvas = Canvas(RgbImage::from_pixel(WIDTH, HEIGHT, Rgb([255; 3])));
    let style = |colour| MonoTextStyle::new(&FONT_10X20, colour);
    let ink = style(INK);
    let window = losses.len().div_ceil(WINDOW).max(1);
    let means = moving_means(losses, window);
    let positive = || losses.iter().copied().filter(|v| *v > 0.0 && v.is_finite());
    let (low, high) = axis_range(
        positive().fold(f32::MAX, f32::min),
        positive().fold(0.0, f32::max),
    );
    let last = losses.len().max(2);
    let x = |step: usize| {
        LEFT + ((step - 1) as f64 / (last - 1) as f64 * f64::from(RIGHT - LEFT)).round() as i32
    };
    let y = |loss: f64| {
        let height = (loss.max(low).ln() - low.ln()) / (high.ln() - low.ln());
        BOTTOM - (height * f64::from(BOTTOM - TOP)).round() as i32
    };

    for tick in ticks_1_2_5(low, high) {
        canvas.line((LEFT, y(tick)), (RIGHT, y(tick)), GRID, 1);
        canvas.text(&decimal(tick), ink, (LEFT - 10, y(tick)), Alignment::Right);
    }
    for tick in step_ticks(last) {
        canvas.line((x(tick), TOP), (x(tick), BOTTOM), GRID, 1);
        canvas.text(
            &tick.to_string(),
            ink,
            (x(tick), BOTTOM + 20),
            Alignment::Center,
        );
    }
    let points: Vec<(i32, f64)> = losses
        .iter()
        .enumerate()
        .filter(|(_, v)| **v > 0.0 && v.is_finite())
        .map(|(i, v)| (x(i + 1), f64::from(*v)))
        .collect();
    for column in points.chunk_by(|a, b| a.0 == b.0) {
        let range =
            |pick: fn(f64, f64) -> f64| column.iter().map(|p| p.1).reduce(pick).unwrap_or(low);
        canvas.line(
            (column[0].0, y(range(f64::min)) + 1),
            (column[0].0, y(range(f64::max)) - 1),
            EACH,
            3,
        );
    }
    for (i, pair) in means.windows(2).enumerate() {
        let first = window + i;
        canvas.line((x(first), y(pair[0])), (x(first + 1), y(pair[1])), MEAN, 3);
    }
    canvas.line((LEFT, TOP), (LEFT, BOTTOM), INK, 1);
    canvas.line((LEFT, BOTTOM), (RIGHT, BOTTOM), INK, 1);

    canvas.text(
        &format!("loss ({name}, log scale)"),
        ink,
        (LEFT - 80, 25),
        Alignment::Left,
    );
    canvas.text(
        "step",
        ink,
        ((LEFT + RIGHT) / 2, BOTTOM + 50),
        Alignment::Center,
    );
    let legend = if window == 1 {
        "each step".into()
    } else {
        canvas.text(
            "each step",
            style(EACH),
            (RIGHT - 320, 25),
            Alignment::Right,
        );
        format!("mean of {window} steps")
    };
    canvas.text(&legend, style(MEAN), (RIGHT, 25), Alignment::Right);
    if let Some(mean) = means.last() {
        canvas.text(
            &format!("now {mean:.4}"),
            style(MEAN),
            (RIGHT, 50),
            Alignment::Right,
        );
    }
    canvas.0
}

/// Mean of each run of `window` neighbours.
fn moving_means(losses: &[f32], window: usize) -> Vec<f64> {
    losses
        .windows(window)
        .map(|w| w.iter().map(|v| f64::from(*v)).sum::<f64>() / window as f64)
        .collect()
}

/// The lowest and highest tick, around the data.
fn axis_range(low: f32, high: f32) -> (f64, f64) {
    let (low, high) = if low <= high {
        (f64::from(low), f64::from(high))
    } else {
        (0.1, 1.0)
    };
    let below = ticks_1_2_5(low / 10.0, low)
        .last()
        .copied()
        .unwrap_or(low / 2.0);
    let above = ticks_1_2_5(high, high * 10.0)
        .first()
        .copied()
        .unwrap_or(high * 2.0);
    (below, if above > below { above } else { below * 2.0 })
}

/// 1, 2 and 5 times powers of ten from `low` to `high`.
fn ticks_1_2_5(low: f64, high: f64) -> Vec<f64> {
    let powers = (low.log10().floor() as i32)..=(high.log10().ceil() as i32);
    let ticks = powers.flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10f64.powi(power)));
    let slack = 1e-9;
    ticks
        .filter(|t| (low * (1.0 - slack)..=high * (1.0 + slack)).contains(t))
        .collect()
}

/// Round step numbers, at most 8.
fn step_ticks(last: usize) -> Vec<usize> {
    let powers = (0..18).map(|power| 10usize.pow(power));
    let gap = powers
        .flat_map(|power| [power, 2 * power, 5 * power])
        .find(|gap| last / gap <= 8)
        .unwrap_or(last);
    (gap..=last).step_by(gap).collect()
}

fn decimal(value: f64) -> String {
    if value >= 0.001 {
        format!("{}", (value * 1e6).round() / 1e6)
    } else {
        format!("{value:e}")
    }
}
