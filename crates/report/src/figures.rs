//! Figures as people read them: three significant digits and a unit.

/// With a unit of thousands: `1.23 M`, `45.6 k`, `789`.
pub(crate) fn scaled(value: f64) -> String {
    match value {
        v if v >= 1e9 => format!("{} G", three_digits(v / 1e9)),
        v if v >= 1e6 => format!("{} M", three_digits(v / 1e6)),
        v if v >= 1e4 => format!("{} k", three_digits(v / 1e3)),
        v => three_digits(v),
    }
}

/// A rate: `45.6 k`, and a small one as it is, `40`.
pub(crate) fn rate(value: f64) -> String {
    if value < 9999.5 { format!("{value:.0}") } else { scaled(value) }
}

/// The same with its unit: `45.6 k/s`.
pub(crate) fn a_second(value: f64) -> String {
    format!("{}/s", rate(value))
}

/// Bytes a second: `6.40 MB/s`.
pub(crate) fn bytes_a_second(bytes: f64) -> String {
    let figure = scaled(bytes);
    if figure.contains(' ') { format!("{figure}B/s") } else { format!("{figure} B/s") }
}

/// Bytes of memory: `1.53 KiB`, `12.3 MiB`.
pub(crate) fn memory(bytes: f64) -> String {
    match bytes.abs() {
        v if v >= 1024.0 * 1024.0 => format!("{} MiB", three_digits(bytes / 1024.0 / 1024.0)),
        v if v >= 1024.0 => format!("{} KiB", three_digits(bytes / 1024.0)),
        _ => format!("{} B", three_digits(bytes)),
    }
}

/// A part of 1: `45.6 %`.
pub(crate) fn share(part: f64) -> String {
    format!("{} %", three_digits(part * 100.0))
}

/// A time given in seconds.
pub(crate) fn seconds(seconds: f64) -> String {
    time(seconds * 1e6)
}

/// Three significant digits, and no fewer than the whole part has.
pub(crate) fn three_digits(value: f64) -> String {
    let decimals = match value.abs() {
        v if v >= 99.95 || v == 0.0 => 0,
        v if v >= 9.995 => 1,
        v if v >= 0.9995 => 2,
        v if v >= 0.09995 => 3,
        _ => 4,
    };
    format!("{value:.decimals$}")
}

/// A ratio: three decimals, so that 1.003 is not shown as 1.
pub(crate) fn ratio(value: f64) -> String {
    if value < 9.9995 { format!("{value:.3}") } else { three_digits(value) }
}

/// A time given in microseconds, in µs, ms or s.
pub(crate) fn time(us: f64) -> String {
    match us {
        v if v >= 9_999_500.0 => format!("{} s", three_digits(v / 1e6)),
        v if v >= 9999.5 => format!("{} ms", three_digits(v / 1e3)),
        v => format!("{} µs", three_digits(v)),
    }
}

/// A time in microseconds that is far below one.
pub(crate) fn microseconds(us: f64) -> String {
    format!("{} µs", three_digits(us))
}

/// A count for arithmetic.
///
/// # Panics
/// Above 2³²: nothing that a page or a resample counts comes near it.
pub(crate) fn float(count: usize) -> f64 {
    f64::from(u32::try_from(count).expect("a small count"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_and_a_unit_are_kept() {
        let cases = [(0.0, "0"), (0.03456, "0.0346"), (1.234, "1.23"), (99.97, "100"), (1234.0, "1234")];
        for (value, text) in cases {
            assert_eq!(three_digits(value), text);
        }
        assert_eq!((ratio(1.003).as_str(), ratio(0.31).as_str(), ratio(12.345).as_str()), ("1.003", "0.310", "12.3"));
        assert_eq!((scaled(12_345_678.0).as_str(), scaled(45_600.0).as_str()), ("12.3 M", "45.6 k"));
        assert_eq!((bytes_a_second(6_400_000.0).as_str(), bytes_a_second(320.0).as_str()), ("6.40 MB/s", "320 B/s"));
        assert_eq!((memory(1567.0).as_str(), memory(13_000_000.0).as_str()), ("1.53 KiB", "12.4 MiB"));
        assert_eq!((a_second(40.0).as_str(), a_second(45_600.0).as_str()), ("40/s", "45.6 k/s"));
        assert_eq!((share(0.456).as_str(), seconds(0.5).as_str()), ("45.6 %", "500 ms"));
        assert_eq!((time(12_345.0).as_str(), time(12_345_678.0).as_str()), ("12.3 ms", "12.3 s"));
    }
}
