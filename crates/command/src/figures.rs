//! Figures in a readable form: three significant digits and a unit.
//!
//! The load generator's reports, and the tables and pages generated from them, format their numbers with these
//! functions, so that all show the same.
//!
//! Invariant: the text depends on the value alone, never on a locale.
//!
//! Absent here: the meaning of a figure, and whole sentences.

use std::fmt::Display;

/// Formats a number with a unit of thousands: `1.23 M`, `45.6 k`, `789`.
pub fn scaled(value: f64) -> String {
    match value {
        v if v >= 1e9 => format!("{} G", three_digits(v / 1e9)),
        v if v >= 1e6 => format!("{} M", three_digits(v / 1e6)),
        v if v >= 1e4 => format!("{} k", three_digits(v / 1e3)),
        v => three_digits(v),
    }
}

/// Formats bytes a second: `6400 B/s`, `32.0 kB/s`.
pub fn bytes_a_second(bytes: f64) -> String {
    let figure = scaled(bytes);
    if figure.contains(' ') { format!("{figure}B/s") } else { format!("{figure} B/s") }
}

/// Formats three significant digits, but never fewer than the integer part has. Very large and very small numbers
/// become powers of ten, and a value that is not finite becomes a dash.
pub fn three_digits(value: f64) -> String {
    if !value.is_finite() {
        return "-".to_owned();
    }
    let decimals = match value.abs() {
        v if v >= 1e12 || (v > 0.0 && v < 0.000_05) => return format!("{value:.2e}"),
        v if v >= 99.95 || v == 0.0 => 0,
        v if v >= 9.995 => 1,
        v if v >= 0.9995 => 2,
        v if v >= 0.09995 => 3,
        _ => 4,
    };
    format!("{value:.decimals$}")
}

/// Formats a count: `1 channel`, `2 channels`.
pub fn counted<N: Copy + PartialEq + From<u8> + Display>(count: N, what: &str) -> String {
    if count == N::from(1) { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Formats a time given in microseconds, in µs, ms or s.
pub fn time(us: f64) -> String {
    match us {
        v if v >= 9_999_500.0 => format!("{} s", three_digits(v / 1e6)),
        v if v >= 9999.5 => format!("{} ms", three_digits(v / 1e3)),
        v => format!("{} µs", three_digits(v)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_and_a_unit_are_kept() {
        let cases =
            [(0.0, "0"), (0.03456, "0.0346"), (1.234, "1.23"), (12.34, "12.3"), (99.97, "100"), (1234.0, "1234")];
        for (value, text) in cases {
            assert_eq!(three_digits(value), text);
        }
        let cases =
            [(1e300, "1.00e300"), (5e-324, "4.94e-324"), (f64::NAN, "-"), (f64::INFINITY, "-"), (-2.0, "-2.00")];
        for (value, text) in cases {
            assert_eq!(three_digits(value), text);
        }
        assert_eq!((scaled(12_345_678.0).as_str(), scaled(45_600.0).as_str()), ("12.3 M", "45.6 k"));
        assert_eq!((bytes_a_second(6_400_000.0).as_str(), bytes_a_second(320.0).as_str()), ("6.40 MB/s", "320 B/s"));
        assert_eq!([counted(1, "channel"), counted(0, "channel")], ["1 channel", "0 channels"]);
        assert_eq!((time(12_345.0).as_str(), time(12_345_678.0).as_str()), ("12.3 ms", "12.3 s"));
    }
}
