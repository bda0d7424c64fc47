//! Figures in a readable form that only comparisons need.

use corecast_command::figures::{scaled, three_digits, time};

/// Formats a rate: `45.6 k`, or `40` for a small one.
pub(crate) fn rate(value: f64) -> String {
    if value < 9999.5 { format!("{value:.0}") } else { scaled(value) }
}

/// Formats a rate with its unit: `45.6 k/s`.
pub(crate) fn a_second(value: f64) -> String {
    format!("{}/s", rate(value))
}

/// Formats bytes of memory: `1.53 KiB`, `12.3 MiB`.
pub(crate) fn memory(bytes: f64) -> String {
    match bytes.abs() {
        v if v >= 1024.0 * 1024.0 => format!("{} MiB", three_digits(bytes / 1024.0 / 1024.0)),
        v if v >= 1024.0 => format!("{} KiB", three_digits(bytes / 1024.0)),
        _ => format!("{} B", three_digits(bytes)),
    }
}

/// Formats a fraction of 1: `45.6 %`.
pub(crate) fn share(part: f64) -> String {
    format!("{} %", three_digits(part * 100.0))
}

/// Formats a time given in seconds.
pub(crate) fn seconds(seconds: f64) -> String {
    time(seconds * 1e6)
}

/// Formats a ratio with three decimals, so that 1.003 is not shown as 1.
pub(crate) fn ratio(value: f64) -> String {
    if value < 9.9995 { format!("{value:.3}") } else { three_digits(value) }
}

/// Formats a time in microseconds that is far below one.
pub(crate) fn microseconds(us: f64) -> String {
    format!("{} µs", three_digits(us))
}

/// Converts a count for arithmetic.
///
/// # Panics
/// Above 2³². Nothing that a page or a resample counts comes near it.
pub(crate) fn float(count: usize) -> f64 {
    f64::from(u32::try_from(count).expect("a small count"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_near_one_is_not_shown_as_one() {
        assert_eq!((ratio(1.003).as_str(), ratio(0.31).as_str(), ratio(12.345).as_str()), ("1.003", "0.310", "12.3"));
        assert_eq!((memory(1567.0).as_str(), memory(13_000_000.0).as_str()), ("1.53 KiB", "12.4 MiB"));
        assert_eq!((a_second(40.0).as_str(), a_second(45_600.0).as_str()), ("40/s", "45.6 k/s"));
        assert_eq!((share(0.456).as_str(), seconds(0.5).as_str()), ("45.6 %", "500 ms"));
    }
}
