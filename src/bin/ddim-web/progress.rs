//! Progress bars, all in one look.

use ddim_web::runs::Event;
use indicatif::{ProgressBar, ProgressStyle};

/// The look of every progress bar: steps done and to do, `label` and the bar's message, time left.
fn progress_style(label: &str) -> ProgressStyle {
    let template = format!("{{bar:40}} {{pos}}/{{len}} steps, {label}{{msg}}, {{eta}} left");
    ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// A bar of `length` steps in that look; `quiet` hides it.
pub fn progress_bar(length: u64, label: &str, quiet: bool) -> ProgressBar {
    let bar = if quiet {
        ProgressBar::hidden()
    } else {
        ProgressBar::new(length)
    };
    bar.set_style(progress_style(label));
    bar
}

/// Moves `bar` on by one step, and tells its time step.
pub fn advance(bar: &ProgressBar, event: &Event) {
    bar.set_message(event.step.t.to_string());
    bar.inc(1);
}
