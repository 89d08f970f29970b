//! Numbers as the tables print them.

/// Three significant digits, without an exponent from 0.0001 on.
pub fn significant(value: f64) -> String {
    const DIGITS: i32 = 3;
    if value == 0.0 {
        return "0".into();
    }
    let magnitude = value.abs().log10().floor() as i32;
    if magnitude < -4 {
        return format!("{value:.2e}");
    }
    let decimals = (DIGITS - 1 - magnitude).max(0) as usize;
    format!("{value:.decimals$}")
}
